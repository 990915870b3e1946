package ir

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// maxID bounds the numbers of values and blocks in a text: side tables are as
// long as the largest of them.
const maxID = 1 << 20

// Parse reads a module in the text form. name stands in front of error
// messages, which are *ParseError. What it returns is well formed as a graph
// (edges, uses, IDs agree), but need not pass Verify.
func Parse(name, text string) (m *Module, err error) {
	p := &parser{name: name, lex: lexer{text: text, line: 1}, m: &Module{}}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *ParseError:
			m, err = nil, r
		default:
			panic(r)
		}
	}()
	p.advance()
	p.module()
	for _, fix := range p.fixups {
		fix()
	}
	return p.m, nil
}

// parser is a recursive-descent parser with one token of lookahead. It leaves
// by panicking with a *ParseError, which Parse recovers.
type parser struct {
	name   string
	lex    lexer
	tok    token
	m      *Module
	fixups []func() // references to maps and functions that may come later
	fn     *funcParser
	depth  int // of maps in maps
}

func (p *parser) failAt(t token, format string, args ...any) {
	panic(&ParseError{p.name, t.line, t.col, fmt.Sprintf(format, args...)})
}

// advance makes the next token current and returns the one that was.
func (p *parser) advance() token {
	old := p.tok
	t, msg := p.lex.next()
	if msg != "" {
		p.failAt(t, "%s", msg)
	}
	p.tok = t
	return old
}

// is reports whether the current token is the punctuation or word s.
func (p *parser) is(s string) bool {
	return (p.tok.kind == tokPunct || p.tok.kind == tokWord) && p.tok.text == s
}

