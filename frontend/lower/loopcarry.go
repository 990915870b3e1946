package lower

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir"
)

// Records, bytes and places that a loop carries from one trip to the next.
//
// A variable that is assigned another record in a trip is carried member by
// member: what it holds at the beginning of a trip is a record of its own, made of
// the numbers that the last one had. So that nobody can tell the copy from the
// record, neither may change any more if the record has other names, and a record
// may be carried only if it was made in the trip (then no variable outside has it)
// or before the loop as the variable's first value. Members that are nil on some paths, and a variable that
// is, take one number more.

// carry is what a variable is known to hold at the beginning of each trip.
type carry struct {
	leaf   Value // an Int, a Bool, a Pointer or a Ref to a map's entry: one number
	bytes  int   // so many bytes, in words
	text   bool
	keys   []lua.LValue // of a record
	fields map[lua.LValue]*carry
	meta   Value
	fixed  Value // what is known when compiling
	opt    bool  // or nil
	shared bool  // a record that has other names
}

// none reports whether c is always nil.
func (c *carry) none() bool {
	return c.leaf == nil && c.bytes == 0 && c.fields == nil && c.fixed == nil
}

// carryOf describes v; ok is false for what can't be carried. entry says that it
// is what a variable holds before the loop.
func (lw *lowerer) carryOf(v Value, entry bool, depth int) (c *carry, ok bool) {
	if depth > maxCarryDepth || lw.b.Block == nil {
		return nil, false // a record that has itself as a member, as classes do
	}
	v = lw.resolve(lw.settled(v))
	switch x := v.(type) {
	case Opt:
		c, ok = lw.carryOf(x.Val, entry, depth+1)
		return c.orNil(), ok
	case *Choice:
		if !isNil(x.No) {
			return nil, false
		}
		c, ok = lw.carryOf(x.Yes, entry, depth+1)
		return c.orNil(), ok
	case Int:
		return &carry{leaf: Int{Unsigned: x.Unsigned, Bit: x.Bit, Slice: x.Slice}}, true
	case Bool:
		return &carry{leaf: Bool{}}, true
	case Pointer:
		return &carry{leaf: Pointer{View: x.View}}, len(x.Path) == 0 && x.late == nil && x.l3 == nil && !fromNetwork(x.Off)
	case Bytes:
		return &carry{bytes: x.Len, text: x.Text}, x.Slot == nil
	case *Table:
		return lw.carryOfTable(x, entry, depth)
	case Ref:
		if !carriesEntry(x) {
			return nil, false
		}
		return lw.carryOfEntry(x), true
	case Const:
		switch x.V.(type) {
		case lua.LBool:
			return &carry{leaf: Bool{}}, true
		case *lua.LNilType:
			return &carry{opt: true}, true
		}
	}
	return &carry{fixed: v}, static(v)
}

func (c *carry) orNil() *carry {
	if c != nil {
		c.opt = true
	}
	return c
}

func (lw *lowerer) carryOfTable(t *Table, entry bool, depth int) (*carry, bool) {
	start := lw.building[len(lw.building)-1].start
	if !entry && (t.made == nil || t.made.born <= start) {
		return nil, false
	}
	c := &carry{keys: slices.Clone(t.keys), fields: map[lua.LValue]*carry{}, meta: t.meta, shared: t.frozen || t.names > 1}
	for _, k := range t.keys {
		f, ok := lw.carryOf(t.fields[k].get(), entry, depth+1)
		if !ok {
			return nil, false
		}
		c.fields[k] = f
	}
	return c, true
}

// meet returns what holds both c and d; ok is false if nothing does.
func (c *carry) meet(d *carry) (out *carry, ok bool) {
	switch {
	case c.none() || d.none():
		m := *c
		if c.none() {
			m = *d
		}
		m.opt = true
		return &m, true
	case c.fields != nil && d.fields != nil:
		return c.meetFields(d)
	}
	m := *c
	m.opt = c.opt || d.opt
	if c.bytes != d.bytes || (c.fields == nil) != (d.fields == nil) || (c.leaf == nil) != (d.leaf == nil) {
		return nil, false
	}
	switch x := c.leaf.(type) {
	case nil:
		if c.bytes == 0 && !identical(c.fixed, d.fixed) {
			return nil, false
		}
		m.text = c.text && d.text
	case Int:
		y, ok := d.leaf.(Int)
		if !ok {
			return nil, false
		}
		x.Unsigned, x.Bit = x.Unsigned || y.Unsigned, x.Bit && y.Bit
		if x.Slice != y.Slice {
			x.Slice = 0
		}
		m.leaf = x
	case Bool:
		if _, ok := d.leaf.(Bool); !ok {
			return nil, false
		}
	case Pointer:
		if y, ok := d.leaf.(Pointer); !ok || y.View != x.View {
			return nil, false
		}
	case Ref:
		y, ok := d.leaf.(Ref)
		if !ok || !likeEntry(x, y) {
			return nil, false
		}
		if x.epoch == nil {
			x.epoch = y.epoch
		}
		m.leaf = x
	}
	return &m, true
}

// meetFields is meet for records: members that one of them lacks are nil there.
func (c *carry) meetFields(d *carry) (*carry, bool) {
	if c.meta != d.meta && !identical(c.meta, d.meta) {
		return nil, false
	}
	m := &carry{keys: slices.Clone(c.keys), fields: map[lua.LValue]*carry{}, meta: c.meta, opt: c.opt || d.opt, shared: c.shared || d.shared}
	for _, k := range d.keys {
		if c.fields[k] == nil {
			m.keys = append(m.keys, k)
		}
	}
	for _, k := range m.keys {
		x, y := c.fields[k], d.fields[k]
		if x == nil {
			x = &carry{opt: true}
		}
		if y == nil {
			y = &carry{opt: true}
		}
		f, ok := x.meet(y)
		if !ok {
			return nil, false
		}
		m.fields[k] = f
	}
	return m, true
}

