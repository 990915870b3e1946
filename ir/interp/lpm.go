package interp

import "math/bits"

// Keys of an LPM trie: a 32-bit number of bits in the machine's order, and the
// bits, the most significant of the first byte first. A lookup finds the entry
// with the most bits that are the key's first ones, and has no more than the
// key. Assigning and deleting want as many bits as the key has.

func (s *mapState) isTrie() bool { return s.decl.Type.Name == "lpm_trie" }

// prefix returns how many bits key has, at most as many as there is room for.
func prefix(key []byte, bigEndian bool) int {
	return int(min(getNumber(key[:4], bigEndian), uint64(len(key)-4)*8))
}

// commonBits returns how many bits behind their numbers a and b begin with
// alike.
func commonBits(a, b []byte) int {
	for i := 4; i < len(a); i++ {
		if d := a[i] ^ b[i]; d != 0 {
			return (i-4)*8 + bits.LeadingZeros8(d)
		}
	}
	return (len(a) - 4) * 8
}

// longest returns the entry that a lookup of key finds, or nil.
func (s *mapState) longest(key []byte, bigEndian bool) *entry {
	var best *entry
	most := -1
	for _, e := range s.entries {
		if n := prefix(e.key, bigEndian); n > most && n <= prefix(key, bigEndian) && commonBits(e.key, key) >= n {
			best, most = e, n
		}
	}
	return best
}

// samePrefix returns the entry with just the bits of key, or nil.
func (s *mapState) samePrefix(key []byte, bigEndian bool) *entry {
	if e := s.longest(key, bigEndian); e != nil && prefix(e.key, bigEndian) == prefix(key, bigEndian) {
		return e
	}
	return nil
}
