package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// Record is the part of a compiling Host that concerns user space: what the
// script writes to maps is their initial contents, and the first operation
// that needs a running program ends the stage. Embed it and add the
// declarations.
type Record struct{}

// MapGet reads what the script itself has written. Once a program is declared
// only the running program knows the other entries: reading one ends the stage.
func (Record) MapGet(st *Stage, m *Map, key *CData, sp diag.Span) (*CData, error) {
	if e := m.entry(key); e != nil {
		v := e.Value
		return &v, nil
	}
	if st.Declared() {
		return nil, st.End(Operation{Name: "reading map '" + m.Name + "'", Span: sp})
	}
	if m.Type.Array && key.Bits < uint64(m.MaxEntries) {
		return &CData{Type: m.Value}, nil
	}
	return nil, nil
}

// MapSet adds to m's initial contents.
func (Record) MapSet(st *Stage, m *Map, key, value *CData, sp diag.Span) error {
	switch {
	case value == nil:
		m.remove(key)
	default:
		m.put(key, value)
	}
	return nil
}

// UserSpace ends the stage.
func (Record) UserSpace(st *Stage, op Operation, args []lua.LValue) ([]lua.LValue, error) {
	return nil, st.End(op)
}

// entry returns the entry of that key, nil if there is none.
func (m *Map) entry(key *CData) *Entry {
	if i, ok := m.index[key.Bits]; ok {
		return &m.Contents[i]
	}
	return nil
}

func (m *Map) put(key, value *CData) {
	if e := m.entry(key); e != nil {
		e.Value = *value
		return
	}
	if m.index == nil {
		m.index = map[uint64]int{}
	}
	m.index[key.Bits] = len(m.Contents)
	m.Contents = append(m.Contents, Entry{*key, *value})
}

func (m *Map) remove(key *CData) {
	i, ok := m.index[key.Bits]
	if !ok {
		return
	}
	m.Contents = append(m.Contents[:i], m.Contents[i+1:]...)
	clear(m.index)
	for i, e := range m.Contents {
		m.index[e.Key.Bits] = i
	}
}
