package kernel

// PacketAccess says how a kind of program can reach packet bytes.
type PacketAccess uint8

const (
	// NoPacket: the kind has no packet.
	NoPacket PacketAccess = iota
	// SkbLoad: by LD_ABS and LD_IND, or by bpf_skb_load_bytes; never by pointer.
	SkbLoad
	// SkbHelper: by bpf_skb_load_bytes only.
	SkbHelper
	// Direct: by pointer between data and data_end; all of the packet is there.
	Direct
	// DirectPull: by pointer, but fragments may be behind data_end:
	// bpf_skb_pull_data brings them in front of it.
	DirectPull
)

// ProgKind is a row of libbpf's section table that the language can declare.
type ProgKind struct {
	Name    string // bpf.Name in the language
	Section string // ELF section, without a target
	Type    int    // enum bpf_prog_type
	Attach  int    // enum bpf_attach_type, where the kernel wants one at load
	// TypeName is the UAPI name without BPF_PROG_TYPE_.
	TypeName string
	Ctx      *Ctx
	Packet   PacketAccess
	// Default is the verdict of falling off the end, and of a short packet.
	Default int64
	// DefaultName is how messages and documents name it.
	DefaultName string
	// RetMin and RetMax bound the result where the verifier does; both 0: any.
	RetMin, RetMax int64
	First          Version
}

// Ctx is a context structure, as the program sees it.
type Ctx struct {
	Name   string // C name, "struct __sk_buff"
	Size   int32
	Fields []CtxField
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
	// Kind says what the member is, if not a plain number.
	Kind FieldKind
	// In lists the names of the program kinds that may read it; nil: all that
	// have the context.
	In []string
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
	for i := range c.Fields {
		if c.Fields[i].Name == name {
			return &c.Fields[i], true
		}
	}
	return nil, false
}

// Readable reports whether programs of kind k may read the member.
func (f *CtxField) Readable(k *ProgKind) bool {
	if f.In == nil {
		return true
	}
	for _, n := range f.In {
		if n == k.Name {
			return true
		}
	}
	return false
}

// ProgKinds are the kinds of programs. Source: libbpf's section_defs, the
// verifier's check_return_code, UAPI linux/bpf.h.
var ProgKinds = []*ProgKind{
	{Name: "socket", Section: "socket", Type: 1, TypeName: "SOCKET_FILTER", Ctx: skBuff, Packet: SkbLoad,
		Default: 0, DefaultName: "0", First: Version{3, 19}},
	{Name: "xdp", Section: "xdp", Type: 6, TypeName: "XDP", Ctx: xdpMd, Packet: Direct,
		Default: 2, DefaultName: "XDP_PASS", First: Version{4, 8}},
	{Name: "tc", Section: "tc", Type: 3, TypeName: "SCHED_CLS", Ctx: skBuff, Packet: DirectPull,
		Default: -1, DefaultName: "TC_ACT_UNSPEC", First: Version{4, 1}},
}

// ProgKindByName returns the kind the language calls name.
func ProgKindByName(name string) (*ProgKind, bool) {
	for _, k := range ProgKinds {
		if k.Name == name {
			return k, true
		}
	}
	return nil, false
}

// notSocket are the kinds that may read what a socket filter may not
// (sk_filter_is_valid_access in net/core/filter.c).
var notSocket = []string{"tc", "cgroup_skb", "sk_skb", "lwt_in", "lwt_out", "lwt_xmit", "flow_dissector"}

// skBuff is struct __sk_buff of UAPI linux/bpf.h.
var skBuff = &Ctx{Name: "struct __sk_buff", Size: 192, Fields: []CtxField{
	{Name: "len", Off: 0, Size: 4},
	{Name: "pkt_type", Off: 4, Size: 4},
	{Name: "mark", Off: 8, Size: 4},
	{Name: "queue_mapping", Off: 12, Size: 4},
	{Name: "protocol", Off: 16, Size: 4, BE: 16},
	{Name: "vlan_present", Off: 20, Size: 4},
	{Name: "vlan_tci", Off: 24, Size: 4},
	{Name: "vlan_proto", Off: 28, Size: 4, BE: 16},
	{Name: "priority", Off: 32, Size: 4},
	{Name: "ingress_ifindex", Off: 36, Size: 4},
	{Name: "ifindex", Off: 40, Size: 4},
	{Name: "tc_index", Off: 44, Size: 4},
	{Name: "cb", Off: 48, Size: 4, Len: 5},
	{Name: "hash", Off: 68, Size: 4},
	{Name: "tc_classid", Off: 72, Size: 4, In: notSocket},
	{Name: "data", Off: 76, Size: 4, Kind: PacketStart, In: notSocket},
	{Name: "data_end", Off: 80, Size: 4, Kind: PacketEnd, In: notSocket},
	{Name: "napi_id", Off: 84, Size: 4},
	{Name: "family", Off: 88, Size: 4, In: notSocket},
	{Name: "remote_ip4", Off: 92, Size: 4, BE: 32, In: notSocket},
	{Name: "local_ip4", Off: 96, Size: 4, BE: 32, In: notSocket},
	{Name: "remote_ip6", Off: 100, Size: 4, Len: 4, BE: 32, In: notSocket},
	{Name: "local_ip6", Off: 116, Size: 4, Len: 4, BE: 32, In: notSocket},
	{Name: "remote_port", Off: 132, Size: 4, BE: 32, In: notSocket},
	{Name: "local_port", Off: 136, Size: 4, In: notSocket},
	{Name: "data_meta", Off: 140, Size: 4, Kind: PacketMeta, In: notSocket},
	{Name: "flow_keys", Off: 144, Size: 8, Kind: KernelPointer, In: []string{"flow_dissector"}},
	{Name: "tstamp", Off: 152, Size: 8, In: notSocket},
	{Name: "wire_len", Off: 160, Size: 4, In: notSocket},
	{Name: "gso_segs", Off: 164, Size: 4},
	{Name: "sk", Off: 168, Size: 8, Kind: KernelPointer},
	{Name: "gso_size", Off: 176, Size: 4},
	{Name: "tstamp_type", Off: 180, Size: 1, In: notSocket},
	{Name: "hwtstamp", Off: 184, Size: 8, In: notSocket},
}}

// xdpMd is struct xdp_md of UAPI linux/bpf.h. egress_ifindex is readable only
// by programs attached to a devmap.
var xdpMd = &Ctx{Name: "struct xdp_md", Size: 24, Fields: []CtxField{
	{Name: "data", Off: 0, Size: 4, Kind: PacketStart},
	{Name: "data_end", Off: 4, Size: 4, Kind: PacketEnd},
	{Name: "data_meta", Off: 8, Size: 4, Kind: PacketMeta},
	{Name: "ingress_ifindex", Off: 12, Size: 4},
	{Name: "rx_queue_index", Off: 16, Size: 4},
	{Name: "egress_ifindex", Off: 20, Size: 4, In: []string{"xdp_devmap"}},
}}
