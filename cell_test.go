package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// In a guest of bench/matrix LUABPFC_CELL is the kernel that cases are compiled
// for. Only the kernel is looked at there: what the interpreter sees is the
// same everywhere.
var cell = os.Getenv("LUABPFC_CELL")

// nativeBig says whether the machine is big-endian.
var nativeBig = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// caseOptions are the options of a case that names none. A guest's kernel loads
// objects of its own byte order only.
func caseOptions() luabpfc.Options {
	o := luabpfc.DefaultOptions()
	o.BigEndian = cell != "" && nativeBig
	if v, err := kernel.ParseVersion(cell); err == nil {
		o.Kernel = v
	}
	return o
}

// runningKernel is the version of the kernel that tests run on.
func runningKernel() kernel.Version {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return kernel.Version{}
	}
	v, _ := kernel.ParseRelease(unix.ByteSliceToString(u.Release[:]))
	return v
}

// targetCodes are what the compiler says of a script that the target kernel is
// too old for.
var targetCodes = []diag.Code{diag.NeedsNewerKernel, diag.UnboundedLoop, diag.LoopTooDeep}

// unfit says why a case is not meant for the guest's kernel, "" if it is.
func unfit(c *testCase, compiled error) string {
	if cell == "" {
		return ""
	}
	if c.opts.BigEndian != nativeBig {
		return "compiled for the other byte order"
	}
	running := runningKernel()
	if c.opts.CPU >= 4 && running.Before(kernel.Version{Major: 6, Minor: 6}) {
		return "-mcpu v4 needs 6.6"
	}
	if running.Before(c.opts.Kernel) {
		return fmt.Sprintf("compiled for %s", c.opts.Kernel)
	}
	contexts := slices.ContainsFunc(c.steps, func(s *step) bool { return s.kind == stepCtx })
	if contexts && running.Before(kernel.Version{Major: 5, Minor: 18}) {
		return "test runs take no context"
	}
	if c.hasDiag {
		return "about what compiling says"
	}
	if l, ok := diag.AsList(compiled); ok && slices.ContainsFunc(l, func(d *diag.Diagnostic) bool { return slices.Contains(targetCodes, d.Code) }) {
		return "refused for this kernel: " + l[0].Message
	}
	return ""
}

// skipUnfit skips a case that is not meant for the guest's kernel.
func skipUnfit(t *testing.T, c *testCase, compiled error) {
	t.Helper()
	if why := unfit(c, compiled); why != "" {
		t.Skip(why)
	}
}

// loadFolder loads the objects of a folder, then again without CAP_PERFMON and
// CAP_SYS_ADMIN those whose names do not start with "root-", and prints what
// bench/matrix reads. Of the objects of TestAccepted (accepted-...) it counts
// apart what is too large for the verifier, and what a rule of privilegedRules
// says is refused without privilege.
func loadFolder(dir string, again bool) {
	files, err := filepath.Glob(filepath.Join(dir, "*.o"))
	if err != nil {
		fatalHelper(err)
	}
	loaded, refused := 0, 0
	apart := map[string]int{}
	slowest, slow := time.Duration(0), ""
	for _, f := range files {
		name := filepath.Base(f)
		if again && strings.HasPrefix(name, "root-") {
			continue
		}
		elf, err := os.ReadFile(f)
		if err != nil {
			fatalHelper(err)
		}
		start := time.Now()
		text := loadText(elf)
		why := allowedRefusal(text, elf, again)
		switch {
		case text == "":
			loaded++
		case strings.Contains(name, "accepted-") && why != "":
			if apart[why]++; why == overMillion {
				fmt.Printf("matrix: note: %s is too large for the verifier\n", name)
			}
		default:
			refused++
			how := map[bool]string{true: " without privilege"}[again]
			fmt.Printf("matrix: failed: %s%s: %s\n", name, how, strings.ReplaceAll(text, "\n", "\n    "))
		}
		if d := time.Since(start); d > slowest {
			slowest, slow = d, name
		}
	}
	fmt.Printf("matrix: object %d %d\n", loaded, refused)
	how := map[bool]string{true: " without privilege", false: ""}[again]
	fmt.Printf("matrix: note: %d objects loaded%s, %d refused, apart: %v; slowest: %s, %s\n", loaded, how, refused, apart, slow, slowest.Round(time.Millisecond))
	if again {
		return
	}
	runtime.LockOSThread()
	fatalHelper(errors.Join(dropCapabilities(), execHelper(helperFolderAgain)))
}
