package opt

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Loop form: how loops reach the kernel.
//
// The kernel runs three forms of loop. A native loop is a jump back; the
// verifier runs it trip by trip, so its trips must end where the verifier sees
// it and cost little (loopcost.go), but it is by far the fastest. bpf_loop
// (kernel 5.17) calls a function up to 2^23 times; bpf_for_each_map_elem (5.13)
// calls one for each entry of an array, which serves as a loop over an array
// the compiler adds. Both are verified once, whatever the trips. Older targets
// have native loops only, and a loop that can't be one is the user's error.
//
// The pass decides from the inside out, and again as long as a loop became a
// callback, as the verifier knows less behind one. A loop that can be native is,
// the loops in it included; otherwise it becomes a callback (loopextract.go),
// and the loops in it are decided anew within the callback. Native loops are
// clamped where needed (loopclamp.go).
//
// One trip of the callback is one pass through the loop from header to back
// edge, exit tests included. The number of calls asked for therefore need not
// be exact, only large enough: an upper bound of the trips plus one. Where none
// is known, or it exceeds what one call can do, a second callback around the
// first multiplies: 2^46 trips by bpf_loop, 2^24 by arrays. A loop that is
// still going after these ends the program like a read past the packet's end; if
// it is known to be, that is an error.
//
// The pass runs on high functions, after the optimiser and in front of the
// passes that expand packet access: what crosses into a callback are offsets,
// never packet addresses, and each function proves its packet accesses itself.
// It is required; nothing loads without it.

// Since when a callback's body is verified for any number of calls, so that a
// pointer may change from trip to trip.
var callbackFixpoint = kernel.Version{Major: 6, Minor: 8}

// Since when two references acquired in different places count as alike.
var refsAlike = kernel.Version{Major: 6, Minor: 3}

const (
	maxLoopCalls = 1 << 23 // of one bpf_loop
	arrayTrips   = 1 << 12 // entries of the array for bpf_for_each_map_elem
	arrayName    = "luabpfc_trips"
	maxFrames    = 8   // depth of calls
	maxStack     = 512 // bytes, along a chain of calls
)

// former is the state of the pass over a module.
type former struct {
	m       *ir.Module
	target  kernel.Version
	report  func(pos ir.Pos, code diag.Code, msg string)
	count   func(what string)      // statistics
	unknown map[*ir.Func]*ir.Value // what number returns in a callback
	exitAt  map[*ir.Func]int32     // where a callback's exit is in its frame
	array   *ir.Map
	names   map[string]bool
	native  int64 // what a native loop may cost
	space   *workspace
	failed  bool
}

// newFormer returns what gives every loop of m a form that kernel target
// accepts. report is called for each loop that has none; the module is then no
// longer of use.
func newFormer(m *ir.Module, target kernel.Version, space *workspace, report func(pos ir.Pos, code diag.Code, msg string), count func(what string)) *former {
	x := &former{m: m, target: target, space: space, count: count, native: maxNativeCost,
		unknown: map[*ir.Func]*ir.Value{}, exitAt: map[*ir.Func]int32{}, names: map[string]bool{}}
	x.report = func(pos ir.Pos, code diag.Code, msg string) {
		x.failed = true
		report(pos, code, msg)
	}
	for _, f := range m.Funcs {
		x.names[f.Name] = true
	}
	return x
}

func (x *former) run() {
	m := x.m
	for i := 0; i < len(m.Funcs); i++ { // grows
		x.function(m.Funcs[i])
		if x.failed {
			return
		}
	}
	x.checkDepth()
}

// function forms the loops of f; callbacks are appended to the module.
func (x *former) function(f *ir.Func) {
	if f.Phase != ir.PhaseHigh {
		return
	}
	n := newNest(f, x.space)
	if !n.loops.Reducible() {
		ir.Bugf("%s: a loop is entered in its middle", f.Name)
	}
	if len(n.loops.All) == 0 {
		return
	}
	n.old, n.refs = x.helper(f) == nil, x.target.Before(refsAlike)
	callback := map[*ir.NaturalLoop]bool{}
	for before := -1; before < len(callback); {
		before = len(callback)
		n.assume(callback)
		for _, l := range n.loops.All {
			if l.Parent == nil {
				x.decide(n, l, callback)
			}
		}
	}
	var todo []*ir.NaturalLoop
	for _, l := range n.loops.All {
		if callback[l] && l.Parent == nil {
			todo = append(todo, l)
		}
	}
	if x.failed {
		return
	}
	if len(todo) > 0 {
		x.extractAll(n, keepRecords(n, todo))
	}
	x.finishNative(f)
}

