// Package syntax turns Lua text into a tree with a byte range on every node.
//
// The language is Lua 5.1 with what people who know later Luas and LuaJIT
// write by habit: goto and labels, the operators // & | ~ << >>, <const> and
// <close>, 42LL and 42ULL, the escapes \x \z \u{}. A plain 5.1 file means what
// it always meant; goto, for one, is a keyword only where it starts a statement
// and a name follows.
//
// The package knows nothing of the VM that runs scripts, of the IR or of BPF,
// and imports diag only. It says what is wrong with the text, not what the
// program means: names that are not local are simply global here.
//
//	file := diag.NewFile("prog.lua", text)
//	var r diag.Reporter
//	chunk := syntax.Parse(file, &r)
//	if err := r.Err(); err != nil { ... }
//	syntax.Fprint(os.Stdout, chunk)
//
// The central types are Chunk, Function, Local and the statements and
// expressions of ast.go. scanner.go and literal.go make tokens, parser.go,
// stmt.go and expr.go are a recursive-descent parser, recover.go is what it does
// after an error, resolve.go binds names and labels while it goes, and print.go
// writes a tree as text.
//
// # Ranges
//
// A node's range lies within its parent's. A function's begins at the keyword
// function, also where a name stands between it and the parameters. The
// implicit self has the range of the method's name. A block reaches from its
// first statement to its last; an empty one is empty, behind the token that opens
// it.
package syntax
