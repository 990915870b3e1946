package kernel

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Effect says what a helper does beyond its arguments.
type Effect uint8

const (
	// EffectWritesMaps: map values may change, or entries appear or go.
	EffectWritesMaps Effect = 1 << iota
	// EffectReadsMaps: map values are observed.
	EffectReadsMaps
	// EffectMovesPacket: packet pointers are invalid afterwards.
	EffectMovesPacket
	// EffectOutput: something outside the program sees the call.
	EffectOutput
	// EffectCallback: runs a function of the module.
	EffectCallback
	// EffectVolatile: two calls may give different results.
	EffectVolatile
)

// Helper is one BPF helper function.
type Helper struct {
	Name    string // without bpf_
	ID      int    // enum bpf_func_id
	Args    []ArgKind
	Ret     RetKind
	Effects Effect
	GPL     bool // only for programs under a GPL-compatible license
	Sleeps  bool // only for sleepable programs
	// Release is the helper or kfunc that gives back what is returned; Releases is
	// set on one that does, by its first argument.
	Release  string
	Releases bool
	// Kfunc: a function of the kernel, called by its name and not by a number. Sizes
	// are those of memory that arguments point to, where their kinds leave it open.
	Kfunc bool
	Sizes []int
	First Version
	// Whole is the first kernel on which a number returned has 64 bits, if that is
	// not First. Until then the JIT calls the map's own function, which returns an
	// int: the upper half of the register says nothing.
	Whole Version
}

// finer are first kernels of helpers in kinds of programs that had them not from
// the start, where that is known better than between two kernels probed.
var finer = map[string]Version{
	"get_current_pid_tgid": {6, 10},
	"get_current_uid_gid":  {6, 16},
	"get_current_comm":     {6, 16},
}

var helpersByName = sync.OnceValue(func() map[string]*Helper {
	m := map[string]*Helper{}
	for _, h := range Helpers {
		m[h.Name] = h
	}
	return m
})

// HelperByName returns the helper called name, or nil.
func HelperByName(name string) *Helper { return helpersByName()[name] }

// HelperByID returns the helper with a number, or nil.
func HelperByID(id int) *Helper {
	if id < 1 || id > len(Helpers) || Helpers[id-1].ID != id {
		return nil
	}
	return Helpers[id-1]
}

// Since returns the first kernel on which programs of kind k may call h; ok is
// false if none may. Between two kernels that were probed it is the later one,
// unless the kind or the helper came in between.
func (h *Helper) Since(k *ProgKind) (v Version, ok bool) {
	v = h.First
	if v.Before(k.First) {
		v = k.First
	}
	answers := answersFor(k)
	if len(answers) == 0 || h.Kfunc {
		return v, true
	}
	for i, a := range answers {
		if !a.helpers.has(h.ID) {
			continue
		}
		for _, later := range answers[i:] {
			if !later.helpers.has(h.ID) && !configured[h.Name] {
				return Version{}, false // taken away again
			}
		}
		switch was := i > 0; {
		case !was || answers[i-1].on.Before(v):
			return v, true
		}
		if f, ok := finer[h.Name]; ok {
			return f, true
		}
		return a.on, true
	}
	return Version{}, false
}

// Kinds returns the names of the kinds of programs that may call h.
func (h *Helper) Kinds() (names []string) {
	for _, k := range ProgKinds {
		if _, ok := h.Since(k); ok {
			names = append(names, k.Name)
		}
	}
	return names
}

// Available returns nil if programs of kind k may call h on kernel v and all
// newer ones, else an error that says what is missing.
func (h *Helper) Available(k *ProgKind, v Version) error {
	since, ok := h.Since(k)
	if !ok {
		return fmt.Errorf("helper '%s' is not available to %s programs%s", h.Name, k.Name, h.whereElse())
	}
	if v.Before(since) {
		if h.Kfunc {
			return fmt.Errorf("kfunc '%s' needs kernel %s; the target is %s: choose another --target-kernel, or test bpf.kfunc_exists('%s') first", h.Name, since, v, h.Name)
		}
		return fmt.Errorf("helper '%s' in %s programs needs kernel %s; the target is %s", h.Name, k.Name, since, v)
	}
	return nil
}

// whereElse names kinds of programs that may call h.
func (h *Helper) whereElse() string {
	names := h.Kinds()
	names = slices.DeleteFunc(names, func(n string) bool { // those that stand for others
		k, _ := ProgKindByName(n)
		return slices.ContainsFunc(ProgKinds, func(o *ProgKind) bool {
			return o != k && o.Type == k.Type && len(o.Name) < len(k.Name) && slices.Contains(names, o.Name) && answersFor(o) != nil
		}) || answersFor(k) == nil
	})
	const most = 4
	switch n := len(names); {
	case n == 0:
		return ""
	case n > most:
		return "; " + strings.Join(names[:most], ", ") + " programs and others may call it"
	default:
		return "; " + strings.Join(names, ", ") + " programs may call it"
	}
}
