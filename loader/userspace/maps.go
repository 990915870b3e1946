package userspace

import (
	"errors"
	"fmt"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// liveMap is a map of the script in the kernel.
type liveMap struct {
	*script.Map
	in     *loader.Map
	events *events // of the one reader that a map has
	full   bool    // it was, and the user knows
}

// checkFull says once that a map has as many entries as it can have: programs add no
// more to it, and are not stopped by that. Maps that drop old entries are always full.
func (h *host) checkFull(m *liveMap, entries int) {
	if m.full || m.Type.Array || !m.Type.Can(kernel.MapDelete) || strings.HasPrefix(m.Type.Name, "lru") || entries < int(m.in.MaxEntries()) {
		return
	}
	m.full = true
	h.note(fmt.Sprintf("map '%s' is full: what programs add under other keys than its %d is lost", m.Name, entries))
}

// mapCalls are the operations on maps, variables and programs.
func mapCalls() map[string]operation {
	return map[string]operation{
		"map.pairs":      mapPairs,
		"map.reader":     mapReader,
		"map.poll":       mapPoll,
		"map.lost":       mapLost,
		"map.print_hist": mapPrintHist,
		"global.get":     globalGet,
		"global.set":     globalSet,
		"program.get":    programGet,
		"ops.get":        opsGet,
	}
}

// MapGet reads an entry. Until a program is declared, and for what the script
// itself has written, the kernel isn't asked.
func (h *host) MapGet(st *script.Stage, m *script.Map, key []byte, sp diag.Span) ([]byte, error) {
	if h.loaded == nil && (!st.Declared() || m.Written(key)) {
		return h.Record.MapGet(st, m, key, sp)
	}
	if err := h.load(st); err != nil {
		return nil, err
	}
	v, err := h.maps[m].in.Lookup(key)
	if err != nil && m.Type.Array {
		return nil, nil // beyond the end
	}
	return v, err
}

// MapSet writes or deletes an entry; until programs are loaded, of the contents
// that the map begins with.
func (h *host) MapSet(st *script.Stage, m *script.Map, key, value []byte, sp diag.Span) error {
	if h.loaded == nil {
		return h.Record.MapSet(st, m, key, value, sp)
	}
	in := h.maps[m].in
	if value == nil {
		return in.Delete(key)
	}
	err := in.Update(key, value)
	if errors.Is(err, loader.ErrFull) {
		return fmt.Errorf("map '%s' is full: it has %d entries", m.Name, in.MaxEntries())
	}
	return err
}

// live is the map that the operation is on.
func (c *call) live() *liveMap {
	if it, ok := c.op.On.(*script.Iteration); ok {
		return c.maps[it.Map]
	}
	return c.maps[c.op.On.(*script.Map)]
}

// cursor is a loop over a map: the keys that were there when it began.
type cursor struct{ keys [][]byte }

// mapPairs is m.pairs: called with the map alone, as pairs(m) and m:pairs() do, it
// returns what a loop needs. With a key it is the iterator itself, as in
// 'for k, v in m.pairs, m, nil'; a first key of 0 means the same, less the entry
// of that key.
func mapPairs(c *call) ([]lua.LValue, error) {
	m := c.live()
	if !m.Type.Can(kernel.MapUpdate) && !m.Type.Can(kernel.MapStack) {
		return nil, fmt.Errorf("map '%s' has no entries to iterate: it is of type %s", m.Name, m.Type.Name)
	}
	it := c.op.On.(*script.Iteration)
	if len(c.args) < 2 {
		cur, err := c.begin(m)
		next := c.st.NewFunction(func(*lua.LState, []lua.LValue) ([]lua.LValue, error) { return c.next(m, cur) })
		return []lua.LValue{next, c.arg(0), lua.LNil}, err
	}
	cur, _ := it.State.(*cursor)
	if cur == nil {
		var err error
		if cur, err = c.begin(m); err != nil {
			return nil, err
		}
		if c.arg(1) != lua.LNil {
			cur.skip(c.st.Key(c.L, m.Map, c.arg(1)))
		}
		it.State = cur
	}
	out, err := c.next(m, cur)
	if err != nil || out[0] == lua.LNil {
		it.State = nil
	}
	return out, err
}

// begin takes the keys that are there.
func (c *call) begin(m *liveMap) (*cursor, error) {
	keys, err := m.in.Keys()
	c.checkFull(m, len(keys))
	return &cursor{keys}, err
}

// skip leaves a key out.
func (cur *cursor) skip(key []byte) {
	for i, k := range cur.keys {
		if string(k) == string(key) {
			cur.keys = append(cur.keys[:i:i], cur.keys[i+1:]...)
			return
		}
	}
}

// next is the next entry that is still there: its key and its value.
func (c *call) next(m *liveMap, cur *cursor) ([]lua.LValue, error) {
	for len(cur.keys) > 0 {
		key := cur.keys[0]
		cur.keys = cur.keys[1:]
		v, err := m.in.Lookup(key)
		if err != nil {
			return nil, err
		}
		if v != nil {
			return results(c.st.Value(m.Key, key), c.st.MapValue(m.Map, v))
		}
	}
	return results(lua.LNil)
}

// globalGet brings a variable up to date before the script reads it, or changes a
// part of it.
func globalGet(c *call) ([]lua.LValue, error) {
	g := c.op.On.(*script.Global)
	v, err := c.loaded.Variable(g.Name)
	if err != nil {
		return nil, nil // no program uses it: it is the script's alone
	}
	return nil, v.Get(g.Data())
}

// globalSet writes a variable that the script has changed.
func globalSet(c *call) ([]lua.LValue, error) {
	g := c.op.On.(*script.Global)
	v, err := c.loaded.Variable(g.Name)
	if err != nil {
		return nil, nil
	}
	if g.Const {
		return nil, fmt.Errorf("'%s' is a constant: programs are loaded with its value", g.Name)
	}
	return nil, v.Set(g.Data())
}

// closing returns a function of scripts that closes what is open for k, once.
func closing[K comparable](c *call, open map[K]io.Closer, k K) ([]lua.LValue, error) {
	return results(c.st.NewFunction(func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
		l := open[k]
		if l == nil {
			return nil, nil
		}
		delete(open, k)
		return nil, l.Close()
	}))
}

// opsGet is o.name: close and detach take a structure of functions from the kernel.
func opsGet(c *call) ([]lua.LValue, error) {
	o := c.op.On.(*script.Ops)
	switch name, _ := script.Text(c.arg(1)); name {
	case "close", "detach":
		return closing(c, c.ops, o)
	case "name":
		return results(lua.LString(o.Name))
	default:
		return nil, errors.New("a structure of functions has 'name' and 'close'; no '" + name + "'")
	}
}

// programGet is p.name: close and detach end the program's attachment.
func programGet(c *call) ([]lua.LValue, error) {
	p := c.op.On.(*script.Program)
	switch name, _ := script.Text(c.arg(1)); name {
	case "close", "detach":
		return closing(c, c.links, p)
	case "name":
		return results(lua.LString(p.Name))
	case "read":
		return results(c.st.NewFunction(func(*lua.LState, []lua.LValue) ([]lua.LValue, error) {
			text, err := loader.ReadIter(c.links[p])
			return []lua.LValue{lua.LString(text)}, err
		}))
	default:
		return nil, errors.New("a program has 'name', 'close' and, if it is an iterator, 'read'; no '" + name + "'")
	}
}
