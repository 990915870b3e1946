package luabpfc_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// TestBadBTF compiles a script that asks for much of the kernel's types with BTF
// that is cut off or changed in a few places: it compiles, or what is wrong is
// said in words. FuzzKernel of package btf does the same to the reader alone.
func TestBadBTF(t *testing.T) {
	good, err := os.ReadFile("testdata/btf/kernel.btf")
	if err != nil {
		t.Fatal(err)
	}
	const script = `
bpf.tp_btf('sched_process_exec', function(p, old, bprm)
  print('%d %s %s', p.real_parent.tgid, bprm.filename, p.mm.exe_file.f_path.dentry.d_name.name)
end)
bpf.tracepoint('syscalls/sys_enter_openat', function(ev) return ev.dfd + ev.id end)
bpf.fentry('do_unlinkat', function(dfd, name) return 0 * (dfd + (name.name and 1 or 0)) end)
bpf.lsm('file_open', function(file) if file.f_inode.i_sb.s_magic == 5 then return -1 end end)
bpf.iter('task', function(ctx) if ctx.task and ctx.task.in_execve then return 0 end end)
bpf.socket(function() return bpf.kfunc_exists('bpf_task_acquire') and 1 or PIDTYPE_TGID end)
`
	compiled, refused := 0, 0
	try := func(data []byte) {
		t.Helper()
		opts := luabpfc.DefaultOptions()
		opts.Arch, opts.Check = "x86_64", true
		opts.BTF = func() ([]byte, error) { return data, nil }
		_, err := luabpfc.Compile(luabpfc.Source{Name: "bad.lua", Text: script}, opts)
		if err == nil {
			compiled++
			return
		}
		if _, ok := diag.AsList(err); !ok {
			t.Fatalf("%v", err)
		}
		refused++
	}
	try(good)
	if refused > 0 {
		t.Fatal("the script does not compile")
	}
	for i := 0; i < len(good); i += len(good) / 50 {
		try(good[:i])
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		try(b)
	}
	if compiled < 20 || refused < 60 {
		t.Errorf("%d compiled, %d refused", compiled, refused)
	}
	t.Logf("%d compiled, %d refused", compiled, refused)
}
