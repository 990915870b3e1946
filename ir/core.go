package ir

// CoreKind is a quantity of the running kernel's types. The numbers are those of
// .BTF.ext.
type CoreKind uint8

// The quantities (CO-RE).
const (
	CoreByteOffset CoreKind = iota // of a field in its root
	CoreByteSize
	CoreExists // 1 if the field is there, else 0
	CoreSigned
	CoreLShift // by which a bit-field's bytes are shifted left, then right
	CoreRShift
	CoreTypeIDLocal
	CoreTypeIDTarget
	CoreTypeExists
	CoreTypeSize
	CoreEnumExists
	CoreEnumValue

	numCoreKinds
)

// coreNames are the kinds in the text form.
var coreNames = [numCoreKinds]string{"offset", "size", "exists", "signed", "lshift", "rshift",
	"localid", "id", "typeexists", "typesize", "enumexists", "enumvalue"}

// Core is what an OpCore stands for: the loader puts the running kernel's number
// into each instruction that uses it. AuxInt is the number by the types that the
// module was compiled with.
type Core struct {
	Kind CoreKind
	Root string // the type, in words: "struct task_struct"
	Path string // the field from there: "mm.exe_file", or the enumerator; "" for the type itself
	// Field is the size of the field in bytes, as the module has it: a load of as
	// many bytes may become as wide as the field is.
	Field int32
	// Known: the module's own number is some kernel's, by its BTF.
	Known bool
	// Type is the root and Index the way from it, a member's or element's number
	// for each step, as the front end knows them; opaque here and not printed.
	Type  any
	Index []int
}

// String returns the kind, the root and the path.
func (c *Core) String() string {
	k := "?"
	if c.Kind < numCoreKinds {
		k = coreNames[c.Kind]
	}
	return k + " " + name(c.Root) + " " + name(c.Path)
}

// Max is the largest value that a quantity has in any kernel: what is known of
// it when compiling.
func (c *Core) Max() uint64 {
	switch c.Kind {
	case CoreExists, CoreSigned, CoreTypeExists, CoreEnumExists:
		return 1
	case CoreLShift, CoreRShift:
		return 63
	case CoreByteSize:
		if c.Field <= 8 {
			return 8
		}
	case CoreEnumValue:
		return ^uint64(0)
	}
	return 1 << 28
}
