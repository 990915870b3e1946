// Package opt rewrites IR: the passes that make a function legal for the code
// generator, and those that make it better.
//
// It must not know Lua, C types, registers or ELF; what the kernel offers comes
// from ir/kernel. It is handed a module that ir.Verify accepts and hands back
// one in ir.PhaseLow.
//
// The table Passes is the documentation: a row says what a pass is for and
// whether it is required, Schedule in what order passes run, Constraints why
// that order. Adding a pass is a row, a place in the schedule, a file that
// opens with the method, and a folder testdata/<pass> whose cases named not-*
// outnumber the others.
//
//	stats, err := opt.Run(m, opt.Options{Level: 1, CPU: 3, Kernel: kernel.Default})
//
// Passes replace a value by entering it into a rewriter (edit.go), which
// renames all uses in one sweep; nothing keeps lists of uses. Analyses
// (ir.Dominators, ir.ComputeRanges, (*workspace).contents, ...) are structs computed by
// a function, valid until the function changes.
package opt
