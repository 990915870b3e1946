package luabpfc_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestAccepted writes random scripts: what the compiler accepts, the kernel's
// verifier must accept, with and without CAP_PERFMON and CAP_SYS_ADMIN, whether
// optimised or not, for each instruction set and target kernel; and some of the
// programs must do what the interpreter says.
//
// LUABPFC_ACCEPTED=N tries N scripts, LUABPFC_ACCEPTED_SEED=S begins at another
// seed. With LUABPFC_ACCEPTED_DIR=D the objects that load are written too, to
// D/TARGET, to be loaded on that kernel and newer ones by bench/matrix; with
// LUABPFC_CELL=TARGET all are for one (bench/README.md).
func TestAccepted(t *testing.T) {
	needKernel(t)
	pin(t)
	run := &acceptedRun{t: t, out: os.Getenv("LUABPFC_ACCEPTED_DIR"), on: workingProductions(t), codes: map[diag.Code]int{}, rules: map[string]int{}}
	n, first := envNumber("LUABPFC_ACCEPTED", 150), envNumber("LUABPFC_ACCEPTED_SEED", 1)
	start := time.Now()
	for seed := first; seed < first+n; seed++ {
		run.try(uint64(seed))
		if done := seed - first + 1; done%1000 == 0 && done < n {
			fmt.Println(run.figures(done, first, time.Since(start))) // a test's log comes at its end
		}
	}
	run.flush()
	t.Log(run.figures(n, first, time.Since(start)))
	if len(run.slots) < n*2/3 {
		t.Errorf("only %d of %d scripts compile", len(run.slots), n)
	}
}

