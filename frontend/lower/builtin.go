package lower

import (
	"github.com/cilium/ebpf/btf"
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	lua "github.com/yuin/gopher-lua"
)

// builtinRow is a function of the kernel stage: a name of its own (time), or
// one of the script's library with a meaning on computed values (bit.band).
type builtinRow struct {
	min, max int // arguments; max -1: any number
	call     func(lw *lowerer, e *syntax.Call, args []Value) Value
	usage    string
	// raw rows evaluate their arguments themselves.
	raw func(lw *lowerer, e *syntax.Call) Value
}

// kernelGlobalNames are the names that exist in the kernel stage only.
var kernelGlobalNames = []string{
	"pkt", "eth", "skb", "ctx",
	"time", "cpu", "rand", "pid_tgid", "uid_gid", "pid", "tid", "uid", "gid", "comm", "task",
	"xadd", "perf_submit", "stack_id", "load_bytes", "probe_read", "ntoh", "hton", "ntoh16", "ntoh32", "ntoh64", "hton16", "hton32", "hton64",
	"print", "pairs", "ipairs",
}

// builtinTable returns the rows by canonical name. It is a function because
// rows refer to functions that look rows up.
func builtinTable() map[string]builtinRow {
	rows := map[string]builtinRow{
		"xadd": {usage: "xadd(m[k], n)", raw: (*lowerer).xadd},

		"perf_submit":  {raw: (*lowerer).perfSubmit, usage: "perf_submit(m, v)"},
		"table.insert": {raw: (*lowerer).tableInsert, usage: "table.insert(m, v)"},
		"stack_id":     {min: 1, max: 2, call: (*lowerer).stackID, usage: "stack_id(m [, flags])"},

		"load_bytes": {raw: (*lowerer).loadBytes},
		"probe_read": {raw: (*lowerer).probeRead},

		"bpf.atomic.add":     {raw: atomic("add", ir.OpFetchAdd, 1)},
		"bpf.atomic.and_":    {raw: atomic("and_", ir.OpFetchAnd, 1)},
		"bpf.atomic.or_":     {raw: atomic("or_", ir.OpFetchOr, 1)},
		"bpf.atomic.xor":     {raw: atomic("xor", ir.OpFetchXor, 1)},
		"bpf.atomic.xchg":    {raw: atomic("xchg", ir.OpXchg, 1)},
		"bpf.atomic.cmpxchg": {raw: atomic("cmpxchg", ir.OpCmpXchg, 2)},
		"bpf.volatile":       {raw: (*lowerer).volatile},

		"time":     {call: helperCall("ktime_get_ns", nil), usage: "time()"},
		"cpu":      {call: helperCall("get_smp_processor_id", nil), usage: "cpu()"},
		"rand":     {call: helperCall("get_prandom_u32", nil), usage: "rand()"},
		"pid_tgid": {call: helperCall("get_current_pid_tgid", nil), usage: "pid_tgid()"},
		"uid_gid":  {call: helperCall("get_current_uid_gid", nil), usage: "uid_gid()"},
		"pid":      {call: helperCall("get_current_pid_tgid", high), usage: "pid()"},
		"tid":      {call: helperCall("get_current_pid_tgid", low), usage: "tid()"},
		"gid":      {call: helperCall("get_current_uid_gid", high), usage: "gid()"},
		"uid":      {call: helperCall("get_current_uid_gid", low), usage: "uid()"},
		"task":     {call: (*lowerer).task, usage: "task()"},
		"comm":     {max: 1, call: (*lowerer).comm, usage: "comm([buf])"},
		"print":    {max: -1, call: (*lowerer).print, usage: "print(format, ...)"},

		"ntoh": {min: 1, max: 2, call: swap(0), usage: "ntoh(x, bits)"}, "hton": {min: 1, max: 2, call: swap(0), usage: "hton(x, bits)"},
		"ntoh16": {min: 1, max: 1, call: swap(16), usage: "ntoh16(x)"}, "hton16": {min: 1, max: 1, call: swap(16), usage: "hton16(x)"},
		"ntoh32": {min: 1, max: 1, call: swap(32), usage: "ntoh32(x)"}, "hton32": {min: 1, max: 1, call: swap(32), usage: "hton32(x)"},
		"ntoh64": {min: 1, max: 1, call: swap(64), usage: "ntoh64(x)"}, "hton64": {min: 1, max: 1, call: swap(64), usage: "hton64(x)"},

		"bit.band":    {min: 1, max: -1, call: fold(syntax.OpBAnd), usage: "bit.band(x, ...)"},
		"bit.bor":     {min: 1, max: -1, call: fold(syntax.OpBOr), usage: "bit.bor(x, ...)"},
		"bit.bxor":    {min: 1, max: -1, call: fold(syntax.OpBXor), usage: "bit.bxor(x, ...)"},
		"bit.bnot":    {min: 1, max: 1, call: (*lowerer).bnot, usage: "bit.bnot(x)"},
		"bit.lshift":  {min: 2, max: 2, call: shift(ir.OpShl), usage: "bit.lshift(x, n)"},
		"bit.rshift":  {min: 2, max: 2, call: shift(ir.OpLShr), usage: "bit.rshift(x, n)"},
		"bit.arshift": {min: 2, max: 2, call: shift(ir.OpAShr), usage: "bit.arshift(x, n)"},
		"bit.rol":     {min: 2, max: 2, call: rotate(false), usage: "bit.rol(x, n)"},
		"bit.ror":     {min: 2, max: 2, call: rotate(true), usage: "bit.ror(x, n)"},
		"bit.bswap":   {min: 1, max: 1, call: (*lowerer).bswap, usage: "bit.bswap(x)"},

		"math.log2":     {min: 1, max: 1, call: (*lowerer).log2, usage: "math.log2(x)"},
		"math.log10":    {min: 1, max: 1, call: logBase(powersOf10()), usage: "math.log10(x)"},
		"math.log":      {min: 1, max: 1, call: logBase(powersOfE()), usage: "math.log(x)"},
		"math.min":      {min: 1, max: -1, call: extreme(syntax.OpLt), usage: "math.min(x, ...)"},
		"math.max":      {min: 1, max: -1, call: extreme(syntax.OpGt), usage: "math.max(x, ...)"},
		"math.abs":      {min: 1, max: 1, call: (*lowerer).abs, usage: "math.abs(x)"},
		"bpf.csum_fold": {min: 1, max: 1, call: (*lowerer).csumFold, usage: "bpf.csum_fold(x)"},
		"bpf.limit":     {min: 2, max: 2, call: extreme(syntax.OpLt), usage: "bpf.limit(x, most)"},
		"bpf.clamp":     {min: 3, max: 3, call: (*lowerer).clamp, usage: "bpf.clamp(x, lo, hi)"},

		"select":   {min: 1, max: -1, call: (*lowerer).selectArg, usage: "select(n, ...)"},
		"tonumber": {min: 1, max: 2, call: (*lowerer).tonumber, usage: "tonumber(x)"},
		"assert":   {raw: (*lowerer).assert},
		"pcall":    {raw: (*lowerer).pcall},
		"error":    {max: 2, call: (*lowerer).errorCall, usage: "error(value)"},

		"bpf.tail_call": {min: 2, max: 2, call: (*lowerer).tailCallStmt, usage: "bpf.tail_call(progs, i)"},
		"unpack":        {min: 1, max: 3, call: (*lowerer).unpack, usage: "unpack(t [, i [, j]])"},
		"table.unpack":  {min: 1, max: 3, call: (*lowerer).unpack, usage: "table.unpack(t [, i [, j]])"},
		"bpf.inline":    {min: 1, max: 1, call: inlining(script.InlineYes), usage: "bpf.inline(fn)"},
		"bpf.noinline":  {min: 1, max: 1, call: inlining(script.InlineNever), usage: "bpf.noinline(fn)"},
		"setmetatable":  {min: 2, max: 2, call: (*lowerer).setMetatable, usage: "setmetatable(t, metatable)"},

		"pairs":  {raw: forOnly},
		"ipairs": {raw: forOnly},
	}
	for name, row := range ffiRows() {
		rows[name] = row
	}
	for name, row := range coreRows() {
		rows[name] = row
	}
	for name, row := range kfuncRows() {
		rows[name] = row
	}
	for name, row := range kconfigRows() {
		rows[name] = row
	}
	for _, t := range []string{"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"} {
		ct, _ := ctype.Scalar("__" + t)
		rows["bpf."+t] = builtinRow{usage: "bpf." + t + "(x)", raw: func(lw *lowerer, e *syntax.Call) Value { return lw.convert(e, ct) }}
	}
	for _, n := range []string{"ntoh", "hton", "ntoh16", "ntoh32", "ntoh64", "hton16", "hton32", "hton64"} {
		rows["bpf."+n] = rows[n]
	}
	return rows
}