// decide chooses forms for l and the loops in it; inner decisions are void if
// l becomes a callback.
func (x *former) decide(n *nest, l *ir.NaturalLoop, callback map[*ir.NaturalLoop]bool) {
	for _, c := range l.Children {
		x.decide(n, c, callback)
	}
	limit := x.native
	if n.old || x.looksAtCarried(l) != nil {
		limit = maxOldNativeCost
	}
	if callback[l] {
		return
	}
	if _, ok := n.native(l, callback, limit); ok {
		return
	}
	if !n.old {
		callback[l] = true
		return
	}
	pos, what := loopPlace(l)
	how := "bpf.limit(n, most)"
	if what != "for" {
		how = "bpf.loop_limit = n"
	}
	if s := n.shape[l]; s.trips < 0 || s.trips >= arrayTrips*arrayTrips && !s.constant {
		x.report(pos, diag.UnboundedLoop, fmt.Sprintf("a '%s' loop whose trip count is not known needs kernel 5.13, the target is %s; bound it with %s", what, x.target, how))
	} else {
		x.report(pos, diag.UnboundedLoop, fmt.Sprintf("a '%s' loop of up to %d trips needs kernel 5.13, the target is %s; bound it lower with %s", what, n.shape[l].trips, x.target, how))
	}
}

// loopPlace returns where messages about l point and what they call it.
func loopPlace(l *ir.NaturalLoop) (ir.Pos, string) {
	if fl := l.Header.Loop; fl != nil {
		return fl.Pos, fl.What
	}
	return l.Header.Pos, "goto"
}

// helper returns the helper that runs callbacks of f, nil on targets without.
func (x *former) helper(f *ir.Func) *kernel.Helper {
	kind := f.Prog()
	for _, name := range []string{"loop", "for_each_map_elem"} {
		h := kernel.HelperByName(name)
		if kind == nil && !x.target.Before(h.First) || kind != nil && h.Available(kind, x.target) == nil {
			return h
		}
	}
	return nil
}

// tripsArray returns the array that bpf_for_each_map_elem walks.
func (x *former) tripsArray() *ir.Map {
	if x.array == nil {
		t, _ := kernel.MapTypeByName("array")
		x.array = &ir.Map{Name: arrayName, Type: t, MaxEntries: arrayTrips, KeySize: 4, ValueSize: 8}
		x.m.Maps = append(x.m.Maps, x.array)
	}
	return x.array
}

// checkDepth reports call chains that no kernel accepts.
func (x *former) checkDepth() {
	for _, f := range x.m.Funcs {
		if f.Callback == nil {
			x.chain(f, 1, frameBytes(f), map[*ir.Func]bool{})
		}
	}
}

// chain walks the calls of f, which is the depth-th of a chain using bytes of
// stack so far.
func (x *former) chain(f *ir.Func, depth, bytes int, reported map[*ir.Func]bool) {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			g, ok := v.Aux.(*ir.Func)
			if !ok || reported[g] {
				continue
			}
			d, n := depth+1, bytes+frameBytes(g)
			switch {
			case d > maxFrames:
				x.report(g.Pos, diag.LoopTooDeep, fmt.Sprintf("loops and functions are nested too deeply: this is call %d of at most %d", d, maxFrames))
			case n > maxStack:
				x.report(g.Pos, diag.LoopTooDeep, fmt.Sprintf("loops and functions nested here need %d bytes of stack, BPF has %d", n, maxStack))
			default:
				x.chain(g, d, n, reported)
				continue
			}
			reported[g] = true
		}
	}
}

// frameBytes is what f takes of the stack at least; the kernel rounds to 32.
func frameBytes(f *ir.Func) int {
	n := 1
	for _, s := range f.Slots {
		n += (s.Size + s.Align - 1) &^ (s.Align - 1)
	}
	return (n + 30) &^ 31
}

// newName returns a name for a function that is made of f's n-th loop.
func (x *former) newName(f *ir.Func, suffix string) string {
	for i := 1; ; i++ {
		s := fmt.Sprintf("%s_%s%d", f.Name, suffix, i)
		if !x.names[s] {
			x.names[s] = true
			return s
		}
	}
}
