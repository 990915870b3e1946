package lower

import (
	"cmp"
	"slices"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Which functions become subprograms though the script does not say so.
//
// A call of a subprogram costs some ten nanoseconds, and what is known where it
// stands is lost on it: so a function is inlined unless that makes the program
// much larger. A program is lowered with everything inlined first, and what
// each call made of it is noted. If there are functions that were large and
// called more than once, the program is lowered anew with these as
// subprograms, the largest first: calls in a function that becomes one count
// once.

// callLog lists the calls that were inlined.
type callLog struct {
	list   []inlined
	parent int // the call being lowered, -1 in the main function
}

type inlined struct {
	fn     *syntax.Function
	size   int // values it made
	parent int
}

// What makes a function worth a subprogram, in values of the IR before any pass:
// its size, and what all calls but one add to the program.
const (
	largeFunction = 250
	largeCopies   = 1500
)

// enter notes a call; the function returned is to be called at its end.
func (l *callLog) enter(c *Closure, f *ir.Func) func() {
	was, at, start := l.parent, len(l.list), f.NumValues()
	l.list = append(l.list, inlined{fn: c.Func, parent: was})
	l.parent = at
	return func() {
		l.parent = was
		if at < len(l.list) {
			l.list[at].size = f.NumValues() - start
		}
	}
}

// repeated returns the functions to make subprograms of.
func (l *callLog) repeated() map[*syntax.Function]bool {
	var fns []*syntax.Function
	largest := map[*syntax.Function]int{}
	for i := range l.list {
		c := &l.list[i]
		if c.parent >= 0 && c.size >= largeFunction { // the main function is no call
			if largest[c.fn] == 0 {
				fns = append(fns, c.fn)
			}
			largest[c.fn] = max(largest[c.fn], c.size)
		}
	}
	slices.SortStableFunc(fns, func(a, b *syntax.Function) int { return cmp.Compare(largest[b], largest[a]) })
	chosen := map[*syntax.Function]bool{}
	for _, fn := range fns {
		if n := l.count(fn, chosen); n > 1 && (n-1)*largest[fn] >= largeCopies && !l.recursive(fn) {
			chosen[fn] = true
		}
	}
	return chosen
}

// count returns how many calls of fn are left when the chosen are subprograms.
func (l *callLog) count(fn *syntax.Function, chosen map[*syntax.Function]bool) int {
	n := 0
	copies := map[*syntax.Function]int{} // the copy of a chosen one that stays
	for i := range l.list {
		if l.list[i].fn != fn {
			continue
		}
		stays := true
		for p := l.list[i].parent; p >= 0; p = l.list[p].parent {
			if g := l.list[p].fn; chosen[g] {
				first, ok := copies[g]
				if !ok {
					copies[g], first = p, p
				}
				stays = stays && first == p
			}
		}
		if stays {
			n++
		}
	}
	return n
}

// recursive reports whether fn was called in itself.
func (l *callLog) recursive(fn *syntax.Function) bool {
	for i := range l.list {
		if l.list[i].fn != fn {
			continue
		}
		for p := l.list[i].parent; p >= 0; p = l.list[p].parent {
			if l.list[p].fn == fn {
				return true
			}
		}
	}
	return false
}
