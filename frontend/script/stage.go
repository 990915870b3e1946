package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Stage is one run of the script stage.
type Stage struct {
	host     Host
	opts     Options
	reporter *diag.Reporter
	vm       *lua.LState

	maps     []*Map
	programs []*Program
	license  string
	ended    *Operation

	functions map[*lua.FunctionProto]*syntax.Function
	builtins  map[*lua.LFunction]string
}

// Run parses and runs file's chunk to its end, to the first user-space
// operation, or to an error, which is reported.
func Run(file *diag.File, host Host, opts Options) *Stage {
	st := &Stage{host: host, opts: opts, reporter: opts.Reporter, license: "GPL"}
	if st.reporter == nil {
		st.reporter = new(diag.Reporter)
	}
	st.run(file)
	return st
}

func (st *Stage) run(file *diag.File) {}

// Reporter returns where the stage reports to.
func (st *Stage) Reporter() *diag.Reporter { return st.reporter }

// Maps returns the maps declared, in order.
func (st *Stage) Maps() []*Map { return st.maps }

// Programs returns the programs whose kind is fixed, in order.
func (st *Stage) Programs() []*Program { return st.programs }

// License returns the license in force: GPL, or what bpf.license set.
func (st *Stage) License() string { return st.license }

// Ended returns the user-space operation that ended the stage, nil if it ran
// to the end of the chunk.
func (st *Stage) Ended() *Operation { return st.ended }

// FunctionOf returns the source of a function written in Lua; false for a
// function of the library.
func (st *Stage) FunctionOf(fn *lua.LFunction) (*syntax.Function, bool) {
	if fn == nil || fn.IsG {
		return nil, false
	}
	f, ok := st.functions[fn.Proto]
	return f, ok
}

// Upvalue returns the current value of fn's upvalue name.
func (st *Stage) Upvalue(fn *lua.LFunction, name string) (lua.LValue, bool) {
	if fn == nil || fn.IsG {
		return lua.LNil, false
	}
	for i, n := range fn.Proto.DbgUpvalues {
		if n == name && i < len(fn.Upvalues) && fn.Upvalues[i] != nil {
			return fn.Upvalues[i].Value(), true
		}
	}
	return lua.LNil, false
}

// Global returns the value of the global name in fn's environment.
func (st *Stage) Global(fn *lua.LFunction, name string) lua.LValue {
	if fn == nil || fn.Env == nil {
		return lua.LNil
	}
	return fn.Env.RawGetString(name)
}

// BuiltinName returns the canonical name of a library function, "bit.band",
// "math.log2", "print", "bpf.u8"; "" for any other.
func (st *Stage) BuiltinName(fn *lua.LFunction) string { return st.builtins[fn] }

// Call calls a function at compile time, within the stage's bounds.
func (st *Stage) Call(fn *lua.LFunction, args ...lua.LValue) ([]lua.LValue, error) { return nil, nil }
