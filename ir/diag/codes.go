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
	return [][]Info{syntaxCodes, scriptCodes, declareCodes, lowerCodes, flowCodes, loopCodes, memoryCodes, codegenCodes}
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

// Closest returns the candidate that name was probably meant to be, "" if
// none is near: at most a third of its letters may differ.
func Closest(name string, candidates []string) string {
	best, dist := "", len(name)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < dist || d == dist && best != "" && c < best {
			best, dist = c, d
		}
	}
	return best
}

// distance is the Damerau-Levenshtein distance with adjacent transpositions
// (optimal string alignment), by rows.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
