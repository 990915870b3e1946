package script

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// options are what -D set, and what the script declared.
type options struct {
	table    *lua.LTable // bpf.opt
	defines  map[string]lua.LValue
	order    []string
	declared map[string]bool
	last     diag.Span // of the last declaration
	any      bool
}

// openOptions makes bpf.opt of the definitions given.
func (st *Stage) openOptions(bpf *lua.LTable) {
	st.options = options{table: st.vm.NewTable(), defines: map[string]lua.LValue{}, declared: map[string]bool{}}
	for _, d := range st.opts.Defines {
		if _, again := st.options.defines[d.Name]; !again {
			st.options.order = append(st.options.order, d.Name)
		}
		v := st.defineValue(d)
		st.options.defines[d.Name] = v
		st.options.table.RawSetString(d.Name, v)
	}
	bpf.RawSetString("opt", st.options.table)
}

// defineValue is a number if the text reads as one, true or false, or the text.
func (st *Stage) defineValue(d Define) lua.LValue {
	if !d.Set {
		return lua.LTrue
	}
	text := strings.TrimSpace(d.Value)
	if u, err := strconv.ParseUint(text, 0, 64); err == nil && u > 1<<53 && !strings.Contains(text, "_") {
		return st.wide(u, u>>63 != 0)
	}
	if f, ok := parseNumber(d.Value, 10); ok {
		return lua.LNumber(f)
	}
	switch d.Value {
	case "true":
		return lua.LTrue
	case "false":
		return lua.LFalse
	}
	return lua.LString(d.Value)
}

// bpfOption is bpf.option { name = default, ... }.
func (st *Stage) bpfOption(L *lua.LState) int {
	o := &st.options
	t := L.CheckTable(1)
	o.any, o.last = true, firstLine(st.caller(L))
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			st.fail(L, diag.BadOption, "options have names: bpf.option { name = default }")
		}
		n := string(name)
		o.declared[n] = true
		set, ok := o.defines[n]
		if !ok {
			o.table.RawSetString(n, v)
			continue
		}
		if want, got := typeOfOption(v), typeOfOption(set); want != got && want != "any" {
			if want == "string" && got != "flag" { // -D id=007 is text where text is wanted
				o.table.RawSetString(n, lua.LString(st.textOf(n)))
				continue
			}
			st.fail(L, diag.DefineType, "-D %s must be a %s, like its default %s", n, want, st.tostring(L, v))
		}
	}
	L.Push(o.table)
	return 1
}

// typeOfOption is the type that a default demands.
func typeOfOption(v lua.LValue) string {
	if _, ok := ToCData(v); ok {
		return "number"
	}
	switch v.(type) {
	case lua.LBool:
		return "flag"
	case lua.LNumber:
		return "number"
	case lua.LString:
		return "string"
	}
	return "any"
}

// textOf is the text of -D name, as it was given.
func (st *Stage) textOf(name string) string {
	s := ""
	for _, d := range st.opts.Defines {
		if d.Name == name {
			s = d.Value
		}
	}
	return s
}

// checkOptions reports definitions of names that a script with declared options
// does not know.
func (st *Stage) checkOptions() {
	o := &st.options
	if !o.any {
		return
	}
	var names []string
	for k, _ := o.table.Next(lua.LNil); k != lua.LNil; k, _ = o.table.Next(k) {
		if o.declared[k.String()] {
			names = append(names, k.String())
		}
	}
	for _, n := range o.order {
		if o.declared[n] {
			continue
		}
		hint := ""
		if near := diag.Closest(n, names); near != "" {
			hint = " (did you mean '" + near + "'?)"
		}
		st.reporter.Errorf(diag.UnknownDefine, o.last, "the script has no option '%s'%s", n, hint)
	}
}
