package script

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// The converter turns our tree into gopher-lua's, as Lua 5.1 plus what the
// language adds. Where a line number goes it puts the number of our node.
// What gopher-lua gets wrong or lacks is rewritten:
//
//   - It finds variables by name, and gets some shadowing wrong. Every local gets
//     a name of its own: the script's, a NUL, a number.
//   - a, b = b, a assigns before it has read everything. Multiple assignments go
//     through temporaries, and so do calls of ours assigned to a parameter.
//   - 'goto' and a 'break' out of an inner scope close too many captured
//     variables or none. Breaks that leave captured variables become gotos, and
//     compile.go puts in from which register on a goto closes.
//   - // & | ~ << >> and .. are calls of ours (ops.go), and so are comparisons,
//     'for' bounds and keys unless the operands are plain: gopher-lua calls no
//     metamethod for an integer of ours beside a number.
//   - Integers that a double can't hold are constants made in Go, as are large
//     constant tables, and constants beyond the first ones of a function, in
//     whose number gopher-lua's compiler is quadratic.
type converter struct {
	st     *Stage
	file   *diag.File
	fn     *funcState
	locals int // for names of their own
	funcs  int
	kinds  map[*syntax.Local]kind
	names  map[*syntax.Local]string
	labels map[*syntax.LabelStmt]*label
	closes map[int]*label // by the id of the goto or break
	failed bool
}

// funcState is what the converter knows about a function it is in.
type funcState struct {
	parent  *funcState
	fn      *syntax.Function
	active  int // registers in use by locals
	consts  map[any]bool
	control int // nodes that need jumps
	jumps   int // labels and gotos
	loops   []*loop
	depth   int
}

// label is where a goto leads: its name in gopher-lua's tree, and the register
// from which captured variables are closed on the way there.
type label struct {
	name  string
	depth int
}

// loop is a loop around the current statement. exit is set where breaks are
// gotos.
type loop struct{ exit *label }

// Limits of a function, so that gopher-lua's compiler, which is quadratic in
// some of these, stays quick and its instruction format suffices.
const (
	maxControl  = 16000
	maxJumps    = 2000
	maxFuncs    = 10000
	maxConsts   = 200 // beyond these, constants come from a table
	maxDepth    = 5000
	maxFields   = 20000 // computed fields in one table constructor
	inlineTable = 64    // constant tables up to this size are ordinary code
	maxArgs     = 100   // operands of one call of ours
	maxInline   = 1024  // integer keys up to this are assigned by the VM
)

// id returns the number that stands for n where the VM wants a line.
func (c *converter) id(n syntax.Node) int {
	return c.st.nodes.add(c.file, n)
}

// at gives e the number id and returns it.
func at[T ast.PositionHolder](id int, e T) T {
	e.SetLine(id)
	e.SetLastLine(id)
	return e
}

func (c *converter) fail(n syntax.Node, code diag.Code, format string, args ...any) {
	if !c.failed {
		c.st.reporter.Errorf(code, n.Bounds().In(c.file), format, args...)
	}
	c.failed = true
}

// chunk converts a file. The result is a function that takes the ops and
// returns the chunk's function.
func (c *converter) chunk(ch *syntax.Chunk) []ast.Stmt {
	id := c.id(ch.Func)
	outer := &funcState{consts: map[any]bool{}}
	c.fn = outer
	body := c.function(ch.Func, id)
	return []ast.Stmt{
		at(id, &ast.LocalAssignStmt{Names: c.st.opNames, Exprs: []ast.Expr{at(id, &ast.Comma3Expr{})}}),
		at(id, &ast.ReturnStmt{Exprs: []ast.Expr{body}}),
	}
}

