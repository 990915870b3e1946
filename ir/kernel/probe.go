package kernel

import (
	_ "embed" // what the kernels answered
	"strings"
	"sync"
)

// What kernels answered when they were asked which helpers each kind of program
// may call: the output of bench/probe on each, one file a kernel, made by
//
//	go run ./bench/probe > ir/kernel/probes/6.18.txt
//
// on the kernel itself, or in a guest of bench/matrix. A kind that a kernel did
// not load is not in its answers; a kind that none loaded may call any helper as
// far as is known here.

var (
	//go:embed probes/5.10.txt
	probe5x10 string
	//go:embed probes/6.1.txt
	probe6x1 string
	//go:embed probes/6.12.txt
	probe6x12 string
	//go:embed probes/6.18.txt
	probe6x18 string
)

// probe is what one kernel answered.
type probe struct {
	on   Version
	text string
}

// probed are the kernels, oldest first.
var probed = [...]probe{{Version{5, 10}, probe5x10}, {Version{6, 1}, probe6x1}, {Version{6, 12}, probe6x12}, {Version{6, 18}, probe6x18}}

// helperSet is a set of helpers' numbers: the digits of a hexadecimal number whose
// bits they are, as they lie in the text.
type helperSet string

// has reports whether helper number id is in the set.
func (s helperSet) has(id int) bool {
	at := len(s) - 1 - id/4
	if at < 0 {
		return false
	}
	d := s[at]
	if d >= 'a' {
		d -= 'a' - 10
	}
	return d>>(id%4)&1 != 0
}

// answer is what one kernel said of one kind.
type answer struct {
	on           Version
	helpers, gpl helperSet
}

// answers are those of all kernels, by the name of the kind, oldest first.
var answers = sync.OnceValue(func() map[string][]answer {
	m := make(map[string][]answer, 64)
	for _, p := range probed {
		for l := range strings.Lines(p.text) {
			name, sets, _ := strings.Cut(strings.TrimSuffix(l, "\n"), " ")
			h, g, _ := strings.Cut(sets, " ")
			k, known := ProgKindByName(strings.TrimSuffix(name, ".s"))
			// In place of the sets is "-" and why the kind did not load. Some kernels load
			// what they have no way to attach.
			if h == "-" || !known || p.on.Before(k.First) {
				continue
			}
			list := m[name]
			if list == nil {
				list = make([]answer, 0, len(probed))
			}
			m[name] = append(list, answer{p.on, helperSet(h), helperSet(g)})
		}
	}
	return m
})

// configured are helpers that a kernel with the release may lack: lockdown and
// options decide.
var configured = map[string]bool{"probe_write_user": true, "override_return": true}

// likeKind are kinds newer than the kernels that were asked, and those that may
// call the same helpers.
var likeKind = map[string]string{"fentry_multi": "fentry", "fexit_multi": "fexit", "fsession_multi": "fexit"}

// answersFor returns what the kernels said of kind k, in whichever form it loads.
func answersFor(k *ProgKind) []answer {
	if like, ok := likeKind[k.Name]; ok {
		return answers()[like]
	}
	if a := answers()[k.Name]; a != nil {
		return a
	}
	return answers()[k.Name+".s"]
}
