package bpf

// Op is an operation, apart from its width and the kind of its second operand.
type Op uint8

// The operations. The zero Op is invalid.
const (
	OpInvalid Op = iota

	Add
	Sub
	Mul
	Div
	Mod
	SDiv
	SMod
	Or
	And
	Xor
	Lsh
	Rsh
	Arsh
	Neg
	Mov
	MovSX8
	MovSX16
	MovSX32
	ToLE
	ToBE
	Bswap

	Ja
	Gotol
	JEq
	JNe
	JGt
	JGe
	JLt
	JLe
	JSGt
	JSGe
	JSLt
	JSLe
	JSet
	MayGoto
	Call
	CallFunc
	CallKfunc
	OpExit

	LdImm64
	LdMapFD
	LdMapValue
	LdBTFID
	LdFunc
	LdMapIndex
	LdMapIndexValue

	LdAbs
	LdInd
	Load
	LoadSX
	Store
	AtomicAdd
	AtomicOr
	AtomicAnd
	AtomicXor
	FetchAdd
	FetchOr
	FetchAnd
	FetchXor
	Xchg
	CmpXchg

	numOps
)

// NumOps is one more than the last operation.
const NumOps = int(numOps)

// A form is the shape of an operation: which fields it uses, how it is encoded
// and how it prints.
type form uint8

const (
	formALU     form = iota // dst op= src or imm
	formUnary               // dst = op dst
	formEnd                 // dst = opN dst, N in imm
	formGoto                // goto off
	formGotol               // goto imm
	formCond                // if dst op src or imm goto off
	formCall                // call imm, kind in src
	formExit                // exit
	formImm64               // dst = 64-bit immediate, kind in src, two slots
	formSkb                 // r0 = skb[imm] or skb[src + imm]
	formLoad                // dst = *(src + off)
	formStore               // *(dst + off) = src or imm
	formAtomic              // lock *(dst + off) op= src
	formFetch               // src = fetch_op(dst + off, src)
	formXchg                // src = xchg(dst + off, src)
	formCmpXchg             // r0 = cmpxchg(dst + off, r0, src)
)

// Instruction classes: the low three bits of the code.
const (
	classLD    = 0x00
	classLDX   = 0x01
	classST    = 0x02
	classSTX   = 0x03
	classALU   = 0x04
	classJMP   = 0x05
	classJMP32 = 0x06
	classALU64 = 0x07

	classMask = 0x07
	opMask    = 0xf0 // ALU and JMP: the operation
	modeMask  = 0xe0 // memory: the mode
	sizeField = 0x18 // memory: the width
	srcX      = 0x08 // ALU and JMP: the second operand is a register
)

// Memory modes.
const (
	modeIMM    = 0x00
	modeABS    = 0x20
	modeIND    = 0x40
	modeMEM    = 0x60
	modeMEMSX  = 0x80
	modeATOMIC = 0xc0
)

// atomicFetch in an atomic's imm asks for the old value.
const atomicFetch = 0x01

// The sets of widths.
const (
	mW   = sizeMask(B32)
	mD   = sizeMask(B64)
	mWD  = mW | mD
	mHWD = sizeMask(B16) | mWD
	mBHW = sizeMask(B8) | sizeMask(B16) | mW
	mAll = sizeMask(B8) | mHWD
)

// The second operands that an operation takes.
const (
	useX  = 1 << iota // a register
	useK              // an immediate
	useXK = useX | useK
)

// A row is all that there is to know of an operation.
type row struct {
	name  string // the Go name
	form  form
	code  uint8    // operation or mode bits of the code; the class follows from form and width
	disc  int32    // the value of the field that tells this row from others of the same code: off (formALU), src (formCall, formImm64), imm (atomics)
	sizes sizeMask // widths
	use   uint8    // second operands, 0 where there is no choice
	text  string   // the operator as the verifier prints it
	cpu   CPU      // first level, at 64 bits; 32-bit arithmetic and comparisons are V3 at least
}

