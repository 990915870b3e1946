package script

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// A script uses few of the library's modules and of more than a thousand
// predefined constants, and making them all takes longer than compiling a small
// program. So those are made whose names stand in the text of a file that runs,
// wherever that is. A name that stands in no text can be come by through what
// lists or computes names: a text that has one of those gets everything, in the
// order in which lists show it. What else asks for a name that may not be there
// yet (require, messages) makes it first.

// listers are the names through which any other can be come by.
var listers = []string{"_G", "getfenv", "setfenv", "load", "loadstring", "loadfile", "dofile", "package", "debug"}

// partNames are the names of the parts of the library that are made when one of
// them is mentioned, in the order in which they are made. The predefined
// constants are a part without a name: they come one by one, or all.
var partNames = [...][]string{
	{"table"}, {"math"}, {"coroutine"}, {"io", "os", "syscall", "ljsyscall"}, {"bit"}, {"ffi"},
	{"bpf"}, {}, {"BPF"}, {"c"},
}

// partOpeners make them.
func partOpeners() [len(partNames)]func(*Stage) {
	return [...]func(*Stage){
		(*Stage).openTable, (*Stage).openMath, (*Stage).openCoroutine, (*Stage).openUserSpace, (*Stage).openBit, (*Stage).openFFI,
		(*Stage).openBPF, (*Stage).openConstants, (*Stage).openFlags, (*Stage).openHeaders,
	}
}

// library says what of it has been made.
type library struct {
	parts     [len(partNames)]bool
	constants map[string]bool
}

// mention makes what text names.
func (st *Stage) mention(text string) {
	var consts []constPlace
	var open [len(partNames)]bool
	open[partOf("bpf")] = true // always: messages tell what it has
	for i := 0; i < len(text); {
		from := i
		for i < len(text) && isWord(text[i]) {
			i++
		}
		if i == from {
			i++
			continue
		}
		w := text[from:i]
		if slices.Contains(listers, w) {
			st.openAll()
			return
		}
		if 'A' <= w[0] && w[0] <= 'Z' && !st.library.constants[w] {
			if p, ok := findConstant(w); ok {
				consts = append(consts, p)
			}
			st.library.constants[w] = true // or there is none
		}
		if k := partOf(w); k >= 0 {
			open[k] = true
		}
	}
	st.openParts(open)
	slices.SortFunc(consts, func(a, b constPlace) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.at, b.at))
	})
	if st.library.parts[partOf("")] {
		return
	}
	for _, p := range consts {
		st.vm.G.Global.RawSetString(p.name, lua.LNumber(p.value))
	}
}

// openAll makes everything.
func (st *Stage) openAll() {
	var all [len(partNames)]bool
	for k := range all {
		all[k] = true
	}
	st.openParts(all)
}

// openParts makes parts that have not been made.
func (st *Stage) openParts(open [len(partNames)]bool) {
	for k, f := range partOpeners() {
		if open[k] && !st.library.parts[k] {
			st.library.parts[k] = true
			f(st)
		}
	}
}

// partOf returns the part that w names, -1 for none. "" names the constants.
func partOf(w string) int {
	if len(w) > len("coroutine") {
		return -1
	}
	return slices.IndexFunc(partNames[:], func(names []string) bool {
		return slices.Contains(names, w) || w == "" && len(names) == 0
	})
}

func isWord(c byte) bool {
	return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}

// constPlace is a predefined constant, and where it stands among them.
type constPlace struct {
	namedConst
	group, at int
}

// findConstant looks a predefined constant up in the text that lists them.
func findConstant(name string) (constPlace, bool) {
	if name == "" || name[0] < 'A' || name[0] > 'Z' {
		return constPlace{}, false // a value of the list, perhaps
	}
	for g := range predefined {
		list := predefined[g].values
		for from := 0; ; {
			i := strings.Index(list[from:], name)
			if i < 0 {
				break
			}
			i += from
			from = i + len(name)
			if (list[i-1] == ' ' || list[i-1] == '\n') && list[from] == ' ' {
				digits := list[from+1:]
				digits = digits[:strings.IndexAny(digits, " \n")]
				return constPlace{namedConst{name, parseConstant(name, digits)}, g, i}, true
			}
		}
	}
	return constPlace{}, false
}

func parseConstant(name, digits string) int64 {
	v, err := strconv.ParseInt(digits, 0, 64)
	if err != nil {
		panic(fmt.Sprintf("script: constant %s: %v", name, err))
	}
	return v
}

// eachConstant calls f for all predefined constants in order.
func eachConstant(f func(namedConst)) {
	for _, g := range predefined {
		name := ""
		for w := range strings.FieldsSeq(g.values) {
			if name == "" {
				name = w
				continue
			}
			f(namedConst{name, parseConstant(name, w)})
			name = ""
		}
	}
}
