package luabpfc_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// reference evaluates scripts of the subset that generator_test.go makes, by
// language.md alone: it walks the syntax tree with dynamic values and shares
// no code with the compiler behind the parser.
type reference struct {
	maps    map[string]*refMap
	packet  []byte
	mark    uint32
	budget  int64
	steps   int
	chunk   *refFrame
	main    *refClosure
	onShort int64
	kind    string
}

// refValue is nil, a bool, refInt, *refClosure or refTable.
type refValue any

type refInt struct {
	n        uint64
	unsigned bool
	bit      bool
}

type refClosure struct {
	fn *syntax.Function
	up *refFrame
}

type refTable map[refValue]refValue

// refFrame holds the variables of a function's activation.
type refFrame struct {
	vars map[*syntax.Local]*refValue
	up   *refFrame
}

type refMap struct {
	array      bool
	max        uint64
	key, value refType
	data       map[uint64]uint64 // keys and values as in memory, read as little-endian numbers
}

type refType struct {
	size   int
	signed bool
	be     bool
}

// How a block of statements ends.
type flow int

const (
	flowNext flow = iota
	flowBreak
	flowGoto
	flowReturn
)

type (
	refShort struct{} // panics: a read past the packet's end
	refLimit struct{} // panics: the run takes too long
)

// newReference runs the chunk's declarations.
func newReference(text string) (*reference, error) {
	var r diag.Reporter
	c := syntax.Parse(diag.NewFile("reference.lua", text), &r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	ref := &reference{maps: map[string]*refMap{}, chunk: &refFrame{vars: map[*syntax.Local]*refValue{}}}
	for _, s := range c.Func.Body.Stmts {
		if call, ok := s.(*syntax.CallStmt); ok {
			ref.declare(call.Call.(*syntax.Call))
			continue
		}
		if l, ok := s.(*syntax.LocalStmt); ok {
			if call, ok := l.Exprs[0].(*syntax.Call); ok && !isNoinline(call) {
				ref.maps[l.Names[0].Name] = newRefMap(call)
				ref.bind(ref.chunk, l.Names[0], ref.maps[l.Names[0].Name])
				continue
			}
		}
		ref.stmt(ref.chunk, s, nil)
	}
	return ref, nil
}

// declare keeps the program that bpf.socket(fn, opts) or bpf.xdp declares.
func (ref *reference) declare(c *syntax.Call) {
	ref.kind = c.Fn.(*syntax.Index).Key.(*syntax.StringExpr).Value
	ref.main = &refClosure{c.Args[0].(*syntax.FunctionExpr).Func, ref.chunk}
	t := ref.eval(ref.chunk, c.Args[1]).(refTable)
	ref.onShort = int64(t["on_short"].(refInt).n)
}

var refTypes = map[string]refType{
	"uint8_t": {size: 1}, "uint16_t": {size: 2}, "uint32_t": {size: 4}, "uint64_t": {size: 8},
	"int8_t": {1, true, false}, "int16_t": {2, true, false}, "int32_t": {4, true, false}, "int64_t": {8, true, false},
	"__be16": {2, false, true}, "__be32": {4, false, true},
}

func newRefMap(c *syntax.Call) *refMap {
	str := func(i int) string { return c.Args[i].(*syntax.StringExpr).Value }
	return &refMap{array: str(0) == "array" || str(0) == "percpu_array", max: c.Args[1].(*syntax.NumberExpr).Bits,
		key: refTypes[str(2)], value: refTypes[str(3)], data: map[uint64]uint64{}}
}

// store is what a number becomes in memory.
func (t refType) store(n uint64) uint64 {
	if t.be {
		n = bits.ReverseBytes64(n) >> (64 - 8*t.size)
	}
	return n << (64 - 8*t.size) >> (64 - 8*t.size)
}

// load is the number that memory holds.
func (t refType) load(n uint64) refInt {
	shift := 64 - 8*t.size
	switch {
	case t.be:
		n = bits.ReverseBytes64(n) >> shift
	case t.signed:
		n = uint64(int64(n<<shift) >> shift)
	}
	return refInt{n: n, unsigned: t.size == 8 && !t.signed}
}

func (m *refMap) get(key refValue) refValue {
	k := m.key.store(number(key).n)
	v, ok := m.data[k]
	switch {
	case ok:
		return m.value.load(v)
	case m.array && k < m.max:
		return m.value.load(0)
	}
	return nil
}

func (m *refMap) set(key, value refValue) {
	k := m.key.store(number(key).n)
	if value == nil {
		delete(m.data, k)
		return
	}
	_, ok := m.data[k]
	if m.array && k >= m.max || !m.array && !ok && uint64(len(m.data)) >= m.max {
		return
	}
	m.data[k] = m.value.store(number(value).n)
}

// run runs the program; ok is false if it takes too long to be of use.
func (ref *reference) run(packet []byte, mark uint32) (ret uint32, ok bool) {
	ref.packet, ref.mark, ref.budget, ref.steps, ok = packet, mark, 1<<16, 0, true
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refShort, refError:
			ret = uint32(ref.onShort)
		case refLimit:
			ok = false
		default:
			panic(r)
		}
	}()
	res := ref.call(ref.main, []refValue{refTable{}})
	if len(res) == 0 {
		if ref.kind == "xdp" {
			return 2, true
		}
		return 0, true
	}
	return uint32(number(res[0]).n), true
}

