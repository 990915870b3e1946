package luabpfc_test

import (
	"bufio"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// probed is a program with a probe at two places, each counted when it is passed,
// that passes them for every line it reads and says how many watch.
const probed = `
#include <stdio.h>

unsigned short watched __attribute__((section(".probes")));

#define PROBE(x) __asm__ volatile ( \
	"990: nop\n" \
	".pushsection .note.stapsdt,\"?\",\"note\"\n" \
	".balign 4\n" \
	".4byte 992f-991f, 994f-993f, 3\n" \
	"991: .asciz \"stapsdt\"\n" \
	"992: .balign 4\n" \
	"993: .8byte 990b, _.stapsdt.base, watched\n" \
	".asciz \"luabpfc\"\n.asciz \"line\"\n.asciz \"-4@%0\"\n" \
	"994: .balign 4\n" \
	".popsection\n" \
	".ifndef _.stapsdt.base\n" \
	".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	".weak _.stapsdt.base\n.hidden _.stapsdt.base\n" \
	"_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n" \
	".popsection\n.endif\n" : : "D" (x) : "memory")

static void __attribute__((noinline)) first(int n) { PROBE(n); }
static void __attribute__((noinline)) second(int n) { PROBE(n); }

int main(void)
{
	char line[64];
	for (int n = 1; fgets(line, sizeof line, stdin); n++) {
		first(n);
		second(100 * n);
		printf("%d\n", *(volatile unsigned short *)&watched);
		fflush(stdout);
	}
	return 0;
}
`

// TestUSDT attaches to a probe of a real binary, which knows that it is watched and
// whose program sees every pass.
func TestUSDT(t *testing.T) {
	needKernel(t)
	needTool(t, "gcc")
	if runtime.GOARCH != "amd64" {
		t.Skip("the probe's argument is in a register of x86-64")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "probed.c"), filepath.Join(dir, "probed")
	if err := os.WriteFile(source, []byte(probed), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, section := range []string{"usdt", "usdt.s"} {
		t.Run(section, func(t *testing.T) { runUSDT(t, binary, section == "usdt.s") })
	}
}

func runUSDT(t *testing.T, binary string, sleepable bool) {
	opts := luabpfc.DefaultOptions()
	opts.Arch, opts.Check, opts.Kernel = "x86_64", true, kernel.Version{Major: 6, Minor: 1}
	how := map[bool]string{true: ", { sleepable = true }", false: ""}[sleepable]
	script := `
seen = bpf.map('array', 2, 'uint32_t', 'uint64_t')
bpf.usdt('` + binary + `', 'luabpfc', 'line', function(regs)
  xadd(seen[0], 1)
  xadd(seen[1], regs.parm1)
end` + how + `)`
	obj := compileAs(t, "usdt.lua", script, opts)
	o := loaded(t, obj.ELF)
	cmd := exec.Command(binary)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	answers := bufio.NewScanner(out)
	line := func(want string) {
		t.Helper()
		if _, err := in.Write([]byte("\n")); err != nil || !answers.Scan() {
			t.Fatal("the program is gone")
		}
		if answers.Text() != want {
			t.Errorf("%s watch the probe, not %s", answers.Text(), want)
		}
	}
	line("0")
	c, err := o.Attach(o.Programs()[0], loader.Target{})
	if err != nil {
		t.Fatal(err)
	}
	line("2") // once for each of the probe's places
	line("2")
	checkSeen(t, o, 4, 2+200+3+300)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	line("0")
	checkSeen(t, o, 4, 2+200+3+300)
	if _, err := o.Attach(o.Programs()[0], loader.Target{Name: binary + ":luabpfc:lines"}); err == nil || !strings.Contains(err.Error(), "has no probe 'lines' of 'luabpfc'") {
		t.Errorf("a probe that is not there: %v", err)
	}
}

func checkSeen(t *testing.T, o *loader.Object, want ...uint64) {
	t.Helper()
	m, err := o.Map("seen")
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		v, err := m.Lookup(binary.NativeEndian.AppendUint32(nil, uint32(i)))
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.NativeEndian.Uint64(v); got != w {
			t.Errorf("seen[%d] is %d, not %d", i, got, w)
		}
	}
}
