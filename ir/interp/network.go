package interp

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Helpers of network programs, and those that compute with bytes.

func networkHelper(name string) helperFunc {
	switch name {
	case "xdp_store_bytes":
		return storeBytes
	case "xdp_load_bytes":
		return loadBytes
	case "skb_load_bytes_relative":
		return skbLoadRelative
	case "xdp_get_buff_len":
		return func(c *helperCall) (word, error) { return word{bits: uint64(len(c.m.packet.data))}, nil }
	case "redirect":
		return redirect
	case "strtol":
		return strtol
	case "strtoul":
		return strtoul
	}
	return nil
}

// loadBytes copies packet bytes; if they are not all there it fails.
func loadBytes(c *helperCall) (word, error) {
	_, ok, err := c.loadPacket()
	if err == nil && !ok {
		return errno(-einval), nil
	}
	return word{}, err
}

// skbLoadRelative is bpf_skb_load_bytes_relative from the network header: the
// packet of a test run begins there, or with an Ethernet header in front of it.
func skbLoadRelative(c *helperCall) (word, error) {
	const fromNetwork, ethernet = 1, 14
	if c.args[4].bits != fromNetwork {
		return word{}, errText("only offsets from the network header are simulated")
	}
	if k := c.fr.kind(); k != nil && k.Origin == kernel.Link && k.Name != "socket" {
		c.args[1].bits += ethernet
	}
	return skbLoadBytes(c)
}

// storeBytes writes packet bytes; if they are not all there it fails.
func storeBytes(c *helperCall) (word, error) {
	b, err := c.buffer(2)
	if err != nil {
		return word{}, err
	}
	if !c.storePacket(b) {
		return errno(-einval), nil
	}
	return word{}, nil
}

// packetBytes returns n bytes of the packet at argument 1, nil if they are not all there.
func (c *helperCall) packetBytes(n int) []byte {
	off, p := int64(uint32(c.args[1].bits)), c.m.packet.data
	if off+int64(n) > int64(len(p)) {
		return nil
	}
	return p[off : off+int64(n)]
}

// loadPacket copies packet bytes to the buffer of n bytes that is argument 2; not
// ok if they are not all there.
func (c *helperCall) loadPacket() (n int, ok bool, err error) {
	if n, err = c.size(3); err != nil {
		return 0, false, err
	}
	if _, err = c.args[2].at(0, n); err != nil {
		return 0, false, err
	}
	b := c.packetBytes(n)
	if b == nil {
		return n, false, nil
	}
	return n, true, c.args[2].write(b)
}

// storePacket writes b to the packet at argument 1, if so much of it is there.
func (c *helperCall) storePacket(b []byte) bool {
	to := c.packetBytes(len(b))
	copy(to, b)
	return to != nil
}

// redirect returns the verdict that sends the packet elsewhere.
func redirect(c *helperCall) (word, error) {
	flags := c.args[1].bits
	if k := c.fr.kind(); k != nil && strings.HasPrefix(k.Name, "xdp") {
		if flags != 0 {
			return word{bits: 0}, nil // XDP_ABORTED
		}
		return word{bits: 4}, nil // XDP_REDIRECT
	}
	if flags&^1 != 0 {
		return word{bits: 2}, nil // TC_ACT_SHOT
	}
	return word{bits: 7}, nil // TC_ACT_REDIRECT
}

const erange = 34

// integer reads the buffer that is argument 0 and parses an integer in it.
func (c *helperCall) integer() (x uint64, negative bool, n int, fail int, err error) {
	size, err := c.size(1)
	if err != nil {
		return 0, false, 0, 0, err
	}
	b, err := c.args[0].read(size)
	if err != nil {
		return 0, false, 0, 0, err
	}
	base := c.args[2].bits
	if !slices.Contains([]uint64{0, 8, 10, 16}, base) {
		return 0, false, 0, -einval, nil
	}
	s := string(b)
	for n < len(s) && strings.IndexByte(" \t\n\v\f\r", s[n]) >= 0 {
		n++
	}
	if n < len(s) && s[n] == '-' {
		negative = true
		n++
	}
	rest := strings.ToLower(s[n:])
	hex := len(rest) > 2 && rest[:2] == "0x" && digit(rest[2]) < 16
	if base == 0 {
		base = 10
		if hex {
			base = 16
		} else if rest != "" && rest[0] == '0' {
			base = 8
		}
	}
	if base == 16 && len(rest) > 1 && rest[:2] == "0x" {
		rest = rest[2:]
		n += 2
	}
	digits := 0
	for digits < len(rest) && digit(rest[digits]) < base {
		hi, lo := bits.Mul64(x, base)
		sum, carry := bits.Add64(lo, digit(rest[digits]), 0)
		if hi+carry != 0 {
			return 0, negative, 0, -erange, nil
		}
		x = sum
		digits++
	}
	if digits == 0 {
		return 0, negative, 0, -einval, nil
	}
	return x, negative, n + digits, 0, nil
}

func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	}
	return 99
}

func strtol(c *helperCall) (word, error) {
	x, negative, n, fail, err := c.integer()
	if err != nil || fail != 0 {
		return errno(fail), err
	}
	switch {
	case negative && x > 1<<63, !negative && x > math.MaxInt64:
		return errno(-erange), nil
	case negative:
		x = -x
	}
	return word{bits: uint64(n)}, c.args[3].write(putNumber(x, 8, c.m.module.BigEndian))
}

func strtoul(c *helperCall) (word, error) {
	x, negative, n, fail, err := c.integer()
	if err != nil || fail != 0 {
		return errno(fail), err
	}
	if negative {
		return errno(-einval), nil
	}
	return word{bits: uint64(n)}, c.args[3].write(putNumber(x, 8, c.m.module.BigEndian))
}

// kind is the kind of program that the frame's function runs in.
func (fr *frame) kind() *kernel.ProgKind {
	if fr.f.Callback != nil {
		return fr.f.Callback.Prog
	}
	return fr.f.Kind
}