func (ref *reference) call(c *refClosure, args []refValue) []refValue {
	f := &refFrame{vars: map[*syntax.Local]*refValue{}, up: c.up}
	for i, p := range c.fn.Params {
		var v refValue
		if i < len(args) {
			v = args[i]
		}
		ref.bind(f, p, v)
	}
	var res []refValue
	ref.block(f, c.fn.Body, &res)
	return res
}

func (ref *reference) bind(f *refFrame, l *syntax.Local, v refValue) {
	f.vars[l] = &v
}

func (f *refFrame) cell(l *syntax.Local) *refValue {
	for ; f != nil; f = f.up {
		if c, ok := f.vars[l]; ok {
			return c
		}
	}
	return nil
}

// block runs statements; a goto to a label of the block goes on behind it.
func (ref *reference) block(f *refFrame, b *syntax.Block, res *[]refValue) (flow, *syntax.LabelStmt) {
	for i := 0; i < len(b.Stmts); i++ {
		how, label := ref.stmt(f, b.Stmts[i], res)
		if how == flowGoto {
			if at := indexOfLabel(b, label); at >= 0 {
				i = at
				continue
			}
		}
		if how != flowNext {
			return how, label
		}
	}
	return flowNext, nil
}

func indexOfLabel(b *syntax.Block, l *syntax.LabelStmt) int {
	for i, s := range b.Stmts {
		if s == syntax.Stmt(l) {
			return i
		}
	}
	return -1
}

func (ref *reference) stmt(f *refFrame, s syntax.Stmt, res *[]refValue) (flow, *syntax.LabelStmt) {
	if ref.steps++; ref.steps > 200_000 {
		panic(refLimit{})
	}
	switch s := s.(type) {
	case *syntax.LocalStmt:
		vals := ref.evals(f, s.Exprs)
		for i, n := range s.Names {
			ref.bind(f, n, at(vals, i))
		}
	case *syntax.AssignStmt:
		ref.assign(f, s)
	case *syntax.CallStmt:
		ref.multi(f, s.Call)
	case *syntax.DoStmt:
		return ref.block(f, s.Body, res)
	case *syntax.IfStmt:
		for _, c := range s.Clauses {
			if truth(ref.eval(f, c.Cond)) {
				return ref.block(f, c.Body, res)
			}
		}
		if s.Else != nil {
			return ref.block(f, s.Else, res)
		}
	case *syntax.LocalFunctionStmt:
		ref.bind(f, s.Local, nil)
		*f.vars[s.Local] = &refClosure{s.Func.Func, f}
	case *syntax.ReturnStmt:
		*res = ref.evals(f, s.Exprs)
		return flowReturn, nil
	case *syntax.BreakStmt:
		return flowBreak, nil
	case *syntax.GotoStmt:
		return flowGoto, s.Label
	case *syntax.LabelStmt:
	default:
		return ref.loop(f, s, res)
	}
	return flowNext, nil
}