// ops is the instruction set.
var ops = [numOps]row{
	Add:     {"Add", formALU, 0x00, 0, mWD, useXK, "+=", V1},
	Sub:     {"Sub", formALU, 0x10, 0, mWD, useXK, "-=", V1},
	Mul:     {"Mul", formALU, 0x20, 0, mWD, useXK, "*=", V1},
	Div:     {"Div", formALU, 0x30, 0, mWD, useXK, "/=", V1},
	Mod:     {"Mod", formALU, 0x90, 0, mWD, useXK, "%=", V1},
	SDiv:    {"SDiv", formALU, 0x30, 1, mWD, useXK, "s/=", V4},
	SMod:    {"SMod", formALU, 0x90, 1, mWD, useXK, "s%=", V4},
	Or:      {"Or", formALU, 0x40, 0, mWD, useXK, "|=", V1},
	And:     {"And", formALU, 0x50, 0, mWD, useXK, "&=", V1},
	Xor:     {"Xor", formALU, 0xa0, 0, mWD, useXK, "^=", V1},
	Lsh:     {"Lsh", formALU, 0x60, 0, mWD, useXK, "<<=", V1},
	Rsh:     {"Rsh", formALU, 0x70, 0, mWD, useXK, ">>=", V1},
	Arsh:    {"Arsh", formALU, 0xc0, 0, mWD, useXK, "s>>=", V1},
	Neg:     {"Neg", formUnary, 0x80, 0, mWD, 0, "-", V1},
	Mov:     {"Mov", formALU, 0xb0, 0, mWD, useXK, "=", V1},
	MovSX8:  {"MovSX8", formALU, 0xb0, 8, mWD, useX, "= (s8)", V4},
	MovSX16: {"MovSX16", formALU, 0xb0, 16, mWD, useX, "= (s16)", V4},
	MovSX32: {"MovSX32", formALU, 0xb0, 32, mD, useX, "= (s32)", V4},
	ToLE:    {"ToLE", formEnd, 0xd0 | classALU, 0, mHWD, 0, "le", V1},
	ToBE:    {"ToBE", formEnd, 0xd0 | srcX | classALU, 0, mHWD, 0, "be", V1},
	Bswap:   {"Bswap", formEnd, 0xd0 | classALU64, 0, mHWD, 0, "bswap", V4},

	Ja:      {"Ja", formGoto, 0x00, 0, mD, 0, "goto", V1},
	Gotol:   {"Gotol", formGotol, 0x00, 0, mD, 0, "gotol", V4},
	JEq:     {"JEq", formCond, 0x10, 0, mWD, useXK, "==", V1},
	JNe:     {"JNe", formCond, 0x50, 0, mWD, useXK, "!=", V1},
	JGt:     {"JGt", formCond, 0x20, 0, mWD, useXK, ">", V1},
	JGe:     {"JGe", formCond, 0x30, 0, mWD, useXK, ">=", V1},
	JLt:     {"JLt", formCond, 0xa0, 0, mWD, useXK, "<", V2},
	JLe:     {"JLe", formCond, 0xb0, 0, mWD, useXK, "<=", V2},
	JSGt:    {"JSGt", formCond, 0x60, 0, mWD, useXK, "s>", V1},
	JSGe:    {"JSGe", formCond, 0x70, 0, mWD, useXK, "s>=", V1},
	JSLt:    {"JSLt", formCond, 0xc0, 0, mWD, useXK, "s<", V2},
	JSLe:    {"JSLe", formCond, 0xd0, 0, mWD, useXK, "s<=", V2},
	JSet:    {"JSet", formCond, 0x40, 0, mWD, useXK, "&", V1},
	MayGoto: {"MayGoto", formGoto, 0xe0, 0, mD, 0, "may_goto", V1},

	Call:      {"Call", formCall, 0x80, 0, mD, 0, "call", V1},
	CallFunc:  {"CallFunc", formCall, 0x80, 1, mD, 0, "call", V1},
	CallKfunc: {"CallKfunc", formCall, 0x80, 2, mD, 0, "call", V1},
	OpExit:    {"OpExit", formExit, 0x90, 0, mD, 0, "exit", V1},

	LdImm64:         {"LdImm64", formImm64, modeIMM, 0, mD, 0, "", V1},
	LdMapFD:         {"LdMapFD", formImm64, modeIMM, 1, mD, 0, "map_fd", V1},
	LdMapValue:      {"LdMapValue", formImm64, modeIMM, 2, mD, 0, "map_value", V1},
	LdBTFID:         {"LdBTFID", formImm64, modeIMM, 3, mD, 0, "btf_id", V1},
	LdFunc:          {"LdFunc", formImm64, modeIMM, 4, mD, 0, "func", V1},
	LdMapIndex:      {"LdMapIndex", formImm64, modeIMM, 5, mD, 0, "map_idx", V1},
	LdMapIndexValue: {"LdMapIndexValue", formImm64, modeIMM, 6, mD, 0, "map_idx_value", V1},

	LdAbs:  {"LdAbs", formSkb, modeABS, 0, mBHW, 0, "skb", V1},
	LdInd:  {"LdInd", formSkb, modeIND, 0, mBHW, 0, "skb", V1},
	Load:   {"Load", formLoad, modeMEM, 0, mAll, 0, "u", V1},
	LoadSX: {"LoadSX", formLoad, modeMEMSX, 0, mBHW, 0, "s", V4},
	Store:  {"Store", formStore, modeMEM, 0, mAll, useXK, "u", V1},

	AtomicAdd: {"AtomicAdd", formAtomic, modeATOMIC, 0x00, mWD, 0, "+=", V1},
	AtomicOr:  {"AtomicOr", formAtomic, modeATOMIC, 0x40, mWD, 0, "|=", V3},
	AtomicAnd: {"AtomicAnd", formAtomic, modeATOMIC, 0x50, mWD, 0, "&=", V3},
	AtomicXor: {"AtomicXor", formAtomic, modeATOMIC, 0xa0, mWD, 0, "^=", V3},
	FetchAdd:  {"FetchAdd", formFetch, modeATOMIC, 0x00 | atomicFetch, mWD, 0, "fetch_add", V3},
	FetchOr:   {"FetchOr", formFetch, modeATOMIC, 0x40 | atomicFetch, mWD, 0, "fetch_or", V3},
	FetchAnd:  {"FetchAnd", formFetch, modeATOMIC, 0x50 | atomicFetch, mWD, 0, "fetch_and", V3},
	FetchXor:  {"FetchXor", formFetch, modeATOMIC, 0xa0 | atomicFetch, mWD, 0, "fetch_xor", V3},
	Xchg:      {"Xchg", formXchg, modeATOMIC, 0xe0 | atomicFetch, mWD, 0, "xchg", V3},
	CmpXchg:   {"CmpXchg", formCmpXchg, modeATOMIC, 0xf0 | atomicFetch, mWD, 0, "cmpxchg", V3},
}

