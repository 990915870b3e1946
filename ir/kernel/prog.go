package kernel

import "strings"

// PacketAccess says how a kind of program can reach packet bytes.
type PacketAccess uint8

const (
	// NoPacket: the kind has no packet, or none that can be reached so far.
	NoPacket PacketAccess = iota
	// SkbLoad: by LD_ABS and LD_IND, or by bpf_skb_load_bytes; never by pointer.
	SkbLoad
	// SkbHelper: by bpf_skb_load_bytes only.
	SkbHelper
	// SkbDynptr: by bpf_dynptr_read from a dynptr of the context's skb, a pointer to
	// the kernel's struct sk_buff.
	SkbDynptr
	// Direct: by pointer between data and data_end; all of the packet is there.
	Direct
	// DirectPull: by pointer, but fragments may be behind data_end:
	// bpf_skb_pull_data brings them in front of it.
	DirectPull
)

// Origin says where a kind's packet starts.
type Origin uint8

const (
	NoOrigin  Origin = iota
	Link             // at the link-layer header
	Network          // at the network header
	Transport        // behind the transport header: the stream's payload
)

// TargetForm says whether a section names what its program is for: kprobe/SYMBOL.
type TargetForm uint8

const (
	NoTarget TargetForm = iota
	OptionalTarget
	NeedsTarget // loading looks the target up
)

// ProgKind is a row of libbpf's section table: a kind of program.
type ProgKind struct {
	Name    string // an identifier; the language's bpf.NAME where it has one
	Section string // ELF section, without a target
	// Aliases are other sections of the same kind.
	Aliases []string
	Target  TargetForm
	Type    ProgType
	// Attach is the enum bpf_attach_type that libbpf hands to the kernel at
	// load; 0 also where it wants none.
	Attach int
	// Sleepable is since when SECTION.s may be loaded; zero: never.
	Sleepable Version
	Ctx       *Ctx
	user      users // which of the context's users programs of this kind are
	Packet    PacketAccess
	Origin    Origin
	// Default is the verdict of falling off the end, and of a short packet.
	Default int64
	// DefaultName is how messages and documents name it.
	DefaultName string
	// Ret bounds the result where the verifier does, nil elsewhere.
	Ret   *Bounds
	First Version
}

// WritesPacket reports whether programs of kind k may store to packet bytes.
func (k *ProgKind) WritesPacket() bool { return k.Packet == Direct || k.Packet == DirectPull }

// Phrase names a program of kind k in a message: "an xdp program".
func (k *ProgKind) Phrase() string {
	if k == Function {
		return "a function to link against"
	}
	article := "a "
	for _, prefix := range []string{"xdp", "sk_", "lwt", "lsm", "iter", "ext"} {
		if strings.HasPrefix(k.Name, prefix) {
			article = "an "
		}
	}
	return article + k.Name + " program"
}

// Bounds is a range of results, both ends included.
type Bounds struct{ Min, Max int64 }

// Fixed reports whether only one result is allowed.
func (b *Bounds) Fixed() bool { return b != nil && b.Min == b.Max }

// Ctx is a context structure, as the program sees it.
type Ctx struct {
	Name   string // C name, "struct __sk_buff"; "void" if it has no members of its own
	Size   int32
	Fields []CtxField
	// Aliases are other names for bytes that Fields has: members of unions, and
	// registers by their purpose.
	Aliases []CtxField
}

// CtxField is a member of a context.
type CtxField struct {
	Name string
	Off  int32
	Size int32 // of an element, in bytes
	Len  int32 // elements of an array; 0 for a scalar
	// BE is the width in bits of the network-order number that the member's low
	// bits hold, and that reads as a host-order number; 0 for memory order.
	BE int32
	// Keeps is how many low bits of what is written the kernel keeps, if not all.
	Keeps  int32
	Signed bool
	// Kind says what the member is, if not a plain number.
	Kind FieldKind
	// Object is the tag of the structure that a KernelPointer points to, as far as
	// programs may look into it; "" if they may not.
	Object string
	// Kernel is the tag of the structure that a KernelPointer points to, of those whose
	// members lie where the running kernel has them; it is never null.
	Kernel string
	// who may read and write it, of the context's users; no read: all.
	read, write users
}

// FieldKind says what a context member holds.
type FieldKind uint8