func at(vals []refValue, i int) refValue {
	if i < len(vals) {
		return vals[i]
	}
	return nil
}

func (ref *reference) assign(f *refFrame, s *syntax.AssignStmt) {
	var stores []func(refValue)
	for _, t := range s.Targets {
		switch t := t.(type) {
		case *syntax.Name:
			c := f.cell(t.Local)
			stores = append(stores, func(v refValue) { *c = v })
		case *syntax.Index:
			obj, key := ref.eval(f, t.Obj), ref.eval(f, t.Key)
			stores = append(stores, func(v refValue) {
				if m, ok := obj.(*refMap); ok {
					m.set(key, v)
				} else {
					obj.(refTable)[key] = v
				}
			})
		}
	}
	vals := ref.evals(f, s.Exprs)
	for i, store := range stores {
		store(at(vals, i))
	}
}

// loop runs for, while and repeat.
func (ref *reference) loop(f *refFrame, s syntax.Stmt, res *[]refValue) (flow, *syntax.LabelStmt) {
	trip := func(b *syntax.Block) (flow, *syntax.LabelStmt) { return ref.block(f, b, res) }
	switch s := s.(type) {
	case *syntax.WhileStmt:
		for truth(ref.eval(f, s.Cond)) && ref.spend() {
			if how, l := trip(s.Body); how != flowNext {
				return left(how, l)
			}
		}
	case *syntax.RepeatStmt:
		for ref.spend() {
			if how, l := trip(s.Body); how != flowNext {
				return left(how, l)
			}
			if truth(ref.eval(f, s.Cond)) {
				break
			}
		}
	case *syntax.NumForStmt:
		from, to, step := number(ref.eval(f, s.From)), number(ref.eval(f, s.To)), refInt{n: 1}
		if s.Step != nil {
			step = number(ref.eval(f, s.Step))
		}
		unsigned := from.unsigned || to.unsigned || step.unsigned
		for i := from.n; step.n != 0; i += step.n {
			up := step.unsigned || int64(step.n) > 0
			if less(refInt{n: to.n, unsigned: unsigned}, refInt{n: i}) == up && i != to.n {
				break
			}
			ref.bind(f, s.Var, refInt{n: i, unsigned: unsigned})
			if how, l := trip(s.Body); how != flowNext {
				return left(how, l)
			}
			// The next value would lie behind the last.
			if room := to.n - i; up && room < step.n || !up && -room < -step.n {
				break
			}
		}
	default:
		panic(fmt.Sprintf("reference: %T", s))
	}
	return flowNext, nil
}

func left(how flow, l *syntax.LabelStmt) (flow, *syntax.LabelStmt) {
	if how == flowBreak {
		return flowNext, nil
	}
	return how, l
}

func (ref *reference) spend() bool {
	if ref.budget == 0 {
		return false
	}
	ref.budget--
	return true
}

// evals evaluates a list; the last expression may have several values.
func (ref *reference) evals(f *refFrame, list []syntax.Expr) (out []refValue) {
	for i, e := range list {
		if i == len(list)-1 {
			return append(out, ref.multi(f, e)...)
		}
		out = append(out, ref.eval(f, e))
	}
	return out
}

func (ref *reference) multi(f *refFrame, e syntax.Expr) []refValue {
	c, ok := e.(*syntax.Call)
	if !ok {
		return []refValue{ref.eval(f, e)}
	}
	if n, ok := c.Fn.(*syntax.Name); ok && n.Local != nil {
		fn := (*f.cell(n.Local)).(*refClosure)
		return ref.call(fn, ref.evals(f, c.Args))
	}
	if res, ok := ref.special(f, c); ok {
		return res
	}
	return []refValue{ref.builtin(f, c)}
}

