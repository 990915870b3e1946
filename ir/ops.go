package ir

// Op is the operation a value performs.
type Op uint8

const (
	OpInvalid Op = iota

	// Constants and sources.
	OpConst
	OpArg
	OpPhi
	OpCopy
	OpOpaque
	OpHide

	// Arithmetic.
	OpAdd
	OpSub
	OpMul
	OpUDiv
	OpUMod
	OpSDiv
	OpSMod
	OpAnd
	OpOr
	OpXor
	OpShl
	OpLShr
	OpAShr
	OpNeg
	OpZext
	OpSext
	OpToBE
	OpBound

	// Comparison and booleans.
	OpEq
	OpNe
	OpULt
	OpULe
	OpSLt
	OpSLe
	OpNot
	OpBoolToInt

	// Addresses.
	OpPtrAdd
	OpNonNull
	OpSlotAddr
	OpMapRef
	OpGlobalAddr
	OpScratch
	OpFuncRef
	OpKfuncAddr
	OpCore
	OpPtrNum
	OpNumPtr

	// Memory.
	OpLoad
	OpStore
	OpAtomicAdd
	OpFetchAdd
	OpFetchAnd
	OpFetchOr
	OpFetchXor
	OpXchg
	OpCmpXchg
	OpVolatileLoad
	OpVolatileStore

	// Packet, before expansion.
	OpPktGen
	OpPktLen
	OpPktCheck
	OpPktLoad
	OpPktStore

	// Packet, after expansion.
	OpLdAbs
	OpLdInd
	OpPtrDiff

	// Walks through maps, before they become callbacks.
	OpEach
	OpEachValue

	// Calls.
	OpCall
	OpCallFunc

	NumOps
)

// AuxKind says what Value.Aux and Value.AuxInt hold.
type AuxKind uint8

const (
	AuxNone   AuxKind = iota
	AuxInt            // AuxInt is a number
	AuxBits           // AuxInt is a width: 8, 16 or 32 (16, 32 or 64 for tobe)
	AuxMem            // Aux is a *Mem
	AuxSlot           // Aux is a *Slot
	AuxMap            // Aux is a *Map
	AuxGlobal         // Aux is a *Global
	AuxFunc           // Aux is a *Func
	AuxHelper         // Aux is a *kernel.Helper
	AuxCore           // Aux is a *Core, AuxInt its value by the module's own types
)

// OpInfo is an op's row. Arity, types, printing, parsing, checking and the
// treatment by passes derive from it.
type OpInfo struct {
	Name string
	// Args are the argument types; Any stands for "the type of the result or of
	// the other arguments", see the op.
	Args []Type
	// Variadic ops (phi, call) take any number of arguments.
	Variadic bool
	// Result is the result's type; Same means that of the arguments.
	Result Type
	Aux    AuxKind
	// Pure values have no effect and depend on their arguments only: they may
	// be merged, dropped when unused, and moved wherever their arguments are.
	Pure bool
	// Pinned values, though pure, hold only where control flow put them: they
	// may be merged into a dominating equal and dropped, never moved up.
	Pinned bool
	// Commutative: the two arguments may be swapped.
	Commutative bool
	// MayLeave values go to Func.Short under some condition.
	MayLeave bool
	// Reads and Writes: the value loads from or stores to Aux.(*Mem).Region at
	// its first argument. A call's regions come from its helper's row.
	Reads, Writes bool
	// Last is the last phase in which the op may occur; First the first.
	First, Last Phase
	// Doc is the meaning, one sentence.
	Doc string
}

// Type placeholders of the op table.
const (
	Any  Type = 0xfe // any of Bool, I64, Ptr; all Any arguments have one type
	Same Type = 0xff // the type of the Any arguments, or what the builder gave
)

var binary = []Type{I64, I64}

