package ir

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The text form. Its grammar is in the package documentation. Printing never
// fails: what an invalid module lacks prints as "?", which Parse refuses.

var typeNames = map[Type]string{
	Void: "void", Bool: "bool", I64: "i64", Ptr: "ptr", Gen: "gen", Check: "check",
	Any: "any", Same: "same",
}

// String returns the type's name in the text form.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "type" + strconv.Itoa(int(t))
}

var regionNames = [...]string{
	RegionNone: "none", RegionStack: "stack", RegionMap: "map", RegionCtx: "ctx",
	RegionPacket: "packet", RegionRecord: "record", RegionGlobal: "global", RegionKernel: "kernel",
	RegionConst: "rodata",
}

// String returns the region's name in the text form.
func (r Region) String() string {
	if int(r) < len(regionNames) {
		return regionNames[r]
	}
	return "region" + strconv.Itoa(int(r))
}

var phaseNames = [...]string{PhaseHigh: "high", PhaseLow: "low"}

// String returns the phase's name in the text form.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "phase" + strconv.Itoa(int(p))
}

// String returns the module in the text form, without places.
func (m *Module) String() string { return m.Text(false) }

// Text returns the module in the text form, with places if withPos.
func (m *Module) Text(withPos bool) string {
	p := printer{pos: withPos}
	p.module(m)
	return p.b.String()
}

// String returns the function in the text form, without places.
func (f *Func) String() string { return f.Text(false) }

// Text returns the function in the text form, with places if withPos.
func (f *Func) Text(withPos bool) string {
	p := printer{pos: withPos}
	p.fn(f)
	return p.b.String()
}

// String returns the block's name, "b2".
func (b *Block) String() string {
	if b == nil {
		return "?"
	}
	return "b" + strconv.Itoa(b.ID)
}

// String returns the value's name, "v3".
func (v *Value) String() string {
	if v == nil {
		return "?"
	}
	return "v" + strconv.Itoa(int(v.ID))
}

// LongString returns the value as the text form writes it,
// "v3 = add v1, v2".
func (v *Value) LongString() string {
	var p printer
	p.value(v)
	return p.b.String()
}

// String returns the access as the text form writes it, "map+8 u32".
func (m *Mem) String() string {
	return m.place() + " " + m.scalar()
}

func (m *Mem) place() string { return fmt.Sprintf("%s%+d", m.Region, m.Off) }

// scalar returns "u32", "s16be", or the bare size if no number has it.
func (m *Mem) scalar() string {
	switch m.Size {
	case 1, 2, 4, 8:
	default:
		return strconv.Itoa(int(m.Size))
	}
	s := "u"
	if m.Signed {
		s = "s"
	}
	s += strconv.Itoa(int(m.Size) * 8)
	if m.BE {
		s += "be"
	}
	return s
}

// String returns the slot's name, "s0".
func (s *Slot) String() string {
	if s == nil {
		return "?"
	}
	return "s" + strconv.Itoa(s.ID)
}

