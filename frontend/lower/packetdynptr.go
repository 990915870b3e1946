package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The packet of a program whose context only points to the kernel's struct sk_buff
// (ir/opt/packetdynptr.go reads it). What is needed of the kernel's types, the
// prototype of a kfunc and the place of one member, is known here, so that no BTF is
// needed to compile such a program.

// needDynptr gives the module the kfunc that the packet is read with.
func (lw *lowerer) needDynptr() {
	if lw.prog.Kind.Packet != kernel.SkbDynptr || lw.mod.Kfunc(kernel.PacketDynptr) != nil {
		return
	}
	if !lw.stage.Reserve(kernel.PacketDynptr) {
		lw.errorf(rangeNode(lw.b.Pos, lw), diag.BadDeclaration, "the script has a map, variable or program named '%s', which is a function of the kernel that this program needs; name it otherwise", kernel.PacketDynptr)
		return
	}
	pointer := func(tag string) btf.Type { return &btf.Pointer{Target: &btf.Struct{Name: tag}} }
	scalar := func(name string) btf.Type { t, _ := ctype.Scalar(name); return t }
	proto := &btf.FuncProto{Return: scalar("int"), Params: []btf.FuncParam{
		{Name: "s", Type: pointer("__sk_buff")}, {Name: "flags", Type: scalar("__u64")}, {Name: "ptr__uninit", Type: pointer("bpf_dynptr")}}}
	lw.mod.Kfuncs = append(lw.mod.Kfuncs, &ir.Kfunc{Helper: lw.kfuncRow(kernel.PacketDynptr, proto), Type: proto, Pos: lw.b.Pos})
}

// packetLen returns the packet's length.
func (lw *lowerer) packetLen() *ir.Value {
	if lw.prog.Kind.Packet != kernel.SkbDynptr {
		return lw.b.PktLen(lw.packetNow())
	}
	f, ok := lw.layout().Field("skb")
	if !ok {
		ir.Bugf("%s has no skb", lw.layout().Name)
	}
	u32, _ := ctype.Scalar("unsigned int")
	skb := &btf.Struct{Name: f.Kernel, Size: 4, Members: []btf.Member{{Name: "len", Type: u32}}}
	r := lw.viewOf(lw.b.Load(ir.Ptr, lw.ctx, ctxMem(f, 0)), skb, byLoad)
	r.Present, r.view.root = nil, skb
	at := rangeNode(lw.b.Pos, lw)
	n, ok := lw.loadOf(at, lw.viewMember(at, r, "len")).(Int)
	if !ok {
		ir.Bugf("%s: no length of the packet", lw.prog.Name)
	}
	return n.V
}
