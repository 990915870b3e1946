package script

import (
	"io"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Options are what a run of the stage depends on, besides its source.
type Options struct {
	Args    []string // the script's arguments, in arg
	Defines []Define // -D, in order
	// Require returns the source of a module that the script requires, or an
	// error that says where it was looked for. nil: there are none.
	Require  func(name string) (*diag.File, error)
	Output   io.Writer // the script's own output; nil discards it
	Reporter *diag.Reporter
	Limits   Limits // zero fields take their defaults
	// Halt, once closed, ends the script wherever it is; nil: never.
	Halt <-chan struct{}
	// BigEndian is the byte order of the target, in which C data lies in memory.
	BigEndian bool
	// Kernel returns the kernel's types; nil: there are none.
	Kernel func() (*btf.Kernel, error)
}

// The budget of iterations of a run: what it is when a script doesn't say, and
// the most that bpf.loop_limit takes (BPF_MAX_LOOPS of the kernel's verifier).
const (
	DefaultLoopLimit = 1 << 16
	maxLoopLimit     = 1 << 23
)

// Define is -D Name=Value. Set is false for -D Name, which means true.
type Define struct {
	Name, Value string
	Set         bool
}

// Limits bound a run.
type Limits struct {
	Instructions int64         // VM instructions, and what library functions do as many units of
	Memory       int64         // bytes of strings and tables
	Time         time.Duration // wall-clock time
}

// Host is told what the script declares, and asked what only user space can
// do. The compiler's host embeds Record.
type Host interface {
	// DeclareMap is called when bpf.map has made m.
	DeclareMap(st *Stage, m *Map)
	// DeclareProgram is called inside the call that fixes p's kind.
	DeclareProgram(st *Stage, p *Program)
	// MapGet reads an entry; nil means there is none. Keys and values are what
	// lies in the target's memory. What the script writes to a struct or array
	// that it has read goes to the slice returned.
	MapGet(st *Stage, m *Map, key []byte, sp diag.Span) ([]byte, error)
	// MapSet writes an entry, or deletes it when value is nil.
	MapSet(st *Stage, m *Map, key, value []byte, sp diag.Span) error
	// UserSpace does an operation that only user space has.
	UserSpace(st *Stage, op Operation, args []lua.LValue) ([]lua.LValue, error)
}

// Operation is a user-space operation the script asks for.
type Operation struct {
	Name string // as messages name it: "reading map 'counts'", "os.time()"
	Span diag.Span
	// Call is the operation itself: "os.time", "syscall.sleep", "map.pairs",
	// "global.get"; On is the *Map, *Global or *Program that it works on.
	Call string
	On   any
	// Thread is the thread of the VM that asks.
	Thread *lua.LState
}

// Map is a map that the script declared.
type Map struct {
	Name       string // unique among maps and programs; a C identifier
	Type       *kernel.MapType
	MaxEntries uint32
	// Key and Value are nil where the type has none. Value is the type of the
	// records of a ring or perf buffer, if the script gives one.
	Key, Value ctype.Type
	Flags      uint32
	Pinned     bool // by name
	NUMANode   uint32
	Extra      uint32     // map_extra
	Inner      *Map       // what the maps in a map of maps are like; without a name
	Slots      []Slot     // the maps or programs that it holds, by index
	Hist       *Histogram // nil if bpf.hist is not used on it
	Span       diag.Span  // the declaring call
	Contents   []Entry    // what the script wrote, in the order of first writing

	index map[string]int // into Contents, by key
	self  lua.LValue
}

// Self is the map as a value of the script.
func (m *Map) Self() lua.LValue { return m.self }

// Entry is an entry of a map's initial contents, as it lies in the target's
// memory.
type Entry struct{ Key, Value []byte }

// Program is a program that the script declared. What bpf(fn) returned and
// was not passed on yet has no Kind.
type Program struct {
	Kind    *kernel.ProgKind
	Name    string // unique among maps and programs; a C identifier
	Func    *lua.LFunction
	Span    diag.Span  // the declaring call
	OnShort lua.LValue // lua.LNil, a number (or 64-bit cdata) or a function
	License string     // in force where the program is declared
	Section string
	// LoopLimit is the budget of iterations of loops without a bound of their
	// own, as bpf.loop_limit was where the program is declared.
	LoopLimit int64
	// Target is what the script wants the program on: an interface, a file
	// descriptor, a function, a hook; "" when none is given.
	Target    string
	Sleepable bool
	Attach    Attach
	// Record is the tag of the structure that a tracepoint's program is called
	// with, where the script names it.
	Record string
	// Member is set of a function of a structure of functions.
	Member *OpsMember
	// Proto is the prototype of a function to link against; nil for a program.
	Proto *ctype.Prototype

	given string // opts.name of a program made by bpf(fn)
	used  bool   // passed on to a call that fixed the kind of a copy
}

// Attach is how a program is to be attached, besides its target.
type Attach struct {
	Direction string           // tc: "ingress", "egress" or ""
	Path      string           // of a cgroup
	PID, CPU  *int64           // nil: any
	Flags     uint32           // of the attaching system call
	Perf      map[string]int64 // freq, period, type and config of a perf event
}

// CType is a C type as a value of the script: ffi.typeof('uint32_t').
type CType struct{ Type ctype.Type }

// CData is a C scalar as a value of the script: 42ULL, ffi.new('uint16_t', 5).
// Bits holds its value, sign- or zero-extended to 64 bits.
type CData struct {
	Type ctype.Type
	Bits uint64
}

// ToMap returns the map that v holds.
func ToMap(v lua.LValue) (*Map, bool) { return userdata[*Map](v) }

// ToProgram returns the program that v holds.
func ToProgram(v lua.LValue) (*Program, bool) { return userdata[*Program](v) }

// ToCType returns the C type that v holds.
func ToCType(v lua.LValue) (*CType, bool) { return userdata[*CType](v) }

// ToCData returns the C scalar that v holds.
func ToCData(v lua.LValue) (*CData, bool) { return userdata[*CData](v) }

func userdata[T any](v lua.LValue) (T, bool) {
	if u, ok := v.(*lua.LUserData); ok {
		t, ok := u.Value.(T)
		return t, ok
	}
	var zero T
	return zero, false
}

// NewCType returns a C type as a value of the script.
func (st *Stage) NewCType(t ctype.Type) lua.LValue { return st.userdata(&CType{t}, st.ctypeMeta) }

// NewCData returns a C scalar of type t as a value of the script, for calls
// that the kernel stage makes while compiling.
func (st *Stage) NewCData(t ctype.Type, bits uint64) lua.LValue {
	return st.userdata(&CData{t, bits}, st.cdataMeta)
}