// isKernelGlobal reports whether name exists in the kernel stage only.
func isKernelGlobal(name string) bool {
	for _, n := range kernelGlobalNames {
		if n == name {
			return true
		}
	}
	return false
}

// kernelGlobal evaluates such a name.
func (lw *lowerer) kernelGlobal(n *syntax.Name) Value {
	switch n.Name {
	case "pkt", "eth":
		if lw.gen == nil && lw.prog.Kind.Packet != kernel.NoPacket {
			return lw.errorf(n, diag.NoPacket, "a function that the kernel calls by itself has no packet")
		}
		if lw.gen == nil {
			return lw.errorf(n, diag.NoPacket, "'%s' is the packet of a program that has one; %s has none that it can read", n.Name, lw.prog.Kind.Phrase())
		}
		return lw.packet()
	case "skb":
		if lw.layout().Name == "struct __sk_buff" {
			return Context{lw.prog.Kind}
		}
		return lw.undefined(n)
	case "ctx":
		return Context{lw.prog.Kind}
	}
	return Global{n.Name}
}

// builtin calls a function of the table.
func (lw *lowerer) builtin(e *syntax.Call, name string) Value {
	if h, ok := strings.CutPrefix(name, helperPrefix); ok {
		return lw.namedHelper(e, h)
	}
	if k, ok := strings.CutPrefix(name, kfuncPrefix); ok {
		return lw.namedKfunc(e, k)
	}
	row, ok := lw.builtins[name]
	if !ok {
		return lw.errorf(e.Fn, diag.NotAFunction, "'%s' is not a function", name)
	}
	if row.raw != nil {
		return row.raw(lw, e)
	}
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	if len(args) < row.min || row.max >= 0 && len(args) > row.max {
		return lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is %s", name, counted(len(args)), row.usage)
	}
	for i, a := range args {
		if !aboutTypes[name] {
			args[i] = lw.materialize(argNode(e, i), a)
		}
		if _, bad := args[i].(Bad); bad {
			return Bad{}
		}
	}
	return row.call(lw, e, args)
}