// equal reports whether c and d are the same.
func (c *carry) equal(d *carry) bool {
	if c.opt != d.opt || c.shared != d.shared || c.bytes != d.bytes || c.text != d.text || len(c.keys) != len(d.keys) || (c.leaf == nil) != (d.leaf == nil) {
		return false
	}
	switch x := c.leaf.(type) {
	case Int:
		if x != d.leaf.(Int) {
			return false
		}
	case Ref:
		if (x.epoch == nil) != (d.leaf.(Ref).epoch == nil) {
			return false
		}
	}
	for _, k := range c.keys {
		if d.fields[k] == nil || !c.fields[k].equal(d.fields[k]) {
			return false
		}
	}
	return true
}

// types are the types of the numbers that c takes.
func (c *carry) types() (out []ir.Type) {
	if c.none() {
		return nil
	}
	if _, entry := c.leaf.(Ref); entry {
		return []ir.Type{ir.Ptr} // null where it is nil
	}
	if c.opt {
		out = append(out, ir.Bool)
	}
	switch c.leaf.(type) {
	case Bool:
		return append(out, ir.Bool)
	case Int, Pointer:
		return append(out, ir.I64)
	}
	for range words(c.bytes) {
		out = append(out, ir.I64)
	}
	for _, k := range c.keys {
		out = append(out, c.fields[k].types()...)
	}
	return out
}

// carryOut is v as the numbers that c takes.
func (lw *lowerer) carryOut(c *carry, v Value) (out []*ir.Value) {
	if c.none() {
		return nil
	}
	v = lw.resolve(lw.settled(v))
	if _, entry := c.leaf.(Ref); entry {
		return []*ir.Value{lw.entryAddress(v)}
	}
	present := lw.b.Bool(!isNil(v))
	switch x := v.(type) {
	case Opt:
		present, v = x.Present, x.Val
	case *Choice:
		present, v = x.Cond, x.Yes
	}
	if c.opt {
		out = append(out, present)
	}
	if isNil(v) {
		rest := *c
		rest.opt = false
		for _, t := range rest.types() {
			if t == ir.Bool {
				out = append(out, lw.b.Bool(false))
			} else {
				out = append(out, lw.b.Const(0))
			}
		}
		return out
	}
	switch x := v.(type) {
	case Int:
		return append(out, x.V)
	case Pointer:
		return append(out, lw.offset(x).V)
	case Bytes:
		return append(out, lw.keepSlice(x).kept...)
	case *Table:
		x.frozen = x.frozen || c.shared
		for _, k := range c.keys {
			out = append(out, lw.carryOut(c.fields[k], x.fields[k].get())...)
		}
		return out
	}
	if b, ok := lw.asBool(v); ok && c.fixed == nil {
		return append(out, b)
	}
	return out
}

// carryIn makes a value of its numbers, which next returns one after the other.
func (lw *lowerer) carryIn(c *carry, next func() *ir.Value) Value {
	if c.none() {
		return Nil
	}
	if k, entry := c.leaf.(Ref); entry {
		return lw.carriedEntry(k, next(), c.opt)
	}
	var present *ir.Value
	if c.opt {
		present = next()
	}
	v := c.fixed
	switch x := c.leaf.(type) {
	case Int:
		v = Int{V: next(), Unsigned: x.Unsigned, Bit: x.Bit, Slice: x.Slice}
	case Bool:
		v = Bool{next()}
	case Pointer:
		v = Pointer{Base: next(), View: x.View}
	}
	if c.bytes > 0 {
		b := Bytes{Len: c.bytes, Text: c.text}
		for range words(c.bytes) {
			b.kept = append(b.kept, next())
		}
		v = b
	}
	if c.fields != nil {
		t := &Table{fields: map[lua.LValue]*cell{}, keys: c.keys, meta: c.meta, made: lw.newCell(Nil), names: 1, frozen: c.shared}
		for _, k := range c.keys {
			t.fields[k] = lw.newCell(lw.carryIn(c.fields[k], next))
			t.fields[k].field = true
		}
		v = t
	}
	switch v.(type) {
	case Int, Bool:
		if c.opt {
			return Opt{present, v}
		}
	}
	if c.opt {
		return &Choice{Cond: present, Yes: v, No: Nil}
	}
	return v
}

// carryBoth makes room in a shape for v member by member, if that is possible.
// first says that the loop is lowered anew whatever comes of it: then v may be what
// another variable holds before the loop, which is a copy the next time.
func (lw *lowerer) carryBoth(s *shape, v Value, first bool) bool {
	before, ok1 := lw.carryOf(s.v, true, 0)
	if s.flat != nil {
		before, ok1 = s.flat, true
	}
	now, ok2 := lw.carryOf(v, first, 0)
	if !ok1 || !ok2 {
		return false
	}
	m, ok := before.meet(now)
	if !ok || len(m.types()) == 0 || len(m.types()) > maxCarried {
		return false
	}
	s.phi, s.flat, s.kind, s.opt = true, m, nil, false
	return true
}

// maxCarryDepth bounds records in records.
const maxCarryDepth = 12

// maxCarried is how many numbers one variable takes at most.
const maxCarried = 64
