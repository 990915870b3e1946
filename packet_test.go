package luabpfc_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// A packet in a test is written as its layers from the outside in:
//
//	eth vlan(id=5) ip(src=10.0.0.1) tcp(dst=80, flags=0x02) "GET /"
//
// What a layer does not say is computed from what follows it (lengths, types,
// checksums) or has a default. Behind the layers, pad(N) and cut(N) bring the
// whole to N bytes. The layers:
//
//	eth(dst src type)   vlan(id prio type)  qinq(id prio type)
//	arp(op sha spa tha tpa)
//	ip(src dst proto ttl tos id frag mf df opts len)   opts: words of options
//	ip6(src dst next hop len)
//	tcp(src dst seq ack flags win opts)   udp(src dst len)
//	icmp(type code id seq)   icmp6(type code id seq)   gre(proto)
//	"text"   hex(00 ff)   zero(N)   fill(N)   fill counts 0, 1, 2, ...

// layer is one element of a packet's notation.
type layer struct {
	name string
	args map[string]string
	list []string // arguments without a name
}

// buildPacket returns the bytes of a packet in the notation above.
func buildPacket(text string) ([]byte, error) {
	layers, err := parseLayers(text)
	if err != nil {
		return nil, err
	}
	return assemble(layers)
}

func parseLayers(text string) ([]layer, error) {
	var out []layer
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			q, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("packet: string without end: %s", text)
			}
			s, _ := strconv.Unquote(q)
			out, text = append(out, layer{name: "text", list: []string{s}}), text[len(q):]
			continue
		}
		n := strings.IndexFunc(text, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
		if n < 0 {
			n = len(text)
		}
		l := layer{name: text[:n], args: map[string]string{}}
		text = text[n:]
		if strings.HasPrefix(text, "(") {
			in, rest, ok := strings.Cut(text[1:], ")")
			if !ok {
				return nil, fmt.Errorf("packet: '(' without ')' after %s", l.name)
			}
			for _, a := range strings.FieldsFunc(in, func(r rune) bool { return r == ',' || r == ' ' }) {
				if k, v, ok := strings.Cut(a, "="); ok {
					l.args[k] = v
				} else {
					l.list = append(l.list, a)
				}
			}
			text = rest
		}
		if l.name == "" {
			return nil, fmt.Errorf("packet: layer expected at %q", text)
		}
		out = append(out, l)
	}
	return out, nil
}

// fields reads a layer's arguments; the first wrong one is kept in err.
type fields struct {
	layer
	err  error
	used int
}

func (f *fields) num(key string, def uint64) uint64 {
	s, ok := f.args[key]
	if !ok {
		return def
	}
	f.used++
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("packet: %s(%s=%s): no number", f.name, key, s)
	}
	return n
}

func (f *fields) addr(key, def string) []byte {
	s, ok := f.args[key]
	if ok {
		f.used++
	} else {
		s = def
	}
	if strings.Count(s, ":") == 5 && len(s) == 17 {
		if m, err := net.ParseMAC(s); err == nil {
			return m
		}
	}
	a, err := netip.ParseAddr(s)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("packet: %s(%s=%s): no address", f.name, key, s)
	}
	return a.AsSlice()
}

func (f *fields) only() uint64 {
	if len(f.list) != 1 {
		f.err = fmt.Errorf("packet: %s takes one number", f.name)
		return 0
	}
	n, err := strconv.ParseUint(f.list[0], 0, 16)
	if err != nil {
		f.err = fmt.Errorf("packet: %s(%s): no number", f.name, f.list[0])
	}
	return n
}

// types of what a layer carries, as the layer in front of it says them.
var (
	etherTypes = map[string]uint64{"ip": 0x0800, "arp": 0x0806, "vlan": 0x8100, "qinq": 0x88a8, "ip6": 0x86dd}
	protocols  = map[string]uint64{"icmp": 1, "ip": 4, "tcp": 6, "udp": 17, "ip6": 41, "gre": 47, "icmp6": 58}
)

var be = binary.BigEndian

