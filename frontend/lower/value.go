package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
	lua "github.com/yuin/gopher-lua"
)

// Value is a Lua value of the kernel stage: one of the types below.
type Value interface{ kind() string }

// Const is a value of the script stage that is no integer: nil, a boolean, a
// float, a string, a table, a function, a ctype, a map, a program.
type Const struct{ V lua.LValue }

// Int is an integer, known or computed.
type Int struct {
	V        *ir.Value
	Unsigned bool
	// Bit: a one-bit field or C bool, false in a condition when 0.
	Bit bool
	// Slice is the number of packet or buffer bytes that V is the big-endian
	// number of; 0 if it is not from a slice.
	Slice int
	// Width is the bits of the C integer in the order of memory that V was read
	// as; 0 if it was not, or was computed with since.
	Width int
}

// Bool is a boolean that is computed.
type Bool struct{ V *ir.Value }

// Opt is nil unless Present, then Val (an Int or Bool). Where it is not
// present the number behind Val is 0.
type Opt struct {
	Present *ir.Value
	Val     Value
}

// Entry is m[k] of a scalar value type.
type Entry struct {
	Map     *script.Map
	Ptr     *ir.Value // the address of the value, or null
	Present *ir.Value // Ptr ~= null
	num     *cell     // the number read, an Int; nil value while put off
	Key     Value
	sure    bool // of an array, at an index that it has: never nil
}

// Global is a name of the kernel stage itself: pkt, xadd, time.
type Global struct{ Name string }

// Closure is a Lua function of the kernel stage, with the variables it uses.
type Closure struct {
	Func  *syntax.Function
	cells map[*syntax.Local]*cell
	// script is set for a function of the script stage.
	script *lua.LFunction
	// inlining is what the kernel stage asked for by bpf.inline and bpf.noinline.
	inlining script.Inlining
}

// Context is the program's context.
type Context struct{ Kind *kernel.ProgKind }

// CtxArray is a member of the context that is an array.
type CtxArray struct{ Field *kernel.CtxField }

// Pointer is a place in the packet: Base + Off bytes behind its start, viewed
// as a header if View is set.
type Pointer struct {
	Base *ir.Value // nil: 0
	Off  int64
	View *header
	// l3 is the ethertype in front of what is viewed as "l3".
	l3 *ir.Value
	// Path holds the headers that lead here, outermost first, for conditions.
	Path []step
	// late is set while Base and Off are not known: in a condition, the length
	// that leads here is read when the tests before it have passed.
	late *step
}

// step is one header on a path: its place, and the test that its parent
// announces it.
type step struct {
	parent Pointer
	rule   *rule
	// test is a Bool that must hold instead, if there is no rule.
	test *ir.Value
	// any are the paths that lead here instead: one for each way that control
	// may have come.
	any []alternative
}

// Bytes is a run of bytes in the packet or on the stack with a length known
// now. In a slice of the packet, At is where it starts.
type Bytes struct {
	At   Pointer
	Slot *ir.Slot // on the stack instead
	Len  int
	Text bool // ends at the first NUL
	// kept are the bytes of a slice that a variable holds, as the numbers that
	// words(Len) splits them into.
	kept []*ir.Value
}

// Table is a constructor of the kernel stage: fields known by name and number.
type Table struct {
	fields map[lua.LValue]*cell
	keys   []lua.LValue // in order of first assignment
	meta   Value        // its metatable, or nil
	// made has a value on the paths behind the table's constructor.
	made *cell
	// names is how many variables and fields were given the table; frozen is set on
	// one that stands for several, or for an earlier one, which may be reached by
	// other names: to change it would not be seen there.
	names  int
	frozen bool
}

// Tuple is the result of a call or ...
type Tuple []Value

// Conflict is what a variable holds that got values of different kinds on
// different paths; using it is an error that names both.
type Conflict struct {
	A, B       Value
	APos, BPos ir.Pos
}

// Bad stands for what an error was reported for; using it is silent.
type Bad struct{}

func (Const) kind() string     { return "constant" }
func (Int) kind() string       { return "number" }
func (Bool) kind() string      { return "boolean" }
func (Opt) kind() string       { return "value or nil" }
func (*Entry) kind() string    { return "map entry" }
func (Global) kind() string    { return "function" }
func (*Closure) kind() string  { return "function" }
func (Context) kind() string   { return "context" }
func (CtxArray) kind() string  { return "array" }
func (Pointer) kind() string   { return "packet pointer" }
func (Bytes) kind() string     { return "byte array" }
func (*Table) kind() string    { return "table" }
func (Tuple) kind() string     { return "values" }
func (*Conflict) kind() string { return "value of two kinds" }
func (Bad) kind() string       { return "value" }

// Nil is Lua's nil.
var Nil = Const{lua.LNil}

// describe names a value's type in a message.
func describe(v Value) string {
	switch v := v.(type) {
	case Const:
		if ud, ok := v.V.(*lua.LUserData); ok {
			switch ud.Value.(type) {
			case *script.Map:
				return "a map"
			case *script.Program:
				return "a program"
			case *script.CType:
				return "a ctype"
			}
			return "cdata"
		}
		switch v.V.Type() {
		case lua.LTNil:
			return "nil"
		case lua.LTNumber:
			return "a number that is not an integer"
		}
		return "a " + v.V.Type().String()
	case Ref:
		return describeRef(v)
	case Pointer:
		if v.View != nil && v.View.name != "data" {
			return "a packet header"
		}
		return "a packet pointer"
	case CtxArray:
		return "an array"
	case Tuple:
		return "several values"
	case *Entry, Opt:
		return "a number or nil"
	case *Choice:
		if absent(v) {
			return describe(v.Yes) + " or nil"
		}
		return "a value of two kinds"
	case *Conflict:
		return "a value of two kinds"
	case Bool:
		return "a boolean"
	case Int:
		return "a number"
	}
	return "a " + v.kind()
}
