package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Record is the part of a compiling Host that concerns user space: what the
// script writes to maps is their initial contents, and the first operation
// that needs a running program ends the stage. Embed it and add the
// declarations.
type Record struct {
	// Answers are what operations of user space gave that come before the programs
	// are declared: those of a run of the same script that is to be repeated.
	Answers []Answer
}

// Answer is what an operation of user space has given.
type Answer struct {
	Call   string
	Values []any // nil, booleans, numbers and strings as the VM has them; []Field; Handle
}

// Field is a member of a table without tables in it.
type Field struct{ Key, Value lua.LValue }

// Handle is a value of the host's that is good for more operations, such as a file:
// they are called Kind and, behind a dot, the method. One without methods is a
// function.
type Handle struct {
	Kind    string
	Methods []string
}

// MapGet reads what the script itself has written. Once a program is declared
// only the running program knows the other entries: reading one ends the stage.
func (r *Record) MapGet(st *Stage, m *Map, key []byte, sp diag.Span) ([]byte, error) {
	if e := m.entry(key); e != nil {
		return e.Value, nil
	}
	if st.Declared() {
		return nil, st.End(Operation{Name: "reading map '" + m.Name + "'", Span: sp})
	}
	if m.Type.Array && ctype.Decode(m.Key, key, st.opts.BigEndian) < uint64(m.MaxEntries) {
		return make([]byte, ctype.Size(m.Value)), nil
	}
	return nil, nil
}

// MapSet adds to m's initial contents.
func (r *Record) MapSet(st *Stage, m *Map, key, value []byte, sp diag.Span) error {
	switch {
	case value == nil:
		m.remove(key)
	default:
		m.put(key, value)
	}
	return nil
}

// UserSpace gives the next answer; if there is none it ends the stage.
func (r *Record) UserSpace(st *Stage, op Operation, args []lua.LValue) ([]lua.LValue, error) {
	if len(r.Answers) > 0 && r.Answers[0].Call == op.Call {
		return r.answer(st), nil
	}
	return nil, st.End(op)
}

// entry returns the entry of that key, nil if there is none.
func (m *Map) entry(key []byte) *Entry {
	if i, ok := m.index[string(key)]; ok {
		return &m.Contents[i]
	}
	return nil
}

func (m *Map) put(key, value []byte) {
	if e := m.entry(key); e != nil {
		e.Value = value
		return
	}
	if m.index == nil {
		m.index = map[string]int{}
	}
	m.index[string(key)] = len(m.Contents)
	m.Contents = append(m.Contents, Entry{key, value})
}

func (m *Map) remove(key []byte) {
	i, ok := m.index[string(key)]
	if !ok {
		return
	}
	m.Contents = append(m.Contents[:i], m.Contents[i+1:]...)
	clear(m.index)
	for i, e := range m.Contents {
		m.index[string(e.Key)] = i
	}
}

// Written reports whether the script has written the entry of that key.
func (m *Map) Written(key []byte) bool { return m.entry(key) != nil }

// answer takes the next answer.
func (r *Record) answer(st *Stage) (out []lua.LValue) {
	a := r.Answers[0]
	r.Answers = r.Answers[1:]
	for _, v := range a.Values {
		switch v := v.(type) {
		case lua.LValue:
			out = append(out, v)
		case []Field:
			t := st.NewTable()
			for _, f := range v {
				t.RawSet(f.Key, f.Value)
			}
			out = append(out, t)
		case Handle:
			out = append(out, r.handle(st, v))
		}
	}
	return out
}

// handle is a value that answers as the one did that h stands for.
func (r *Record) handle(st *Stage, h Handle) lua.LValue {
	ask := func(call string) Method {
		return func(L *lua.LState, args []lua.LValue) ([]lua.LValue, error) {
			return r.UserSpace(st, Operation{Name: call + "()", Call: call, Span: firstLine(st.caller(L)), Thread: L}, args)
		}
	}
	if len(h.Methods) == 0 {
		return st.NewFunction(ask(h.Kind))
	}
	methods := map[string]Method{}
	for _, m := range h.Methods {
		methods[m] = ask(h.Kind + "." + m)
	}
	return st.NewObject(h.Kind, methods)
}
