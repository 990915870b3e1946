package interp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// proof is what a packet check found: bytes lo to hi of generation gen are there.
type proof struct {
	gen    uint64
	lo, hi int64
}

// current checks that a generation is the packet's.
func (m *Machine) current(gen uint64) error {
	if gen != m.gen {
		return errText("the packet has moved since")
	}
	return nil
}

func pktLen(fr *frame, v *ir.Value) (word, error) {
	return word{bits: uint64(len(fr.m.packet.data))}, fr.m.current(fr.arg(v, 0).bits)
}

func pktCheck(fr *frame, v *ir.Value) (word, error) {
	gen := fr.arg(v, 0).bits
	if err := fr.m.current(gen); err != nil {
		return word{}, err
	}
	lo, ok := packetOffset(int64(fr.arg(v, 1).bits), v.Mem().Off)
	hi := lo + int64(v.Mem().Size)
	if !ok || hi > int64(len(fr.m.packet.data)) {
		return word{}, errLeave
	}
	return word{proof: &proof{gen, lo, hi}}, nil
}

// packetOffset returns base + off, ok if neither is beyond any packet.
func packetOffset(base int64, off int32) (int64, bool) {
	sum := base + int64(off) // wraps only where base is refused
	return sum, base >= 0 && base <= 1<<40 && sum >= 0
}

// checked returns the packet bytes of an access under its check.
func checked(fr *frame, v *ir.Value) ([]byte, error) {
	p, m := fr.arg(v, 0).proof, v.Mem()
	if err := fr.m.current(p.gen); err != nil {
		return nil, err
	}
	off, ok := packetOffset(int64(fr.arg(v, 1).bits), m.Off)
	end := off + int64(m.Size)
	if !ok || off < p.lo || end > p.hi {
		return nil, errText(fmt.Sprintf("bytes %d to %d are not checked, %d to %d are", off, end-1, p.lo, p.hi-1))
	}
	return fr.m.packet.data[off:end], nil
}

func pktLoad(fr *frame, v *ir.Value) (word, error) {
	b, err := checked(fr, v)
	if err != nil {
		return word{}, err
	}
	return word{bits: number(b, v.Mem(), fr.m.module.BigEndian)}, nil
}

func pktStore(fr *frame, v *ir.Value) (word, error) {
	b, err := checked(fr, v)
	if err == nil {
		copy(b, putNumber(fr.arg(v, 2).bits, len(b), fr.m.module.BigEndian || v.Mem().BE))
	}
	return word{}, err
}

func legacyLoad(fr *frame, v *ir.Value) (word, error) {
	if w := fr.arg(v, 0); w.obj == nil || w.obj.ctx == nil || w.bits != 0 {
		return word{}, errText("the address is not the context's")
	}
	off, n := int64(v.Mem().Off), int64(v.Mem().Size)
	if v.Op == ir.OpLdInd {
		x := fr.arg(v, 1).bits
		if x >= 1<<31 {
			return word{}, errText("the offset is not in [0, 2^31)")
		}
		off += int64(x)
	}
	if off < 0 || off+n > int64(len(fr.m.packet.data)) {
		return word{}, errEnd
	}
	return word{bits: getNumber(fr.m.packet.data[off:off+n], true)}, nil
}

// ctxInfo marks an object as a program's context.
type ctxInfo struct {
	kind   *kernel.ProgKind
	layout *kernel.Ctx
}

// context makes the context of one run from Env.
func (m *Machine) context(k *kernel.ProgKind) (*object, error) {
	layout := k.Context(m.module.Arch)
	o := &object{name: "the context", region: ir.RegionCtx, data: make([]byte, layout.Size), ctx: &ctxInfo{k, layout}}
	set := func(f *kernel.CtxField, i int, x uint64) {
		if f.BE != 0 {
			x = ir.ToBE(x, int(f.BE), m.module.BigEndian)
		}
		copy(o.data[int(f.Off)+i*int(f.Size):], putNumber(x, int(f.Size), m.module.BigEndian))
	}
	if f, ok := layout.Field("len"); ok {
		set(f, 0, uint64(len(m.Env.Packet)))
	}
	if f, ok := layout.Field("protocol"); ok && len(m.Env.Packet) >= 14 {
		set(f, 0, getNumber(m.Env.Packet[12:14], true))
	}
	for name, x := range m.Env.Ctx {
		base, index, ok := memberIndex(name)
		f, found := layout.Field(base)
		if !ok || !found || index >= max(1, int(f.Len)) {
			return nil, fmt.Errorf("%s has no member '%s'", layout.Name, name)
		}
		if f.Kind != kernel.Scalar {
			return nil, fmt.Errorf("%s: member '%s' is an address", layout.Name, name)
		}
		set(f, index, x)
	}
	return o, nil
}

// memberIndex splits "cb[1]".
func memberIndex(s string) (name string, index int, ok bool) {
	name, rest, found := strings.Cut(s, "[")
	if !found {
		return s, 0, true
	}
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	return name, index, err == nil && index >= 0 && strings.HasSuffix(rest, "]")
}

// member returns the member that the n bytes at off lie in and that the program
// may write, or read.
func (c *ctxInfo) member(off, n int, write bool) (*kernel.CtxField, error) {
	err := errText(fmt.Sprintf("%s has no member at %d", c.layout.Name, off))
	for _, l := range [][]kernel.CtxField{c.layout.Fields, c.layout.Aliases} {
		for i := range l {
			f := &l[i]
			start, size := int(f.Off), int(f.Size)
			if off < start || off >= start+size*max(1, int(f.Len)) {
				continue
			}
			in := (off - start) % size
			switch {
			case in+n > size || in%n != 0:
				err = errText(fmt.Sprintf("%d bytes at %d are not in one member of %s", n, off, c.layout.Name))
			case !write && !f.Readable(c.kind):
				err = errText(fmt.Sprintf("%s programs can't read '%s'", c.kind.Name, f.Name))
			case write && (!f.Writable(c.kind) || n != size):
				err = errText(fmt.Sprintf("'%s' can't be written", f.Name))
			default:
				return f, nil
			}
		}
	}
	return nil, err
}

func (fr *frame) loadCtx(w word, v *ir.Value) (word, error) {
	m := v.Mem()
	f, err := w.obj.ctx.member(int(w.bits), int(m.Size), false)
	if err != nil {
		return word{}, err
	}
	if (f.Kind != kernel.Scalar) != (v.Type == ir.Ptr) {
		return word{}, errText(fmt.Sprintf("'%s' is read as %s", f.Name, v.Type))
	}
	switch f.Kind {
	case kernel.PacketStart:
		return word{obj: fr.m.packet}, nil
	case kernel.PacketEnd:
		return word{bits: uint64(fr.m.linear()), obj: fr.m.packet}, nil
	case kernel.Scalar:
		i := int(w.bits)
		return word{bits: number(w.obj.data[i:i+int(m.Size)], m, fr.m.module.BigEndian)}, nil
	}
	return word{}, nil // no object of the kernel is there
}

// storableCtx checks that a context's member may be written.
func (fr *frame) storableCtx(w word, v *ir.Value) error {
	_, err := w.obj.ctx.member(int(w.bits), int(v.Mem().Size), true)
	return err
}
