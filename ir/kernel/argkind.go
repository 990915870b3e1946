package kernel

// ArgKind says what a helper takes, and with it which memory it reads and
// writes. A sized buffer is followed by its size.
type ArgKind uint8

const (
	ArgScalar       ArgKind = iota // a number
	ArgCtx                         // the program's context
	ArgMap                         // a map
	ArgKey                         // reads the map's key size
	ArgValue                       // reads the map's value size
	ArgValueOut                    // writes the map's value size
	ArgValueInOut                  // reads or writes the map's value size, by the map's type
	ArgValueOrNull                 // reads the map's value size, or null
	ArgBuf                         // reads as many bytes as the next argument says
	ArgBufOrNull                   // the same, or null with size 0
	ArgOut                         // writes as many bytes as the next argument says
	ArgOutOrNull                   // the same, or null with size 0
	ArgInOut                       // reads and writes as many bytes as the next argument says, or leaves some as they were
	ArgSize                        // the size of the buffer before it, not 0
	ArgSizeOrZero                  // the size of the buffer before it
	ArgString                      // a NUL-terminated string in a read-only map
	ArgLongOut                     // writes 8 bytes
	ArgUintInOut                   // reads and writes 4 bytes
	ArgFixed20                     // reads 20 bytes
	ArgFixed40                     // reads 40 bytes
	ArgCallback                    // a function of the module
	ArgFrame                       // a pointer to the stack handed to the callback
	ArgAny                         // a number, or an address that is not followed as ours
	ArgObject                      // a pointer to a kernel object: a socket, a task
	ArgObjectOrNull                // the same, or null
	ArgMapField                    // a special field of a map's value: a lock, a timer
	ArgDynptr                      // a struct bpf_dynptr on the stack
	ArgRecord                      // a record of a ring buffer
	ArgMem                         // reads and writes as many bytes as Helper.Sizes says; or a pointer to a kernel object
	ArgMemOrNull                   // the same, or null
	numArgKinds
)

// SizeFrom says what a helper's access through an address is as long as.
type SizeFrom uint8

const (
	NoSize    SizeFrom = iota // not known
	NextArg                   // the next argument
	KeySize                   // the map's key
	ValueSize                 // the map's value
	Fixed                     // ArgInfo.Bytes
)

// ArgInfo is what is known of a kind of argument.
type ArgInfo struct {
	Address  bool // an address, or null
	Nullable bool
	// Reads and Writes: what memory the helper accesses through the address. A
	// writing one that does not read leaves nothing of what was there.
	Reads, Writes bool
	Size          SizeFrom
	Bytes         int
}

var argInfos = [numArgKinds]ArgInfo{
	ArgScalar:       {},
	ArgCtx:          {Address: true},
	ArgMap:          {Address: true},
	ArgKey:          {Address: true, Reads: true, Size: KeySize},
	ArgValue:        {Address: true, Reads: true, Size: ValueSize},
	ArgValueOut:     {Address: true, Writes: true, Size: ValueSize},
	ArgValueInOut:   {Address: true, Reads: true, Writes: true, Size: ValueSize},
	ArgValueOrNull:  {Address: true, Nullable: true, Reads: true, Size: ValueSize},
	ArgBuf:          {Address: true, Reads: true, Size: NextArg},
	ArgBufOrNull:    {Address: true, Nullable: true, Reads: true, Size: NextArg},
	ArgOut:          {Address: true, Writes: true, Size: NextArg},
	ArgOutOrNull:    {Address: true, Nullable: true, Writes: true, Size: NextArg},
	ArgInOut:        {Address: true, Reads: true, Writes: true, Size: NextArg},
	ArgSize:         {},
	ArgSizeOrZero:   {},
	ArgString:       {Address: true, Reads: true},
	ArgLongOut:      {Address: true, Writes: true, Size: Fixed, Bytes: 8},
	ArgUintInOut:    {Address: true, Reads: true, Writes: true, Size: Fixed, Bytes: 4},
	ArgFixed20:      {Address: true, Reads: true, Size: Fixed, Bytes: 20},
	ArgFixed40:      {Address: true, Reads: true, Size: Fixed, Bytes: 40},
	ArgCallback:     {Address: true},
	ArgFrame:        {Address: true, Reads: true, Writes: true},
	ArgAny:          {Reads: true},
	ArgObject:       {Address: true},
	ArgObjectOrNull: {Address: true, Nullable: true},
	ArgMapField:     {Address: true, Reads: true, Writes: true},
	ArgDynptr:       {Address: true, Reads: true, Writes: true, Size: Fixed, Bytes: 16},
	ArgRecord:       {Address: true, Reads: true},
	ArgMem:          {Address: true, Reads: true, Writes: true, Size: Fixed},
	ArgMemOrNull:    {Address: true, Nullable: true, Reads: true, Writes: true, Size: Fixed},
}

// Info returns what is known of the kind.
func (k ArgKind) Info() *ArgInfo { return &argInfos[k] }

// IsSize reports whether the argument is the size of the buffer before it.
func (k ArgKind) IsSize() bool { return k == ArgSize || k == ArgSizeOrZero }

// Access is what a call does through one argument.
type Access struct {
	Reads, Writes bool
	Size          SizeFrom
	Bytes         int
}

// Access returns what a call does through argument i; ok is false if that is not
// memory of the program's.
func (h *Helper) Access(i int) (a Access, ok bool) {
	if i >= len(h.Args) {
		return Access{}, false
	}
	info := h.Args[i].Info()
	return Access{info.Reads, info.Writes, info.Size, h.Size(i)}, info.Reads || info.Writes
}

// Size is how many bytes argument i points to, where that is fixed.
func (h *Helper) Size(i int) int {
	if n := h.Args[i].Info().Bytes; n > 0 || i >= len(h.Sizes) {
		return n
	}
	return h.Sizes[i]
}

// Fills reports whether h writes through one of its arguments.
func (h *Helper) Fills() bool {
	for _, k := range h.Args {
		if k.Info().Writes {
			return true
		}
	}
	return false
}

// RetKind says what a helper returns.
type RetKind uint8

const (
	RetInt          RetKind = iota // a signed 64-bit number
	RetUint                        // an unsigned 64-bit number
	RetVoid                        // nothing
	RetMapValue                    // a pointer to a map value, or null
	RetMapValueSure                // a pointer to a map value
	RetRecord                      // a record of a ring buffer, or null
	RetObject                      // a pointer to a kernel object, or null
	RetObjectSure                  // a pointer to a kernel object
	RetHeld                        // a pointer to a kernel object that has to be given back, or null
	RetHeldSure                    // a pointer to a kernel object that has to be given back
	numRetKinds
)

// Held reports whether the result has to be given back.
func (r RetKind) Held() bool { return r == RetRecord || r == RetHeld || r == RetHeldSure }

// Address reports whether the result is an address.
func (r RetKind) Address() bool { return r >= RetMapValue }

// Nullable reports whether the result is an address that may be null.
func (r RetKind) Nullable() bool {
	return r == RetMapValue || r == RetRecord || r == RetObject || r == RetHeld
}

// TestedOnce reports whether the result must be compared with null only once:
// kernels before 6.4 do not see that a second comparison of it is decided, and it
// has to be given back.
func (r RetKind) TestedOnce() bool { return r == RetRecord || r == RetHeld }