func (ref *reference) eval(f *refFrame, e syntax.Expr) refValue {
	switch e := e.(type) {
	case *syntax.NilExpr:
		return nil
	case *syntax.BoolExpr:
		return e.Value
	case *syntax.NumberExpr:
		return refInt{n: e.Bits, unsigned: e.Kind == syntax.Uint}
	case *syntax.StringExpr:
		return e.Value
	case *syntax.Paren:
		return ref.eval(f, e.X)
	case *syntax.FunctionExpr:
		return &refClosure{e.Func, f}
	case *syntax.Name:
		if e.Local != nil {
			return *f.cell(e.Local)
		}
		return refGlobal(e.Name)
	case *syntax.TableExpr:
		return ref.table(f, e)
	case *syntax.Index:
		return ref.index(f, e)
	case *syntax.Call:
		return at(ref.multi(f, e), 0)
	case *syntax.Unary:
		return ref.unary(f, e)
	case *syntax.Binary:
		return ref.binary(f, e)
	}
	panic(fmt.Sprintf("reference: %T", e))
}

func (ref *reference) table(f *refFrame, e *syntax.TableExpr) refValue {
	t, n := refTable{}, uint64(0)
	for _, fd := range e.Fields {
		if fd.Key != nil {
			t[ref.eval(f, fd.Key)] = ref.eval(f, fd.Value)
			continue
		}
		n++
		t[refInt{n: n}] = ref.eval(f, fd.Value)
	}
	return t
}

func truth(v refValue) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case refInt:
		return !v.bit || v.n != 0
	}
	return true
}

// number is what arithmetic reads: 0 for nil; storing makes 1 or 0 of a bool.
func number(v refValue) refInt {
	switch v := v.(type) {
	case refInt:
		return v
	case bool:
		if v {
			return refInt{n: 1}
		}
	}
	return refInt{}
}

// operand is the number that e's value v is for an operator: what is missing in
// a map of uint64_t is an unsigned 0.
func (ref *reference) operand(f *refFrame, e syntax.Expr, v refValue) refInt {
	n := number(v)
	if p, ok := e.(*syntax.Paren); ok {
		return ref.operand(f, p.X, v)
	}
	if i, ok := e.(*syntax.Index); ok && v == nil {
		m, isMap := ref.eval(f, i.Obj).(*refMap)
		n.unsigned = isMap && m.value.size == 8 && !m.value.signed
	}
	return n
}

func less(x, y refInt) bool {
	if x.unsigned || y.unsigned {
		return x.n < y.n
	}
	return int64(x.n) < int64(y.n)
}

func (ref *reference) unary(f *refFrame, e *syntax.Unary) refValue {
	v := ref.eval(f, e.X)
	n := ref.operand(f, e.X, v)
	switch e.Op {
	case syntax.OpNot:
		return !truth(v)
	case syntax.OpNeg:
		return refInt{n: -n.n, unsigned: n.unsigned}
	case syntax.OpBNot:
		return refInt{n: ^n.n, unsigned: n.unsigned}
	}
	return refInt{n: uint64(len(ref.packet))} // #pkt
}

func (ref *reference) binary(f *refFrame, e *syntax.Binary) refValue {
	l := ref.eval(f, e.L)
	switch {
	case e.Op == syntax.OpAnd && !truth(l), e.Op == syntax.OpOr && truth(l):
		return l
	case e.Op == syntax.OpAnd, e.Op == syntax.OpOr:
		return ref.eval(f, e.R)
	}
	r := ref.eval(f, e.R)
	switch e.Op {
	case syntax.OpEq:
		return same(l, r)
	case syntax.OpNe:
		return !same(l, r)
	}
	x, y := ref.operand(f, e.L, l), ref.operand(f, e.R, r)
	switch e.Op {
	case syntax.OpLt:
		return less(x, y)
	case syntax.OpLe:
		return !less(y, x)
	case syntax.OpGt:
		return less(y, x)
	case syntax.OpGe:
		return !less(x, y)
	}
	return arithmetic(e.Op, x, y)
}

func same(l, r refValue) bool {
	x, ok1 := l.(refInt)
	y, ok2 := r.(refInt)
	if ok1 && ok2 {
		return x.n == y.n
	}
	return l == r
}

