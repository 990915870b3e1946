package lower

import (
	"maps"
	"slices"
	"strconv"
	"sync"
)

// header is a row of packet headers: its fields and what may follow it.
type header struct {
	name     string
	size     int64
	fields   []field
	children []rule
	length   *length    // nil: size
	hidden   bool       // no name of the language
	either   [2]*header // what this one is what they have in common of
}

// title names a header in a message.
func (h *header) title() string {
	if h.either[0] != nil {
		return h.either[0].title() + " or " + h.either[1].title()
	}
	if h.name == "data" {
		return "plain packet bytes"
	}
	return "the header '" + h.name + "'"
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
	length *length
	// The parent announces the child if field is one of is; no field: always.
	field string
	is    []int64
	// unless is a field that must be 0: the payload of a later fragment does not
	// begin with a header.
	unless string
}

// length is a header's own length in bytes: base, and for each part the bits at
// off times scale.
type length struct {
	base  int64
	parts []lengthPart
}

type lengthPart struct {
	off, width int
	scale      int64
}

var (
	ipLength  = &length{parts: []lengthPart{{4, 4, 4}}}          // RFC 791: IHL
	tcpLength = &length{parts: []lengthPart{{12 * 8, 4, 4}}}     // RFC 9293: data offset
	optLength = &length{base: 8, parts: []lengthPart{{8, 8, 8}}} // RFC 8200: in units of 8 bytes, less the first
	// RFC 2784, 2890: checksum, key and sequence number where their bits are set.
	greLength = &length{base: 4, parts: []lengthPart{{0, 1, 4}, {2, 1, 4}, {3, 1, 4}}}
)

// ipLater is the field of an IPv4 header that is not 0 in later fragments;
// fragOffset is where the fragment header of IPv6 has it.
const ipLater = "foffset"

// bits is a field of width bits at bit off.
func bits(name string, off, width int) field { return field{name: name, off: off, width: width} }

// bytesField is a field that is an array of n bytes at byte off.
func bytesField(name string, off, n int) field {
	return field{name: name, off: off * 8, width: n * 8, bytes: true}
}

// ethertypes, IP protocols and ports that announce headers (IANA).
var (
	isIP, isIP6, isARP = []int64{0x0800}, []int64{0x86dd}, []int64{0x0806}
	isVLAN             = []int64{0x8100, 0x88a8, 0x9100} // IEEE 802.1Q, 802.1ad, and what came before
	isBridged          = []int64{0x6558}                 // transparent Ethernet bridging
	// the extension headers of RFC 8200, 6275, 7401, 5533 that say their length
	isOption = []int64{0, 43, 44, 60, 135, 139, 140}
)

// fragmentHeader is the extension header that says what fragment this is.
const fragmentHeader = 44

// behindEthertype are the headers that an ethertype announces.
func behindEthertype(field string) []rule {
	return []rule{
		{name: "ip", to: "ip", field: field, is: isIP},
		{name: "ip6", to: "ip6", field: field, is: isIP6},
		{name: "arp", to: "arp", field: field, is: isARP},
		{name: "dot1q", to: "dot1q", field: field, is: isVLAN},
	}
}

// behindIP are the headers that an IP protocol number announces.
func behindIP(icmp, field, unless string, l *length) []rule {
	rules := []rule{
		{name: icmp, to: icmp, is: []int64{map[string]int64{"icmp": 1, "icmp6": 58}[icmp]}},
		{name: "tcp", to: "tcp", is: []int64{6}},
		{name: "udp", to: "udp", is: []int64{17}},
		{name: "gre", to: "gre", is: []int64{47}},
		{name: "ip", to: "ip", is: []int64{4}},
		{name: "ip6", to: "ip6", is: []int64{41}},
	}
	if unless == "" {
		rules = append(rules, rule{name: "ip6_opt", to: "ip6_opt", is: isOption})
	}
	for i := range rules {
		rules[i].field, rules[i].unless, rules[i].length = field, unless, l
	}
	return rules
}

