package ir

import (
	"fmt"
	"slices"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// rows checks each value against its op's row.
func (c *checker) rows() error { return c.each(c.phase, c.args, c.aux) }

// special checks each value against its op's own rules, when all rows hold.
func (c *checker) special() error { return c.each(c.rule) }

func (c *checker) each(checks ...func(*Value) string) error {
	for _, b := range c.f.Blocks {
		for _, v := range b.Values {
			for _, check := range checks {
				if msg := check(v); msg != "" {
					return c.errf(b, v, "%s", msg)
				}
			}
		}
	}
	return nil
}

func (c *checker) phase(v *Value) string {
	info := v.Op.Info()
	if c.f.Phase < info.First || c.f.Phase > info.Last {
		return fmt.Sprintf("does not occur in a %s function", c.f.Phase)
	}
	if info.MayLeave && c.f.Short == nil {
		return "may leave, and the function has no short block"
	}
	return ""
}

// args checks the number and types of arguments and the result type.
func (c *checker) args(v *Value) string {
	info := v.Op.Info()
	if !info.Variadic {
		if len(v.Args) != len(info.Args) {
			return fmt.Sprintf("has %d arguments, not %d", len(v.Args), len(info.Args))
		}
		any := Void
		for i, want := range info.Args {
			got := v.Args[i].Type
			if want == Any {
				if !anyOK(v.Op, got) {
					return fmt.Sprintf("argument %d is %s", i, got)
				}
				if want = any; any == Void {
					any, want = got, got
				}
			}
			if got != want {
				return fmt.Sprintf("argument %d is %s, not %s", i, got, want)
			}
		}
		if info.Result == Same && any != Void && v.Type != any {
			return fmt.Sprintf("is %s, its arguments are %s", v.Type, any)
		}
	}
	if info.Result != Same && v.Type != info.Result {
		return fmt.Sprintf("is %s, not %s", v.Type, info.Result)
	}
	return ""
}

// anyOK says which types an op whose row says Any takes.
func anyOK(op Op, t Type) bool {
	switch op {
	case OpCopy:
		return t != Void
	case OpAnd, OpOr, OpXor:
		return t == I64 || t == Bool
	case OpULt, OpULe, OpStore:
		return t == I64 || t == Ptr
	}
	return t == I64 || t == Ptr || t == Bool
}

// aux checks that AuxInt and Aux hold what the row says, and nothing else.
func (c *checker) aux(v *Value) string {
	kind := v.Op.Info().Aux
	if v.AuxInt != 0 && kind != AuxInt && kind != AuxBits && kind != AuxCore {
		return fmt.Sprintf("AuxInt is %d", v.AuxInt)
	}
	ok := false
	f := c.f
	switch x := v.Aux.(type) {
	case nil:
		ok = kind == AuxNone || kind == AuxInt || kind == AuxBits
	case *Mem:
		ok = kind == AuxMem && x != nil
	case *Slot:
		ok = kind == AuxSlot && x != nil
		if ok && (x.ID < 0 || x.ID >= len(f.Slots) || f.Slots[x.ID] != x) {
			return "the slot is not the function's"
		}
	case *Map:
		ok = kind == AuxMap && x != nil
		if ok && !contains(f.Module.Maps, x) {
			return "the map is not the module's"
		}
	case *Global:
		ok = kind == AuxGlobal && x != nil
		if ok && !contains(f.Module.Globals, x) {
			return "the variable is not the module's"
		}
	case *Func:
		ok = kind == AuxFunc && x != nil
		if ok && !contains(f.Module.Funcs, x) {
			return "the function is not the module's"
		}
		if ok && x.Kind != nil {
			return "a program can't be called"
		}
	case *kernel.Helper:
		ok = kind == AuxHelper && x != nil && x.Kfunc == (x.ID == 0) && (x.Kfunc || v.Op == OpCall)
		if ok && x.Kfunc && !slices.ContainsFunc(f.Module.Kfuncs, func(k *Kfunc) bool { return k.Helper == x }) {
			return "the kfunc is not the module's"
		}
	case *Core:
		ok = kind == AuxCore && x != nil && x.Kind < numCoreKinds
	}
	if !ok {
		return fmt.Sprintf("Aux is a %T", v.Aux)
	}
	return ""
}

func contains[T comparable](l []T, x T) bool {
	for _, y := range l {
		if x == y {
			return true
		}
	}
	return false
}

// rule checks the rules of single ops.
func (c *checker) rule(v *Value) string {
	switch v.Op {
	case OpScratch:
		m := v.Aux.(*Map)
		switch {
		case c.f.Kind == nil || v.Block != c.f.Entry():
			return "is not in the entry of a program"
		case m.Type == nil || !m.Type.Array || !m.Type.PerCPU || m.MaxEntries != ScratchSlots || m.ValueSize < ScratchData:
			return "the map has no slots for scratch memory"
		}
	case OpConst:
		switch {
		case v.Type != I64 && v.Type != Bool && v.Type != Ptr:
			return fmt.Sprintf("is %s", v.Type)
		case v.Type == Bool && v.AuxInt != 0 && v.AuxInt != 1:
			return "a bool is 0 or 1"
		case v.Type == Ptr && v.AuxInt != 0:
			return "the only constant ptr is 0"
		}
	case OpArg:
		return c.arg(v)
	case OpPhi:
		return phiTypes(v)
	case OpZext, OpSext, OpToBE:
		return width(v)
	case OpBound:
		if v.AuxInt < 0 {
			return "a bound is not negative"
		}
	case OpPtrAdd:
		return c.moved(v)
	case OpLoad, OpStore, OpAtomicAdd, OpFetchAdd, OpFetchAnd, OpFetchOr, OpFetchXor, OpXchg, OpCmpXchg, OpVolatileLoad, OpVolatileStore:
		return c.access(v)
	case OpPktGen:
		if k := c.f.Prog(); k != nil && k.Packet == kernel.NoPacket {
			return fmt.Sprintf("%s programs have no packet", k.Name)
		}
	case OpPktCheck:
		m := v.Mem()
		if m.Region != RegionPacket || m.Signed || m.BE {
			return "a check is of packet bytes without a type"
		}
		if m.Size <= 0 {
			return fmt.Sprintf("checks %d bytes", m.Size)
		}
	case OpPktLoad:
		return pktAccess(v)
	case OpPktStore:
		if k := c.f.Prog(); k != nil && !k.WritesPacket() {
			return fmt.Sprintf("%s programs can't write their packet", k.Name)
		}
		if v.Mem().Signed {
			return "only a load has a sign"
		}
		return pktAccess(v)
	case OpLdAbs, OpLdInd:
		return c.legacyLoad(v)
	case OpCall:
		return c.call(v)
	case OpCallFunc:
		return callFunc(v)
	}
	return ""
}

func (c *checker) arg(v *Value) string {
	switch {
	case v.Block != c.f.Entry():
		return "stands outside the entry"
	case v.AuxInt < 0 || v.AuxInt >= int64(len(c.f.Params)):
		return fmt.Sprintf("the function has %d parameters", len(c.f.Params))
	case v.Type != c.f.Params[v.AuxInt].Type:
		return fmt.Sprintf("is %s, the parameter is %s", v.Type, c.f.Params[v.AuxInt].Type)
	}
	return ""
}

func phiTypes(v *Value) string {
	if v.Type != I64 && v.Type != Ptr && v.Type != Bool {
		return fmt.Sprintf("is %s", v.Type)
	}
	for i, a := range v.Args {
		if a.Type != v.Type {
			return fmt.Sprintf("argument %d is %s, not %s", i, a.Type, v.Type)
		}
	}
	return ""
}

func width(v *Value) string {
	switch n := v.AuxInt; {
	case n == 16 || n == 32:
	case n == 8 && v.Op != OpToBE:
	case n == 64 && v.Op == OpToBE:
	default:
		return fmt.Sprintf("has no width of %d bits", n)
	}
	return ""
}

// maxMove is how far an address may be moved by a number known at run time:
// the kernel's BPF_MAX_VAR_OFF.
const maxMove = 1 << 29

// moved checks that the verifier can follow an address: what is added to it and
// is known only at run time has been bounded in front of it.
func (c *checker) moved(v *Value) string {
	if c.f.Phase >= PhaseLow {
		return "" // the packet's tests are branches by now
	}
	if _, ok := v.Args[1].IsConst(); ok {
		return ""
	}
	if n, ok := EvidentMax(v.Args[1]); !ok || n >= maxMove {
		return fmt.Sprintf("%s has no bound", v.Args[1])
	}
	return ""
}

// number checks that an access is of 1, 2, 4 or 8 bytes.
func (m *Mem) number() string {
	switch m.Size {
	case 1, 2, 4:
	case 8:
		if m.Signed {
			return "8 bytes have no sign to extend"
		}
	default:
		return fmt.Sprintf("%d bytes are no number", m.Size)
	}
	if m.BE && m.Region != RegionPacket {
		return "only packet bytes are big-endian"
	}
	return ""
}

// access checks loads, stores and atomics.
func (c *checker) access(v *Value) string {
	m := v.Mem()
	if msg := m.number(); msg != "" {
		return msg
	}
	if m.Region == RegionNone || int(m.Region) >= len(regionNames) {
		return "has no region"
	}
	if m.Region == RegionPacket && c.f.Phase < PhaseLow {
		return "packet pointers come with the low phase"
	}
	if v.Op != OpLoad && v.Op != OpVolatileLoad && (m.Signed || m.BE) {
		return "only a load has a sign or byte order"
	}
	if v.Op != OpLoad && v.Op != OpVolatileLoad && m.Region == RegionConst {
		return "writes what is constant"
	}
	switch {
	case v.Op == OpLoad:
		if v.Type != I64 && v.Type != Ptr {
			return fmt.Sprintf("is %s", v.Type)
		}
		if v.Type == Ptr && m.Size != 8 && !(m.Region == RegionCtx && m.Size == 4) {
			return fmt.Sprintf("a ptr does not have %d bytes", m.Size)
		}
	case v.Op == OpStore:
		if v.Args[1].Type == Ptr && m.Size != 8 {
			return fmt.Sprintf("a ptr does not have %d bytes", m.Size)
		}
	case v.Op.IsAtomic():
		if m.Size != 4 && m.Size != 8 {
			return fmt.Sprintf("%d bytes are not atomic", m.Size)
		}
		if m.Region == RegionCtx || m.Region == RegionPacket || m.Region == RegionKernel || m.Region == RegionConst {
			return fmt.Sprintf("%s memory has no atomics", m.Region)
		}
	}
	return addressed(v.Args[0], m)
}

// addressed checks an access against what its address is, where that is known.
func addressed(p *Value, m *Mem) string {
	off, exact := int64(m.Off), true
	for {
		switch p.Op {
		case OpCopy, OpNonNull:
		case OpPtrAdd:
			n, ok := p.Args[1].IsConst()
			off, exact = off+n, exact && ok
		case OpMapRef, OpFuncRef:
			return fmt.Sprintf("%s is no memory", p)
		case OpSlotAddr:
			s := p.Aux.(*Slot)
			switch {
			case m.Region != RegionStack:
				return fmt.Sprintf("%s is on the stack", p)
			case exact && (off < 0 || off+int64(m.Size) > int64(s.Size)):
				return fmt.Sprintf("bytes %d to %d are not in slot %s", off, off+int64(m.Size)-1, s)
			case exact && (off%int64(m.Size) != 0 || int(m.Size) > s.Align):
				return "the stack is accessed in aligned units only"
			}
			return ""
		case OpGlobalAddr:
			g := p.Aux.(*Global)
			switch {
			case m.Region != g.Region():
				return fmt.Sprintf("%s is %s memory", p, g.Region())
			case exact && (off < 0 || off+int64(m.Size) > int64(g.Size)):
				return fmt.Sprintf("bytes %d to %d are not in variable %s", off, off+int64(m.Size)-1, g.Name)
			}
			return ""
		default:
			return ""
		}
		p = p.Args[0]
	}
}

// pktAccess checks that the check of a packet load or store covers it, where
// both are relative to one base.
func pktAccess(v *Value) string {
	m := v.Mem()
	if m.Region != RegionPacket {
		return "is no access to the packet"
	}
	if msg := m.number(); msg != "" {
		return msg
	}
	chk := skipCopies(v.Args[0])
	if chk.Op != OpPktCheck || chk.Mem() == nil || len(chk.Args) != 2 {
		return fmt.Sprintf("%s is no check", chk)
	}
	loadBase, checkBase := skipCopies(v.Args[1]), skipCopies(chk.Args[1])
	off, lo := int64(m.Off), int64(chk.Mem().Off)
	if loadBase != checkBase {
		x, ok := loadBase.IsConst()
		y, ok2 := checkBase.IsConst()
		if !ok || !ok2 {
			return ""
		}
		off, lo = off+x, lo+y
	}
	if off < lo || off+int64(m.Size) > lo+int64(chk.Mem().Size) {
		return fmt.Sprintf("%s does not cover it", chk)
	}
	return ""
}

func skipCopies(v *Value) *Value {
	for v.Op == OpCopy && len(v.Args) == 1 {
		v = v.Args[0]
	}
	return v
}

func (c *checker) legacyLoad(v *Value) string {
	m := v.Mem()
	switch {
	case c.f.Kind == nil || c.f.Kind.Packet != kernel.SkbLoad:
		return "only a program whose kind has it may load so"
	case m.Region != RegionPacket || m.Signed:
		return "reads unsigned packet bytes"
	case m.Size != 1 && m.Size != 2 && m.Size != 4:
		return fmt.Sprintf("%d bytes are no number", m.Size)
	case v.Op == OpLdAbs && m.Off < 0:
		return "a negative offset is not in the packet"
	}
	return ""
}

// call checks a helper call against the helper's row.
func (c *checker) call(v *Value) string {
	h := v.Aux.(*kernel.Helper)
	if n := len(v.Args); n > len(h.Args) || n < helperMinArgs(h) {
		return fmt.Sprintf("has %d arguments, %s takes %d", n, h.Name, len(h.Args))
	}
	want := I64
	if h.Ret.Address() {
		want = Ptr
	}
	if v.Type != want && v.Type != Void {
		return fmt.Sprintf("is %s, %s returns %s", v.Type, h.Name, want)
	}
	if k := c.f.Prog(); k != nil {
		if _, ok := h.Since(k); !ok {
			return fmt.Sprintf("%s programs have no such helper", k.Name)
		}
	}
	for i, a := range v.Args {
		if msg := helperArg(h, i, a); msg != "" {
			return msg
		}
	}
	return ""
}

// foundMap reports whether p may be a map that a lookup found in a map of maps.
func foundMap(p *Value) bool {
	switch p.Op {
	case OpNonNull, OpPhi:
		return true
	case OpLoad:
		return p.Mem().Region == RegionStack // in a callback's frame
	}
	return false
}

func helperArg(h *kernel.Helper, i int, a *Value) string {
	def := skipCopies(a)
	switch h.Args[i] {
	case kernel.ArgAny:
		return ""
	case kernel.ArgScalar:
		// A number to print may be the address of a string.
		if a.Type != I64 && !(h.Name == "trace_printk" && a.Type == Ptr) {
			return fmt.Sprintf("argument %d is %s, not i64", i, a.Type)
		}
		return ""
	case kernel.ArgSize, kernel.ArgSizeOrZero:
		if a.Type != I64 {
			return fmt.Sprintf("argument %d is %s, not i64", i, a.Type)
		}
		if n, ok := def.IsConst(); ok && n <= 0 && (n < 0 || h.Args[i] == kernel.ArgSize) {
			return fmt.Sprintf("argument %d is a size of %d", i, n)
		}
		return ""
	}
	if a.Type != Ptr {
		return fmt.Sprintf("argument %d is %s, not ptr", i, a.Type)
	}
	switch h.Args[i] {
	case kernel.ArgMap:
		if def.Op != OpMapRef && !foundMap(def) {
			return fmt.Sprintf("argument %d is no map", i)
		}
	case kernel.ArgCallback:
		if def.Op != OpFuncRef {
			return fmt.Sprintf("argument %d is no function", i)
		}
		return callback(h, def.Aux.(*Func))
	}
	return ""
}

// callback checks the type of a function that helper h is to call.
func callback(h *kernel.Helper, f *Func) string {
	want := []Type{I64, Ptr} // index, frame
	switch h.Name {
	case "for_each_map_elem":
		want = []Type{Ptr, Ptr, Ptr, Ptr} // map, key, value, frame
	case "timer_set_callback":
		want = []Type{Ptr, Ptr, Ptr} // map, key, value
	case "find_vma":
		want = []Type{Ptr, Ptr, Ptr} // task, area, frame
	case "user_ringbuf_drain":
		want = []Type{Ptr, Ptr} // dynptr, frame
	}
	if !sameParams(f, want) || ResultType(f) != I64 {
		return fmt.Sprintf("%s is no callback of %s", f.Name, h.Name)
	}
	return ""
}

func sameParams(f *Func, want []Type) bool {
	if len(f.Params) != len(want) {
		return false
	}
	for i, t := range want {
		if f.Params[i].Type != t {
			return false
		}
	}
	return true
}

// ResultType returns what f returns: I64, or Void.
func ResultType(f *Func) Type {
	for _, b := range f.Blocks {
		if b.Kind == BlockRet && b.Control == nil {
			return Void
		}
	}
	return I64
}

func callFunc(v *Value) string {
	g := v.Aux.(*Func)
	if len(v.Args) != len(g.Params) {
		return fmt.Sprintf("has %d arguments, %s takes %d", len(v.Args), g.Name, len(g.Params))
	}
	for i, a := range v.Args {
		if a.Type != g.Params[i].Type {
			return fmt.Sprintf("argument %d is %s, not %s", i, a.Type, g.Params[i].Type)
		}
	}
	if t := ResultType(g); v.Type != t {
		return fmt.Sprintf("is %s, %s returns %s", v.Type, g.Name, t)
	}
	return ""
}
