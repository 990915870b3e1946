package ctype

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// Prototype is the declaration of one function.
type Prototype struct {
	Name string
	Type *btf.FuncProto
	// Lengths are the elements that parameters are declared to point to, as in
	// 'uint8_t data[64]'; 0 where the parameter is no array.
	Lengths []uint32
}

// Prototype reads the declaration of one function: 'int f(void *ctx, int n)'. The
// error is an *Error.
func (sc *Scope) Prototype(text string) (*Prototype, error) {
	p := newParser(sc, text)
	p.lengths = map[Type]uint32{}
	s := p.specs()
	d := p.declarator(s.typ, concrete)
	p.accept(";")
	if p.tok.kind != tokEOF {
		p.unexpected("the end of the prototype")
	}
	proto, ok := d.typ.(*btf.FuncProto)
	if !ok && p.err() == nil {
		p.fail(0, diag.BadCDeclaration, "a prototype is expected, as in 'int f(void *ctx)'")
	}
	if e := p.err(); e != nil {
		return nil, e
	}
	out := &Prototype{Name: d.name, Type: proto}
	for _, a := range proto.Params {
		out.Lengths = append(out.Lengths, p.lengths[a.Type])
	}
	return out, nil
}

// IsVoid reports whether t is void.
func IsVoid(t Type) bool {
	_, ok := Underlying(t).(*btf.Void)
	return ok
}