func arithmetic(op syntax.BinaryOp, x, y refInt) refInt {
	out := refInt{unsigned: x.unsigned || y.unsigned}
	switch op {
	case syntax.OpAdd:
		out.n = x.n + y.n
	case syntax.OpSub:
		out.n = x.n - y.n
	case syntax.OpMul:
		out.n = x.n * y.n
	case syntax.OpBAnd:
		out.n = x.n & y.n
	case syntax.OpBOr:
		out.n = x.n | y.n
	case syntax.OpBXor:
		out.n = x.n ^ y.n
	case syntax.OpShl:
		return refInt{n: x.n << (y.n & 63), unsigned: x.unsigned}
	case syntax.OpShr:
		return refInt{n: x.n >> (y.n & 63), unsigned: x.unsigned}
	default:
		out.n = divide(op, x.n, y.n, out.unsigned)
	}
	return out
}

func divide(op syntax.BinaryOp, x, y uint64, unsigned bool) uint64 {
	switch {
	case y == 0 && op == syntax.OpMod:
		return x
	case y == 0:
		return 0
	case unsigned && op == syntax.OpMod:
		return x % y
	case unsigned:
		return x / y
	case int64(x) == math.MinInt64 && int64(y) == -1:
		if op == syntax.OpMod {
			return 0
		}
		return x
	case op == syntax.OpMod:
		return uint64(int64(x) % int64(y))
	}
	q := int64(x) / int64(y)
	if op == syntax.OpIDiv && int64(x)%int64(y) != 0 && (int64(x) < 0) != (int64(y) < 0) {
		q--
	}
	return uint64(q)
}

// refGlobal is pkt, skb, ctx or a module.
type refGlobal string

func (ref *reference) index(f *refFrame, e *syntax.Index) refValue {
	obj, key := ref.eval(f, e.Obj), ref.eval(f, e.Key)
	switch o := obj.(type) {
	case nil:
		return nil
	case *refMap:
		return o.get(key)
	case refTable:
		return o[key]
	case refGlobal:
		switch name, _ := key.(string); {
		case o == "skb" && name == "mark":
			return refInt{n: uint64(ref.mark)}
		case o == "skb" && name == "len":
			return refInt{n: uint64(len(ref.packet))}
		case o == "pkt" && name == "":
			return ref.load(number(key).n, 1)
		case o == "pkt" && name != "type":
			return refGlobal("pkt." + name)
		default:
			return ref.field(string(o) + "." + name)
		}
	}
	panic(fmt.Sprintf("reference: index of %T", obj))
}

// load reads a big-endian number from the packet.
func (ref *reference) load(at uint64, size int) refInt {
	if at >= uint64(len(ref.packet)) || uint64(len(ref.packet))-at < uint64(size) {
		panic(refShort{})
	}
	var b [8]byte
	copy(b[8-size:], ref.packet[at:at+uint64(size)])
	return refInt{n: binary.BigEndian.Uint64(b[:]), unsigned: size == 8}
}

// refFields are the places of header fields, in bits: IEEE 802.3, RFC 791, 8200.
var refFields = map[string]struct{ off, width int }{
	"pkt.type": {96, 16}, "pkt.ip.ttl": {176, 8}, "pkt.ip.df": {161, 1}, "pkt.ip.mf": {162, 1}, "pkt.ip.foffset": {163, 13},
	"pkt.ip.hlen": {116, 4}, "pkt.ip.src": {208, 32}, "pkt.ip6.flow_label": {124, 20}, "pkt.ip6.priority": {116, 8}, "pkt.ip6.src_lo": {240, 64},
}

// refTCP are fields behind an IPv4 header.
var refTCP = map[string]struct{ off, width int }{"dst_port": {16, 16}, "flag_syn": {110, 1}, "seq_num": {32, 32}, "offset": {96, 4}}

func (ref *reference) field(name string) refValue {
	base := uint64(0)
	fd, ok := refFields[name]
	if !ok {
		const tcp = "pkt.ip.tcp."
		if name == tcp[:len(tcp)-1] {
			return refGlobal(name)
		}
		base = 14 + 4*ref.bits(0, 116, 4)
		fd = refTCP[name[len(tcp):]]
	}
	return refInt{n: ref.bits(base, fd.off, fd.width), bit: fd.width == 1, unsigned: fd.width == 64}
}

