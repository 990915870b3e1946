package ir

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// funcParser is what is known of the function being parsed. Values and blocks
// are made when first named, so that they may be used before they are defined.
type funcParser struct {
	f       *Func
	values  map[int]*Value
	blocks  map[int]*Block
	first   []token // each name where first used, until it is defined
	defined map[string]bool
	voids   []*Value // values without a name, numbered last
	ends    []terminator
}

// terminator is how a block ends, until all blocks are known.
type terminator struct {
	b     *Block
	succs []*Block
	preds []token // as listed behind "<-"; nil if not listed
	at    token
}

var paramTypes = map[string]Type{"void": Void, "bool": Bool, "i64": I64, "ptr": Ptr, "gen": Gen, "check": Check}

func (p *parser) typeName() Type {
	w := p.word("a type")
	return p.lookupType(w, w.text)
}

func (p *parser) lookupType(at token, s string) Type {
	t, ok := paramTypes[s]
	if !ok {
		p.failAt(at, "unknown type '%s'", s)
	}
	return t
}

func (p *parser) function() {
	at := p.nameOf("the function's name")
	if p.findFunc(at.text) != nil {
		p.failAt(at, "function '%s' is defined twice", at.text)
	}
	f := &Func{Module: p.m, Name: at.text}
	p.m.Funcs = append(p.m.Funcs, f)
	p.fn = &funcParser{f: f, values: map[int]*Value{}, blocks: map[int]*Block{}, defined: map[string]bool{}}
	p.params()
	p.attributes()
	p.expect("{")
	p.endLine()
	for p.blank(); p.got("slot"); p.blank() {
		p.slot()
	}
	if p.is("}") {
		p.failAt(p.tok, "function '%s' has no blocks", f.Name)
	}
	for ; !p.is("}"); p.blank() {
		p.block()
	}
	p.expect("}")
	p.endLine()
	p.finish()
}

func (p *parser) params() {
	f := p.fn.f
	p.expect("(")
	for !p.is(")") {
		if len(f.Params) > 0 {
			p.expect(",")
		}
		n := p.nameOf("a parameter's name")
		f.Params = append(f.Params, Param{n.text, p.typeName()})
	}
	p.expect(")")
}

func (p *parser) attributes() {
	f := p.fn.f
	if p.got("kind") {
		f.Kind = p.progKind()
		f.Section = f.Kind.Section
	}
	if p.got("section") {
		f.Section = p.quoted("a section")
	}
	if p.got("callback") {
		c := &Callback{}
		if !p.is("frame") {
			c.Prog = p.progKind()
		}
		p.expect("frame")
		c.Frame = int(p.number("a parameter", 0, math.MaxInt32))
		p.expect("ctx")
		c.Ctx = int32(p.number("an offset", -1, math.MaxInt32))
		f.Callback = c
	}
	if p.got("sub") {
		s := &Sub{}
		if !p.is("ctx") {
			s.Prog = p.progKind()
		}
		p.expect("ctx")
		s.Ctx = int(p.number("a parameter", -1, math.MaxInt32))
		f.Sub = s
	}
	if p.got("linkable") {
		f.Linkable = &Linkable{}
	}
	if p.got("low") {
		f.Phase = PhaseLow
	}
	if p.got("short") {
		f.Short = p.blockRef()
	}
	f.Pos = p.pos()
}

func (p *parser) progKind() *kernel.ProgKind {
	w := p.word("a kind of program")
	k, ok := kernel.ProgKindByName(w.text)
	if !ok {
		p.failAt(w, "unknown kind of program '%s'", w.text)
	}
	return k
}

func (p *parser) slot() {
	f := p.fn.f
	at := p.word("a slot")
	if n, ok := p.ref(at, 's'); !ok || n != len(f.Slots) {
		p.failAt(at, "expected slot s%d, found %s", len(f.Slots), at)
	}
	s := &Slot{ID: len(f.Slots)}
	f.Slots = append(f.Slots, s)
	s.Size = int(p.number("a size", 0, math.MaxInt32))
	p.expect("align")
	s.Align = int(p.number("an alignment", 0, math.MaxInt32))
	if p.tok.kind == tokString {
		s.Name = p.advance().text
	}
	s.Pos = p.pos()
	p.endLine()
}

// blockRef reads a reference to a block.
func (p *parser) blockRef() *Block {
	w := p.word("a block")
	n, ok := p.ref(w, 'b')
	if !ok {
		p.failAt(w, "expected a block, found %s", w)
	}
	return p.blockNamed(w, n)
}

func (p *parser) blockNamed(w token, n int) *Block {
	b := p.fn.blocks[n]
	if b == nil {
		b = &Block{ID: n, Func: p.fn.f}
		p.fn.blocks[n] = b
		p.fn.first = append(p.fn.first, w)
	}
	return b
}

func (p *parser) valueNamed(w token, n int) *Value {
	v := p.fn.values[n]
	if v == nil {
		v = &Value{ID: int32(n)}
		p.fn.values[n] = v
		p.fn.first = append(p.fn.first, w)
	}
	return v
}