// headers are the headers the language dissects, by name. Sources: IEEE 802.3,
// 802.1Q, RFC 791, 792, 768, 826, 2784, 4443, 7348, 8200, 9293; names as the
// seeds' proto.lua has them.
var headers = sync.OnceValue(func() map[string]*header {
	return index([]*header{
		{name: "eth", size: 14, fields: []field{
			bytesField("dst", 0, 6), bytesField("src", 6, 6), bits("type", 96, 16),
		}, children: behindEthertype("type")},
		{name: "dot1q", size: 4, fields: []field{
			bits("pri", 0, 3), bits("cfi", 3, 1), bits("vlanid", 4, 12), bits("type", 16, 16),
		}, children: behindEthertype("type")},
		{name: "arp", size: 28, fields: []field{
			bits("htype", 0, 16), bits("ptype", 16, 16), bits("hlen", 32, 8), bits("plen", 40, 8), bits("oper", 48, 16),
			bytesField("sha", 8, 6), bits("spa", 112, 32), bytesField("tha", 18, 6), bits("tpa", 192, 32),
		}},
		{name: "ip", size: 20, length: ipLength, fields: []field{
			bits("ver", 0, 4), bits("hlen", 4, 4), bits("tos", 8, 8), bits("tlen", 16, 16), bits("identification", 32, 16),
			bits("ffo_unused", 48, 1), bits("df", 49, 1), bits("mf", 50, 1), bits(ipLater, 51, 13), {name: "frag", off: 50, width: 14, some: true},
			bits("ttl", 64, 8), bits("proto", 72, 8), bits("hchecksum", 80, 16), bits("src", 96, 32), bits("dst", 128, 32),
		}, children: append(behindIP("icmp", "proto", ipLater, ipLength), rule{name: "data", to: "data", length: ipLength})},
		{name: "ip6", size: 40, fields: []field{
			bits("ver", 0, 4), bits("priority", 4, 8), bits("flow_label", 12, 20),
			bits("payload_len", 32, 16), bits("next_header", 48, 8), bits("hop_limit", 56, 8),
			bytesField("src", 8, 16), bytesField("dst", 24, 16),
			bits("src_hi", 64, 64), bits("src_lo", 128, 64), bits("dst_hi", 192, 64), bits("dst_lo", 256, 64),
		}, children: append(behindIP("icmp6", "next_header", "", nil), rule{name: "data", to: "data"})},
		{name: "ip6_opt", size: 8, length: optLength, fields: []field{
			bits("next_header", 0, 8), bits("ext_len", 8, 8), bytesField("pad", 2, 6),
		}, children: behindIP("icmp6", "next_header", "", optLength)},
		{name: "tcp", size: 20, length: tcpLength, fields: []field{
			bits("src_port", 0, 16), bits("dst_port", 16, 16), bits("seq_num", 32, 32), bits("ack_num", 64, 32),
			bits("offset", 96, 4), bits("reserved", 100, 4),
			bits("flag_cwr", 104, 1), bits("flag_ece", 105, 1), bits("flag_urg", 106, 1), bits("flag_ack", 107, 1),
			bits("flag_psh", 108, 1), bits("flag_rst", 109, 1), bits("flag_syn", 110, 1), bits("flag_fin", 111, 1),
			bits("rcv_wnd", 112, 16), bits("cksum", 128, 16), bits("urg_ptr", 144, 16),
		}, children: []rule{{name: "data", to: "data", length: tcpLength}}},
		{name: "udp", size: 8, fields: []field{
			bits("src_port", 0, 16), bits("dst_port", 16, 16), bits("length", 32, 16), bits("crc", 48, 16),
		}, children: []rule{{name: "data", to: "data"}, {name: "vxlan", to: "vxlan", field: "dst_port", is: []int64{4789}}}},
		{name: "icmp", size: 4, fields: icmpFields, children: []rule{{name: "data", to: "data"}}},
		{name: "icmp6", size: 4, fields: icmpFields, children: []rule{{name: "data", to: "data"}}},
		{name: "vxlan", size: 8, fields: []field{
			bits("rsv1", 0, 4), bits("iflag", 4, 1), bits("rsv2", 5, 3), bits("rsv3", 8, 24), bits("key", 32, 24), bits("rsv4", 56, 8),
		}, children: []rule{{name: "eth", to: "eth"}, {name: "data", to: "data"}}},
		{name: "gre", size: 4, length: greLength, fields: []field{
			bits("flag_csum", 0, 1), bits("flag_key", 2, 1), bits("flag_seq", 3, 1), bits("ver", 13, 3), bits("proto", 16, 16),
		}, children: []rule{
			{name: "ip", to: "ip", length: greLength, field: "proto", is: isIP},
			{name: "ip6", to: "ip6", length: greLength, field: "proto", is: isIP6},
			{name: "arp", to: "arp", length: greLength, field: "proto", is: isARP},
			{name: "eth", to: "eth", length: greLength, field: "proto", is: isBridged},
			{name: "data", to: "data", length: greLength},
		}},
		// What a packet that starts at the network header is.
		{name: "net", hidden: true, fields: []field{bits("ver", 0, 4)}, children: []rule{
			{name: "ip", to: "ip", field: "ver", is: []int64{4}}, {name: "ip6", to: "ip6", field: "ver", is: []int64{6}},
		}},
		// What follows the ethertype, whichever it is (packetl3.go).
		{name: "l3", hidden: true},
		{name: "data"},
	})
})

// icmpFields are those of ICMP and ICMPv6; id and seq are an echo's.
var icmpFields = []field{
	bits("type", 0, 8), bits("code", 8, 8), bits("checksum", 16, 16), bits("id", 32, 16), bits("seq", 48, 16),
}

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

// HeaderRow is a row of the headers that packets are dissected by, for the
// language's reference.
type HeaderRow struct {
	Name    string
	Fields  []string // name, or name[bytes]
	Members []string // headers that may follow
}

// HeaderTable returns the rows.
func HeaderTable() (rows []HeaderRow) {
	for _, name := range slices.Sorted(maps.Keys(headers())) {
		h := headers()[name]
		if h.hidden || len(h.fields) == 0 {
			continue
		}
		r := HeaderRow{Name: name}
		for _, f := range h.fields {
			if f.bytes {
				f.name += "[" + strconv.Itoa(f.width/8) + "]"
			}
			r.Fields = append(r.Fields, f.name)
		}
		for _, c := range h.children {
			r.Members = append(r.Members, c.name)
		}
		rows = append(rows, r)
	}
	return rows
}