// argInt returns argument i of a call as a number.
func (lw *lowerer) argInt(e *syntax.Call, args []Value, i int) (Int, bool) {
	var n syntax.Node = e
	if i < len(e.Args) {
		n = e.Args[i]
	}
	return lw.intOf(n, args[i], "this argument")
}

func helperCall(name string, part func(*lowerer, *ir.Value) *ir.Value) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, _ []Value) Value {
		lw.flush()
		v := lw.helper(e, name, ir.I64)
		if v == nil {
			return Bad{}
		}
		if part != nil {
			v = part(lw, v)
		}
		return Int{V: v}
	}
}

func high(lw *lowerer, v *ir.Value) *ir.Value { return lw.b.Op(ir.OpLShr, v, lw.b.Const(32)) }
func low(lw *lowerer, v *ir.Value) *ir.Value  { return lw.b.OpBits(ir.OpZext, 32, v) }

// xadd adds to a place atomically; where there is no entry it does nothing.
func (lw *lowerer) xadd(e *syntax.Call) Value {
	if len(e.Args) != 2 && len(e.Args) != 3 {
		return lw.errorf(e, diag.WrongArguments, "'xadd' is called with %s; it is xadd(m[k], n)", counted(len(e.Args)))
	}
	place := lw.placeOf(e.Args[0])
	if lw.b.Block == nil {
		return Bad{}
	}
	n, ok := lw.intOf(e.Args[1], lw.expr(e.Args[1]), "'xadd'")
	if !ok || lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	place = lw.resolve(place)
	if isNil(place) {
		return Tuple{}
	}
	if r, ok := place.(Ref); ok {
		if len(e.Args) == 3 {
			name, named := stringConst(lw.expr(e.Args[2]))
			if !named {
				return lw.errorf(e.Args[2], diag.NeedsConstant, "the third argument of 'xadd' is the name of a member")
			}
			if r, ok = lw.refMember(e, r, name).(Ref); !ok {
				return Bad{}
			}
		}
		lw.xaddRef(e.Args[0], r, n.V)
		return Tuple{}
	}
	en, ok := place.(*Entry)
	if !ok {
		if _, bad := place.(Bad); bad {
			return place
		}
		return lw.errorf(e.Args[0], diag.NotAPlace, "'xadd' needs a place in memory, such as m[k], not %s", describe(place))
	}
	size := ctype.Size(en.Map.Value)
	if size < 4 {
		return lw.errorf(e.Args[0], diag.NotAPlace, "the kernel adds atomically to 4 and 8 bytes only; the values of '%s' have %d", en.Map.Name, size)
	}
	if ctype.BigEndian(en.Map.Value) {
		return lw.errorf(e.Args[0], diag.NotAPlace, "'xadd' can't add to '%s', whose values are in network order", en.Map.Name)
	}
	lw.flush()
	lw.ifPresent(en, func(p *ir.Value) {
		lw.b.AtomicAdd(p, n.V, ir.Mem{Region: ir.RegionMap, Size: int32(size)})
	})
	return Tuple{}
}