// Ops is the op table.
var Ops = [NumOps]OpInfo{
	OpConst:  {Name: "const", Result: Same, Aux: AuxInt, Pure: true, Last: PhaseLow, Doc: "AuxInt as an I64, a Bool (0 or 1) or the null Ptr (0)"},
	OpArg:    {Name: "arg", Result: Same, Aux: AuxInt, Pure: true, Pinned: true, Last: PhaseLow, Doc: "parameter AuxInt of the function; entry block only"},
	OpPhi:    {Name: "phi", Variadic: true, Result: Same, Pinned: true, Last: PhaseLow, Doc: "the argument of the edge control came by"},
	OpCopy:   {Name: "copy", Args: []Type{Any}, Result: Same, Pure: true, Last: PhaseLow, Doc: "its argument"},
	OpOpaque: {Name: "opaque", Args: binary, Result: I64, Last: PhaseLow, Doc: "its first argument; the kernel's verifier is to know nothing of it (x ^= u; x ^= u with u the second)"},
	OpHide:   {Name: "hide", Args: []Type{I64}, Result: I64, Last: PhaseLow, Doc: "its argument; verifiers before 6.8 are to know nothing of it (a swap to the byte order that it has)"},

	OpAdd:  {Name: "add", Args: binary, Result: I64, Pure: true, Commutative: true, Last: PhaseLow, Doc: "x + y modulo 2^64"},
	OpSub:  {Name: "sub", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "x - y modulo 2^64"},
	OpMul:  {Name: "mul", Args: binary, Result: I64, Pure: true, Commutative: true, Last: PhaseLow, Doc: "x * y modulo 2^64"},
	OpUDiv: {Name: "udiv", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "unsigned x / y; 0 if y is 0"},
	OpUMod: {Name: "umod", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "unsigned x % y; x if y is 0"},
	OpSDiv: {Name: "sdiv", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "signed x / y, truncated; 0 if y is 0; INT64_MIN / -1 is INT64_MIN"},
	OpSMod: {Name: "smod", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "signed x - y*(x/y); x if y is 0; 0 if y is -1"},
	OpAnd:  {Name: "and", Args: []Type{Any, Any}, Result: Same, Pure: true, Commutative: true, Last: PhaseLow, Doc: "bitwise and of I64s; conjunction of Bools"},
	OpOr:   {Name: "or", Args: []Type{Any, Any}, Result: Same, Pure: true, Commutative: true, Last: PhaseLow, Doc: "bitwise or of I64s; disjunction of Bools"},
	OpXor:  {Name: "xor", Args: []Type{Any, Any}, Result: Same, Pure: true, Commutative: true, Last: PhaseLow, Doc: "bitwise exclusive or of I64s; inequality of Bools"},
	OpShl:  {Name: "shl", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "x << (y mod 64)"},
	OpLShr: {Name: "lshr", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "unsigned x >> (y mod 64)"},
	OpAShr: {Name: "ashr", Args: binary, Result: I64, Pure: true, Last: PhaseLow, Doc: "signed x >> (y mod 64)"},
	OpNeg:  {Name: "neg", Args: []Type{I64}, Result: I64, Pure: true, Last: PhaseLow, Doc: "-x modulo 2^64"},
	OpZext: {Name: "zext", Args: []Type{I64}, Result: I64, Aux: AuxBits, Pure: true, Last: PhaseLow, Doc: "the low AuxInt bits of x, zero-extended"},
	OpSext: {Name: "sext", Args: []Type{I64}, Result: I64, Aux: AuxBits, Pure: true, Last: PhaseLow, Doc: "the low AuxInt bits of x, sign-extended"},
	OpToBE: {Name: "tobe", Args: []Type{I64}, Result: I64, Aux: AuxBits, Pure: true, Last: PhaseLow, Doc: "the low AuxInt bits of x between the target's byte order and big-endian, zero-extended (both ways: it is its own inverse)"},

	OpBound: {Name: "bound", Args: []Type{I64}, Result: I64, Aux: AuxInt, Pure: true, Pinned: true, Last: PhaseLow, Doc: "x if it is at most AuxInt, unsigned, else any number up to it; behind it the kernel's verifier knows the range"},

	OpEq:        {Name: "eq", Args: []Type{Any, Any}, Result: Bool, Pure: true, Commutative: true, Last: PhaseLow, Doc: "x == y"},
	OpNe:        {Name: "ne", Args: []Type{Any, Any}, Result: Bool, Pure: true, Commutative: true, Last: PhaseLow, Doc: "x ~= y"},
	OpULt:       {Name: "ult", Args: []Type{Any, Any}, Result: Bool, Pure: true, Last: PhaseLow, Doc: "unsigned x < y; also of addresses into one packet"},
	OpULe:       {Name: "ule", Args: []Type{Any, Any}, Result: Bool, Pure: true, Last: PhaseLow, Doc: "unsigned x <= y; also of addresses into one packet"},
	OpSLt:       {Name: "slt", Args: binary, Result: Bool, Pure: true, Last: PhaseLow, Doc: "signed x < y"},
	OpSLe:       {Name: "sle", Args: binary, Result: Bool, Pure: true, Last: PhaseLow, Doc: "signed x <= y"},
	OpNot:       {Name: "not", Args: []Type{Bool}, Result: Bool, Pure: true, Last: PhaseLow, Doc: "negation"},
	OpBoolToInt: {Name: "int", Args: []Type{Bool}, Result: I64, Pure: true, Last: PhaseLow, Doc: "1 if true, else 0"},

	OpPtrAdd:     {Name: "ptradd", Args: []Type{Ptr, I64}, Result: Ptr, Pure: true, Pinned: true, Last: PhaseLow, Doc: "the address y bytes behind x, which is not null"},
	OpNonNull:    {Name: "nonnull", Args: []Type{Ptr}, Result: Ptr, Pure: true, Pinned: true, Last: PhaseLow, Doc: "its argument, here known not to be null"},
	OpSlotAddr:   {Name: "slot", Result: Ptr, Aux: AuxSlot, Pure: true, Last: PhaseLow, Doc: "the address of a stack slot"},
	OpMapRef:     {Name: "map", Result: Ptr, Aux: AuxMap, Pure: true, Last: PhaseLow, Doc: "a map, as a helper's argument"},
	OpScratch:    {Name: "scratch", Result: Ptr, Aux: AuxMap, Last: PhaseHigh, Doc: "the address of a slot of scratch memory that this run of the program has for itself; ends the run if none is free"},
	OpGlobalAddr: {Name: "global", Result: Ptr, Aux: AuxGlobal, Pure: true, Last: PhaseLow, Doc: "the address of a variable"},
	OpFuncRef:    {Name: "func", Result: Ptr, Aux: AuxFunc, Pure: true, Last: PhaseLow, Doc: "a callback, as a helper's argument"},
	OpKfuncAddr:  {Name: "kfunc", Result: Ptr, Aux: AuxHelper, Pure: true, Last: PhaseLow, Doc: "the address of a function of the kernel, null where the running kernel has none"},
	OpCore:       {Name: "core", Result: I64, Aux: AuxCore, Pure: true, Pinned: true, Last: PhaseLow, Doc: "a quantity of the running kernel's types, which the loader fills in; AuxInt by the module's own"},
	OpPtrNum:     {Name: "ptrnum", Args: []Type{Ptr}, Result: I64, Pure: true, Last: PhaseLow, Doc: "an address as a number"},
	OpNumPtr:     {Name: "numptr", Args: []Type{I64}, Result: Ptr, Pure: true, Last: PhaseLow, Doc: "a number as an address: of the kernel's or a process's memory"},

	OpLoad:      {Name: "load", Args: []Type{Ptr}, Result: Same, Aux: AuxMem, Reads: true, Last: PhaseLow, Doc: "Mem.Size bytes at x + Mem.Off; a narrow one is extended"},
	OpStore:     {Name: "store", Args: []Type{Ptr, Any}, Aux: AuxMem, Writes: true, Last: PhaseLow, Doc: "the low Mem.Size bytes of y to x + Mem.Off"},
	OpAtomicAdd: {Name: "atomicadd", Args: []Type{Ptr, I64}, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "adds y to the 4 or 8 bytes at x + Mem.Off, atomically"},

	OpFetchAdd:      {Name: "fetchadd", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "what was in the 4 or 8 bytes at x + Mem.Off, zero-extended; y is added there in one step"},
	OpFetchAnd:      {Name: "fetchand", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "the same with a bitwise and"},
	OpFetchOr:       {Name: "fetchor", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "the same with a bitwise or"},
	OpFetchXor:      {Name: "fetchxor", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "the same with an exclusive or"},
	OpXchg:          {Name: "xchg", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "the same, y taking its place"},
	OpCmpXchg:       {Name: "cmpxchg", Args: []Type{Ptr, I64, I64}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "the same, z taking its place if it was y (in Mem.Size bytes)"},
	OpVolatileLoad:  {Name: "vload", Args: []Type{Ptr}, Result: I64, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "a load that is made each time, in its place"},
	OpVolatileStore: {Name: "vstore", Args: []Type{Ptr, I64}, Aux: AuxMem, Reads: true, Writes: true, Last: PhaseLow, Doc: "a store that is made each time, in its place"},

	OpPktGen:   {Name: "pktgen", Result: Gen, Last: PhaseHigh, Doc: "the packet as it is from here on; at entry and behind what moves it"},
	OpPktLen:   {Name: "pktlen", Args: []Type{Gen}, Result: I64, Pure: true, Last: PhaseHigh, Doc: "the packet's length in bytes, fragments included"},
	OpPktCheck: {Name: "pktcheck", Args: []Type{Gen, I64}, Result: Check, Aux: AuxMem, MayLeave: true, Last: PhaseHigh, Doc: "leaves unless the Mem.Size bytes at offset y + Mem.Off are in the packet; y and the sum are signed and must not be negative"},
	OpPktLoad:  {Name: "pktload", Args: []Type{Check, I64}, Result: I64, Aux: AuxMem, Reads: true, Last: PhaseHigh, Doc: "the Mem.Size packet bytes at offset y + Mem.Off, which the check covers"},
	OpPktStore: {Name: "pktstore", Args: []Type{Check, I64, I64}, Aux: AuxMem, Writes: true, Last: PhaseHigh, Doc: "the low Mem.Size bytes of z to the packet at offset y + Mem.Off, which the check covers"},

	OpLdAbs:   {Name: "ldabs", Args: []Type{Ptr}, Result: I64, Aux: AuxMem, Reads: true, First: PhaseLow, Last: PhaseLow, Doc: "the big-endian number of Mem.Size packet bytes at Mem.Off, x the context; ends the program with 0 if they are not there"},
	OpLdInd:   {Name: "ldind", Args: []Type{Ptr, I64}, Result: I64, Aux: AuxMem, Reads: true, First: PhaseLow, Last: PhaseLow, Doc: "the same at y + Mem.Off, y in [0, 2^31)"},
	OpPtrDiff: {Name: "ptrdiff", Args: []Type{Ptr, Ptr}, Result: I64, Pure: true, First: PhaseLow, Last: PhaseLow, Doc: "x - y of two packet addresses"},

	OpEach:      {Name: "each", Args: []Type{Bool}, Result: Ptr, Aux: AuxMap, Last: PhaseHigh, Doc: "the address of the key of the next entry of a walk through the map, null behind the last; true starts it anew. In a loop's header, which does nothing else"},
	OpEachValue: {Name: "eachvalue", Args: []Type{Ptr}, Result: Ptr, Pure: true, Pinned: true, Last: PhaseHigh, Doc: "the address of the value that belongs to the key of a walk at x"},

	OpCall:     {Name: "call", Variadic: true, Result: Same, Aux: AuxHelper, Last: PhaseLow, Doc: "calls a kernel helper, or a function of the kernel"},
	OpCallFunc: {Name: "callfunc", Variadic: true, Result: Same, Aux: AuxFunc, Last: PhaseLow, Doc: "calls a subprogram of the module"},
}

// IsAtomic reports whether the op reads and writes memory in one step.
func (o Op) IsAtomic() bool { return o >= OpAtomicAdd && o <= OpCmpXchg }

// IsAccess reports whether the op accesses memory at the address that is its
// first argument.
func (o Op) IsAccess() bool { return o >= OpLoad && o <= OpVolatileStore }

// Info returns the op's row.
func (o Op) Info() *OpInfo { return &Ops[o] }

// String returns the op's name in the text form.
func (o Op) String() string {
	if o < NumOps && Ops[o].Name != "" {
		return Ops[o].Name
	}
	return "invalid"
}