// assemble builds from the innermost layer outwards.
func assemble(layers []layer) ([]byte, error) {
	var body []byte
	resize := -1
	for i := len(layers) - 1; i >= 0; i-- {
		f := &fields{layer: layers[i]}
		next, outer := "", 0
		if i+1 < len(layers) {
			next = layers[i+1].name
		}
		for outer = i - 1; outer >= 0 && layers[outer].name != "ip" && layers[outer].name != "ip6"; outer-- {
		}
		switch f.name {
		case "pad", "cut":
			if i != len(layers)-1 {
				return nil, fmt.Errorf("packet: %s comes last", f.name)
			}
			resize = int(f.only())
		case "text", "hex", "zero", "fill":
			b, err := f.bytes()
			if err != nil {
				return nil, err
			}
			body = append(b, body...)
		default:
			build, ok := headers[f.name]
			if !ok {
				return nil, fmt.Errorf("packet: no layer '%s'", f.name)
			}
			h := build(f, next, body)
			body = append(h, body...)
			if outer >= 0 {
				checksumOver(f.name, &fields{layer: layers[outer]}, body)
			}
			if f.err == nil && (f.used != len(f.args) || len(f.list) > 0) {
				f.err = fmt.Errorf("packet: %s has an argument too many: %v %v", f.name, f.args, f.list)
			}
		}
		if f.err != nil {
			return nil, f.err
		}
	}
	if resize >= 0 {
		body = append(body, make([]byte, max(0, resize-len(body)))...)[:resize]
	}
	return body, nil
}

func (f *fields) bytes() ([]byte, error) {
	switch f.name {
	case "text":
		return []byte(f.list[0]), nil
	case "hex":
		return hex.DecodeString(strings.Join(f.list, ""))
	}
	b := make([]byte, f.only())
	for i := range b {
		if f.name == "fill" {
			b[i] = byte(i)
		}
	}
	return b, f.err
}

// headers builds each header for the layer next and what is behind it.
var headers = map[string]func(f *fields, next string, body []byte) []byte{
	"eth": func(f *fields, next string, _ []byte) []byte {
		h := append(f.addr("dst", "02:00:00:00:00:02"), f.addr("src", "02:00:00:00:00:01")...)
		return be.AppendUint16(h, uint16(f.num("type", etherTypes[next])))
	},
	"vlan": vlanHeader, "qinq": vlanHeader,
	"arp": func(f *fields, _ string, _ []byte) []byte {
		h := []byte{0, 1, 8, 0, 6, 4}
		h = be.AppendUint16(h, uint16(f.num("op", 1)))
		h = append(append(h, f.addr("sha", "02:00:00:00:00:01")...), f.addr("spa", "10.0.0.1")...)
		return append(append(h, f.addr("tha", "00:00:00:00:00:00")...), f.addr("tpa", "10.0.0.2")...)
	},
	"ip": func(f *fields, next string, body []byte) []byte {
		opts := int(f.num("opts", 0))
		h := make([]byte, 20+4*opts)
		for i := 20; i < len(h); i++ {
			h[i] = 1 // no operation
		}
		h[0] = byte(4<<4 | len(h)/4)
		h[1] = byte(f.num("tos", 0))
		be.PutUint16(h[2:], uint16(f.num("len", uint64(len(h)+len(body)))))
		be.PutUint16(h[4:], uint16(f.num("id", 0)))
		be.PutUint16(h[6:], uint16(f.num("df", 0)<<14|f.num("mf", 0)<<13|f.num("frag", 0)))
		h[8] = byte(f.num("ttl", 64))
		h[9] = byte(f.num("proto", protocols[next]))
		copy(h[12:], f.addr("src", "10.0.0.1"))
		copy(h[16:], f.addr("dst", "10.0.0.2"))
		be.PutUint16(h[10:], fold(sum(0, h)))
		return h
	},
	"ip6": func(f *fields, next string, body []byte) []byte {
		h := make([]byte, 40)
		h[0] = 6 << 4
		be.PutUint16(h[4:], uint16(f.num("len", uint64(len(body)))))
		h[6] = byte(f.num("next", protocols[next]))
		h[7] = byte(f.num("hop", 64))
		copy(h[8:], f.addr("src", "fd00::1"))
		copy(h[24:], f.addr("dst", "fd00::2"))
		return h
	},
	"tcp": func(f *fields, _ string, _ []byte) []byte {
		h := make([]byte, 20+4*f.num("opts", 0))
		for i := 20; i < len(h); i++ {
			h[i] = 1
		}
		be.PutUint16(h, uint16(f.num("src", 1024)))
		be.PutUint16(h[2:], uint16(f.num("dst", 80)))
		be.PutUint32(h[4:], uint32(f.num("seq", 0)))
		be.PutUint32(h[8:], uint32(f.num("ack", 0)))
		h[12] = byte(len(h) / 4 << 4)
		h[13] = byte(f.num("flags", 0))
		be.PutUint16(h[14:], uint16(f.num("win", 0xffff)))
		return h
	},
	"udp": func(f *fields, _ string, body []byte) []byte {
		h := make([]byte, 8)
		be.PutUint16(h, uint16(f.num("src", 1024)))
		be.PutUint16(h[2:], uint16(f.num("dst", 53)))
		be.PutUint16(h[4:], uint16(f.num("len", uint64(8+len(body)))))
		return h
	},
	"icmp": func(f *fields, _ string, body []byte) []byte {
		h := icmpHeader(f, 8)
		be.PutUint16(h[2:], fold(sum(sum(0, h), body)))
		return h
	},
	"icmp6": func(f *fields, _ string, _ []byte) []byte { return icmpHeader(f, 128) },
	"gre": func(f *fields, next string, _ []byte) []byte {
		return be.AppendUint16([]byte{0, 0}, uint16(f.num("proto", etherTypes[next])))
	},
}