// comm evaluates comm(), the current command's name, and comm(buf), which puts
// it into an array.
func (lw *lowerer) comm(e *syntax.Call, args []Value) Value {
	lw.flush()
	if len(args) == 0 {
		// Kernels up to 6.1 leave what is behind the name as it was.
		r, ok := lw.newObject(e, commType(), "comm()")
		if !ok || lw.helper(e, "get_current_comm", ir.I64, lw.addrOf(r), lw.b.Const(16)) == nil {
			return Bad{}
		}
		return r
	}
	v := lw.resolve(args[0])
	r, ok := v.(Ref)
	if !ok || !r.isArray() {
		if isNil(v) {
			return Tuple{}
		}
		return lw.errorf(argNode(e, 0), diag.NotAPlace, "'comm' fills an array of chars, not %s", describe(v))
	}
	if !lw.writable(argNode(e, 0), r) {
		return Bad{}
	}
	lw.within(r, func(r Ref) Value {
		lw.helper(e, "get_current_comm", ir.I64, lw.addrOf(r), lw.b.Const(int64(r.size())))
		return Nil
	}, nothing)
	return Tuple{}
}

// commType is char [16].
func commType() ctype.Type {
	char, _ := ctype.Scalar("char")
	index, _ := ctype.Scalar("unsigned int")
	return &btf.Array{Index: index, Type: char, Nelems: 16}
}

// swap converts between host and network order; bits 0 takes them from the
// second argument.
func swap(bits int64) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		x, ok := lw.argInt(e, args, 0)
		if !ok {
			return Bad{}
		}
		n := bits
		if n == 0 && len(args) < 2 {
			n = int64(x.Width)
		}
		if n == 0 {
			if len(args) < 2 {
				return lw.errorf(e, diag.WrongArguments, "'%s' needs the number of bits: 16, 32 or 64; or use '%s16', '%s32', '%s64'",
					exprName(e.Fn), exprName(e.Fn), exprName(e.Fn), exprName(e.Fn))
			}
			b, ok := lw.argInt(e, args, 1)
			c, known := int64(0), false
			if ok {
				c, known = b.V.IsConst()
			}
			if !known || c != 8 && c != 16 && c != 32 && c != 64 {
				return lw.errorf(e.Args[1], diag.WrongArguments, "the number of bits is 8, 16, 32 or 64")
			}
			n = c
		}
		if n == 8 {
			return Int{V: lw.b.OpBits(ir.OpZext, 8, x.V)}
		}
		return Int{V: lw.b.OpBits(ir.OpToBE, n, x.V), Unsigned: n == 64}
	}
}

func fold(op syntax.BinaryOp) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		acc, ok := lw.argInt(e, args, 0)
		for i := 1; i < len(args) && ok; i++ {
			var y Int
			if y, ok = lw.argInt(e, args, i); ok {
				acc = lw.arithInts(op, acc, y)
			}
		}
		if !ok {
			return Bad{}
		}
		return Int{V: acc.V, Unsigned: acc.Unsigned}
	}
}

