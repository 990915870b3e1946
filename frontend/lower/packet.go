package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// maxOffset bounds constant packet offsets; no packet is larger.
const maxOffset = 1 << 30

// packet returns the packet's start, viewed as what the kind's packet starts
// with.
func (lw *lowerer) packet() Pointer { return Pointer{View: headers()[originView[lw.prog.Kind.Origin]]} }

// originView names the header that packets of each origin start with.
var originView = map[kernel.Origin]string{kernel.NoOrigin: "eth", kernel.Link: "eth", kernel.Network: "net", kernel.Transport: "data"}

// offset returns how many bytes behind the packet's start p is.
func (lw *lowerer) offset(p Pointer) Int {
	if fromNetwork(p.Off) {
		return lw.noNumber()
	}
	if p.Base == nil {
		return Int{V: lw.b.Const(p.Off)}
	}
	if p.Off == 0 {
		return Int{V: p.Base}
	}
	return Int{V: lw.b.Op(ir.OpAdd, p.Base, lw.b.Const(p.Off))}
}

// base returns p's base as an IR value.
func (lw *lowerer) base(p Pointer) *ir.Value {
	if p.Base == nil {
		return lw.b.Const(0)
	}
	return p.Base
}

// advance returns p + n bytes, as plain data.
func (lw *lowerer) advance(p Pointer, n Int) Pointer {
	out := Pointer{Base: p.Base, Off: p.Off, View: headers()["data"]}
	if c, ok := n.V.IsConst(); ok && c > -maxOffset && c < maxOffset && p.Off+c > -maxOffset && p.Off+c < maxOffset {
		out.Off += c
		return out
	}
	if p.Base == nil {
		out.Base = n.V
	} else {
		out.Base = lw.b.Op(ir.OpAdd, p.Base, n.V)
	}
	return out
}

// pointerArith evaluates p + n, n + p, p - n and p - q.
func (lw *lowerer) pointerArith(e *syntax.Binary, l, r Value) (Value, bool) {
	l, r = lw.resolve(l), lw.resolve(r)
	lp, lok := l.(Pointer)
	rp, rok := r.(Pointer)
	switch {
	case !lok && !rok:
		return nil, false
	case lok && rok && e.Op == syntax.OpSub:
		return lw.distance(lp, rp), true
	case lok && !rok && (e.Op == syntax.OpAdd || e.Op == syntax.OpSub):
		n, ok := lw.intOf(e.R, r, "packet pointer arithmetic")
		if !ok {
			return Bad{}, true
		}
		if e.Op == syntax.OpSub {
			n = Int{V: lw.b.Op(ir.OpNeg, n.V)}
		}
		return lw.advance(lp, n), true
	case rok && !lok && e.Op == syntax.OpAdd:
		n, ok := lw.intOf(e.L, l, "packet pointer arithmetic")
		if !ok {
			return Bad{}, true
		}
		return lw.advance(rp, n), true
	}
	return lw.errorf(e, diag.NotANumber, "%s has no arithmetic but '+ n', '- n' and the difference of two", describe(Pointer{})), true
}

// distance returns p - q in bytes.
func (lw *lowerer) distance(p, q Pointer) Int {
	if p.Base == q.Base {
		return Int{V: lw.b.Const(p.Off - q.Off)}
	}
	return Int{V: lw.b.Op(ir.OpSub, lw.offset(p).V, lw.offset(q).V)}
}

// load reads size bytes at p + off as a big-endian number.
func (lw *lowerer) load(n syntax.Node, p Pointer, off int64, size int32) *ir.Value {
	if lw.inShort {
		lw.errorf(n, diag.PacketInHandler, "an on_short function can't read the packet: it runs because the packet is too short")
		return lw.b.Const(0)
	}
	at := p.Off + off
	if at >= maxOffset || at <= -maxOffset {
		lw.errorf(n, diag.OutOfRange, "no packet is %d bytes long", at)
		return lw.b.Const(0)
	}
	base := lw.base(p)
	return lw.packetLoad(base, ir.Mem{Off: int32(at), Size: size, BE: true})
}

