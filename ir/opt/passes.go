package opt

import "github.com/luabpfc/luabpfc/ir"

// Passes are the passes there are. This table and the two below are the
// documentation of the optimiser.
var Passes = []*Pass{
	{Name: "fold", Func: foldBranches, To: ir.PhaseLow,
		Doc: "Branch folding: constant, doubled and inverted branches, empty blocks, straight lines, equal returns; jump threading where an edge decides the branch behind it."},
	{Name: "sccp", Func: conditionalConstants, To: ir.PhaseLow,
		Doc: "Constants through branches and loops at once (Wegman and Zadeck); removes the branches it decides."},
	{Name: "simplify", Func: simplify, To: ir.PhaseLow, Phased: true,
		Doc: "Algebra on single values: identities, strength reduction, canonical comparisons, what ranges decide. Sees that numbers known not to be negative divide unsigned."},
	{Name: "anticipate", Func: anticipateChecks, To: ir.PhaseHigh,
		Doc: "Packet checks ask for what comes later, too, where leaving at once makes no difference: later checks, and returns of what leaving returns."},
	{Name: "gvn", Func: numberValues, To: ir.PhaseLow,
		Doc: "Global value numbering: equal values across blocks, loads by region, stack loads from what was stored, packet checks that another covers, lookups of one key; what a branch proved."},
	{Name: "dse", Func: deadStores, To: ir.PhaseLow,
		Doc: "Stores to the stack that nobody observes, or that store what the slot already holds; stores to the packet that are overwritten in their block."},
	{Name: "storemerge", Func: mergeStores, To: ir.PhaseLow,
		Doc: "Stores of one block to the same eight bytes of a slot become as few as hold what they leave: zeros and the fields stored over them."},
	{Name: "dce", Func: deadCode, To: ir.PhaseLow,
		Doc: "Values nothing needs, unreachable blocks, slots without accesses, Short when nothing leaves."},
	{Name: "unroll", Func: unrollLoops, To: ir.PhaseHigh,
		Doc: "Innermost loops of few trips, counted between constants, become their trips in a row; loops of at most one trip go."},
	{Name: "loopform", Module: loopForm, Required: true, To: ir.PhaseHigh,
		Doc: "Loops the verifier can follow stay; the others become callbacks of bpf_loop or bpf_for_each_map_elem, or an error on targets without."},
	{Name: "sdiv", Func: legalSignedDiv, Required: true, To: ir.PhaseLow,
		Doc: "Signed division where the CPU has none, and the guard for INT64_MIN / -1 where it has."},
	{Name: "results", Func: wholeResults, Required: true, To: ir.PhaseHigh,
		Doc: "Results of helpers of which the target's kernels return 32 bits are sign-extended."},
	{Name: "checks", Func: expandPacket, Required: true, To: ir.PhaseHigh,
		Doc: "Packet access as the kind of program allows it: LD_ABS and LD_IND, skb_load_bytes or pointers; splits blocks at checks that may leave. Scratch memory is claimed, and freed on all ways out. Takes functions to the low phase."},
	{Name: "hidestores", Func: hideStores, Required: true, From: ir.PhaseLow, To: ir.PhaseLow,
		Doc: "Numbers stored into objects of the stack that are written at variable offsets too are hidden from the verifier, which may refuse to read them back."},
	{Name: "verdicts", Func: boundResults, Required: true, From: ir.PhaseLow, To: ir.PhaseLow,
		Doc: "Results of kinds whose results are limited get a bound where the verifier would not see that they keep to it."},
	{Name: "standins", Module: standIns, Required: true, From: ir.PhaseLow, To: ir.PhaseLow,
		Doc: "Addresses of map values that are tested for null again become a number and an address that can always be accessed: without CAP_PERFMON verifiers until 6.15 follow the second test the wrong way."},
	{Name: "counters", Func: exactCounters, Required: true, From: ir.PhaseLow, To: ir.PhaseLow,
		Doc: "Counters of native loops whose trips call something are compared with a constant, so that the verifier takes note of their values: kernels before 6.7 may see no end otherwise."},
	{Name: "records", Func: testOnce, Required: true, From: ir.PhaseLow, To: ir.PhaseLow,
		Doc: "Whether a record was reserved is tested once, and a number afterwards: kernels before 6.4 don't see that a second test is decided."},
}

