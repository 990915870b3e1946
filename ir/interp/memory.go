package interp

import (
	"encoding/binary"
	"fmt"

	"github.com/luabpfc/luabpfc/ir"
)

// word is a value at run time. Numbers and Bools are bits; null is the zero
// word; an address is an object and an offset in bits. A Gen is its number, a
// Check its proof.
type word struct {
	bits  uint64
	obj   *object
	proof *proof
}

// object is a piece of memory that addresses can't leave.
type object struct {
	name   string // for messages
	region ir.Region
	data   []byte // nil: no memory to programs (maps, functions)
	// init says which bytes were written; nil: all of them count as written.
	init []bool
	// ptrs are the addresses stored, by offset; their bytes are no numbers.
	ptrs map[int]word
	// align is the alignment of the object's address; 0: any access is aligned.
	align    int
	readOnly bool
	dead     string // why it is gone; empty while it is there
	ctx      *ctxInfo
	mp       *mapState
	record   *mapState // the ring buffer it is reserved in
	fn       *ir.Func
	value    *object // what belongs to a key of a walk through a map
}

// at checks that the n bytes at w+off are in memory and returns their offset.
func (w word) at(off int64, n int) (int, error) {
	o := w.obj
	switch {
	case o == nil && w.bits == 0:
		return 0, errText("the address is null")
	case o == nil:
		return 0, errText("a number is no address")
	case o.data == nil:
		return 0, errText(o.name + " is no memory")
	case o.dead != "":
		return 0, errText(o.name + " is gone: " + o.dead)
	}
	start := int64(w.bits) + off
	if start < 0 || n < 0 || start > int64(len(o.data)) || int64(n) > int64(len(o.data))-start {
		return 0, errText(fmt.Sprintf("%d bytes at %d are not in %s, which has %d", n, start, o.name, len(o.data)))
	}
	return int(start), nil
}

// read returns the n bytes at w, which must have been written.
func (w word) read(n int) ([]byte, error) {
	i, err := w.at(0, n)
	if err != nil {
		return nil, err
	}
	if err := w.obj.readable(i, n); err != nil {
		return nil, err
	}
	return w.obj.data[i : i+n], nil
}

// readable checks that bytes i to i+n were written, as numbers.
func (o *object) readable(i, n int) error {
	if o.init != nil {
		for j := i; j < i+n; j++ {
			if !o.init[j] {
				return errText(fmt.Sprintf("byte %d of %s was never written", j, o.name))
			}
		}
	}
	for j := max(0, i-7); j < i+n; j++ {
		if _, ok := o.ptrs[j]; ok {
			return errText(fmt.Sprintf("bytes %d to %d of %s are an address", j, j+7, o.name))
		}
	}
	return nil
}

// write stores bytes at w.
func (w word) write(b []byte) error {
	i, err := w.at(0, len(b))
	if err != nil {
		return err
	}
	if w.obj.readOnly {
		return errText(w.obj.name + " can't be written")
	}
	w.obj.forget(i, len(b))
	copy(w.obj.data[i:], b)
	if w.obj.init != nil {
		for j := range b {
			w.obj.init[i+j] = true
		}
	}
	return nil
}

// forget drops the addresses that bytes i to i+n are part of; the rest of such
// an address counts as not written.
func (o *object) forget(i, n int) {
	for j := max(0, i-7); j < i+n; j++ {
		if _, ok := o.ptrs[j]; ok {
			delete(o.ptrs, j)
			for k := j; k < j+8; k++ {
				o.init[k] = false
			}
		}
	}
}

// access checks a load or store against its Mem and returns the address of its
// first byte.
func (fr *frame) access(v *ir.Value) (word, error) {
	w, m := fr.arg(v, 0), v.Mem()
	i, err := w.at(int64(m.Off), int(m.Size))
	if err != nil {
		return word{}, err
	}
	o := w.obj
	if o.region != m.Region {
		return word{}, errText(fmt.Sprintf("%s is %s memory, not %s", o.name, o.region, m.Region))
	}
	if o == fr.m.packet && i+int(m.Size) > fr.m.linear() {
		return word{}, errText(fmt.Sprintf("byte %d of the packet is in a fragment", i+int(m.Size)-1))
	}
	if n := int(m.Size); o.align > 0 && (i%n != 0 || n > o.align) {
		return word{}, errText(fmt.Sprintf("%d bytes at %d of %s are not aligned", n, i, o.name))
	}
	return word{bits: uint64(i), obj: o}, nil
}

