// Package userspace runs a script to its end: it compiles the script, loads and
// attaches its programs, and goes on with what the script does in user space,
// with live maps. It is the live side of script.Host; the compiler's is
// script.Record.
//
// It must not know how anything is compiled, nor the kernel except through
// package loader.
//
//	code, err := userspace.Run(src, userspace.Options{Compile: opts, Out: os.Stdout, ...})
//
// A script runs once. When it comes to the first operation of user space behind
// its declarations, the same text is compiled from the beginning, which comes to
// the same place: the stage is hermetic, and what operations in front of the
// declarations gave is given again. So what runs is the object that 'luabpfc
// prog.lua -o prog.o' writes.
//
// calls.go lists the operations; each file behind it has those of one subject.
package userspace
