package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Members that are no row of the table of headers: pkt.l3 and pkt.l3_type, what
// follows up to two VLAN tags, and hdr.next, the byte behind a header.

// maxTags is how many VLAN tags pkt.l3 looks behind.
const maxTags = 2

// special evaluates such a member; ok is false if there is none of the name.
func (lw *lowerer) special(n syntax.Node, p Pointer, name string) (v Value, ok bool) {
	switch {
	case p.View.name == "l3":
		return lw.l3Member(n, p, name)
	case name == "next" && p.View.size > 0:
		out := Pointer{Base: p.Base, Off: p.Off + p.View.size, View: headers()["data"], Path: p.Path}
		if p.View.length != nil {
			out.Base, out.Off = lw.behindHeader(n, p, p.View.length)
		}
		return out, true
	case name == "net_off" && p.View == lw.packet().View && p.Base == nil && p.Off == 0:
		return lw.netOff(n), true
	case p.View.name == "eth" && (name == "l3" || name == "l3_type"):
		kind, at := lw.behindTags(n, p)
		if name == "l3_type" {
			return Int{V: kind}, true
		}
		return Pointer{Base: at, View: headers()["l3"], l3: kind, Path: p.Path}, true
	}
	return nil, false
}

// behindTags returns the ethertype behind up to two VLAN tags of the frame at p,
// and the offset of what it announces.
func (lw *lowerer) behindTags(n syntax.Node, p Pointer) (kind, at *ir.Value) {
	frame := headers()["eth"]
	kind = lw.load(n, p, frame.size-2, 2)
	end := Pointer{Base: p.Base, Off: p.Off + frame.size}
	at = lw.offset(end).V
	var done []edge
	mark := lw.mark()
	for range maxTags {
		yes, no := lw.branch(lw.oneOf(kind, isVLAN), mark)
		if no.block != nil {
			lw.open(no)
			done = append(done, lw.leave(mark, Int{V: kind}, Int{V: at}))
		}
		if yes.block == nil {
			lw.b.Block = nil
			break
		}
		lw.open(yes)
		kind = lw.load(n, end, 2, 2)
		end.Off += 4
		at = lw.offset(end).V
	}
	if lw.b.Block != nil {
		done = append(done, lw.leave(mark, Int{V: kind}, Int{V: at}))
	}
	res := lw.join(done)
	return res[0].(Int).V, res[1].(Int).V
}

// l3Headers are the headers whose members pkt.l3 has, the first first, and the
// ethertypes that announce them.
var l3Headers = []struct {
	name string
	is   []int64
}{{"ip", isIP}, {"ip6", isIP6}, {"arp", isARP}}

// l3View returns the header that pkt.l3 has the member name of, as a place and
// as what it takes to be there.
func (lw *lowerer) l3View(p Pointer, name string) (Pointer, bool) {
	if p.l3 == nil {
		return Pointer{}, false
	}
	for _, l := range l3Headers {
		h := headers()[l.name]
		if !slices.Contains(h.members(), name) {
			continue
		}
		is := lw.b.Op(ir.OpEq, p.l3, lw.b.Const(l.is[0]))
		out := Pointer{Base: p.Base, Off: p.Off, View: h}
		out.Path = append(append([]step(nil), p.Path...), step{test: is})
		return out, true
	}
	return Pointer{}, false
}

func (lw *lowerer) l3Member(n syntax.Node, p Pointer, name string) (Value, bool) {
	view, ok := lw.l3View(p, name)
	if !ok {
		return nil, false
	}
	return lw.member(n, view, name), true
}
