package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// sourceName is the name of every chunk for the VM. What it writes in front of
// a message is sourceName:N: with the number N of a node of ours.
const sourceName = "\x00"

// The VM's instruction word: 6 bits of opcode, 8 of A, then C and B, or 18 bits
// of jump. Proved by TestGotoCloses and TestTailCallDepth.
const (
	opcodeShift = 26
	aShift      = 18
	aMask       = 0xff
	maxJump     = 1<<17 - 1
)

// errCompile says that what is wrong with a chunk has been reported.
var errCompile = errors.New("the chunk does not compile")

// load makes a function of a parsed chunk. What is wrong with it is reported to
// the stage's reporter.
func (st *Stage) load(ch *syntax.Chunk) (*lua.LFunction, error) {
	c := &converter{st: st, file: ch.File, kinds: map[*syntax.Local]kind{}, names: map[*syntax.Local]string{},
		labels: map[*syntax.LabelStmt]*label{}, closes: map[int]*label{}}
	stmts := c.chunk(ch)
	if c.failed {
		return nil, errCompile
	}
	outer, err := compileVM(func() (*lua.FunctionProto, error) { return lua.Compile(stmts, sourceName) })
	if err != nil {
		st.reportCompile(c, ch, err)
		return nil, errCompile
	}
	proto := outer.FunctionPrototypes[0]
	if !c.finish(proto) {
		return nil, errCompile
	}
	fn := st.vm.NewFunctionFromProto(proto)
	for i, name := range proto.DbgUpvalues {
		fn.Upvalues[i] = &lua.Upvalue{}
		fn.Upvalues[i].SetValue(st.ops[name])
	}
	return fn, nil
}

// compileVM runs gopher-lua's compiler. Beyond its limits it panics at times.
func compileVM(f func() (*lua.FunctionProto, error)) (p *lua.FunctionProto, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

func (st *Stage) reportCompile(c *converter, ch *syntax.Chunk, err error) {
	sp := syntax.Range{Start: ch.Func.Start, End: ch.Func.Start}.In(ch.File)
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		if s := st.nodeSpan(ce.Line); !s.IsZero() {
			sp = firstLine(s)
		}
		if strings.Contains(ce.Message, "regist") || strings.Contains(ce.Message, "local variables") {
			st.reporter.Errorf(diag.FunctionTooLarge, sp, "too many local variables and values at once in this function: at most about 200")
			return
		}
	}
	st.reporter.Errorf(diag.FunctionTooLarge, sp, "this function is too long")
}

// firstLine cuts a span at the end of its first line.
func firstLine(sp diag.Span) diag.Span {
	if i := strings.IndexByte(sp.Text(), '\n'); i >= 0 {
		sp.End = sp.Start + i
	}
	return sp
}

// finish checks a compiled function and those in it against limits that
// gopher-lua's compiler does not look at, puts in what gotos close, notes whose
// source each is, and makes tail calls ordinary ones: the VM counts them, and
// walks that count for every error.
func (c *converter) finish(p *lua.FunctionProto) bool {
	n := c.st.nodes.at(p.LineDefined)
	f, ok := n.n.(*syntax.Function)
	if !ok {
		panic("script: a function's number is not a function's")
	}
	c.st.functions[p] = f
	switch {
	case len(p.Code) > maxJump:
		c.fail(f, diag.FunctionTooLarge, "this function is too long")
		return false
	case len(p.DbgUpvalues) > 255:
		c.fail(f, diag.FunctionTooLarge, "this function uses too many variables of the functions around it: at most 250")
		return false
	}
	p.Code, p.DbgSourcePositions = slices.Clone(p.Code), slices.Clone(p.DbgSourcePositions)
	for pc, inst := range p.Code {
		switch int(inst >> opcodeShift) {
		case lua.OP_TAILCALL:
			p.Code[pc] = inst&(1<<opcodeShift-1) | uint32(lua.OP_CALL)<<opcodeShift
		case lua.OP_CLOSE:
			if l, ok := c.closes[p.DbgSourcePositions[pc]]; ok {
				p.Code[pc] = inst&^(aMask<<aShift) | uint32(l.depth)<<aShift
			}
		}
	}
	for _, child := range p.FunctionPrototypes {
		if !c.finish(child) {
			return false
		}
	}
	return true
}