type printer struct {
	b   strings.Builder
	pos bool
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

// place prints a place as a line's suffix.
func (p *printer) place(pos Pos) {
	switch {
	case !p.pos || pos == Pos{}:
	case pos.File == 0:
		p.printf(" @%d:%d", pos.Line, pos.Col)
	default:
		p.printf(" @%d:%d:%d", pos.File, pos.Line, pos.Col)
	}
}

func (p *printer) module(m *Module) {
	if p.pos {
		for _, f := range m.Files {
			p.printf("file %s\n", strconv.Quote(f.Name))
		}
	}
	if m.License != "" {
		p.printf("license %s\n", strconv.Quote(m.License))
	}
	if m.BigEndian {
		p.printf("bigendian\n")
	}
	for _, x := range m.Maps {
		p.mapDecl(x)
	}
	for _, g := range m.Globals {
		p.global(g)
	}
	for _, k := range m.Kfuncs {
		p.kfunc(k)
	}
	for _, f := range m.Funcs {
		if p.b.Len() > 0 {
			p.printf("\n")
		}
		p.fn(f)
	}
}

func (p *printer) global(g *Global) {
	p.printf("global %s %d align %d", name(g.Name), g.Size, g.Align)
	if g.Const {
		p.printf(" const")
	}
	if g.Static {
		p.printf(" static")
	}
	if g.Extern {
		p.printf(" extern")
	}
	if g.In != "" {
		p.printf(" in %s", strconv.Quote(g.In))
	}
	if g.Data != nil {
		p.printf(" = %s", bytesText(g.Data))
	}
	for _, f := range g.Funcs {
		p.printf(" func %d %s", f.Off, name(f.Func.Name))
	}
	p.place(g.Pos)
	p.printf("\n")
}

func (p *printer) kfunc(k *Kfunc) {
	h := k.Helper
	p.printf("kfunc %s(", name(h.Name))
	for i, a := range h.Args {
		if i > 0 {
			p.printf(", ")
		}
		p.printf("%s", a)
		if n := h.Size(i); a.Info().Size == kernel.Fixed && a.Info().Bytes == 0 {
			p.printf(" %d", n)
		}
	}
	p.printf(") %s", h.Ret)
	for _, f := range kfuncFlags {
		if *f.of(k) {
			p.printf(" %s", f.word)
		}
	}
	if h.Release != "" {
		p.printf(" release %s", name(h.Release))
	}
	p.place(k.Pos)
	p.printf("\n")
}

// kfuncFlags are what may be said of a kfunc.
var kfuncFlags = [...]struct {
	word string
	of   func(*Kfunc) *bool
}{
	{"weak", func(k *Kfunc) *bool { return &k.Weak }},
	{"sleeps", func(k *Kfunc) *bool { return &k.Helper.Sleeps }},
	{"releases", func(k *Kfunc) *bool { return &k.Helper.Releases }},
}

func (p *printer) mapDecl(m *Map) {
	typ := "?"
	if m.Type != nil {
		typ = m.Type.Name
	}
	p.printf("map %s ", name(m.Name))
	p.mapType(m, typ)
	p.place(m.Pos)
	if len(m.Contents) == 0 && len(m.Slots) == 0 {
		p.printf("\n")
		return
	}
	p.printf(" {\n")
	for _, e := range m.Contents {
		p.printf("\t%s: %s\n", bytesText(e.Key), bytesText(e.Value))
	}
	for _, s := range m.Slots {
		if s.Map != nil {
			p.printf("\tslot %d map %s\n", s.Index, name(s.Map.Name))
		} else {
			p.printf("\tslot %d func %s\n", s.Index, name(s.Func.Name))
		}
	}
	p.printf("}\n")
}

// mapType prints what a map's declaration has between its name and its place.
func (p *printer) mapType(m *Map, typ string) {
	p.printf("%s key %d value %d entries %d", typ, m.KeySize, m.ValueSize, m.MaxEntries)
	if m.Flags != 0 {
		p.printf(" flags %#x", m.Flags)
	}
	if m.Pinned {
		p.printf(" pinned")
	}
	if m.NUMANode != 0 {
		p.printf(" node %d", m.NUMANode)
	}
	if m.Extra != 0 {
		p.printf(" extra %d", m.Extra)
	}
	if m.Inner != nil {
		p.printf(" inner ")
		inner := "?"
		if m.Inner.Type != nil {
			inner = m.Inner.Type.Name
		}
		p.mapType(m.Inner, inner)
	}
}

func bytesText(b []byte) string {
	if len(b) == 0 {
		return `""`
	}
	return hex.EncodeToString(b)
}

func (p *printer) fn(f *Func) {
	p.printf("func %s(", name(f.Name))
	for i, x := range f.Params {
		if i > 0 {
			p.printf(", ")
		}
		p.printf("%s %s", name(x.Name), x.Type)
	}
	p.printf(")")
	section := ""
	if f.Kind != nil {
		section = f.Kind.Section
		p.printf(" kind %s", f.Kind.Name)
	}
	if f.Section != section {
		p.printf(" section %s", strconv.Quote(f.Section))
	}
	if c := f.Callback; c != nil {
		p.printf(" callback ")
		if c.Prog != nil {
			p.printf("%s ", c.Prog.Name)
		}
		p.printf("frame %d ctx %d", c.Frame, c.Ctx)
	}
	if s := f.Sub; s != nil {
		p.printf(" sub")
		if s.Prog != nil {
			p.printf(" %s", s.Prog.Name)
		}
		p.printf(" ctx %d", s.Ctx)
	}
	if f.Linkable != nil {
		p.printf(" linkable")
	}
	if f.Phase != PhaseHigh {
		p.printf(" %s", f.Phase)
	}
	if f.Short != nil {
		p.printf(" short %s", f.Short)
	}
	p.place(f.Pos)
	p.printf(" {\n")
	for _, s := range f.Slots {
		p.printf("\tslot %s %d align %d", s, s.Size, s.Align)
		if s.Name != "" {
			p.printf(" %s", strconv.Quote(s.Name))
		}
		p.place(s.Pos)
		p.printf("\n")
	}
	for _, b := range f.Blocks {
		p.block(b)
	}
	p.printf("}\n")
}

func (p *printer) block(b *Block) {
	p.printf("%s:", b)
	for i, e := range b.Preds {
		if i == 0 {
			p.printf(" <- ")
		} else {
			p.printf(", ")
		}
		p.printf("%s", e.B)
		if twice(e.B, b) {
			p.printf(".%d", e.I)
		}
	}
	if l := b.Loop; l != nil {
		p.printf(" loop %s", name(l.What))
		if l.Limit != 0 {
			p.printf(" limit %d", l.Limit)
		}
		if l.Budget {
			p.printf(" budget")
		}
		p.place(l.Pos)
	}
	p.printf("\n")
	for _, v := range b.Values {
		p.printf("\t")
		p.value(v)
		p.place(v.Pos)
		p.printf("\n")
	}
	p.printf("\t")
	switch b.Kind {
	case BlockJump:
		p.printf("jump %s", succ(b, 0))
	case BlockIf:
		p.printf("if %s, %s, %s", b.Control, succ(b, 0), succ(b, 1))
	case BlockRet:
		p.printf("ret")
		if b.Control != nil {
			p.printf(" %s", b.Control)
		}
	default:
		p.printf("?")
	}
	p.place(b.Pos)
	p.printf("\n")
}

// twice reports whether both successors of from are to.
func twice(from, to *Block) bool {
	return len(from.Succs) == 2 && from.Succs[0].B == to && from.Succs[1].B == to
}

func succ(b *Block, i int) string {
	if i < len(b.Succs) {
		return b.Succs[i].B.String()
	}
	return "?"
}

// named reports whether the text form gives v a name: whether it has a result,
// or an op that must have one.
func named(v *Value) bool {
	r := v.Op.Info().Result
	return v.Type != Void || r != Void && v.Op != OpCall && v.Op != OpCallFunc
}

func (p *printer) value(v *Value) {
	if named(v) {
		p.printf("%s = ", v)
	}
	info := v.Op.Info()
	p.printf("%s", v.Op)
	if info.Result == Same && named(v) && v.Type != I64 {
		p.printf(".%s", v.Type)
	}
	p.operands(v, info)
}

// operands prints what follows the op: a symbol, the arguments, a number or an
// access.
func (p *printer) operands(v *Value, info *OpInfo) {
	sep := " "
	item := func(s string) {
		p.printf("%s%s", sep, s)
		sep = ", "
	}
	switch info.Aux {
	case AuxSlot, AuxMap, AuxGlobal, AuxFunc, AuxHelper:
		p.printf(" %s", symbol(v))
	}
	if isCall(v.Op) {
		p.printf("(")
		sep = ""
	}
	for _, a := range v.Args {
		item(a.String())
	}
	if isCall(v.Op) {
		p.printf(")")
	}
	switch info.Aux {
	case AuxCore:
		s := "?"
		if c, ok := v.Aux.(*Core); ok {
			s = c.String()
		}
		item(s + " " + strconv.FormatInt(v.AuxInt, 10))
	case AuxInt, AuxBits:
		item(strconv.FormatInt(v.AuxInt, 10))
	case AuxMem:
		switch m := v.Mem(); {
		case m == nil:
			item("?")
		case v.Op == OpPktCheck:
			item(fmt.Sprintf("%s %d", m.place(), m.Size))
		default:
			item(m.String())
		}
	}
}

// isCall reports whether op's arguments stand in parentheses.
func isCall(op Op) bool { return op == OpCall || op == OpCallFunc }

// symbol returns the name of what Aux is.
func symbol(v *Value) string {
	switch x := v.Aux.(type) {
	case *Slot:
		return x.String()
	case *Map:
		return name(x.Name)
	case *Global:
		return name(x.Name)
	case *Func:
		return name(x.Name)
	case *kernel.Helper:
		return name(x.Name)
	}
	return "?"
}

// name returns a name as it is if it is one word, else quoted.
func name(s string) string {
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// wordByte reports whether c may be part of a word.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '$'
}
