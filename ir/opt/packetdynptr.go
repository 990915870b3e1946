package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// dynptrForm reads the packet of a context that only points to the kernel's
// struct sk_buff: the kfunc bpf_dynptr_from_skb makes a dynptr of it, once for each
// generation, and bpf_dynptr_read copies from there, fragments too, to a slot. It
// fails where the bytes are not there, so a load leaves by itself, and a check needs
// no code if such a load follows (coveredByLoad).
type dynptrForm struct {
	f       *ir.Func
	ranges  *ir.Ranges
	make    *kernel.Helper
	read    *kernel.Helper
	buf     *ir.Slot
	checked map[*ir.Value]bool     // generations that something is read of
	dynptrs map[*ir.Value]*ir.Slot // by generation
}

func newDynptrForm(c *Context, f *ir.Func) *dynptrForm {
	c.Change("dynptr-form")
	k := f.Module.Kfunc(kernel.PacketDynptr)
	if k == nil {
		ir.Bugf("%s: reads a packet, and the module has no %s", f.Name, kernel.PacketDynptr)
	}
	d := &dynptrForm{f: f, ranges: ir.ComputeRanges(f, nil), make: k.Helper, read: kernel.HelperByName("dynptr_read"),
		checked: map[*ir.Value]bool{}, dynptrs: map[*ir.Value]*ir.Slot{}}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpPktCheck {
				d.checked[genOf(v)] = true
			}
		}
	}
	return d
}

func (d *dynptrForm) generation(s *splitter, gen *ir.Value) {
	if !d.checked[gen] {
		return
	}
	slot := d.f.NewSlot(kernel.DynptrBytes, "", s.pos)
	d.dynptrs[gen] = slot
	s.call(ir.I64, d.make, s.field("skb"), s.konst(0), s.slot(slot))
}

// length is never called: the front end reads the length from the sk_buff.
func (d *dynptrForm) length(_ *splitter, v *ir.Value) {
	ir.Bugf("%s: %s: the packet's length is not known", d.f.Name, v)
}

func (d *dynptrForm) check(s *splitter, v *ir.Value) {
	s.checkByLoad(v, d.ranges, func(base *ir.Value, off int64) { d.bytes(s, v, base, off, 1) })
}

func (d *dynptrForm) load(s *splitter, v *ir.Value) {
	p := s.based(packetSpan(v))
	s.copied(v, d.bytes(s, checkOf(v), p.base, p.lo, v.Mem().Size))
}

// bytes copies the size bytes at base+lo to a slot, whose address it returns; s
// leaves where the packet has none.
func (d *dynptrForm) bytes(s *splitter, check, base *ir.Value, lo int64, size int32) *ir.Value {
	if d.buf == nil {
		d.buf = d.f.NewSlot(8, "", s.pos)
	}
	off, buf := s.offset(base, lo), s.slot(d.buf)
	r := s.call(ir.I64, d.read, buf, s.konst(int64(size)), s.slot(d.dynptrs[genOf(check)]), off, s.konst(0))
	s.leaveIf(s.op(ir.OpNe, r, s.konst(0)))
	return buf
}

// store is never called: what is read by copies can't be written.
func (d *dynptrForm) store(_ *splitter, v *ir.Value) { noStore(d.f, v) }
