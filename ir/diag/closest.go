package diag

import "strings"

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

// DidYouMean returns " (did you mean 'x'?)" with the candidate closest to name,
// or "".
func DidYouMean(name string, candidates []string) string {
	if c := Closest(name, candidates); c != "" {
		return " (did you mean '" + c + "'?)"
	}
	return ""
}

// listed is how many names MeantOr lists at most.
const listed = 6

// MeantOr is DidYouMean; where nothing is near it lists the candidates, if they
// are few.
func MeantOr(name string, candidates []string) string {
	if s := DidYouMean(name, candidates); s != "" || len(candidates) == 0 || len(candidates) > listed {
		return s
	}
	if n := len(candidates); n > 1 {
		return "; there are " + strings.Join(candidates[:n-1], ", ") + " and " + candidates[n-1]
	}
	return "; there is " + candidates[0]
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