const (
	Scalar        FieldKind = iota
	PacketStart             // the packet's first directly accessible byte
	PacketEnd               // the byte behind the last
	PacketMeta              // the metadata in front of the packet
	KernelPointer           // a pointer into the kernel
)

// Field returns the member called name.
func (c *Ctx) Field(name string) (*CtxField, bool) {
	for _, l := range [][]CtxField{c.Fields, c.Aliases} {
		for i := range l {
			if l[i].Name == name {
				return &l[i], true
			}
		}
	}
	return nil, false
}

// Names returns the names of all members.
func (c *Ctx) Names() []string {
	var l []string
	for _, f := range c.Fields {
		l = append(l, f.Name)
	}
	for _, f := range c.Aliases {
		l = append(l, f.Name)
	}
	return l
}

// Readable reports whether programs of kind k may read the member.
func (f *CtxField) Readable(k *ProgKind) bool { return f.read == 0 || f.read&k.user != 0 }

// Writable reports whether programs of kind k may write the member.
func (f *CtxField) Writable(k *ProgKind) bool { return f.write&k.user != 0 }

// Context returns the layout of k's context on an architecture; that of
// registers has no members where the architecture is not given.
func (k *ProgKind) Context(arch string) *Ctx {
	switch k.Ctx {
	case ptRegs:
		return registers(arch)
	case perfEventData:
		return perfEvent(arch)
	}
	return k.Ctx
}

// NeedsArch reports whether the context's layout depends on the architecture.
func (k *ProgKind) NeedsArch() bool { return k.Ctx == ptRegs || k.Ctx == perfEventData }

// ProgKindByName returns the kind called name.
func ProgKindByName(name string) (*ProgKind, bool) {
	for _, k := range ProgKinds {
		if k.Name == name {
			return k, true
		}
	}
	if name == Function.Name {
		return Function, true
	}
	return nil, false
}

// Replacing returns the kind of a program that takes the place of one, or of a
// function of one, whose context is the structure called ctx: the first such kind
// without a target, in the section of extensions.
func Replacing(ctx string) (*ProgKind, bool) {
	for _, name := range []string{"xdp", "tc"} { // others have their contexts too
		if k, ok := ProgKindByName(name); ok && k.Ctx.Name == ctx {
			return k.extension(), true
		}
	}
	for _, k := range ProgKinds {
		if k.Ctx.Name == ctx && k.Target == NoTarget {
			return k.extension(), true
		}
	}
	return nil, false
}

func (k *ProgKind) extension() *ProgKind {
	e := *k
	e.Section, e.Aliases, e.Target, e.Attach = "freplace", nil, NeedsTarget, 0
	return &e
}

// Function stands for the kind of program that a function to link against runs in,
// which is not known. It is no row of the table: nothing loads it by itself.
var Function = &ProgKind{Name: "func", Section: ".text", Ctx: &Ctx{Name: "void"}, DefaultName: "0"}

// Section is a section name taken apart.
type Section struct {
	Kind      *ProgKind
	Target    string // behind the slash
	Sleepable bool
}

// ParseSection finds the kind of program that a section is for. A leading '?',
// by which libbpf does not load a program unasked, is allowed.
func ParseSection(section string) (s Section, ok bool) {
	name := strings.TrimPrefix(section, "?")
	best := -1
	try := func(k *ProgKind, base string, sleepable bool) {
		rest, ok := strings.CutPrefix(name, base)
		if !ok || len(base) < best {
			return
		}
		switch {
		case rest == "":
			s, best = Section{k, "", sleepable}, len(base)
		case k.Target != NoTarget && len(rest) > 1 && rest[0] == '/':
			s, best = Section{k, rest[1:], sleepable}, len(base)
		}
	}
	for _, k := range ProgKinds {
		for _, base := range k.Sections() {
			try(k, base, false)
			if k.Sleepable != (Version{}) {
				try(k, base+".s", true)
			}
		}
	}
	return s, best >= 0
}

// Sections returns the names of k's section, the preferred one first.
func (k *ProgKind) Sections() []string { return append([]string{k.Section}, k.Aliases...) }

// SectionFor returns the section for a program of kind k.
func (k *ProgKind) SectionFor(target string, sleepable bool) string {
	s := k.Section
	if sleepable {
		s += ".s"
	}
	if target != "" {
		s += "/" + target
	}
	return s
}
