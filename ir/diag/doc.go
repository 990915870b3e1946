// Package diag holds source files, spans, diagnostics and their rendering.
//
// It knows nothing of Lua, of the IR or of BPF, and imports the standard
// library only. Every stage of the compiler reports through a Reporter; what
// it collected becomes a List, which is the error that Compile returns.
//
//	file := diag.NewFile("prog.lua", text)
//	var r diag.Reporter
//	r.Errorf(diag.UndefinedName, diag.Span{File: file, Start: 10, End: 13}, "undefined name '%s'", name)
//	if err := r.Err(); err != nil { fmt.Fprint(os.Stderr, diag.Human(err)) }
//
// Messages are for the person who wrote the script: lower case, the script's
// own terms, and the fix where there is one way to fix it.
package diag
