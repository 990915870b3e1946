package script

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What things take, roughly, in the VM.
const (
	tableBytes  = 64
	slotBytes   = 16 // an element of a table's array part
	entryBytes  = 96 // an entry of its hash part
	threadBytes = 32 << 10
	// deletedBytes is what the VM keeps of a key that was set to nil.
	deletedBytes = 48
	funcBytes    = 64
	// sharedBytes is the length from which two strings are told apart by where
	// they lie before they are counted twice.
	sharedBytes = 64
)

// meter adds up what the script can reach. Strings are counted by where they
// lie, so copies of a value count once.
type meter struct {
	st      *Stage
	seen    map[lua.LValue]struct{}
	strings map[strKey]struct{}
	tables  map[*lua.LTable]struct{}
	data    map[*memory]struct{}
	todo    []lua.LValue
	bytes   int64
	visited int64
}

type strKey struct {
	data *byte
	len  int
}

// measure returns how many bytes of strings and tables the script can reach,
// and how many values it looked at.
func (st *Stage) measure() (bytes, visited int64) {
	m := &meter{st: st, seen: map[lua.LValue]struct{}{}, strings: map[strKey]struct{}{}, tables: map[*lua.LTable]struct{}{},
		data: map[*memory]struct{}{}}
	g := st.vm.G
	m.add(g.Global)
	m.add(g.Registry)
	m.add(st.loaded)
	for _, p := range st.pending {
		m.add(p.Func)
	}
	m.add(st.vm)
	for t := g.CurrentThread; t != nil; t = t.Parent {
		m.add(t)
	}
	for len(m.todo) > 0 {
		v := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		m.scan(v)
	}
	for t := range st.bounds.padded {
		if _, ok := m.tables[t]; !ok {
			delete(st.bounds.padded, t)
		}
	}
	return m.bytes, m.visited
}

// add counts v and notes to look into it.
func (m *meter) add(v lua.LValue) {
	m.visited++
	switch v := v.(type) {
	case lua.LString:
		if len(v) < sharedBytes {
			m.bytes += int64(len(v))
			return
		}
		k := strKey{unsafe.StringData(string(v)), len(v)}
		if _, ok := m.strings[k]; !ok {
			m.strings[k] = struct{}{}
			m.bytes += int64(len(v))
		}
	case *lua.LTable:
		if v == nil {
			return
		}
		if _, ok := m.tables[v]; !ok {
			m.tables[v] = struct{}{}
			m.todo = append(m.todo, v)
		}
	case *lua.LFunction, *lua.LUserData, *lua.LState:
		if _, ok := m.seen[v]; !ok {
			m.seen[v] = struct{}{}
			m.todo = append(m.todo, v)
		}
	}
}

// scan looks into v.
func (m *meter) scan(v lua.LValue) {
	switch v := v.(type) {
	case *lua.LTable:
		n := v.Len()
		m.bytes += tableBytes + slotBytes*int64(max(n, m.st.bounds.padded[v]))
		v.ForEach(func(k, e lua.LValue) {
			if i, ok := k.(lua.LNumber); !ok || i < 1 || int(i) > n {
				m.bytes += entryBytes
				m.add(k)
			}
			m.add(e)
		})
		m.add(v.Metatable)
	case *lua.LUserData:
		m.add(v.Metatable)
		if r, ok := v.Value.(*Ref); ok {
			m.bytes += tableBytes
			if _, ok := m.data[r.mem]; !ok {
				m.data[r.mem] = struct{}{}
				m.bytes += int64(len(r.mem.bytes))
			}
		}
	case *lua.LFunction:
		m.bytes += funcBytes
		if v.Env != nil {
			m.add(v.Env)
		}
		for _, u := range v.Upvalues {
			if u != nil {
				m.add(u.Value())
			}
		}
	case *lua.LState:
		m.bytes += threadBytes
		m.registers(v)
	}
}

// registers looks at a thread's registers. The VM shows them a frame at a time;
// counted from the innermost frame's base, numbers below 1 are those of the
// frames around it, down to the first register, below which it panics.
func (m *meter) registers(L *lua.LState) {
	defer func() { _ = recover() }()
	frame, ok := L.GetStack(0)
	if !ok {
		return
	}
	for i := 1; ; i++ {
		name, v := L.GetLocal(frame, i)
		if name == "" {
			break
		}
		m.slot(v)
	}
	for i := 0; ; i-- {
		_, v := L.GetLocal(frame, i)
		m.slot(v)
	}
}

func (m *meter) slot(v lua.LValue) {
	m.bytes += slotBytes
	if v != nil {
		m.add(v)
	}
}
