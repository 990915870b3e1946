package script

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// What the language has under bpf and the script stage has not. Everything else
// that is unknown is unknown.
var (
	kernelOnly = []string{"helper", "kfunc", "tail_call", "limit",
		"field_exists", "type_exists", "enum_value", "container_of", "kconfig", "kfunc_exists"}
	userFuncs = []string{"tracelog", "ksym", "usym", "interval", "at_exit", "ifindex"}
	scalars   = []string{"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"}
)

// openBPF makes the bpf module.
func (st *Stage) openBPF() {
	fs := map[string]libFunc{
		"map": st.bpfMap, "license": st.bpfLicense, "option": st.bpfOption,
		"ip": st.bpfIP, "cidr": st.bpfCIDR, "mac": st.bpfMAC,
		"inline": st.bpfInline, "noinline": st.bpfNoinline,
		"hton": st.bpfSwap, "ntoh": st.bpfSwap, "clamp": st.bpfClamp, "csum_fold": st.bpfCsumFold,
	}
	for _, b := range []int{16, 32, 64} {
		swap := func(L *lua.LState) int { return st.swap(L, b) }
		fs["hton"+strconv.Itoa(b)], fs["ntoh"+strconv.Itoa(b)] = swap, swap
	}
	for _, d := range declarations() {
		fs[d.name] = func(L *lua.LState) int { return st.bpfDeclare(L, d) }
	}
	fs["struct_ops"] = st.bpfStructOps
	for _, name := range userFuncs {
		fs[name] = func(L *lua.LState) int { return st.userSpace(L, "bpf."+name+"()", "bpf."+name, nil) }
	}
	st.openGlobals(fs)
	fs["volatile"] = st.inKernel("bpf.volatile")
	t := st.module("bpf", fs)
	st.openAtomic(t)
	for _, name := range scalars {
		t.RawSetString(name, st.userdata(&CType{mustType(name)}, st.ctypeMeta))
	}
	st.openOptions(t)
	meta := st.vm.NewTable()
	meta.RawSetString("__call", st.function("bpf", func(L *lua.LState) int {
		L.Remove(1)
		return st.bpfProgram(L)
	}))
	meta.RawSetString("__index", st.vm.NewFunction(func(L *lua.LState) int { return st.bpfUnknown(L, t) }))
	meta.RawSetString("__newindex", st.vm.NewFunction(st.bpfSet))
	t.Metatable = meta
	st.closed[t] = "bpf"
}

// KernelOnly reports whether t is the module bpf, and name a member of it that
// only functions compiled for the kernel have.
func (st *Stage) KernelOnly(t *lua.LTable, name string) bool {
	return t == st.loaded.RawGetString("bpf") && slices.Contains(kernelOnly, name) && t.RawGetString(name) == lua.LNil
}

// bpfSet assigns to a member that the module does not have: loop_limit, or one
// of the script's own.
func (st *Stage) bpfSet(L *lua.LState) int {
	if L.Get(2) != lua.LString("loop_limit") {
		L.RawSet(L.CheckTable(1), L.Get(2), L.Get(3))
		return 0
	}
	n, ok := L.Get(3).(lua.LNumber)
	if !ok || float64(n) != float64(int64(n)) || n < 1 || n > maxLoopLimit {
		st.fail(L, diag.BadLoopLimit, "bpf.loop_limit is a number of iterations, from 1 to %d, not %s", maxLoopLimit, asText(L.Get(3)))
	}
	st.loopLimit = int64(n)
	return 0
}

// bpfUnknown answers for a member that the module does not have.
func (st *Stage) bpfUnknown(L *lua.LState, t *lua.LTable) int {
	name := L.Get(2).String()
	switch {
	case slices.Contains(kernelOnly, name):
		st.fail(L, diag.UnknownMember, "bpf.%s works only in functions compiled for the kernel", name)
	case name == "loop_limit":
		L.Push(lua.LNumber(st.loopLimit))
		return 1
	}
	if v := st.Prelude(t, name); v != lua.LNil {
		L.Push(v)
		return 1
	}
	msg, _ := st.NoMember(t, name)
	st.fail(L, diag.UnknownMember, "%s", msg)
	return 0
}

func (st *Stage) bpfLicense(L *lua.LState) int {
	s := L.CheckString(1)
	if s == "" {
		st.failOn(L, L.Get(1), diag.BadDeclaration, "the license must not be empty; \"GPL\" is what most helpers ask for")
	}
	st.license = st.written(L, L.Get(1), s)
	return 0
}

// bpfSwap is hton(x, bits) and ntoh(x, bits).
func (st *Stage) bpfSwap(L *lua.LState) int {
	if L.GetTop() < 2 {
		L.ArgError(2, "the number of bits is needed: 16, 32 or 64")
	}
	n := L.CheckInt(2)
	if n != 16 && n != 32 && n != 64 {
		L.ArgError(2, "16, 32 or 64 expected")
	}
	return st.swap(L, n)
}

func (st *Stage) swap(L *lua.LState, n int) int {
	x, ours, _ := st.bitOperand(L, 1)
	x = bits.ReverseBytes64(x) >> (64 - n)
	if c := (&CData{uint64Type, x}); !ours || n < 64 {
		if v, ok := c.number(); ok {
			L.Push(v)
			return 1
		}
	}
	return st.pushWide(L, x, true)
}

// bpfClamp is the number of the interval from argument 2 to 3 that is nearest to
// argument 1.
func (st *Stage) bpfClamp(L *lua.LState) int {
	x, lo, hi := L.CheckNumber(1), L.CheckNumber(2), L.CheckNumber(3)
	L.Push(min(max(x, lo), hi))
	return 1
}

