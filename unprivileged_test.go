package luabpfc_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/codegen"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The helper process: the test binary again, first to give up the
// capabilities for good, then to load objects without them.
const (
	helperEnv  = "LUABPFC_TEST_HELPER"
	helperDrop = "drop"
	helperLoad = "load"
	// What bench/matrix asks for.
	helperFolder      = "folder"
	helperFolderAgain = "folder again"
	// What the tests of tools run: something that ends, something that connects.
	helperNothing = "nothing"
	helperConnect = "connect"
	// A script under 'luabpfc run', in a process of its own.
	helperLive = "live"
)

type helperObject struct {
	Name string
	ELF  []byte
}

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case helperDrop:
		runtime.LockOSThread()
		if err := dropCapabilities(); err != nil {
			fatalHelper(err)
		}
		fatalHelper(execHelper(helperLoad))
	case helperLoad:
		loadObjects()
		return
	case helperFolder, helperFolderAgain:
		loadFolder(os.Args[1], os.Getenv(helperEnv) == helperFolderAgain)
		return
	case helperNothing:
		return
	case helperConnect:
		connectTo(os.Args[1])
		return
	case helperLive:
		runLiveHelper(os.Args[1], os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

// dropCapabilities takes the capabilities out of the thread's bounding set,
// which what it executes starts with.
func dropCapabilities() error {
	for _, c := range []uintptr{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// execHelper goes on as the helper process of the given kind.
func execHelper(kind string) error {
	os.Setenv(helperEnv, kind)
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

func fatalHelper(err error) {
	fmt.Fprintln(os.Stderr, "helper:", err)
	os.Exit(1)
}

// loadObjects loads the objects on standard input and writes an error text for
// each, "" if it loaded.
func loadObjects() {
	var objects []helperObject
	if err := gob.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		fatalHelper(err)
	}
	var results []string
	for _, o := range objects {
		results = append(results, loadStrictly(o.ELF))
	}
	if err := gob.NewEncoder(os.Stdout).Encode(results); err != nil {
		fatalHelper(err)
	}
}

func loadText(elf []byte) string {
	coll, err := loadCollection(elf)
	if err != nil {
		return err.Error()
	}
	coll.Close()
	return ""
}

// loadStrictly is loadText where what older kernels refuse counts too.
func loadStrictly(elf []byte) string {
	coll, err := loadCollection(elf)
	if err != nil {
		return err.Error()
	}
	defer coll.Close()
	text, err := mispredictions(coll)
	if err != nil {
		return err.Error()
	}
	return text
}

// loadUnprivileged loads objects in a process without CAP_PERFMON and
// CAP_SYS_ADMIN.
func loadUnprivileged(objects []helperObject) ([]string, error) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), helperEnv+"="+helperDrop)
	var in, out, stderr bytes.Buffer
	if err := gob.NewEncoder(&in).Encode(objects); err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	var results []string
	err := gob.NewDecoder(&out).Decode(&results)
	if err == nil && len(results) != len(objects) {
		err = fmt.Errorf("%d results for %d objects", len(results), len(objects))
	}
	return results, err
}

// TestUnprivileged loads every case, plain and optimised, without CAP_PERFMON
// and CAP_SYS_ADMIN: root's verifier does not see reads of stack and padding
// that nothing has written.
func TestUnprivileged(t *testing.T) {
	needKernel(t)
	var objects []helperObject
	var cases []*testCase
	for _, c := range loadCases(t) {
		for _, level := range []int{0, 2} {
			if level == 0 && slices.Contains(c.privileged, loopRule) {
				continue // the verifier would take seconds to give up
			}
			opts := c.opts
			opts.OptLevel = level
			obj, err := luabpfc.Compile(c.source(), opts)
			if err != nil || opts.BigEndian || unfit(c, err) != "" {
				continue // TestRun says whether it should compile
			}
			objects = append(objects, helperObject{fmt.Sprintf("%s -O%d", c.name, level), obj.ELF})
			cases = append(cases, c)
		}
	}
	results, err := loadUnprivileged(objects)
	if err != nil {
		t.Fatal(err)
	}
	refused, older := map[*testCase]bool{}, 0
	for i, r := range results {
		allowed := func(rule string) bool { return privilegedRules[rule].explains(r, objects[i].ELF) }
		switch {
		case r == "":
		case strings.Contains(r, beforeBarriers):
			older++
		case slices.ContainsFunc(cases[i].privileged, allowed):
			refused[cases[i]] = true
		default:
			t.Errorf("%s: %s", objects[i].Name, r)
		}
	}
	for _, c := range slices.Compact(cases) {
		if cell == "" && len(c.privileged) > 0 && !refused[c] && !slices.Contains(c.privileged, loopRule) {
			t.Errorf("%s: loads without privilege: no line 'privileged' is needed", c.name)
		}
	}
	if cell != "" {
		n := 0
		for _, r := range results {
			if r == "" {
				n++
			}
		}
		fmt.Printf("matrix: object %d %d\n", n, 0) // the others are errors above
	}
	t.Logf("%d objects loaded without CAP_PERFMON and CAP_SYS_ADMIN, of which kernels before 6.16 refuse %d for a mispredicted branch", len(objects), older)
}

// TestHelperIsUnprivileged makes sure the helper process has given up what it
// should: it must be refused what only CAP_PERFMON allows.
func TestHelperIsUnprivileged(t *testing.T) {
	needKernel(t)
	results, err := loadUnprivileged([]helperObject{{"garbage", []byte("x")}, {"stack", uninitialisedStack(t)}})
	if err != nil {
		t.Fatal(err)
	}
	if results[0] == "" {
		t.Error("garbage loads")
	}
	if !strings.Contains(results[1], "invalid read from stack") {
		t.Errorf("reading stack that nothing has written: %q", results[1])
	}
	if r := loadText(uninitialisedStack(t)); r != "" {
		t.Errorf("root should be allowed to: %s", r)
	}
}

// uninitialisedStack is an object that reads stack bytes nothing has written.
func uninitialisedStack(t *testing.T) []byte {
	t.Helper()
	m, err := ir.Parse("stack.ir", `file "stack.ir"
license "GPL"
func prog(ctx ptr) kind socket low @1:1 {
	slot s0 8 align 8 "x"
b0:
	v0 = slot s0 @1:1
	v1 = load v0, stack+0 u64 @1:1
	ret v1 @1:1
}
`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := codegen.Compile(m, codegen.Options{Kernel: kernel.Default, Lines: true})
	if err != nil {
		t.Fatal(err)
	}
	return out.Object
}

// TestRefusalRules: a rule explains what it is about and nothing else.
func TestRefusalRules(t *testing.T) {
	straight := uninitialisedStack(t)
	for name, text := range map[string]string{
		"loop": "argument list too long", "print": "unknown func bpf_trace_printk#6", "packet length": "R1 pointer -= pointer prohibited",
		"variable packet offset": "R1 pkt pointer arithmetic with it prohibited for !root",
	} {
		if !privilegedRules[name].text.MatchString(text) {
			t.Errorf("%s: not about %q", name, text)
		}
		if rule := privilegeRule(text, straight); rule != "" {
			t.Errorf("'%s' explains %q of a program that has nothing of the kind", rule, text)
		}
	}
}
