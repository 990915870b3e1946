package lower

// header is a row of packet headers: its fields and what may follow it.
type header struct {
	name     string
	size     int64
	fields   []field
	children []rule
	hidden   bool // no name of the language
}

// field is a member of a header. Off and Width count bits, most significant
// first, as the RFCs draw them. Bytes fields are arrays, not numbers.
type field struct {
	name       string
	off, width int
	bytes      bool
	some       bool // a bit: whether any of the bits is set
}

// rule says where a child header starts and what announces it.
type rule struct {
	name string // member of the parent
	to   string // header
	// The child starts at size, or at a length read from the parent.
	length *lengthField
	// The parent announces the child if field == is; no field: always.
	field string
	is    int64
}

// lengthField is a header's own length: bits at off, times scale bytes.
type lengthField struct {
	off, width int
	scale      int64
}

var (
	ipLength  = &lengthField{off: 4, width: 4, scale: 4}      // RFC 791: IHL
	tcpLength = &lengthField{off: 12 * 8, width: 4, scale: 4} // RFC 9293: data offset
)

// headers are the headers the language dissects, by name. Sources: IEEE 802.3,
// RFC 791, 8200, 9293, 768, 792, 4443; names as the seeds' proto.lua has them.
var headers = index([]*header{
	{name: "eth", size: 14, fields: []field{
		{name: "dst", off: 0, width: 48, bytes: true}, {name: "src", off: 48, width: 48, bytes: true},
		{name: "type", off: 96, width: 16},
	}, children: []rule{
		{name: "ip", to: "ip", field: "type", is: 0x0800},
		{name: "ip6", to: "ip6", field: "type", is: 0x86dd},
	}},
	{name: "ip", size: 20, fields: []field{
		{name: "ver", off: 0, width: 4}, {name: "hlen", off: 4, width: 4}, {name: "tos", off: 8, width: 8},
		{name: "tlen", off: 16, width: 16}, {name: "identification", off: 32, width: 16},
		{name: "ffo_unused", off: 48, width: 1}, {name: "df", off: 49, width: 1}, {name: "mf", off: 50, width: 1},
		{name: "foffset", off: 51, width: 13}, {name: "ttl", off: 64, width: 8}, {name: "proto", off: 72, width: 8},
		{name: "hchecksum", off: 80, width: 16}, {name: "src", off: 96, width: 32}, {name: "dst", off: 128, width: 32},
	}, children: []rule{
		{name: "icmp", to: "icmp", length: ipLength, field: "proto", is: 1},
		{name: "tcp", to: "tcp", length: ipLength, field: "proto", is: 6},
		{name: "udp", to: "udp", length: ipLength, field: "proto", is: 17},
	}},
	{name: "ip6", size: 40, fields: []field{
		{name: "ver", off: 0, width: 4}, {name: "priority", off: 4, width: 8}, {name: "flow_label", off: 12, width: 20},
		{name: "payload_len", off: 32, width: 16}, {name: "next_header", off: 48, width: 8}, {name: "hop_limit", off: 56, width: 8},
		{name: "src", off: 64, width: 128, bytes: true}, {name: "dst", off: 192, width: 128, bytes: true},
		{name: "src_hi", off: 64, width: 64}, {name: "src_lo", off: 128, width: 64},
		{name: "dst_hi", off: 192, width: 64}, {name: "dst_lo", off: 256, width: 64},
	}, children: []rule{
		{name: "icmp6", to: "icmp6", field: "next_header", is: 58},
		{name: "tcp", to: "tcp", field: "next_header", is: 6},
		{name: "udp", to: "udp", field: "next_header", is: 17},
	}},
	{name: "tcp", size: 20, fields: []field{
		{name: "src_port", off: 0, width: 16}, {name: "dst_port", off: 16, width: 16},
		{name: "seq_num", off: 32, width: 32}, {name: "ack_num", off: 64, width: 32},
		{name: "offset", off: 96, width: 4}, {name: "reserved", off: 100, width: 4},
		{name: "flag_cwr", off: 104, width: 1}, {name: "flag_ece", off: 105, width: 1}, {name: "flag_urg", off: 106, width: 1},
		{name: "flag_ack", off: 107, width: 1}, {name: "flag_psh", off: 108, width: 1}, {name: "flag_rst", off: 109, width: 1},
		{name: "flag_syn", off: 110, width: 1}, {name: "flag_fin", off: 111, width: 1},
		{name: "rcv_wnd", off: 112, width: 16}, {name: "cksum", off: 128, width: 16}, {name: "urg_ptr", off: 144, width: 16},
	}, children: []rule{{name: "data", to: "data", length: tcpLength}}},
	{name: "udp", size: 8, fields: []field{
		{name: "src_port", off: 0, width: 16}, {name: "dst_port", off: 16, width: 16},
		{name: "length", off: 32, width: 16}, {name: "crc", off: 48, width: 16},
	}, children: []rule{{name: "data", to: "data"}}},
	{name: "icmp", size: 4, fields: []field{
		{name: "type", off: 0, width: 8}, {name: "code", off: 8, width: 8}, {name: "checksum", off: 16, width: 16},
		{name: "id", off: 32, width: 16}, {name: "seq", off: 48, width: 16},
	}, children: []rule{{name: "data", to: "data"}}},
	{name: "icmp6", size: 4, fields: []field{
		{name: "type", off: 0, width: 8}, {name: "code", off: 8, width: 8}, {name: "checksum", off: 16, width: 16},
	}, children: []rule{{name: "data", to: "data"}}},
	{name: "data"},
})

func index(list []*header) map[string]*header {
	m := map[string]*header{}
	for _, h := range list {
		m[h.name] = h
	}
	return m
}

func (h *header) field(name string) (*field, bool) {
	for i := range h.fields {
		if h.fields[i].name == name {
			return &h.fields[i], true
		}
	}
	return nil, false
}

func (h *header) child(name string) (*rule, bool) {
	for i := range h.children {
		if h.children[i].name == name {
			return &h.children[i], true
		}
	}
	return nil, false
}

// members lists the names a header has, for suggestions.
func (h *header) members() []string {
	var ns []string
	for _, f := range h.fields {
		ns = append(ns, f.name)
	}
	for _, c := range h.children {
		ns = append(ns, c.name)
	}
	return ns
}
