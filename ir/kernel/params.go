package kernel

import (
	_ "embed"
	"strings"
	"sync"
)

// paramText has a line for each helper with arguments: its name and theirs, as the
// UAPI header calls them. A test compares it with the header.
//
//go:embed params.txt
var paramText string

var paramsByHelper = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	for l := range strings.Lines(paramText) {
		words := strings.Fields(l)
		all[words[0]] = words[1:]
	}
	return all
})

// Params returns what the header calls the helper's arguments, nil for a kfunc.
func (h *Helper) Params() []string { return paramsByHelper()[h.Name] }