func (ref *reference) bits(base uint64, off, width int) uint64 {
	var n uint64
	for i := off / 8; i <= (off+width-1)/8; i++ {
		n = n<<8 | ref.load(base+uint64(i), 1).n
	}
	n >>= 7 - (off+width-1)%8
	return n << (64 - width) >> (64 - width)
}

// builtin calls a function of the kernel stage.
func (ref *reference) builtin(f *refFrame, c *syntax.Call) refValue {
	if n, ok := c.Fn.(*syntax.Name); ok && n.Name == "xadd" {
		place := c.Args[0].(*syntax.Index)
		m, key := ref.eval(f, place.Obj).(*refMap), ref.eval(f, place.Key)
		by := number(ref.eval(f, c.Args[1]))
		if old := m.get(key); old != nil {
			m.set(key, refInt{n: old.(refInt).n + by.n})
		}
		return nil
	}
	var args []refInt
	for _, v := range ref.evals(f, c.Args) {
		args = append(args, number(v))
	}
	name := ""
	switch fn := c.Fn.(type) {
	case *syntax.Name:
		name = fn.Name
	case *syntax.Index:
		name = fn.Obj.(*syntax.Name).Name + "." + fn.Key.(*syntax.StringExpr).Value
	}
	if name == "pkt" {
		return ref.load(args[0].n, int(args[1].n-args[0].n))
	}
	return refBuiltins[name](args)
}

var refBuiltins = map[string]func(a []refInt) refValue{
	"bpf.u8":  func(a []refInt) refValue { return refInt{n: uint64(uint8(a[0].n))} },
	"bpf.s8":  func(a []refInt) refValue { return refInt{n: uint64(int8(a[0].n))} },
	"bpf.u16": func(a []refInt) refValue { return refInt{n: uint64(uint16(a[0].n))} },
	"bpf.s16": func(a []refInt) refValue { return refInt{n: uint64(int16(a[0].n))} },
	"bpf.u32": func(a []refInt) refValue { return refInt{n: uint64(uint32(a[0].n))} },
	"bpf.s32": func(a []refInt) refValue { return refInt{n: uint64(int32(a[0].n))} },
	"bpf.u64": func(a []refInt) refValue { return refInt{n: a[0].n, unsigned: true} },
	"bpf.s64": func(a []refInt) refValue { return refInt{n: a[0].n} },
	"ntoh16":  func(a []refInt) refValue { return refInt{n: uint64(bits.ReverseBytes16(uint16(a[0].n)))} },
	"hton32":  func(a []refInt) refValue { return refInt{n: uint64(bits.ReverseBytes32(uint32(a[0].n)))} },
	"ntoh64":  func(a []refInt) refValue { return refInt{n: bits.ReverseBytes64(a[0].n), unsigned: true} },
	"bit.arshift": func(a []refInt) refValue {
		return refInt{n: uint64(int64(a[0].n) >> (a[1].n & 63)), unsigned: a[0].unsigned}
	},
	"bit.rol": func(a []refInt) refValue {
		return refInt{n: bits.RotateLeft64(a[0].n, int(a[1].n&63)), unsigned: a[0].unsigned}
	},
	"bit.bswap": func(a []refInt) refValue { return refInt{n: bits.ReverseBytes64(a[0].n), unsigned: a[0].unsigned} },
	"math.log2": func(a []refInt) refValue { return refInt{n: uint64(max(0, bits.Len64(a[0].n)-1))} },
	"math.min":  func(a []refInt) refValue { return extreme(a[0], a[1], less(a[1], a[0])) },
	"math.max":  func(a []refInt) refValue { return extreme(a[0], a[1], less(a[0], a[1])) },
	"math.abs": func(a []refInt) refValue {
		if !a[0].unsigned && int64(a[0].n) < 0 {
			a[0].n = -a[0].n
		}
		return a[0]
	},
}

func extreme(x, y refInt, second bool) refValue {
	out := refInt{n: x.n, unsigned: x.unsigned || y.unsigned}
	if second {
		out.n = y.n
	}
	return out
}