func shift(op ir.Op) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		x, ok1 := lw.argInt(e, args, 0)
		n, ok2 := lw.argInt(e, args, 1)
		if !ok1 || !ok2 {
			return Bad{}
		}
		return Int{V: lw.b.Op(op, x.V, n.V), Unsigned: x.Unsigned}
	}
}

func rotate(right bool) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		x, ok1 := lw.argInt(e, args, 0)
		n, ok2 := lw.argInt(e, args, 1)
		if !ok1 || !ok2 {
			return Bad{}
		}
		l, r := n.V, lw.b.Op(ir.OpNeg, n.V) // counts are modulo 64
		if right {
			l, r = r, l
		}
		return Int{V: lw.b.Op(ir.OpOr, lw.b.Op(ir.OpShl, x.V, l), lw.b.Op(ir.OpLShr, x.V, r)), Unsigned: x.Unsigned}
	}
}

func (lw *lowerer) bnot(e *syntax.Call, args []Value) Value {
	x, ok := lw.argInt(e, args, 0)
	if !ok {
		return Bad{}
	}
	return Int{V: lw.b.Op(ir.OpXor, x.V, lw.b.Const(-1)), Unsigned: x.Unsigned}
}

// bswap reverses the 8 bytes of x. On a big-endian target no op does that: it
// exchanges neighbouring bytes, then pairs of bytes, then halves.
func (lw *lowerer) bswap(e *syntax.Call, args []Value) Value {
	x, ok := lw.argInt(e, args, 0)
	if !ok {
		return Bad{}
	}
	if !lw.mod.BigEndian {
		return Int{V: lw.b.OpBits(ir.OpToBE, 64, x.V), Unsigned: x.Unsigned}
	}
	v := x.V
	for _, half := range []struct{ width, mask int64 }{{8, 0x00ff00ff00ff00ff}, {16, 0x0000ffff0000ffff}, {32, 0x00000000ffffffff}} {
		width, mask := lw.b.Const(half.width), lw.b.Const(half.mask)
		left := lw.b.Op(ir.OpShl, lw.b.Op(ir.OpAnd, v, mask), width)
		v = lw.b.Op(ir.OpOr, left, lw.b.Op(ir.OpAnd, lw.b.Op(ir.OpLShr, v, width), mask))
	}
	return Int{V: v, Unsigned: x.Unsigned}
}

// log2 is the floor of the binary logarithm, 0 for 0: a binary search for the
// highest bit, without branches, of which each would double what the kernel's
// verifier has to follow.
func (lw *lowerer) log2(e *syntax.Call, args []Value) Value {
	n, ok := lw.argInt(e, args, 0)
	if !ok {
		return Bad{}
	}
	b := lw.b
	x, r := n.V, b.Const(0)
	for k := int64(5); k >= 0; k-- {
		high := b.Op(ir.OpLShr, x, b.Const(1<<k)) // at most 32 bits wide
		some := b.Op(ir.OpLShr, b.Op(ir.OpNeg, high), b.Const(63))
		s := b.Op(ir.OpShl, some, b.Const(k))
		x = b.Op(ir.OpLShr, x, s)
		r = b.Op(ir.OpOr, r, s)
	}
	return Int{V: r}
}

// powersOf10 are the least numbers with logarithms 1, 2, ...
func powersOf10() []uint64 {
	var out []uint64
	for x := uint64(10); ; x *= 10 {
		out = append(out, x)
		if x > 1e18 {
			return out
		}
	}
}

// powersOfE are the least integers whose natural logarithm is at least 1, 2,
// ... 44: e^n rounded up.
func powersOfE() []uint64 {
	return []uint64{3, 8, 21, 55, 149, 404, 1097, 2981, 8104, 22027, 59875, 162755, 442414, 1202605, 3269018,
		8886111, 24154953, 65659970, 178482301, 485165196, 1318815735, 3584912847, 9744803447, 26489122130,
		72004899338, 195729609429, 532048240602, 1446257064292, 3931334297145, 10686474581525, 29048849665248,
		78962960182681, 214643579785917, 583461742527455, 1586013452313431, 4311231547115196, 11719142372802612,
		31855931757113757, 86593400423993747, 235385266837019986, 639843493530054950, 1739274941520501048,
		4727839468229346562, 12851600114359308276}
}