// Stage is a group of passes that repeats until it changes nothing, at most
// Rounds times.
type Stage struct {
	Name   string
	Rounds int
	Passes []string
}

// Schedule is the order in which passes run.
var Schedule = []Stage{
	{Name: "high", Rounds: 4, Passes: []string{"fold", "sccp", "simplify", "anticipate", "gvn", "dse", "storemerge", "dce", "unroll"}},
	{Name: "legal", Rounds: 1, Passes: []string{"loopform", "sdiv", "results", "checks"}},
	{Name: "low", Rounds: 4, Passes: []string{"fold", "sccp", "simplify", "gvn", "dse", "storemerge", "dce"}},
	{Name: "last", Rounds: 1, Passes: []string{"standins", "counters", "records", "verdicts", "hidestores"}},
}

// Constraint says that one pass runs before another.
type Constraint struct {
	Before, After string
	// Stage limits the constraint to one stage; empty: to the whole schedule,
	// where the first run of Before comes before the first of After.
	Stage  string
	Reason string
}

// Constraints are what a change of the schedule must respect; a test checks it.
var Constraints = []Constraint{
	{"fold", "gvn", "high", "a check is widened within its block only, and a branch on a merged Bool proves nothing until it is threaded"},
	{"sccp", "simplify", "high", "values of blocks that are never reached would be simplified for nothing"},
	{"sccp", "anticipate", "high", "a branch that is never taken needs less than the one that is"},
	{"anticipate", "gvn", "high", "the checks that are covered by a greater one go"},
	{"simplify", "gvn", "high", "equal values are found equal in canonical form only"},
	{"gvn", "dse", "high", "a forwarded load no longer observes the store it was forwarded from; merged lookups no longer observe their key"},
	{"dse", "storemerge", "high", "dead stores would be merged into live ones"},
	{"storemerge", "loopform", "", "a slot in a callback's frame is not tracked any more"},
	{"dse", "dce", "high", "what was stored, and the slot, die with the store"},
	{"sccp", "unroll", "high", "the trips are counted between constants"},
	{"dce", "unroll", "high", "dead values count for the size of a loop"},
	{"loopform", "checks", "", "a callback proves its own packet accesses: offsets go into its frame, addresses must not"},
	{"loopform", "sdiv", "", "a division is one value to the cost of a loop, not ten"},
	{"simplify", "sdiv", "", "divisors that are constant and numbers that are not negative need no expansion"},
	{"simplify", "unroll", "", "trips are counted by constant starts, steps and bounds"},
	{"unroll", "loopform", "", "a loop that is unrolled needs no form"},
	{"dce", "loopform", "", "what only dead values need would travel in a callback's frame"},
	{"loopform", "checks", "", "offsets cross into a callback, packet pointers can't; LD_ABS is not for callbacks"},
	{"loopform", "sdiv", "", "one row after the other on the same function, callbacks included"},
	{"loopform", "results", "", "callbacks call helpers too, and loops become calls of some"},
	{"checks", "records", "", "what leaves with a record open tests whether there is one"},
	{"fold", "standins", "", "most second tests of an address are threaded past"},
	{"gvn", "standins", "", "the same lookup made twice becomes one that is tested twice"},
	{"simplify", "counters", "", "it finds that the comparison is decided"},
	{"standins", "counters", "", "it folds branches"},
	{"gvn", "hidestores", "", "what a hidden number is, loads of it can't say"},
	{"simplify", "verdicts", "", "it finds that the bound changes nothing, and moves masks in front of swaps"},
	{"dce", "records", "", "other passes would find that the number is the comparison"},
	{"gvn", "checks", "", "checks merge and widen as values, on straight lines; afterwards they are branches"},
	{"dce", "checks", "", "a dead load must not turn into an access; a check must not lose the load that covers it later"},
}

// PassByName returns the pass called name, or nil.
func PassByName(name string) *Pass {
	for _, p := range Passes {
		if p.Name == name {
			return p
		}
	}
	return nil
}