// bpfCsumFold is the complement of a sum folded to 16 bits.
func (st *Stage) bpfCsumFold(L *lua.LState) int {
	x := uint64(L.CheckInt64(1))
	for x>>16 != 0 {
		x = x&0xffff + x>>16
	}
	L.Push(lua.LNumber(x ^ 0xffff))
	return 1
}

// checkOption refuses an option that is unknown.
func (st *Stage) checkOption(L *lua.LState, name string, known map[string]bool) {
	if !known[name] {
		st.failKey(L, name, diag.UnknownOption, "there is no option '%s'%s", name, diag.DidYouMean(name, slices.Sorted(maps.Keys(known))))
	}
}

func (st *Stage) stringOption(L *lua.LState, name string, v lua.LValue) string {
	s, ok := v.(lua.LString)
	if !ok || s == "" {
		st.failOn(L, v, diag.BadDeclaration, "option '%s' must be a string that is not empty, not %s", name, asText(v))
	}
	return st.written(L, v, string(s))
}

func (st *Stage) onShort(L *lua.LState, v lua.LValue) lua.LValue {
	switch x := v.(type) {
	case lua.LNumber:
		if float64(x) == math.Trunc(float64(x)) && math.Abs(float64(x)) <= 1<<53 {
			return v
		}
	case *lua.LFunction:
		if !x.IsG {
			return v
		}
	case *lua.LUserData:
		if _, ok := x.Value.(*CData); ok {
			return v
		}
	}
	st.failOn(L, v, diag.BadResult, "option 'on_short' must be a verdict (an integer) or a function of the script, not a %s", typeName(v))
	return nil
}

// bpfProgram is bpf(fn [, opts]): a program whose kind is fixed when it is
// passed on.
func (st *Stage) bpfProgram(L *lua.LState) int {
	p := &Program{Func: st.progFunction(L, 1, "bpf"), Span: firstLine(st.caller(L)), OnShort: lua.LNil, License: st.license, LoopLimit: st.loopLimit}
	st.readOptions(L, 2, p)
	st.noMore(L, 2, "bpf")
	p.Name = p.given
	if p.Name == "" {
		p.Name = st.assignedName(L)
	}
	if p.Name == "" {
		p.Name = st.ownName(p.Func)
	}
	st.pending = append(st.pending, p)
	L.Push(st.userdata(p, st.programMeta))
	return 1
}

// noMore refuses arguments behind the last one that means something.
func (st *Stage) noMore(L *lua.LState, last int, call string) {
	for i := last + 1; i <= L.GetTop(); i++ {
		if L.Get(i) != lua.LNil {
			st.failOn(L, L.Get(i), diag.BadDeclaration, "too many arguments to %s", call)
		}
	}
}

// progFunction is the function of a program: argument i.
func (st *Stage) progFunction(L *lua.LState, i int, call string) *lua.LFunction {
	switch v := L.Get(i).(type) {
	case *lua.LFunction:
		if _, ok := st.FunctionOf(v); ok {
			return v
		}
		st.failOn(L, v, diag.NotALuaFunction, "%s needs a function of the script; '%s' is one of the library", call, st.builtins[v])
	default:
		st.failOn(L, v, diag.NeedsFunction, "%s needs a function, not %s", call, article(argType(L, i)))
	}
	return nil
}

func article(typ string) string {
	if typ == "nil" || typ == "no value" {
		return typ
	}
	return "a " + typ
}

// programName returns what a program is called, if the name is free.
func (st *Stage) programName(L *lua.LState, p, from *Program) string {
	if p.given != "" {
		return p.given
	}
	if from != nil && from.Name != "" {
		return from.Name
	}
	if n := st.assignedName(L); n != "" {
		return n
	}
	if n := st.ownName(p.Func); n != "" {
		return n
	}
	if p.Target != "" {
		return p.Kind.Name + "_" + p.Target
	}
	return p.Kind.Name
}

// ownName is the last part of a function's name in the source.
func (st *Stage) ownName(fn *lua.LFunction) string {
	f, ok := st.FunctionOf(fn)
	if !ok {
		return ""
	}
	return f.Name[strings.LastIndexAny(f.Name, ".:")+1:]
}

// cKeywords are words that are no identifiers in C, where skeletons of objects
// have the names of maps, programs and variables.
var cKeywords = strings.Fields(`auto break case char const continue default do double else enum extern float for goto if inline int long
	register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while`)

// Reserve takes a name that is not the script's to choose; false if something the
// script declared has it.
func (st *Stage) Reserve(name string) bool {
	if st.names[name] {
		return st.reserved[name]
	}
	st.names[name], st.reserved[name] = true, true
	return true
}

// uniqueName makes name a C identifier that no other map or program has.
func (st *Stage) uniqueName(name string, sp diag.Span) string {
	b := []byte(name)
	for i, c := range b {
		if !isLower(c) && !isUpper(c) && !isDigit(c) {
			b[i] = '_'
		}
	}
	if len(b) == 0 || isDigit(b[0]) {
		b = append([]byte{'_'}, b...)
	}
	base := string(b)
	if slices.Contains(cKeywords, base) {
		base += "_"
	}
	unique := base
	for n := 2; st.names[unique]; n++ {
		unique = base + "_" + strconv.Itoa(n)
	}
	if unique != base {
		st.reporter.Warnf(diag.DuplicateName, sp, "the name '%s' is taken: this one is called '%s'", base, unique)
	}
	st.names[unique] = true
	return unique
}
