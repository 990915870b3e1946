package bindings

import (
	"strconv"
	"strings"
	"unicode"
)

// exported is a C name as Go exports it, as bpf2go spells it: letters behind an
// underscore that follows a lower-case letter or a digit become capitals, and that
// underscore goes.
func exported(name string) string {
	var b strings.Builder
	up, last := true, rune(0)
	for _, r := range name {
		switch {
		case r == '_' && (b.Len() == 0 || unicode.IsLower(last) || unicode.IsDigit(last)):
			up, last = true, 0
			continue
		case r == '_':
		case unicode.IsLetter(r) && up:
			r = unicode.ToUpper(r)
		case unicode.IsDigit(r) && b.Len() == 0:
			b.WriteByte('X')
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			up = true
			continue
		}
		b.WriteRune(r)
		up, last = false, r
	}
	if b.Len() == 0 {
		return "X"
	}
	return b.String()
}

// Stem is the prefix of all names for a file: that of prog-a.lua is ProgA.
func Stem(file string) string { return exported(file) }

// scope are the names in use in a file or a structure.
type scope map[string]bool

// unique returns name, or if that is in use name with a number behind it.
func (s scope) unique(name string) string {
	out := name
	for i := 2; s[out]; i++ {
		out = name + "_" + strconv.Itoa(i)
	}
	s[out] = true
	return out
}

// lowerFirst and upperFirst change the first letter.
func lowerFirst(s string) string { return changeFirst(s, unicode.ToLower) }
func upperFirst(s string) string { return changeFirst(s, unicode.ToUpper) }

func changeFirst(s string, f func(rune) rune) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = f(r[0])
	}
	return string(r)
}
