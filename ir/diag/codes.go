package diag

import (
	"slices"
	"strconv"
	"strings"
)

// Code names a kind of diagnostic. Codes never change their meaning.
type Code string

// Info documents one code.
type Info struct {
	Code     Code
	Severity Severity
	Summary  string // one line
	Help     string // a paragraph: why, and what to do
	Example  string // a script that gives exactly this code
}

// tables are the codes of each stage, each in a file of its own.
func tables() [][]Info {
	return [][]Info{syntaxCodes, scriptCodes, declareCodes, lowerCodes, flowCodes, loopCodes, memoryCodes, kernelCodes, valueCodes, codegenCodes()}
}

// All returns every code, sorted by name.
func All() []Info {
	all := slices.Concat(tables()...)
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(string(a.Code), string(b.Code)) })
	return all
}

// numbered repeats a line of an example n times, '#' being the number of the
// repetition: some limits are far away.
func numbered(line string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(line, "#", strconv.Itoa(i)))
	}
	return b.String()
}

// Lookup returns what is documented about the code of that name; upper and
// lower case are the same.
func Lookup(name string) (Info, bool) {
	for _, t := range tables() {
		for _, i := range t {
			if strings.EqualFold(string(i.Code), name) {
				return i, true
			}
		}
	}
	return Info{}, false
}