func vlanHeader(f *fields, next string, _ []byte) []byte {
	h := be.AppendUint16(nil, uint16(f.num("prio", 0)<<13|f.num("id", 1)))
	return be.AppendUint16(h, uint16(f.num("type", etherTypes[next])))
}

func icmpHeader(f *fields, echo uint64) []byte {
	h := make([]byte, 8)
	h[0], h[1] = byte(f.num("type", echo)), byte(f.num("code", 0))
	be.PutUint16(h[4:], uint16(f.num("id", 0)))
	be.PutUint16(h[6:], uint16(f.num("seq", 0)))
	return h
}

// checksumOver fills in the checksum of a transport header that covers the
// addresses of the IP header outside it.
func checksumOver(name string, ip *fields, segment []byte) {
	at, ok := map[string]int{"tcp": 16, "udp": 6, "icmp6": 2}[name]
	if !ok {
		return
	}
	src, dst := "10.0.0.1", "10.0.0.2"
	if ip.name == "ip6" {
		src, dst = "fd00::1", "fd00::2"
	}
	s := sum(sum(0, ip.addr("src", src)), ip.addr("dst", dst)) + uint32(protocols[name]) + uint32(len(segment))
	c := fold(sum(s, segment))
	if c == 0 && name == "udp" {
		c = 0xffff
	}
	be.PutUint16(segment[at:], c)
}

func sum(s uint32, b []byte) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(be.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// TestPacketNotation checks the builder against bytes and checksums worked out
// by hand.
func TestPacketNotation(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{``, ``},
		{`"ab" hex(0 1 2)`, `error`},
		{`"a b)" hex(00 01, ff) zero(2) fill(3)`, `61206229 0001ff 0000 000102`},
		{`eth pad(16)`, `020000000002 020000000001 0000 0000`},
		{`eth ip cut(15)`, `020000000002 020000000001 0800 45`},
		{`eth(dst=ff:ff:ff:ff:ff:ff) vlan(id=5, prio=1) arp`, `ffffffffffff 020000000001 8100 2005 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002`},
		{`ip(src=192.168.0.1 dst=192.168.0.199 df=1 proto=17 len=115)`, `4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7`},
		{`ip udp(src=1 dst=2) "abc"`, `4500001f000000004011 66cc 0a000001 0a000002 00010002 000b 2770 616263`},
		{`icmp(id=1 seq=2)`, `0800 f7fc 0001 0002`},
		{`eth qinq vlan ip6`, `020000000002 020000000001 88a8 0001 8100 0001 86dd 60000000 0000 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002`},
		{`ip(opts=1) cut(24)`, `4600 0018 0000 0000 4000 63e2 0a000001 0a000002 01010101`},
		{`tcp(opts=1 flags=0x12)`, `0400 0050 00000000 00000000 60 12 ffff 0000 0000 01010101`},
		{`eth(typ=5)`, `error`}, {`nope`, `error`}, {`cut(3) eth`, `error`}, {`ip(src=x)`, `error`}, {`eth(`, `error`}, {`"x`, `error`}, {`tcp(dst=http)`, `error`},
	} {
		got, err := buildPacket(tc.in)
		if tc.want == "error" {
			if err == nil {
				t.Errorf("%s: no error, but %x", tc.in, got)
			}
			continue
		}
		want := strings.ReplaceAll(tc.want, " ", "")
		if s := hex.EncodeToString(got); err != nil || s != want {
			t.Errorf("%s:\ngot  %s\nwant %s\n%v", tc.in, s, want, err)
		}
	}
}
