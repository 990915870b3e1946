package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	kbtf "github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Structures of functions that programs implement: bpf.struct_ops(struct, members
// [, opts]). Each function becomes a program of its own; the structure itself is a
// variable of which loaders make a map, and the kernel is told of it when that is
// attached. Members of other types are what the script gives.

// Ops is a structure of functions that the script declared.
type Ops struct {
	Name  string // unique among variables, maps and programs; a C identifier
	Type  ctype.Type
	Align int
	Data  []byte // what is no function, as it lies in the target's memory
	Funcs []OpsFunc
	Span  diag.Span // the declaring call
}

// ToOps returns the structure of functions that v holds.
func ToOps(v lua.LValue) (*Ops, bool) { return userdata[*Ops](v) }

// OpsFunc is a function of such a structure.
type OpsFunc struct {
	Off     int
	Program *Program
}

// OpsMember is what a program is in the structure that it is a part of.
type OpsMember struct {
	Struct, Name string
	Proto        *ctype.Prototype
	// Known is what is known of the structure besides its type; nil: nothing.
	Known *kernel.OpsStruct
}

// Ops returns the structures of functions declared, in order.
func (st *Stage) Ops() []*Ops { return st.structOps }

// opsPrefix is what begins the name of the type in which the kernel keeps a
// structure of functions.
const opsPrefix = "bpf_struct_ops_"

// bpfStructOps is bpf.struct_ops(struct, members [, opts]).
func (st *Stage) bpfStructOps(L *lua.LState) int {
	name := strings.TrimPrefix(st.leadString(L, 1, "which structure of functions, as in 'tcp_congestion_ops'"), "struct ")
	t := st.opsType(L, name)
	members, ok := L.Get(2).(*lua.LTable)
	if !ok {
		st.failOn(L, L.Get(2), diag.BadDeclaration, "bpf.struct_ops needs a table of members, as in { init = function(sk) end }, not %s", article(argType(L, 2)))
	}
	st.noMore(L, 3, "bpf.struct_ops")
	base := &Program{Span: firstLine(st.caller(L)), OnShort: lua.LNil, License: st.license, LoopLimit: st.loopLimit}
	base.Kind, _ = kernel.ProgKindByName("struct_ops")
	sleepable := st.opsOptions(L, base)
	o := &Ops{Name: base.given, Span: base.Span}
	st.checkOpsMembers(L, t, name, members)
	sub := st.types.Subset(t, func(n string) bool { return members.RawGetString(n) != lua.LNil })
	o.Type, o.Align, o.Data = sub, max(st.types.Alignof(sub), 8), make([]byte, ctype.Size(sub))
	if o.Name == "" {
		o.Name = st.assignedName(L)
	}
	if o.Name == "" {
		o.Name = name
	}
	o.Name = st.uniqueName(o.Name, o.Span)
	for _, m := range ctype.AllMembers(sub) {
		v := members.RawGetString(m.Name)
		if ctype.FuncPointer(m.Type) == nil {
			if err := st.fillMember(o.Data, m, v); err != nil {
				st.failKey(L, m.Name, diag.BadValue, "%s", err)
			}
			continue
		}
		p := st.opsProgram(L, base, o, m, v, sleepable(m.Name))
		o.Funcs = append(o.Funcs, OpsFunc{m.Offset, p})
		st.programs = append(st.programs, p)
		st.declare(L, func() { st.host.DeclareProgram(st, p) })
	}
	st.structOps = append(st.structOps, o)
	L.Push(st.userdata(o, st.opsMeta))
	return 1
}

// opsType is the structure of that name, of whose functions the kernel takes
// programs for.
func (st *Stage) opsType(L *lua.LState, name string) ctype.Type {
	t, ok := st.types.Tag("struct", name)
	if ok && !st.types.FromKernel(t) {
		return t // of the script's own declaration
	}
	if _, kept := st.types.Tag("struct", opsPrefix+name); ok && kept {
		return t
	}
	switch {
	case st.types.KernelError != nil:
		st.failOn(L, L.Get(1), diag.UnknownTarget, "what 'struct %s' consists of is not known: %s", name, st.types.KernelError)
	case st.types.Kernel == nil:
		st.failOn(L, L.Get(1), diag.UnknownTarget, "what 'struct %s' consists of is not known: no BTF of a kernel is given (--btf FILE)", name)
	}
	what := "the kernel has no 'struct " + name + "'"
	if ok {
		what = "the kernel takes no programs for the functions of 'struct " + name + "'"
	}
	st.failOn(L, L.Get(1), diag.UnknownTarget, "%s%s", what, diag.DidYouMean(name, st.opsNames()))
	return nil
}

// opsNames are the structures whose functions the kernel takes programs for.
func (st *Stage) opsNames() (l []string) {
	all := map[string]bool{}
	for _, n := range st.types.KernelNames(kbtf.TypeStruct) {
		all[n] = true
	}
	for n := range all {
		if s, ok := strings.CutPrefix(n, opsPrefix); ok && all[s] {
			l = append(l, s)
		}
	}
	slices.Sort(l)
	return l
}

