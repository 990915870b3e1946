package kernel

import (
	"embed"
	"math/big"
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

//go:embed probes/*.txt
var probeFiles embed.FS

// probed are the kernels, oldest first.
var probed = []Version{{5, 10}, {6, 1}, {6, 12}, {6, 18}}

// answer is what one kernel said of one kind.
type answer struct {
	on           Version
	helpers, gpl *big.Int // sets of numbers
}

// answers are those of all kernels, by the name of the kind, oldest first.
var answers = sync.OnceValue(func() map[string][]answer {
	m := map[string][]answer{}
	for _, v := range probed {
		text, err := probeFiles.ReadFile("probes/" + v.String() + ".txt")
		if err != nil {
			continue // a test names it
		}
		for l := range strings.Lines(string(text)) {
			f := strings.Fields(l)
			if len(f) != 3 {
				continue
			}
			h, ok1 := new(big.Int).SetString(f[1], 16)
			g, ok2 := new(big.Int).SetString(f[2], 16)
			k, known := ProgKindByName(strings.TrimSuffix(f[0], ".s"))
			// Some kernels load what they have no way to attach.
			if ok1 && ok2 && known && !v.Before(k.First) {
				m[f[0]] = append(m[f[0]], answer{v, h, g})
			}
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