func load(fr *frame, v *ir.Value) (word, error) {
	w, err := fr.access(v)
	if err != nil {
		return word{}, err
	}
	m := v.Mem()
	if w.obj.ctx != nil {
		return fr.loadCtx(w, v)
	}
	if v.Type == ir.Ptr {
		p, ok := w.obj.ptrs[int(w.bits)]
		if ok {
			return p, nil
		}
	}
	b, err := w.read(int(m.Size))
	if err != nil {
		return word{}, err
	}
	if v.Type == ir.Ptr { // zeros are null
		if getNumber(b, false) != 0 {
			return word{}, errText(fmt.Sprintf("there is no address at %d of %s", w.bits, w.obj.name))
		}
		return word{}, nil
	}
	return word{bits: number(b, m, fr.m.module.BigEndian)}, nil
}

// number returns the number that bytes are under an access.
func number(b []byte, m *ir.Mem, bigEndian bool) uint64 {
	x := getNumber(b, bigEndian || m.BE)
	if m.Signed {
		x = ir.Sext(x, int(m.Size)*8)
	}
	return x
}

func getNumber(b []byte, bigEndian bool) uint64 {
	var x uint64
	for i := range b {
		if bigEndian {
			x = x<<8 | uint64(b[i])
		} else {
			x |= uint64(b[i]) << (8 * i)
		}
	}
	return x
}

// putNumber returns the low n bytes of x.
func putNumber(x uint64, n int, bigEndian bool) []byte {
	var b [8]byte
	if bigEndian {
		binary.BigEndian.PutUint64(b[:], x)
		return append([]byte(nil), b[8-n:]...)
	}
	binary.LittleEndian.PutUint64(b[:], x)
	return append([]byte(nil), b[:n]...)
}

func store(fr *frame, v *ir.Value) (word, error) {
	w, err := fr.access(v)
	if err != nil {
		return word{}, err
	}
	if w.obj.ctx != nil {
		if err := fr.storableCtx(w, v); err != nil {
			return word{}, err
		}
	}
	x, m := fr.arg(v, 1), v.Mem()
	if err := w.write(putNumber(x.bits, int(m.Size), fr.m.module.BigEndian)); err != nil {
		return word{}, err
	}
	if v.Args[1].Type != ir.Ptr {
		return word{}, nil
	}
	if w.obj.region != ir.RegionStack {
		return word{}, errText("an address is stored outside the stack")
	}
	if w.obj.ptrs == nil {
		w.obj.ptrs = map[int]word{}
	}
	w.obj.ptrs[int(w.bits)] = x
	return word{}, nil
}

// atomic does one of the ops that read and write in one step; the result is what
// was there.
func atomic(fr *frame, v *ir.Value) (word, error) {
	w, err := fr.access(v)
	if err != nil {
		return word{}, err
	}
	n := int(v.Mem().Size)
	if w.bits%uint64(n) != 0 {
		return word{}, errText("an atomic access is not aligned")
	}
	b, err := w.read(n)
	if err != nil {
		return word{}, err
	}
	big := fr.m.module.BigEndian
	old := getNumber(b, big)
	x := fr.arg(v, 1).bits
	switch v.Op {
	case ir.OpAtomicAdd, ir.OpFetchAdd:
		x += old
	case ir.OpFetchAnd:
		x &= old
	case ir.OpFetchOr:
		x |= old
	case ir.OpFetchXor:
		x ^= old
	case ir.OpCmpXchg:
		if old != ir.Zext(x, n*8) {
			return word{bits: old}, nil
		}
		x = fr.arg(v, 2).bits
	}
	return word{bits: old}, w.write(putNumber(x, n, big))
}