// row returns the operation's row; an unknown operation has the empty row.
func (o Op) row() *row {
	if o >= numOps {
		o = OpInvalid
	}
	return &ops[o]
}

// String returns the operation's Go name.
func (o Op) String() string {
	if r := o.row(); r.name != "" {
		return r.name
	}
	return "OpInvalid"
}

// IsALU reports whether the operation computes a register from registers and
// immediates only.
func (o Op) IsALU() bool {
	r := o.row()
	return r.name != "" && r.form <= formEnd
}

// IsCond reports whether the operation is a conditional jump on a comparison.
func (o Op) IsCond() bool { return o.row().form == formCond }

// IsJump reports whether control may go elsewhere than to the next instruction
// and come back to this function: gotos and conditional jumps, not calls or exit.
func (o Op) IsJump() bool {
	switch o.row().form {
	case formGoto, formGotol, formCond:
		return true
	}
	return false
}

// IsCall reports whether the operation is a call of any kind.
func (o Op) IsCall() bool { return o.row().form == formCall }

// IsLdImm64 reports whether the operation is a two-slot load of a constant.
func (o Op) IsLdImm64() bool { return o.row().form == formImm64 }

// IsAtomic reports whether the operation is an atomic memory operation.
func (o Op) IsAtomic() bool {
	switch o.row().form {
	case formAtomic, formFetch, formXchg, formCmpXchg:
		return true
	}
	return false
}

// Negate returns the comparison that holds exactly when o does not, and whether
// there is one: JSet has none.
func (o Op) Negate() (Op, bool) {
	switch o {
	case JEq:
		return JNe, true
	case JNe:
		return JEq, true
	case JGt:
		return JLe, true
	case JLe:
		return JGt, true
	case JGe:
		return JLt, true
	case JLt:
		return JGe, true
	case JSGt:
		return JSLe, true
	case JSLe:
		return JSGt, true
	case JSGe:
		return JSLt, true
	case JSLt:
		return JSGe, true
	}
	return OpInvalid, false
}

// Swap returns the comparison with its operands exchanged: a < b is b > a.
func (o Op) Swap() (Op, bool) {
	switch o {
	case JEq, JNe, JSet:
		return o, true
	case JGt:
		return JLt, true
	case JLt:
		return JGt, true
	case JGe:
		return JLe, true
	case JLe:
		return JGe, true
	case JSGt:
		return JSLt, true
	case JSLt:
		return JSGt, true
	case JSGe:
		return JSLe, true
	case JSLe:
		return JSGe, true
	}
	return OpInvalid, false
}