// got consumes the current token if it is s.
func (p *parser) got(s string) bool {
	if p.is(s) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(s string) token {
	if !p.is(s) {
		p.failAt(p.tok, "expected '%s', found %s", s, p.tok)
	}
	return p.advance()
}

func (p *parser) word(what string) token {
	if p.tok.kind != tokWord {
		p.failAt(p.tok, "expected %s, found %s", what, p.tok)
	}
	return p.advance()
}

// nameOf reads a name: a word or a string.
func (p *parser) nameOf(what string) token {
	if p.tok.kind != tokString {
		return p.word(what)
	}
	return p.advance()
}

func (p *parser) quoted(what string) string {
	if p.tok.kind != tokString {
		p.failAt(p.tok, "expected %s in quotes, found %s", what, p.tok)
	}
	return p.advance().text
}

func (p *parser) endLine() {
	if p.tok.kind != tokEOF && p.tok.kind != tokNewline {
		p.failAt(p.tok, "expected end of line, found %s", p.tok)
	}
	p.advance()
}

// blank skips empty lines.
func (p *parser) blank() {
	for p.tok.kind == tokNewline {
		p.advance()
	}
}

// number reads a decimal or hexadecimal number in [lo, hi].
func (p *parser) number(what string, lo, hi int64) int64 {
	at := p.tok
	sign := ""
	if p.got("-") {
		sign = "-"
	}
	w := p.word(what)
	n, err := strconv.ParseInt(sign+w.text, 0, 64)
	if err != nil && sign == "" && lo < 0 {
		var u uint64
		u, err = strconv.ParseUint(w.text, 0, 64)
		n = int64(u)
	}
	if err != nil {
		p.failAt(at, "expected %s, found '%s%s'", what, sign, w.text)
	}
	if n < lo || n > hi {
		p.failAt(at, "%s %d is out of range", what, n)
	}
	return n
}

// pos reads a place, if there is one.
func (p *parser) pos() Pos {
	if !p.got("@") {
		return Pos{}
	}
	a := p.number("a line", 0, math.MaxInt32)
	p.expect(":")
	b := p.number("a column", 0, math.MaxInt32)
	if !p.got(":") {
		return Pos{Line: int32(a), Col: int32(b)}
	}
	c := p.number("a column", 0, math.MaxInt32)
	return Pos{int32(a), int32(b), int32(c)}
}

func (p *parser) module() {
	for p.blank(); p.tok.kind != tokEOF; p.blank() {
		switch w := p.word("a declaration"); w.text {
		case "file":
			p.m.Files = append(p.m.Files, diag.NewFile(p.quoted("a file name"), ""))
			p.endLine()
		case "license":
			p.m.License = p.quoted("a license")
			p.endLine()
		case "bigendian":
			p.m.BigEndian = true
			p.endLine()
		case "map":
			p.mapDecl()
		case "global":
			p.globalDecl()
		case "kfunc":
			p.kfuncDecl()
		case "func":
			p.function()
		default:
			p.failAt(w, "expected file, license, bigendian, map, global, kfunc or func, found %s", w)
		}
	}
}

func (p *parser) globalDecl() {
	at := p.nameOf("the variable's name")
	if p.findGlobal(at.text) != nil {
		p.failAt(at, "variable '%s' is declared twice", at.text)
	}
	g := &Global{Name: at.text}
	p.m.Globals = append(p.m.Globals, g)
	g.Size = int(p.number("a size", 1, math.MaxInt32))
	p.expect("align")
	g.Align = int(p.number("an alignment", 1, 8))
	g.Const = p.got("const")
	g.Static = p.got("static")
	g.Extern = p.got("extern")
	if p.got("in") {
		g.In = p.quoted("a section")
	}
	if p.got("=") {
		g.Data = p.bytes("what it begins with")
	}
	for p.got("func") {
		p.globalFunc(g)
	}
	g.Pos = p.pos()
	p.endLine()
}

// globalFunc reads a program in a variable.
func (p *parser) globalFunc(g *Global) {
	i := len(g.Funcs)
	g.Funcs = append(g.Funcs, GlobalFunc{Off: int(p.number("an offset", 0, math.MaxInt32))})
	w := p.nameOf("a function")
	p.fixups = append(p.fixups, func() {
		if g.Funcs[i].Func = p.findFunc(w.text); g.Funcs[i].Func == nil {
			p.failAt(w, "there is no function '%s'", w.text)
		}
	})
}

// kfuncDecl reads the declaration of a function of the kernel.
func (p *parser) kfuncDecl() {
	at := p.nameOf("the function's name")
	if p.m.Kfunc(at.text) != nil {
		p.failAt(at, "kfunc '%s' is declared twice", at.text)
	}
	h := &kernel.Helper{Name: at.text, Kfunc: true, Effects: kernel.KfuncEffects}
	k := &Kfunc{Helper: h}
	p.m.Kfuncs = append(p.m.Kfuncs, k)
	p.expect("(")
	for !p.is(")") {
		if len(h.Args) > 0 {
			p.expect(",")
		}
		w := p.word("what an argument is")
		kind, ok := kernel.ArgKindByName(w.text)
		if !ok {
			p.failAt(w, "no argument is a '%s'", w.text)
		}
		h.Args, h.Sizes = append(h.Args, kind), append(h.Sizes, 0)
		if info := kind.Info(); info.Size == kernel.Fixed && info.Bytes == 0 {
			h.Sizes[len(h.Sizes)-1] = int(p.number("a size", 1, math.MaxInt32))
		}
	}
	p.expect(")")
	w := p.word("what is returned")
	ret, ok := kernel.RetKindByName(w.text)
	if !ok {
		p.failAt(w, "no function returns a '%s'", w.text)
	}
	h.Ret = ret
	for _, f := range kfuncFlags {
		*f.of(k) = p.got(f.word)
	}
	if p.got("release") {
		h.Release = p.nameOf("a kfunc's name").text
	}
	k.Pos = p.pos()
	p.endLine()
}

func (p *parser) mapDecl() {
	at := p.nameOf("the map's name")
	if p.findMap(at.text) != nil {
		p.failAt(at, "map '%s' is declared twice", at.text)
	}
	m := &Map{Name: at.text}
	p.m.Maps = append(p.m.Maps, m)
	p.mapType(m)
	m.Pos = p.pos()
	if !p.got("{") {
		p.endLine()
		return
	}
	p.endLine()
	for p.blank(); !p.is("}"); p.blank() {
		if p.got("slot") {
			p.mapSlot(m)
			continue
		}
		k := p.bytes("a key")
		p.expect(":")
		m.Contents = append(m.Contents, MapEntry{k, p.bytes("a value")})
		p.endLine()
	}
	p.expect("}")
	p.endLine()
}

// mapType reads what stands between a map's name and its place.
func (p *parser) mapType(m *Map) {
	typ := p.word("the map's type")
	t, ok := kernel.MapTypeByName(typ.text)
	if !ok {
		p.failAt(typ, "unknown map type '%s'", typ.text)
	}
	m.Type = t
	for _, x := range []struct {
		word string
		n    *uint32
	}{{"key", &m.KeySize}, {"value", &m.ValueSize}, {"entries", &m.MaxEntries}} {
		p.expect(x.word)
		*x.n = uint32(p.number("a number", 0, math.MaxUint32))
	}
	if p.got("flags") {
		m.Flags = uint32(p.number("a number", 0, math.MaxUint32))
	}
	m.Pinned = p.got("pinned")
	if p.got("node") {
		m.NUMANode = uint32(p.number("a number", 0, math.MaxUint32))
	}
	if p.got("extra") {
		m.Extra = uint32(p.number("a number", 0, math.MaxUint32))
	}
	if p.got("inner") {
		if p.depth++; p.depth > 1 {
			p.failAt(p.tok, "a map in a map holds no maps")
		}
		m.Inner = &Map{}
		p.mapType(m.Inner)
		p.depth--
	}
}

// mapSlot reads what a map holds at an index.
func (p *parser) mapSlot(m *Map) {
	i := len(m.Slots)
	m.Slots = append(m.Slots, MapSlot{Index: uint32(p.number("an index", 0, math.MaxUint32))})
	isMap := p.got("map")
	if !isMap {
		p.expect("func")
	}
	w := p.nameOf("a map or function")
	p.fixups = append(p.fixups, func() {
		s := &m.Slots[i]
		if isMap {
			s.Map = p.findMap(w.text)
		} else {
			s.Func = p.findFunc(w.text)
		}
		if s.Map == nil && s.Func == nil {
			p.failAt(w, "there is no map or function '%s'", w.text)
		}
	})
	p.endLine()
}

func (p *parser) bytes(what string) []byte {
	if p.tok.kind == tokString && p.tok.text == "" {
		p.advance()
		return nil
	}
	w := p.word(what)
	b, err := hex.DecodeString(w.text)
	if err != nil {
		p.failAt(w, "expected %s as hexadecimal bytes, found %s", what, w)
	}
	return b
}

func (p *parser) findMap(name string) *Map {
	return called(p.m.Maps, name, func(m *Map) string { return m.Name })
}

func (p *parser) findGlobal(name string) *Global {
	return called(p.m.Globals, name, func(g *Global) string { return g.Name })
}

func (p *parser) findFunc(name string) *Func {
	return called(p.m.Funcs, name, func(f *Func) string { return f.Name })
}

// called is the element of list that has the name, nil if none has.
func called[T any](list []*T, name string, nameOf func(*T) string) *T {
	for _, x := range list {
		if nameOf(x) == name {
			return x
		}
	}
	return nil
}

// ref returns the number of a reference such as v3.
func (p *parser) ref(t token, letter byte) (int, bool) {
	if t.kind != tokWord || len(t.text) < 2 || t.text[0] != letter {
		return 0, false
	}
	n := 0
	for i := 1; i < len(t.text); i++ {
		c := t.text[i]
		if c < '0' || c > '9' || i == 2 && n == 0 {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n >= maxID {
			p.failAt(t, "'%s' has too large a number", t.text)
		}
	}
	return n, true
}