// member evaluates p.name: a field, a header behind, or the byte behind.
func (lw *lowerer) member(n syntax.Node, p Pointer, name string) Value {
	h := p.View
	if f, ok := h.field(name); ok {
		return lw.readField(n, p, f)
	}
	if r, ok := h.child(name); ok {
		return lw.child(n, p, r)
	}
	if v, ok := lw.special(n, p, name); ok {
		return v
	}
	n = atMember(n)
	if h.name == "net" {
		return lw.errorf(n, diag.UnknownHeaderField, "%s programs see a packet from its network header on: its members are 'ip' and 'ip6', not '%s'", lw.prog.Kind.Name, name)
	}
	if h.name == "data" {
		return lw.errorf(n, diag.UnknownHeaderField, "plain packet bytes have no member '%s'; read them with p[i] or p(a, b)", name)
	}
	if h.either[0] != nil {
		return lw.errorf(n, diag.UnknownHeaderField, "this is %s or %s, and '%s' is not at the same place in both", h.either[0].title(), h.either[1].title(), name)
	}
	return lw.errorf(n, diag.UnknownHeaderField, "'%s' has no member '%s'%s", h.name, name, headerMeant(h, name))
}

// child returns the header that r leads to; a length is read now.
func (lw *lowerer) child(n syntax.Node, p Pointer, r *rule) Value {
	out := Pointer{Base: p.Base, Off: p.Off + p.View.size, View: headers()[r.to], Path: pathTo(p, r)}
	if r.length != nil {
		out.Base, out.Off = lw.behindHeader(n, p, r.length)
	}
	return out
}

// behindHeader returns the place behind a header that says its length.
func (lw *lowerer) behindHeader(n syntax.Node, p Pointer, l *length) (base *ir.Value, off int64) {
	base = p.Base
	for _, part := range l.parts {
		x := lw.b.Op(ir.OpMul, lw.bits(n, p, part.off, part.width), lw.b.Const(part.scale))
		if base != nil {
			x = lw.b.Op(ir.OpAdd, base, x)
		}
		base = x
	}
	return base, p.Off + l.base
}

// pathTo is the path of the header behind p that r leads to.
func pathTo(p Pointer, r *rule) []step {
	return append(append([]step(nil), p.Path...), step{parent: Pointer{Base: p.Base, Off: p.Off, View: p.View, late: p.late}, rule: r})
}

// lazy evaluates the operand of a condition: a header's place is not computed
// yet, because a test of the fields before it may say that it is not there;
// and a variable that may be nil stays one where the path has tested it.
func (lw *lowerer) lazy(e syntax.Expr) Value {
	switch e := e.(type) {
	case *syntax.Paren:
		return lw.lazy(e.X)
	case *syntax.Name:
		if c, ok := lw.variable(e); ok {
			if o, ok := c.val.(Opt); ok {
				return o
			}
		}
	case *syntax.Index:
		s, ok := e.Key.(*syntax.StringExpr)
		if !ok || lw.b.Block == nil {
			break
		}
		obj := lw.resolve(lw.lazy(e.Obj))
		if lw.b.Block == nil {
			return Bad{}
		}
		if p, ok := obj.(Pointer); ok && p.View != nil {
			if v, ok := lw.l3View(p, s.Value); ok {
				obj, p = v, v
			}
			if _, isField := p.View.field(s.Value); !isField {
				if r, ok := p.View.child(s.Value); ok {
					if r.length == nil && p.late == nil {
						return lw.child(e, p, r)
					}
					return Pointer{View: headers()[r.to], Path: pathTo(p, r), late: &step{parent: p, rule: r}}
				}
			}
		}
		return lw.indexOf(e, lw.placed(e, obj))
	}
	return lw.expr(e)
}

// placed computes the place of what lazy returned.
func (lw *lowerer) placed(n syntax.Node, v Value) Value {
	p, ok := v.(Pointer)
	if !ok || p.late == nil {
		return v
	}
	parent := lw.placed(n, p.late.parent).(Pointer)
	out := lw.child(n, parent, p.late.rule).(Pointer)
	out.Path = p.Path
	return out
}

// readField reads a header's field.
func (lw *lowerer) readField(n syntax.Node, p Pointer, f *field) Value {
	if f.bytes {
		at := Pointer{Base: p.Base, Off: p.Off + int64(f.off/8), View: headers()["data"]}
		return lw.bytesAt(n, at, f.width/8)
	}
	if f.some {
		set := lw.b.Op(ir.OpNe, lw.bits(n, p, f.off, f.width), lw.b.Const(0))
		return Int{V: lw.b.Op(ir.OpBoolToInt, set), Bit: true}
	}
	return Int{V: lw.bits(n, p, f.off, f.width), Unsigned: f.width == 64, Bit: f.width == 1}
}