func envNumber(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

// workingProductions are those of which some script compiles.
func workingProductions(t *testing.T) []*production {
	var on []*production
	for _, p := range productions {
		var last error
		for seed := range uint64(12) {
			w := newWriter(seed, []*production{p}, caseOptions())
			w.fixed, w.straight, w.alike = false, false, false
			if _, last = luabpfc.Compile(luabpfc.Source{Name: "probe.lua", Text: w.script()}, caseOptions()); last == nil {
				on = append(on, p)
				break
			}
		}
		if last != nil {
			t.Logf("no script with '%s' compiles: %v", p.name, last)
		}
	}
	return on
}

func newWriter(seed uint64, on []*production, opts luabpfc.Options) *writer {
	r := rand.New(rand.NewPCG(seed, 7))
	return &writer{scribe: scribe{r: r}, on: on, kind: writtenKinds[r.IntN(len(writtenKinds))], opts: opts,
		fixed: seed%acceptedFixed == 0, straight: seed%acceptedFixed == 0 && r.IntN(30) > 0, alike: seed%acceptedCompare == 0}
}

// acceptedRun counts what became of scripts.
type acceptedRun struct {
	t        *testing.T
	out      string
	on       []*production
	slots    []int // of the programs that compile
	loaded   int
	large    int // too many instructions for the verifier
	plain    int // loaded without privilege
	older    int // of those, what kernels before 6.16 refuse (barriers_test.go)
	codes    map[diag.Code]int
	rules    map[string]int
	compared int
	batch    []helperObject
	failures int
}

func (a *acceptedRun) figures(n, first int, took time.Duration) string {
	slices.Sort(a.slots)
	median, most := 0, 0
	if c := len(a.slots); c > 0 {
		median, most = a.slots[c/2], a.slots[c-1]
	}
	return fmt.Sprintf("seeds %d to %d in %s: %d programs (median %d slots, largest %d), %d loaded, %d too large for the verifier, %d wrong; "+
		"%d loaded without privilege (%d not before 6.16), refused there by rule: %v; %d programs ran and were compared; refused by luabpfc: %v",
		first, first+n-1, took.Round(time.Second), len(a.slots), median, most, a.loaded, a.large, a.failures, a.plain, a.older, a.rules, a.compared, a.codes)
}

// try compiles the script of a seed, and loads it as root.
func (a *acceptedRun) try(seed uint64) {
	opts := acceptedOptions(seed)
	w := newWriter(seed, a.on, opts)
	script := w.script()
	if os.Getenv("LUABPFC_ACCEPTED_PRINT") == "1" {
		fmt.Printf("-- seed %d: -O%d -mcpu v%d --target-kernel %s\n%s", seed, opts.OptLevel, opts.CPU, opts.Kernel, script)
	}
	src := luabpfc.Source{Name: "accepted.lua", Text: script}
	obj, err := luabpfc.Compile(src, opts)
	if err != nil {
		a.refused(seed, script, err)
		return
	}
	a.slots = append(a.slots, obj.Programs[len(obj.Programs)-1].Slots)
	if text := loadText(obj.ELF); strings.Contains(text, "argument list too long") {
		a.large++ // a million instructions and more
		fmt.Printf("seed %d is too large for the verifier\n", seed)
		return
	} else if text != "" {
		a.fail(seed, script, text)
		return
	}
	a.loaded++
	if seed%acceptedCompare == 0 {
		err := compareAccepted(src, obj, opts, seed)
		switch {
		case err == nil:
			a.compared++
		case !tooLong(err):
			a.fail(seed, script, err.Error())
		}
	}
	name := fmt.Sprintf("accepted-%06d-%s-O%d-v%d-%s", seed, w.kind.ctx, opts.OptLevel, opts.CPU, opts.Kernel)
	if !w.fixed {
		a.write("root-"+name, obj.ELF)
		return
	}
	if a.batch = append(a.batch, helperObject{name, obj.ELF}); len(a.batch) >= 400 {
		a.flush()
	}
}

// tooLong reports whether a run was too long to be of use.
func tooLong(err error) bool {
	return errors.Is(err, errTooLong) || strings.Contains(err.Error(), "too many steps")
}

// refused counts why the compiler refuses a script.
func (a *acceptedRun) refused(seed uint64, script string, err error) {
	l, ok := diag.AsList(err)
	if !ok {
		a.fail(seed, script, err.Error())
		return
	}
	i := slices.IndexFunc(l, func(d *diag.Diagnostic) bool { return d.Severity == diag.Error })
	a.codes[l[i].Code]++
	if os.Getenv("LUABPFC_ACCEPTED_SHOW") == string(l[i].Code) {
		a.t.Logf("seed %d: %s\n%s", seed, diag.Human(l), script)
	}
}

// acceptedTargets are the target kernels of scripts; where one runs that is
// older than the last ones, those are left out.
var acceptedTargets = []kernel.Version{{Major: 5, Minor: 10}, {Major: 5, Minor: 10}, {Major: 5, Minor: 10}, {Major: 5, Minor: 13}, {Major: 5, Minor: 17}, {Major: 5, Minor: 17},
	{Major: 6, Minor: 1}, {Major: 6, Minor: 1}, {Major: 6, Minor: 1}, {Major: 6, Minor: 6}, {Major: 6, Minor: 12}}

func acceptedOptions(seed uint64) luabpfc.Options {
	r := rand.New(rand.NewPCG(seed, 9))
	opts := caseOptions()
	opts.OptLevel = int(seed % 2 * 2)
	opts.CPU = 1 + r.IntN(4)
	for first := true; cell == "" && (first || runningKernel().Before(opts.Kernel)); first = false {
		opts.Kernel = acceptedTargets[r.IntN(len(acceptedTargets))]
	}
	if opts.CPU == 4 && opts.Kernel.Before(kernel.Version{Major: 6, Minor: 6}) {
		opts.CPU = 3
	}
	return opts
}

// shrinkTime is how long a script is shrunk.
const shrinkTime = time.Minute

// shrinkAccepted removes lines while the script compiles and is refused in the
// same way, and there is time left.
func shrinkAccepted(script string, opts luabpfc.Options, seed uint64) (less, text string) {
	try := func(lines []string) string {
		src := luabpfc.Source{Name: "accepted.lua", Text: strings.Join(lines, "\n") + "\n"}
		obj, err := luabpfc.Compile(src, opts)
		if err != nil {
			if _, ok := diag.AsList(err); ok {
				return ""
			}
			return err.Error()
		}
		if text := loadText(obj.ELF); text != "" {
			return text
		}
		if seed%acceptedCompare == 0 {
			if err := compareAccepted(src, obj, opts, seed); err != nil && !tooLong(err) {
				return err.Error()
			}
		}
		return ""
	}
	lines := strings.Split(strings.TrimSuffix(script, "\n"), "\n")
	text = try(lines)
	why := refusal(text)
	end := time.Now().Add(shrinkTime)
	for round := 0; round < 3; round++ {
		for size := len(lines) / 2; size > 0; size /= 2 {
			for at := 0; at+size <= len(lines) && time.Now().Before(end); {
				fewer := slices.Concat(lines[:at], lines[at+size:])
				if got := try(fewer); got != "" && refusal(got) == why {
					lines, text = fewer, got
				} else {
					at++
				}
			}
		}
	}
	return strings.Join(lines, "\n") + "\n", text
}

var refusalKinds = []string{"infinite loop", "too complex", "argument list too long", "bad address", "cannot allocate memory"}

// refusal says what kind of refusal a text is about.
func refusal(text string) string {
	for _, k := range refusalKinds {
		if strings.Contains(text, k) {
			return k
		}
	}
	if strings.Contains(text, " sees ") {
		return "differs"
	}
	lines := strings.Split(text, "\n")
	last := lines[max(0, len(lines)-2)]
	return digits.ReplaceAllString(last, "#")
}

var digits = regexp.MustCompile("[0-9]+")

// flush loads without privilege what is loaded so far, and writes it for other
// kernels.
func (a *acceptedRun) flush() {
	if len(a.batch) == 0 {
		return
	}
	results, err := loadUnprivileged(a.batch)
	if err != nil {
		a.t.Fatal(err)
	}
	for i, r := range results {
		name := a.batch[i].Name
		rule := privilegeRule(r, a.batch[i].ELF)
		switch {
		case r == "":
			a.plain++
		case strings.Contains(r, beforeBarriers):
			a.plain++
			a.older++
			fmt.Println(name, r)
		case rule != "":
			a.rules[rule]++
			name = "root-" + name
		default:
			seed, err := strconv.ParseUint(strings.Split(name, "-")[1], 10, 64)
			if err != nil {
				a.t.Fatal(err)
			}
			a.fail(seed, newWriter(seed, a.on, acceptedOptions(seed)).script(), name+" without privilege: "+r)
		}
		a.write(name, a.batch[i].ELF)
	}
	a.batch = nil
}

// write keeps an object for other kernels, in a folder for the oldest that it
// is for.
func (a *acceptedRun) write(name string, elf []byte) {
	if a.out == "" {
		return
	}
	target := name[strings.LastIndexByte(name, '-')+1:]
	err := os.MkdirAll(filepath.Join(a.out, target), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(a.out, target, name+".o"), elf, 0o644)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *acceptedRun) fail(seed uint64, script, text string) {
	if a.failures++; a.failures > 10 {
		a.t.Fail()
		return
	}
	opts := acceptedOptions(seed)
	if os.Getenv("LUABPFC_ACCEPTED_SHRINK") == "1" && !strings.Contains(text, "without privilege") {
		script, text = shrinkAccepted(script, opts, seed)
	}
	a.t.Errorf("seed %d, -O%d -mcpu v%d --target-kernel %s: %s\n%s", seed, opts.OptLevel, opts.CPU, opts.Kernel, text, script)
}