func (c *converter) function(f *syntax.Function, id int) ast.Expr {
	c.funcs++
	if c.funcs == maxFuncs {
		c.fail(f, diag.FunctionTooLarge, "too many functions in one file: at most %s", count(maxFuncs))
	}
	if c.failed {
		return at(id, &ast.NilExpr{})
	}
	fs := &funcState{parent: c.fn, fn: f, consts: map[any]bool{}}
	c.fn = fs
	defer func() { c.fn = fs.parent }()
	pars := &ast.ParList{HasVargs: f.Vararg}
	for _, p := range f.Params {
		pars.Names = append(pars.Names, c.declare(p))
	}
	if f.Vararg {
		fs.active++ // gopher-lua's own 'arg'
	}
	return at(id, &ast.FunctionExpr{ParList: pars, Stmts: c.block(f.Body)})
}

// declare makes l visible, in the next register, and returns its name.
func (c *converter) declare(l *syntax.Local) string {
	c.locals++
	name := l.Name + "\x00" + strconv.Itoa(c.locals)
	c.names[l] = name
	c.fn.active++
	return name
}

// temp returns a name for a variable of the converter's own.
func (c *converter) temp() string {
	c.locals++
	return "\x00" + strconv.Itoa(c.locals)
}

func (c *converter) ident(id int, name string) *ast.IdentExpr {
	return at(id, &ast.IdentExpr{Value: name})
}

// op is a call of one of our operations, with one result.
func (c *converter) op(id int, name string, args ...ast.Expr) ast.Expr {
	return at(id, &ast.FuncCallExpr{Func: c.ident(id, name), Args: args, AdjustRet: true})
}

// global is the global variable name.
func (c *converter) global(id int, name string) ast.Expr {
	if name == "arg" && !c.compatArg() { // in a vararg function gopher-lua has a local of that name
		return at(id, &ast.AttrGetExpr{Object: c.ident(id, opGlobals), Key: at(id, &ast.StringExpr{Value: name})})
	}
	return c.ident(id, name)
}

// compatArg reports whether the global name 'arg' is 5.1's table of the extra
// arguments: in a function that declares ... and does not use it.
func (c *converter) compatArg() bool {
	for fs := c.fn; fs != nil && fs.fn != nil && fs.fn.Parent != nil; fs = fs.parent {
		if fs.fn.Vararg {
			return !usesDots(fs.fn)
		}
	}
	return false
}

// usesDots reports whether ... occurs in f itself.
func usesDots(f *syntax.Function) bool {
	used := false
	walk(f.Body, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.VarargExpr); ok {
			used = true
		}
		_, fn := n.(*syntax.FunctionExpr)
		return !fn
	})
	return used
}

// block converts a block's statements in a scope of their own.
func (c *converter) block(b *syntax.Block) []ast.Stmt {
	active := c.fn.active
	out := c.stmts(b, active)
	c.fn.active = active
	return out
}

// stmts converts a block's statements; end is how many registers are in use
// for a label behind which nothing follows.
func (c *converter) stmts(b *syntax.Block, end int) []ast.Stmt {
	last := len(b.Stmts)
	for last > 0 {
		if _, ok := b.Stmts[last-1].(*syntax.LabelStmt); !ok {
			break
		}
		last--
	}
	var out []ast.Stmt
	for i, s := range b.Stmts {
		if c.failed {
			return out
		}
		if l, ok := s.(*syntax.LabelStmt); ok && i >= last {
			c.label(l).depth = end
		}
		out = c.stmt(out, s)
	}
	return out
}

// label returns what is known about l, which may not have been reached yet.
func (c *converter) label(l *syntax.LabelStmt) *label {
	if c.labels[l] == nil {
		c.labels[l] = &label{name: c.temp(), depth: -1}
	}
	return c.labels[l]
}

// control counts a node that needs jumps.
func (c *converter) control(n syntax.Node) {
	c.fn.control++
	if c.fn.control == maxControl {
		c.fail(n, diag.FunctionTooLarge, "the function is too long: it has more than %s branches", count(maxControl))
	}
}

func (c *converter) jump(n syntax.Node) {
	c.control(n)
	c.fn.jumps++
	if c.fn.jumps == maxJumps {
		c.fail(n, diag.FunctionTooLarge, "the function has more than %s labels and gotos", count(maxJumps))
	}
}