// bits reads width bits at bit off of p's header, loading the smallest run of
// 1, 2, 4 or 8 bytes that holds them.
func (lw *lowerer) bits(n syntax.Node, p Pointer, off, width int) *ir.Value {
	first, size := unitOf(off, width)
	v := lw.load(n, p, int64(first), int32(size))
	if shift := (first+size)*8 - off - width; shift > 0 {
		v = lw.b.Op(ir.OpLShr, v, lw.b.Const(int64(shift)))
	}
	if off > first*8 {
		v = lw.b.Op(ir.OpAnd, v, lw.b.Const(1<<width-1))
	}
	return v
}

// rangeNode makes a node of the current position, for errors of reads that
// the source doesn't show.
func rangeNode(p ir.Pos, lw *lowerer) syntax.Node {
	off := lw.file.Offset(int(p.Line), int(p.Col))
	return &syntax.NilExpr{Range: syntax.Range{Start: off, End: off + 1}}
}

// byteAt evaluates p[i].
func (lw *lowerer) byteAt(n syntax.Node, p Pointer, i Int) Value {
	return Int{V: lw.load(n, lw.advance(p, i), 0, 1)}
}

// slice evaluates p(a, b): a number for 1, 2, 4 and 8 bytes, else bytes.
func (lw *lowerer) slice(e *syntax.Call, p Pointer) Value {
	if len(e.Args) != 2 {
		return lw.errorf(e, diag.WrongArguments, "a packet slice is p(a, b): the bytes a to b-1")
	}
	a, ok1 := lw.intOf(e.Args[0], lw.expr(e.Args[0]), "a packet slice")
	b, ok2 := lw.intOf(e.Args[1], lw.expr(e.Args[1]), "a packet slice")
	if !ok1 || !ok2 || lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	length, ok := lw.constDistance(a.V, b.V)
	if !ok {
		return lw.errorf(e, diag.NeedsConstant, "the length of a slice must be known when compiling: write p(a, a + 4)")
	}
	if length <= 0 || length > 256 {
		return lw.errorf(e, diag.OutOfRange, "a slice of %d bytes is not possible; it has 1 to 256", length)
	}
	at := lw.advance(p, a)
	switch length {
	case 1, 2, 4, 8:
		return Int{V: lw.load(e, at, 0, int32(length)), Unsigned: length == 8, Slice: int(length)}
	}
	return lw.bytesAt(e, at, int(length))
}

// constDistance returns b - a if it is known: both constant, or the same
// value plus constants.
func (lw *lowerer) constDistance(a, b *ir.Value) (int64, bool) {
	av, ac := addend(a)
	bv, bc := addend(b)
	return bc - ac, equalValues(av, bv)
}

// equalValues reports whether two values are one, or read the same member of
// the context.
func equalValues(v, w *ir.Value) bool {
	if v == w || v == nil || w == nil {
		return v == w
	}
	return v.Op == ir.OpLoad && w.Op == ir.OpLoad && v.Mem().Region == ir.RegionCtx &&
		*v.Mem() == *w.Mem() && v.Args[0] == w.Args[0]
}

// addend splits v into a value (nil for none) and a constant.
func addend(v *ir.Value) (*ir.Value, int64) {
	var c int64
	for {
		if k, ok := v.IsConst(); ok {
			return nil, c + k
		}
		if v.Op != ir.OpAdd {
			return v, c
		}
		if k, ok := v.Args[1].IsConst(); ok {
			v, c = v.Args[0], c+k
		} else if k, ok := v.Args[0].IsConst(); ok {
			v, c = v.Args[1], c+k
		} else {
			return v, c
		}
	}
}

// bytesAt returns n packet bytes as a value; that they are there is checked
// now, as for any read.
func (lw *lowerer) bytesAt(n syntax.Node, at Pointer, length int) Value {
	if lw.inShort {
		lw.load(n, at, 0, 1)
		return Bad{}
	}
	if fromNetwork(at.Off) {
		return lw.keepSlice(Bytes{At: at, Len: length})
	}
	lw.pktCheck(lw.base(at), int32(at.Off), int32(length))
	return Bytes{At: at, Len: length}
}