// logBase is the floor of a logarithm, 0 for 0: how many of the powers x has
// reached, found by bisection.
func logBase(powers []uint64) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		x, ok := lw.argInt(e, args, 0)
		if !ok {
			return Bad{}
		}
		var search func(lo, hi int) Int
		search = func(lo, hi int) Int {
			if lo == hi {
				return Int{V: lw.b.Const(int64(lo))}
			}
			mid := (lo + hi) / 2
			return lw.choose(lw.b.Op(ir.OpULt, x.V, lw.b.Const(int64(powers[mid]))),
				func() *ir.Value { return search(lo, mid).V }, nil,
				func() *ir.Value { return search(mid+1, hi).V }).(Int)
		}
		return search(0, len(powers))
	}
}

func extreme(op syntax.BinaryOp) func(*lowerer, *syntax.Call, []Value) Value {
	return func(lw *lowerer, e *syntax.Call, args []Value) Value {
		acc, ok := lw.argInt(e, args, 0)
		for i := 1; i < len(args) && ok; i++ {
			var y Int
			if y, ok = lw.argInt(e, args, i); !ok {
				break
			}
			row := compareOps[op]
			cmp := row.signed
			if acc.Unsigned || y.Unsigned {
				cmp = row.unsigned
			}
			a, b := y.V, acc.V // y beats acc
			if row.swap {
				a, b = b, a
			}
			acc = Int{V: lw.choose(lw.b.Op(cmp, a, b), func() *ir.Value { return y.V }, acc.V).(Int).V,
				Unsigned: acc.Unsigned || y.Unsigned}
		}
		if !ok {
			return Bad{}
		}
		return acc
	}
}

func (lw *lowerer) abs(e *syntax.Call, args []Value) Value {
	x, ok := lw.argInt(e, args, 0)
	if !ok || x.Unsigned {
		return x
	}
	neg := lw.b.Op(ir.OpSLt, x.V, lw.b.Const(0))
	return lw.choose(neg, func() *ir.Value { return lw.b.Op(ir.OpNeg, x.V) }, x.V)
}

// selectArg evaluates select('#', ...) and select(n, ...).
func (lw *lowerer) selectArg(e *syntax.Call, args []Value) Value {
	rest := args[1:]
	if s, ok := stringConst(args[0]); ok && s == "#" {
		return Int{V: lw.b.Const(int64(len(rest)))}
	}
	n, ok := lw.argInt(e, args, 0)
	if !ok {
		return Bad{}
	}
	c, known := n.V.IsConst()
	if !known {
		return lw.errorf(e.Args[0], diag.NeedsConstant, "'select' needs a position that is known when compiling")
	}
	if c < 0 {
		c += int64(len(rest)) + 1
	}
	if c < 1 {
		return lw.errorf(e.Args[0], diag.OutOfRange, "'select' has no position %d among %d values", c, len(rest))
	}
	return Tuple(rest[min(int(c)-1, len(rest)):])
}

// tonumber returns a number as it is, and converts a constant string.
func (lw *lowerer) tonumber(e *syntax.Call, args []Value) Value {
	switch v := lw.resolve(args[0]).(type) {
	case Int, *Entry, Opt:
		return v
	case Const:
		s, ok := v.V.(lua.LString)
		if !ok {
			return Nil
		}
		base := 10
		if len(args) > 1 {
			b, ok := lw.argInt(e, args, 1)
			c, known := int64(0), false
			if ok {
				c, known = b.V.IsConst()
			}
			if !known || c < 2 || c > 36 {
				return lw.errorf(e, diag.WrongArguments, "the base of 'tonumber' is a constant from 2 to 36")
			}
			base = int(c)
		}
		if base != 10 {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(s)), base, 64); err == nil {
				return Int{V: lw.b.Const(n)}
			}
			return Nil
		}
		if f, err := parseNumber(string(s)); err == nil {
			return lw.constant(lua.LNumber(f))
		}
	}
	return Nil
}

// parseNumber reads a number as Lua's tonumber does.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 0, 64); err == nil && !strings.ContainsAny(s, "_oObB") {
		return float64(n), nil
	}
	if strings.ContainsAny(s, "_pPnN") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// convert evaluates ctype(x): x as a value of that type.
func (lw *lowerer) convert(e *syntax.Call, t ctype.Type) Value {
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	if isAggregate(t) {
		return lw.construct(e, t, args, 0)
	}
	return lw.convertTo(e, t, args)
}
