package ir

import (
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Type is what a value is. Sizes in memory belong to loads and stores.
type Type uint8

const (
	Void  Type = iota // no result
	Bool              // true or false; not storable, see OpBoolToInt
	I64               // 64 bits; signedness belongs to the ops
	Ptr               // an address, or null
	Gen               // a generation of the packet: what offsets are relative to
	Check             // proof that a packet range is there
)

// Region is a part of memory that no other region overlaps.
type Region uint8

const (
	RegionNone   Region = iota
	RegionStack         // the function's own slots
	RegionMap           // map values: other CPUs and user space see them
	RegionCtx           // the program's context
	RegionPacket        // packet bytes
	RegionRecord        // reserved ring-buffer records
	RegionGlobal        // variables in .data and .bss: other CPUs and user space see them
	RegionKernel        // kernel memory
	RegionConst         // .rodata, which nobody writes once programs run
)

// Mem describes one access: Size bytes (1, 2, 4 or 8; any for a check) at Off
// bytes behind the address argument.
type Mem struct {
	Region Region
	Off    int32
	Size   int32
	Signed bool // a narrow load sign-extends
	BE     bool // packet loads: the bytes are a big-endian number
}

// Pos is a place in the source: File indexes Module.Files, Line and Col count
// from 1. The zero Pos names no place.
type Pos struct {
	File int32
	Line int32
	Col  int32
}

// Module is everything that goes into one object.
type Module struct {
	Files   []*diag.File
	License string
	Maps    []*Map
	Globals []*Global
	Kfuncs  []*Kfunc
	Funcs   []*Func
	// BigEndian is the byte order of the target's memory.
	BigEndian bool
	// Arch is the target's architecture where registers are read, "" if none is
	// given (kernel.ArchByName); not printed.
	Arch string
	// Types is what Map.Key and Map.Value index, kept beside the IR by the
	// front end and not printed: the C types of keys and values. Package ir
	// never looks inside.
	Types any
}

// Map declares a map. Sizes are in bytes.
type Map struct {
	Name       string
	Type       *kernel.MapType
	MaxEntries uint32
	KeySize    uint32
	ValueSize  uint32
	Flags      uint32
	Pos        Pos
	// Contents are the initial entries the script wrote, in order: key and
	// value bytes in the target's order.
	Contents []MapEntry
	Pinned   bool   // by its name
	NUMANode uint32 // with the flag BPF_F_NUMA_NODE
	Extra    uint32 // map_extra
	// Inner is what the maps in a map of maps are like, without a name.
	Inner *Map
	// Slots are the maps or programs that the map holds from the start, by
	// index.
	Slots []MapSlot
	// Source is what the front end made the map from, Key and Value are its C
	// types where the kernel takes them, Record that of the records sent
	// through it; opaque here.
	Source             any
	Key, Value, Record any
}

// Global is a variable of the object, shared by its programs: in .rodata if
// Const, else in .bss if it begins as zeros, else in .data.
type Global struct {
	Name  string
	Const bool
	Size  int
	Align int
	// Data is what the variable begins with; nil: zeros.
	Data []byte
	// Static: only the object itself knows the name.
	Static bool
	// Extern: the running kernel's configuration has the value, which the loader
	// fills in. Const is set too.
	Extern bool
	// In is the section that the variable lies in, where it is none of the usual.
	In string
	// Funcs are the programs whose addresses the loader puts into the variable.
	Funcs []GlobalFunc
	Pos   Pos
	// Source is what the front end made the variable from, Type its C type;
	// opaque here.
	Source, Type any
}

// GlobalFunc is a program in a variable, at an offset.
type GlobalFunc struct {
	Off  int
	Func *Func
}

// Region is the region that the variable lies in.
func (g *Global) Region() Region {
	if g.Const {
		return RegionConst
	}
	return RegionGlobal
}

// Section is the name of the section that the variable lies in.
func (g *Global) Section() string {
	switch {
	case g.Extern:
		return ".kconfig"
	case g.In != "":
		return g.In
	case g.Const:
		return ".rodata"
	case g.Data == nil:
		return ".bss"
	}
	return ".data"
}

// Kfunc is a function of the kernel that the module calls by its name, or asks
// for. A call of it names Helper.
type Kfunc struct {
	Helper *kernel.Helper // what it takes and does
	// Weak: the running kernel may not have it.
	Weak bool
	Pos  Pos
	// Type is its prototype; opaque here.
	Type any
}

// MapSlot is one of a map's maps or programs: exactly one of Map and Func is
// set.
type MapSlot struct {
	Index uint32
	Map   *Map
	Func  *Func
}

// A program's scratch memory is a per-CPU array of slots (OpScratch). A slot
// begins with three numbers: whether it is in use, how many runs found no slot
// (in the first one), and how many it had.
const (
	ScratchSlots   = 4
	ScratchBusy    = 0
	ScratchRefused = 8
	ScratchRuns    = 16
	ScratchData    = 24 // where what the program has in it begins
)

// MapEntry is one initial entry.
type MapEntry struct{ Key, Value []byte }

// Func is one function: a program when Kind is set, otherwise a subprogram.
type Func struct {
	Module *Module
	Name   string // symbol name
	// Kind is the kind of program, nil for a subprogram or callback.
	Kind *kernel.ProgKind
	// Callback is set on a loop's body that a helper calls (ir/opt/loopform.go).
	Callback *Callback
	// Sub is set on a subprogram that knows what it runs in.
	Sub *Sub
	// Linkable is set on a subprogram that other objects call by its name. It runs in
	// programs that nobody here knows, and returns its own result.
	Linkable *Linkable
	// Section is the ELF section of a program, as libbpf names it.
	Section string
	Params  []Param
	Blocks  []*Block // Blocks[0] is the entry
	// Short is where values that may leave go: the handler of a packet read
	// past its end. nil once the pass "checks" has run, or if nothing may leave.
	Short *Block
	Slots []*Slot
	Pos   Pos
	Phase Phase

	nextValue int
	nextBlock int

	// What new values are taken from: they live as long as the function, nearly.
	values []Value
	blocks []Block
	edges  []Edge
	args   []*Value
}

// Callback is what a function called by a helper has in place of a program's
// parameters. Its result is 0 to be called again, 1 to stop.
type Callback struct {
	// Prog is the kind of program it runs in: it says how the packet and the
	// context are reached. What the kernel allows in main functions only
	// (LD_ABS, tail calls) is not allowed here.
	Prog *kernel.ProgKind
	// Frame is the parameter that points to the frame: an object on the stack
	// of a caller, accessed with RegionStack. Accesses through it, or through
	// any address that is not a slot's, may be to every slot of every caller,
	// and to no slot of this function whose address was not stored.
	Frame int
	// Ctx is the offset in the frame of the context's address, -1 if the
	// program's context never came so far.
	Ctx int32
}

// Sub is what a subprogram has of the program that calls it. It may be given
// addresses of its callers' slots; accesses through them are as those of a
// callback through its frame. It never ends the program: it returns a number
// that tells its caller what came of it.
type Sub struct {
	Prog *kernel.ProgKind
	Ctx  int // the parameter that is the program's context, -1 for none
}

// Linkable is what a function that other objects link against has besides.
type Linkable struct {
	// Type is its prototype; opaque here and not printed.
	Type any
}

// Phase says which late passes have run; ops belong to phases (see OpInfo).
type Phase uint8

const (
	PhaseHigh Phase = iota // as the front end builds it
	PhaseLow               // checks split, packet access expanded: what codegen takes
)

// Param is a parameter of a function. Names matter: BTF requires one.
type Param struct {
	Name string
	Type Type
}

// Prog is the kind of program that f is, or is called from; nil if that may be
// several.
func (f *Func) Prog() *kernel.ProgKind {
	switch {
	case f.Callback != nil:
		return f.Callback.Prog
	case f.Sub != nil:
		return f.Sub.Prog
	}
	return f.Kind
}

// Slot is an object on the function's stack. Size and Align are in bytes.
type Slot struct {
	ID    int // dense in Func.Slots
	Size  int
	Align int
	Name  string // what the script calls it, for messages; may be empty
	Pos   Pos
}

// BlockKind says how a block ends.
type BlockKind uint8

const (
	BlockJump BlockKind = iota // one successor
	BlockIf                    // Control is a Bool: Succs[0] if true, Succs[1] if false
	BlockRet                   // Control is the I64 (or nil in a Void function) returned
)

// Edge is one end of a control-flow edge: the block at the other end and the
// index of the reverse edge in its Preds or Succs.
type Edge struct {
	B *Block
	I int
}

// Block is a basic block.
type Block struct {
	ID      int
	Kind    BlockKind
	Control *Value
	Preds   []Edge
	Succs   []Edge
	Values  []*Value
	Func    *Func
	Pos     Pos // of the terminator
	// Loop is set on a loop's header by the front end.
	Loop *Loop
}

// Loop is what the front end knows about a loop; it sits on the header block,
// the target of the back edges. Passes keep it as long as the header stays.
//
// What the front end builds: every loop is a cycle of blocks that is entered
// only at its header (goto into a loop is refused there). It may be tested
// anywhere, left by any number of edges, and have several back edges. Values
// carried round are the header's phis, I64, Bool or Ptr; a Gen is not carried,
// each trip takes a new OpPktGen where the packet may have moved.
//
// A numeric `for` computes its trip count n (0 if there is none) in front of
// the loop and counts a phi i from 0 by 1, tested `ult i, n` in the header; the
// script's variable is start + i*step. The loop passes recognise such a counter
// in the header's or the only latch's test, whatever the optimiser made of it.
// So n needs no field here; Limit is for what is known of n besides its value.
//
// Which form the loop takes is decided by ir/opt/loopform.go, by what is known
// of n if the loop is so counted, and by Limit. With neither, the loop is turned
// into a callback that runs exactly as often as the script says, up to 2^46
// trips (2^24 on targets from 5.13 to 5.16, where a constant above is an error); a
// loop that goes on after that leaves the program as a short packet does.
type Loop struct {
	// Limit is an upper bound of the trips, that is of how often control comes
	// back to the header, or 0 if none is known. It is a promise: the loop
	// itself leaves by then, no pass adds a test.
	Limit int64
	// Budget is set when the loop takes its trips from the budget of the run
	// (language.md 3): it has no bound of its own but that counter, which the
	// front end tests; Limit is the whole budget.
	Budget bool
	// What names the statement in messages: "while", "repeat", "for".
	What string
	Pos  Pos
}

// Value is one SSA value.
type Value struct {
	ID     int32
	Op     Op
	Type   Type
	Args   []*Value
	AuxInt int64
	Aux    any // *Mem, *Slot, *Map, *Global, *Func, *kernel.Helper, as the op's row says
	Block  *Block
	Pos    Pos
	Uses   int32 // how many Args and Controls name this value
}