// equalString compares v with a constant string: a number from a slice, or
// bytes. done is false if v is neither.
func (lw *lowerer) equalString(e *syntax.Binary, v Value, s string) (c *ir.Value, done bool) {
	switch v := v.(type) {
	case Int:
		if v.Slice == 0 {
			lw.warnNeverEqual(e, v, text(s))
			return lw.b.Bool(false), true
		}
		if v.Slice != len(s) {
			lw.warnLength(e, v.Slice, s)
			return lw.b.Bool(false), true
		}
		return lw.b.Op(ir.OpEq, v.V, lw.b.Const(int64(bigEndian(s)))), true
	case Bytes:
		if v.Slot != nil {
			return lw.equalText(e, v, s), true
		}
		if v.Len != len(s) {
			lw.warnLength(e, v.Len, s)
			return lw.b.Bool(false), true
		}
		return lw.equalPacket(e, v, s), true
	}
	return nil, false
}

func (lw *lowerer) warnLength(e *syntax.Binary, n int, s string) {
	lw.r.Warnf(diag.LengthMismatch, e.Bounds().In(lw.file), "%d bytes never equal the %d of '%s'%s", n, len(s), s, addressMeant(s))
}

// bigEndian reads up to 8 bytes as a number.
func bigEndian(s string) uint64 {
	var x uint64
	for i := 0; i < len(s); i++ {
		x = x<<8 | uint64(s[i])
	}
	return x
}

// words splits n bytes into runs of 8, 4, 2 and 1.
func words(n int) []int {
	var out []int
	for _, s := range []int{8, 4, 2, 1} {
		for n >= s {
			out = append(out, s)
			n -= s
		}
	}
	return out
}

// equalPacket compares packet bytes with as many of s, word by word.
func (lw *lowerer) equalPacket(n syntax.Node, v Bytes, s string) *ir.Value {
	return lw.allEqual(v, v, len(s), func(off, size int) (x, y *ir.Value) {
		return lw.word(n, v, off, size), lw.b.Const(int64(bigEndian(s[off : off+size])))
	})
}

// equalText compares a text on the stack with s and the NUL behind it; at the
// buffer's end there is none.
func (lw *lowerer) equalText(n syntax.Node, v Bytes, s string) *ir.Value {
	if len(s) > v.Len {
		return lw.b.Bool(false)
	}
	if len(s) < v.Len {
		s += "\x00"
	}
	return lw.equalPacket(n, v, s)
}

// equalBytes compares two runs of bytes.
func (lw *lowerer) equalBytes(e *syntax.Binary, v, w Bytes) *ir.Value {
	if v.Len != w.Len {
		lw.r.Warnf(diag.LengthMismatch, e.Bounds().In(lw.file), "%d bytes never equal %d", v.Len, w.Len)
		return lw.b.Bool(false)
	}
	return lw.allEqual(v, w, v.Len, func(off, size int) (x, y *ir.Value) {
		return lw.word(e.L, v, off, size), lw.word(e.R, w, off, size)
	})
}

// word reads size of v's bytes as a big-endian number.
func (lw *lowerer) word(n syntax.Node, v Bytes, off, size int) *ir.Value {
	if v.kept != nil {
		return lw.keptWord(v, off, size)
	}
	if v.Slot == nil {
		return lw.load(n, v.At, int64(off), int32(size))
	}
	x := lw.b.Load(ir.I64, lw.b.SlotAddr(v.Slot), ir.Mem{Region: ir.RegionStack, Off: int32(off), Size: int32(size)})
	if size == 1 {
		return x
	}
	return lw.b.OpBits(ir.OpToBE, int64(size)*8, x)
}

// allEqual compares n bytes of v and w in words that read returns in pairs.
// Later words are read only if the earlier ones match.
func (lw *lowerer) allEqual(v, w Value, n int, read func(off, size int) (x, y *ir.Value)) *ir.Value {
	mark := lw.mark()
	var ends []edge
	for off := 0; off < n && lw.b.Block != nil; {
		size := min(runUnit(v, off, n), runUnit(w, off, n))
		x, y := read(off, size)
		yes, no := lw.branch(lw.b.Op(ir.OpEq, x, y), mark)
		if no.block != nil {
			lw.open(no)
			ends = append(ends, lw.leave(mark, constBool(false)))
		}
		if yes.block == nil {
			lw.b.Block = nil
			break
		}
		lw.open(yes)
		off += size
	}
	if lw.b.Block != nil {
		ends = append(ends, lw.leave(mark, constBool(true)))
	}
	b, _ := lw.asBool(lw.join(ends)[0])
	return b
}
