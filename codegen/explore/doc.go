// Package explore estimates how many instructions the kernel's verifier will
// process for a program.
//
// It must not know the IR or how code was made: it takes finished instructions
// and walks them as the verifier does.
//
//	res := explore.Walk(&explore.Program{Funcs: funcs, Ctx: kind.Ctx}, 1_000_000)
//	if res.Over {
//		... // the kernel would refuse the program with E2BIG
//	}
//
// # What the verifier does
//
// It follows one path after the other, keeping for each register and each word
// of the stack what it may hold. At a branch that this does not decide it puts
// the other way aside for later; it gives up after a million instructions, or
// with 8192 ways put aside. At some instructions, prune points, it stores its
// state, and a path that comes there again ends if a stored state, all of whose
// ways were followed, allows at least as much: then nothing new can be found.
//
// What "allows as much" means decides everything. Numbers do not count for it
// unless the verifier made use of their value: to decide a branch, or in an
// address. Those are marked precise, in every stored state that the path came
// through, back to where the value comes from (precise.go); a stored state
// allows as much if its precise numbers have ranges that contain those here,
// and if its addresses are the same, registers that nobody reads aside
// (prune.go).
//
// # Method and limits
//
// The walk is the same with less detail: a number is a range, signed and
// unsigned, without known bits; linked copies of a number are not; the frame of
// a callback is not compared for a fixed point but by the same ranges. It is
// modelled on kernel 6.18. Other kernels differ by a factor of two or so, more in
// loops with branches on carried values, so the answer is an estimate.
//
// Time is that of the steps, some tens of nanoseconds each; whoever calls it
// asks first whether the code is so plain that it needs no walk (Plain).
package explore