// valueRef reads a reference to a value.
func (p *parser) valueRef() *Value {
	w := p.word("a value")
	n, ok := p.ref(w, 'v')
	if !ok {
		p.failAt(w, "expected a value, found %s", w)
	}
	return p.valueNamed(w, n)
}

// define marks a name as defined, once.
func (p *parser) define(w token) {
	if p.fn.defined[w.text] {
		p.failAt(w, "%s is defined twice", w)
	}
	p.fn.defined[w.text] = true
}

func (p *parser) block() {
	f := p.fn.f
	at := p.tok
	b := p.blockRef()
	p.define(at)
	f.Blocks = append(f.Blocks, b)
	end := terminator{b: b, at: at}
	p.expect(":")
	if p.got("<-") {
		end.preds = append(end.preds, p.word("a block"))
		for p.got(",") {
			end.preds = append(end.preds, p.word("a block"))
		}
	}
	if p.got("loop") {
		l := &Loop{What: p.nameOf("the statement's name").text}
		if p.got("limit") {
			l.Limit = p.number("a number", math.MinInt64, math.MaxInt64)
		}
		l.Budget = p.got("budget")
		l.Pos = p.pos()
		b.Loop = l
	}
	p.endLine()
	for p.blank(); ; p.blank() {
		switch {
		case p.got("jump"):
			b.Kind = BlockJump
			end.succs = []*Block{p.blockRef()}
		case p.got("if"):
			b.Kind = BlockIf
			b.SetControl(p.valueRef())
			p.expect(",")
			yes := p.blockRef()
			p.expect(",")
			end.succs = []*Block{yes, p.blockRef()}
		case p.got("ret"):
			b.Kind = BlockRet
			if p.tok.kind == tokWord {
				b.SetControl(p.valueRef())
			}
		default:
			p.value(b)
			continue
		}
		b.Pos = p.pos()
		p.endLine()
		p.fn.ends = append(p.fn.ends, end)
		return
	}
}

// value reads one value and appends it to b.
func (p *parser) value(b *Block) {
	at := p.tok
	opWord := p.word("a value or the block's end")
	var v *Value
	if n, ok := p.ref(opWord, 'v'); ok {
		v = p.valueNamed(opWord, n)
		p.define(opWord)
		p.expect("=")
		opWord = p.word("an op")
	} else {
		v = &Value{}
		p.fn.voids = append(p.fn.voids, v)
	}
	opName, suffix, hasSuffix := strings.Cut(opWord.text, ".")
	v.Op = opNamed(opName)
	if v.Op == OpInvalid {
		p.failAt(opWord, "unknown op '%s'", opName)
	}
	info := v.Op.Info()
	isNamed := at != opWord
	switch {
	case hasSuffix && (info.Result != Same || !isNamed):
		p.failAt(opWord, "%s takes no type", opName)
	case hasSuffix:
		v.Type = p.lookupType(opWord, suffix)
	case info.Result != Same:
		v.Type = info.Result
	case isNamed:
		v.Type = I64
	}
	if isNamed && info.Result == Void {
		p.failAt(at, "%s has no result", opName)
	}
	if !isNamed && info.Result != Void && !isCall(v.Op) {
		p.failAt(at, "%s needs a name for its result", opName)
	}
	v.Block = b
	b.Values = append(b.Values, v)
	p.operands(v, info)
	v.Pos = p.pos()
	p.endLine()
}

// opNamed returns the op of that name, or OpInvalid.
func opNamed(name string) Op {
	for op := OpInvalid + 1; op < NumOps; op++ {
		if Ops[op].Name == name {
			return op
		}
	}
	return OpInvalid
}

// operands reads what follows the op: a symbol, the arguments, a number or an
// access, as the op's row says.
func (p *parser) operands(v *Value, info *OpInfo) {
	needComma := false
	switch info.Aux {
	case AuxSlot, AuxMap, AuxGlobal, AuxFunc, AuxHelper:
		p.symbol(v, info)
	}
	if isCall(v.Op) {
		p.expect("(")
		for !p.is(")") {
			if len(v.Args) > 0 {
				p.expect(",")
			}
			v.AddArg(p.valueRef())
		}
		p.expect(")")
		return
	}
	comma := func() {
		if needComma {
			p.expect(",")
		}
		needComma = true
	}
	for p.tok.kind == tokWord {
		if _, ok := p.ref(p.tok, 'v'); !ok {
			break
		}
		v.AddArg(p.valueRef())
		needComma = true
		if !p.is(",") {
			break
		}
		p.advance()
		needComma = false
	}
	switch info.Aux {
	case AuxCore:
		v.Aux = p.core()
		v.AuxInt = p.number("a number", math.MinInt64, math.MaxInt64)
	case AuxInt:
		comma()
		v.AuxInt = p.number("a number", math.MinInt64, math.MaxInt64)
	case AuxBits:
		comma()
		v.AuxInt = p.number("a width", math.MinInt64, math.MaxInt64)
	case AuxMem:
		comma()
		v.Aux = p.mem()
	default:
		if len(v.Args) > 0 && !needComma {
			p.failAt(p.tok, "expected a value, found %s", p.tok)
		}
	}
}