// opsOptions reads the options, argument 3. What it returns tells the functions that
// may sleep.
func (st *Stage) opsOptions(L *lua.LState, p *Program) func(member string) bool {
	none := func(string) bool { return false }
	if L.Get(3) == lua.LNil {
		return none
	}
	t, ok := L.Get(3).(*lua.LTable)
	if !ok {
		st.failOn(L, L.Get(3), diag.BadDeclaration, "the options of bpf.struct_ops must be a table, not %s", article(typeName(L.Get(3))))
	}
	known := map[string]bool{"name": true, "license": true, "sleepable": true}
	given := map[string]lua.LValue{}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		st.checkOption(L, k.String(), known)
		given[k.String()] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != "sleepable" {
			st.setOption(L, name, given[name], p)
		}
	}
	switch v := given["sleepable"].(type) {
	case lua.LBool:
		return func(string) bool { return bool(v) }
	case *lua.LTable:
		return func(member string) bool {
			return slices.ContainsFunc(positions(v), func(x lua.LValue) bool { return x == lua.LString(member) })
		}
	}
	return none
}

// checkOpsMembers checks which members are given.
func (st *Stage) checkOpsMembers(L *lua.LState, t ctype.Type, name string, members *lua.LTable) {
	var keys []string
	for k, _ := members.Next(lua.LNil); k != lua.LNil; k, _ = members.Next(k) {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	known := kernel.OpsStructByName(name)
	for _, k := range keys {
		m, ok := ctype.FindMember(t, k)
		v := members.RawGetString(k)
		if !ok || len(m.Path) > 1 || v == lua.LNil {
			st.failKey(L, k, diag.UnknownMember, "'struct %s' has no member '%s'%s", name, k, diag.DidYouMean(k, ctype.MemberNames(t)))
		}
		_, isFunc := v.(*lua.LFunction)
		_, isProg := ToProgram(v)
		switch function := ctype.FuncPointer(m.Type) != nil; {
		case known != nil && slices.Contains(known.Refused, k):
			st.failKey(L, k, diag.BadDeclaration, "the kernel takes no program for '%s' of 'struct %s'", k, name)
		case function && !isFunc && !isProg:
			st.failKey(L, k, diag.NeedsFunction, "member '%s' of 'struct %s' is a function, not %s", k, name, article(typeName(v)))
		case !function && (isFunc || isProg):
			st.failKey(L, k, diag.BadDeclaration, "member '%s' of 'struct %s' is a '%s', no function", k, name, ctype.Name(m.Type))
		case !function && (ctype.IsPointer(m.Type) || ctype.IsRecord(m.Type) || m.Bits > 0):
			st.failKey(L, k, diag.BadDeclaration, "member '%s' of 'struct %s' is the kernel's to set", k, name)
		case known != nil && known.Title == k:
			st.checkOpsTitle(L, k, v, ctype.Size(m.Type))
		}
	}
	if known == nil {
		return
	}
	for _, one := range known.Required {
		if !slices.ContainsFunc(one, func(m string) bool { return slices.Contains(keys, m) }) {
			st.failOn(L, members, diag.BadDeclaration, "the kernel takes no 'struct %s' without '%s'", name, strings.Join(one, "' or '"))
		}
	}
}

// checkOpsTitle checks the name that the structure is registered under.
func (st *Stage) checkOpsTitle(L *lua.LState, member string, v lua.LValue, size int) {
	s, ok := v.(lua.LString)
	for _, c := range []byte(s) {
		ok = ok && (isLower(c) || isUpper(c) || isDigit(c) || c == '_' || c == '.')
	}
	if !ok || s == "" || len(s) >= size {
		st.failKey(L, member, diag.BadValue, "'%s' must be 1 to %d letters, digits, '_' and '.', not %s", member, size-1, asText(v))
	}
}

// opsProgram makes the program for a member.
func (st *Stage) opsProgram(L *lua.LState, base *Program, o *Ops, m ctype.Member, v lua.LValue, sleepable bool) *Program {
	p := *base
	p.given = ""
	if q, ok := ToProgram(v); ok {
		q.used = true
		p.Func, p.OnShort, p.License, p.LoopLimit, p.given = q.Func, q.OnShort, q.License, q.LoopLimit, q.given
	} else {
		fn := v.(*lua.LFunction)
		if _, ok := st.FunctionOf(fn); !ok {
			st.failKey(L, m.Name, diag.NotALuaFunction, "bpf.struct_ops needs functions of the script; '%s' is one of the library", st.builtins[fn])
		}
		p.Func = fn
	}
	name := ctype.Underlying(o.Type).TypeName()
	p.Target, p.Sleepable = m.Name, sleepable
	p.Member = &OpsMember{Struct: name, Name: m.Name, Proto: &ctype.Prototype{Name: m.Name, Type: ctype.FuncPointer(m.Type)}, Known: kernel.OpsStructByName(name)}
	st.makeSection(&p)
	p.Target = "" // nothing is attached to it by itself
	if p.given == "" {
		p.given = o.Name + "_" + m.Name
	}
	p.Name = st.uniqueName(p.given, p.Span)
	return &p
}
