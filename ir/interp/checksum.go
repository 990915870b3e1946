package interp

// The Internet checksum, as the kernel's helpers compute it: sums are of 16-bit
// words in the target's byte order, which gives the same sum in any order.

// sum16 adds the words of b to s.
func (c *helperCall) sum16(s uint64, b []byte) uint64 {
	for len(b) >= 2 {
		s += getNumber(b[:2], c.m.module.BigEndian)
		b = b[2:]
	}
	if len(b) == 1 {
		s += getNumber([]byte{b[0], 0}, c.m.module.BigEndian)
	}
	return s
}

func foldSum(s uint64) uint64 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return s
}

// csumDiff is the sum of one buffer less that of another plus a seed. It is
// folded since 6.13; before, an equal number of 32 bits, that no program may
// rely on.
func csumDiff(c *helperCall) (word, error) {
	var s uint64
	for i := 0; i < 4; i += 2 {
		n := c.args[i+1].bits
		if n%4 != 0 || n > 512 {
			return errno(-einval), nil
		}
		if n == 0 {
			continue
		}
		b, err := c.args[i].read(int(n))
		if err != nil {
			return word{}, err
		}
		part := foldSum(c.sum16(0, b))
		if i == 0 {
			part ^= 0xffff
		}
		s += part
	}
	return word{bits: foldSum(s + uint64(uint32(c.args[4].bits)))}, nil
}

// field is the checksum of two bytes at argument 1; nil if it is not there.
func (c *helperCall) checksum() []byte {
	off, p := int64(uint32(c.args[1].bits)), c.m.packet.data
	if off&1 != 0 || off > 0xffff || off+2 > int64(len(p)) {
		return nil
	}
	return p[off : off+2]
}

// patch replaces from by to in a sum, both of size bytes; size 0 adds to.
func (c *helperCall) patch(sum []byte, size uint64) bool {
	big := c.m.module.BigEndian
	from, to := c.args[2].bits, uint64(uint32(c.args[3].bits))
	s := getNumber(sum, big) ^ 0xffff
	switch {
	case size == 0 && from == 0:
		s += to
	case size == 2:
		s += (from&0xffff ^ 0xffff) + to&0xffff
	case size == 4:
		s += foldSum(uint64(uint32(from))) ^ 0xffff + to
	default:
		return false
	}
	copy(sum, putNumber(foldSum(s)^0xffff, 2, big))
	return true
}

func l3CsumReplace(c *helperCall) (word, error) {
	sum := c.checksum()
	if sum == nil {
		return errno(-efault), nil
	}
	if c.args[4].bits > 15 || !c.patch(sum, c.args[4].bits) {
		return errno(-einval), nil
	}
	return word{}, nil
}

// Flags of l4_csum_replace.
const (
	fieldMask    = 0xf
	pseudoHeader = 0x10
	mangled0     = 0x20
	enforce      = 0x40
)

func l4CsumReplace(c *helperCall) (word, error) {
	flags := c.args[4].bits
	if flags&^(fieldMask|pseudoHeader|mangled0|enforce) != 0 {
		return errno(-einval), nil
	}
	sum := c.checksum()
	if sum == nil {
		return errno(-efault), nil
	}
	zero := sum[0] == 0 && sum[1] == 0
	if flags&mangled0 != 0 && flags&enforce == 0 && zero {
		return word{}, nil
	}
	if !c.patch(sum, flags&fieldMask) {
		return errno(-einval), nil
	}
	if flags&mangled0 != 0 && sum[0] == 0 && sum[1] == 0 {
		sum[0], sum[1] = 0xff, 0xff
	}
	return word{}, nil
}
