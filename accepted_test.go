package luabpfc_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestAccepted writes random scripts: what the compiler accepts, the kernel's
// verifier must accept, at -O0 and -O2, with and without CAP_PERFMON and
// CAP_SYS_ADMIN. LUABPFC_ACCEPTED=N tries N scripts, LUABPFC_ACCEPTED_SEED=S
// begins at another seed. With LUABPFC_ACCEPTED_DIR=D the objects are written to
// D for bench/matrix, not loaded, for the kernel of LUABPFC_CELL.
func TestAccepted(t *testing.T) {
	out := os.Getenv("LUABPFC_ACCEPTED_DIR")
	if out == "" {
		needKernel(t)
	}
	run := &acceptedRun{t: t, out: out, on: workingProductions(t), codes: map[diag.Code]int{}, rules: map[string]int{}}
	n, first := envNumber("LUABPFC_ACCEPTED", 150), envNumber("LUABPFC_ACCEPTED_SEED", 1)
	for seed := first; seed < first+n; seed++ {
		run.try(uint64(seed))
	}
	run.flush()
	t.Logf("%d scripts, %d compiled, %d objects, %d of them too large for the verifier; refused by the compiler: %v; allowed only with privilege: %v",
		n, run.compiled, run.objects, run.large, run.codes, run.rules)
	if run.compiled < n/2 {
		t.Errorf("only %d of %d scripts compile", run.compiled, n)
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
			w := newWriter(seed, []*production{p})
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

func newWriter(seed uint64, on []*production) *writer {
	r := rand.New(rand.NewPCG(seed, 7))
	return &writer{r: r, on: on, kind: writtenKinds[r.IntN(len(writtenKinds))]}
}

// acceptedRun counts what became of scripts.
type acceptedRun struct {
	t                 *testing.T
	out               string
	on                []*production
	compiled, objects int
	large             int // too many instructions for the verifier
	codes             map[diag.Code]int
	rules             map[string]int
	batch             []helperObject
	failures          int
}

// try compiles the script of a seed, and loads it as root.
func (a *acceptedRun) try(seed uint64) {
	w := newWriter(seed, a.on)
	script := w.script()
	opts := acceptedOptions(seed)
	for _, level := range []int{0, 2} {
		opts.OptLevel = level
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "accepted.lua", Text: script}, opts)
		if err != nil {
			l, ok := diag.AsList(err)
			if !ok {
				a.fail(seed, level, script, err.Error())
				return
			}
			i := slices.IndexFunc(l, func(d *diag.Diagnostic) bool { return d.Severity == diag.Error })
			a.codes[l[i].Code]++
			if os.Getenv("LUABPFC_ACCEPTED_SHOW") == string(l[i].Code) {
				a.t.Logf("seed %d: %s\n%s", seed, diag.Human(l), script)
			}
			return
		}
		a.objects++
		name := fmt.Sprintf("%06d-%s-O%d", seed, w.kind.ctx, level)
		if a.out != "" {
			if err := os.WriteFile(filepath.Join(a.out, name+".o"), obj.ELF, 0o644); err != nil {
				a.t.Fatal(err)
			}
			continue
		}
		if text := loadText(obj.ELF); strings.Contains(text, "argument list too long") {
			a.large++ // a million instructions and more
			continue
		} else if text != "" {
			a.fail(seed, level, script, text)
			continue
		}
		if a.batch = append(a.batch, helperObject{name, obj.ELF}); len(a.batch) >= 400 {
			a.flush()
		}
	}
	a.compiled++
}

func acceptedOptions(seed uint64) luabpfc.Options {
	opts := caseOptions()
	opts.CPU = 2 + int(seed%2)
	if cell == "" && seed%3 == 0 {
		opts.Kernel = kernel.Version{Major: 5, Minor: 17}
	}
	return opts
}

// shrinkAccepted removes lines while the script compiles and is refused in the
// same way.
func shrinkAccepted(script string, opts luabpfc.Options) (less, text string) {
	try := func(lines []string) string {
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "accepted.lua", Text: strings.Join(lines, "\n") + "\n"}, opts)
		if err != nil {
			if _, ok := diag.AsList(err); ok {
				return ""
			}
			return err.Error()
		}
		return loadText(obj.ELF)
	}
	lines := strings.Split(strings.TrimSuffix(script, "\n"), "\n")
	text = try(lines)
	why := refusal(text)
	for round := 0; round < 3; round++ {
		for size := len(lines) / 2; size > 0; size /= 2 {
			for at := 0; at+size <= len(lines); {
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

var refusalKinds = []string{"infinite loop", "too complex", "argument list too long", "bad address"}

// refusal says what kind of refusal a text is about.
func refusal(text string) string {
	for _, k := range refusalKinds {
		if strings.Contains(text, k) {
			return k
		}
	}
	lines := strings.Split(text, "\n")
	last := lines[max(0, len(lines)-2)]
	return digits.ReplaceAllString(last, "#")
}

var digits = regexp.MustCompile("[0-9]+")

// flush loads what is loaded so far without privilege.
func (a *acceptedRun) flush() {
	if len(a.batch) == 0 {
		return
	}
	results, err := loadUnprivileged(a.batch)
	if err != nil {
		a.t.Fatal(err)
	}
	for i, r := range results {
		if r == "" {
			continue
		}
		if rule := privilegeRule(r); rule != "" {
			a.rules[rule]++
			continue
		}
		seed, err := strconv.ParseUint(strings.SplitN(a.batch[i].Name, "-", 2)[0], 10, 64)
		if err != nil {
			a.t.Fatal(err)
		}
		a.fail(seed, -1, newWriter(seed, a.on).script(), a.batch[i].Name+" without privilege: "+r)
	}
	a.batch = nil
}

// privilegeRule returns the rule of privilegedRules that a refusal is due to.
func privilegeRule(text string) string {
	for _, name := range slices.Sorted(maps.Keys(privilegedRules)) {
		if privilegedRules[name].MatchString(text) {
			return name
		}
	}
	return ""
}

func (a *acceptedRun) fail(seed uint64, level int, script, text string) {
	if a.failures++; a.failures <= 10 {
		if os.Getenv("LUABPFC_ACCEPTED_SHRINK") == "1" && level >= 0 {
			opts := acceptedOptions(seed)
			opts.OptLevel = level
			script, text = shrinkAccepted(script, opts)
		}
		a.t.Errorf("seed %d, -O%d: %s\n%s", seed, level, text, script)
	} else {
		a.t.Fail()
	}
}