// symbol reads the slot, map, function or helper an op names.
func (p *parser) symbol(v *Value, info *OpInfo) {
	f := p.fn.f
	switch info.Aux {
	case AuxSlot:
		w := p.word("a slot")
		n, ok := p.ref(w, 's')
		if !ok || n >= len(f.Slots) {
			p.failAt(w, "there is no slot %s", w)
		}
		v.Aux = f.Slots[n]
	case AuxHelper:
		w := p.nameOf("a helper")
		h := kernel.HelperByName(w.text)
		if k := p.m.Kfunc(w.text); k != nil {
			h = k.Helper
		}
		if h == nil {
			p.failAt(w, "unknown helper '%s'", w.text)
		}
		v.Aux = h
	case AuxMap:
		parseNamed(p, v, "map", p.findMap)
	case AuxGlobal:
		parseNamed(p, v, "variable", p.findGlobal)
	case AuxFunc:
		parseNamed(p, v, "function", p.findFunc)
	}
}

// parseNamed reads the name of what v refers to, which may come later in the text.
func parseNamed[T any](p *parser, v *Value, kind string, find func(name string) *T) {
	w := p.nameOf("a " + kind)
	p.fixups = append(p.fixups, func() {
		x := find(w.text)
		if x == nil {
			p.failAt(w, "there is no %s '%s'", kind, w.text)
		}
		v.Aux = x
	})
}

// core reads a quantity of the kernel's types: kind, root, path.
func (p *parser) core() *Core {
	c := &Core{}
	w := p.word("a quantity")
	k := slices.Index(coreNames[:], w.text)
	if k < 0 {
		p.failAt(w, "unknown quantity '%s'", w.text)
		return c
	}
	c.Kind = CoreKind(k)
	c.Root = p.nameOf("a type").text
	c.Path = p.nameOf("a field").text
	return c
}

// mem reads an access: region, offset with its sign, type or size.
func (p *parser) mem() *Mem {
	m := &Mem{}
	w := p.word("a region")
	found := false
	for i, n := range regionNames {
		if n == w.text {
			m.Region, found = Region(i), true
		}
	}
	if !found {
		p.failAt(w, "unknown region '%s'", w.text)
	}
	if !p.is("-") {
		p.expect("+")
	}
	m.Off = int32(p.number("an offset", math.MinInt32, math.MaxInt32))
	at := p.word("a type or size")
	if !m.parseScalar(at.text) {
		p.failAt(at, "expected a type such as u32 or a size, found %s", at)
	}
	return m
}

// parseScalar sets size, sign and byte order from "u32", "s16be" or "34".
func (m *Mem) parseScalar(s string) bool {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		m.Size = int32(n)
		return n >= 0
	}
	m.Signed = strings.HasPrefix(s, "s")
	if !m.Signed && !strings.HasPrefix(s, "u") {
		return false
	}
	s, m.BE = strings.CutSuffix(s[1:], "be")
	switch s {
	case "8", "16", "32", "64":
		n, _ := strconv.Atoi(s)
		m.Size = int32(n / 8)
		return true
	}
	return false
}

// finish links the function's blocks and checks that every name is defined.
func (p *parser) finish() {
	fp := p.fn
	for _, w := range fp.first {
		if !fp.defined[w.text] {
			p.failAt(w, "%s is not defined", w)
		}
	}
	f := fp.f
	for id := range fp.values {
		f.nextValue = max(f.nextValue, id+1)
	}
	for id := range fp.blocks {
		f.nextBlock = max(f.nextBlock, id+1)
	}
	for _, v := range fp.voids {
		v.ID = int32(f.nextValue)
		f.nextValue++
	}
	for _, end := range fp.ends {
		for _, s := range end.succs {
			end.b.AddEdge(s)
		}
	}
	for _, end := range fp.ends {
		if end.preds != nil {
			p.orderPreds(end)
		}
	}
	p.fn = nil
}

// orderPreds puts a block's predecessors into the order listed.
func (p *parser) orderPreds(end terminator) {
	b := end.b
	var preds []Edge
	used := map[Edge]bool{}
	for _, w := range end.preds {
		base, index, hasIndex := strings.Cut(w.text, ".")
		n, ok := p.ref(token{kind: tokWord, text: base, line: w.line, col: w.col}, 'b')
		if !ok || hasIndex && index != "0" && index != "1" {
			p.failAt(w, "expected a block, found %s", w)
		}
		found := false
		for _, e := range b.Preds {
			if e.B.ID != n || used[e] || hasIndex && strconv.Itoa(e.I) != index {
				continue
			}
			found, used[e] = true, true
			preds = append(preds, e)
			break
		}
		if !found {
			p.failAt(w, "%s has no further edge to %s", w, b)
		}
	}
	if len(preds) < len(b.Preds) {
		p.failAt(end.at, "%s has %d predecessors, %d are listed", b, len(b.Preds), len(preds))
	}
	b.Preds = preds
	for i, e := range preds {
		e.B.Succs[e.I].I = i
	}
}
