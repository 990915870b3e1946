package ctype

import "github.com/luabpfc/luabpfc/ir/diag"

// number is a value of a constant expression: of 4 or 8 bytes, extended to 64
// bits by its own signedness.
type number struct {
	bits     uint64
	size     uint8
	unsigned bool
}

// literal gives an integer constant C's type: the first in which it fits.
func literal(v uint64, decimal bool, suffix string) number {
	n := number{bits: v, size: 4}
	for _, c := range suffix {
		if c == 'u' {
			n.unsigned = true
		} else {
			n.size = 8
		}
	}
	if n.size == 4 && (v >= 1<<32 || v >= 1<<31 && !n.unsigned && decimal) {
		n.size = 8
	}
	if !n.unsigned && (n.size == 4 && v >= 1<<31 || v >= 1<<63) {
		n.unsigned = true
	}
	return n
}

// cut brings the bits of a result to its type.
func (n number) cut() number {
	switch {
	case n.size == 8:
	case n.unsigned:
		n.bits = uint64(uint32(n.bits))
	default:
		n.bits = uint64(int64(int32(n.bits)))
	}
	return n
}

func (n number) negative() bool { return !n.unsigned && int64(n.bits) < 0 }

// common is the type of a binary operator's result.
func common(a, b number) number {
	t := number{size: max(a.size, b.size)}
	t.unsigned = a.unsigned && a.size == t.size || b.unsigned && b.size == t.size
	return t
}

func truth(b bool) number {
	if b {
		return number{bits: 1, size: 4}
	}
	return number{size: 4}
}

// precedence of the binary operators; those not in it are none.
var precedence = map[string]int{"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6,
	"<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}

// constant is a constant expression.
func (p *parser) constant() number {
	if !p.enter() {
		return number{}
	}
	defer p.leave()
	c := p.binary(1)
	if !p.accept("?") {
		return c
	}
	a := p.constant()
	p.expect(":")
	b := p.constant()
	t := common(a, b)
	if t.bits = b.bits; c.bits != 0 {
		t.bits = a.bits
	}
	return t.cut()
}

func (p *parser) binary(least int) number {
	if !p.enter() {
		return number{}
	}
	defer p.leave()
	a := p.unary()
	for p.tok.kind == tokPunct && precedence[p.tok.text] >= least {
		op, at := p.tok.text, p.tok.off
		p.advance()
		b := p.binary(precedence[op] + 1)
		a = p.operate(op, at, a, b)
	}
	return a
}

// operate is a op b, in C's types.
func (p *parser) operate(op string, at int, a, b number) number {
	switch op {
	case "||":
		return truth(a.bits != 0 || b.bits != 0)
	case "&&":
		return truth(a.bits != 0 && b.bits != 0)
	case "<<", ">>":
		return p.shift(op, at, a, b)
	}
	t := common(a, b)
	x, y := number{a.bits, t.size, t.unsigned}.cut().bits, number{b.bits, t.size, t.unsigned}.cut().bits
	less := int64(x) < int64(y)
	if t.unsigned {
		less = x < y
	}
	switch op {
	case "==":
		return truth(x == y)
	case "!=":
		return truth(x != y)
	case "<":
		return truth(less)
	case ">=":
		return truth(!less)
	case ">":
		return truth(!less && x != y)
	case "<=":
		return truth(less || x == y)
	case "|":
		t.bits = x | y
	case "^":
		t.bits = x ^ y
	case "&":
		t.bits = x & y
	case "+":
		t.bits = x + y
	case "-":
		t.bits = x - y
	case "*":
		t.bits = x * y
	case "/", "%":
		if y == 0 {
			p.fail(at, diag.BadCDeclaration, "division by zero")
			return t
		}
		t.bits = quotient(op == "%", x, y, t.unsigned)
	}
	return t.cut()
}

func (p *parser) shift(op string, at int, a, b number) number {
	if b.negative() || b.bits >= 8*uint64(a.size) {
		p.fail(at, diag.BadCDeclaration, "a %d-bit number can't be shifted by that much", 8*int(a.size))
		return a
	}
	switch {
	case op == "<<":
		a.bits <<= b.bits
	case a.unsigned:
		a.bits >>= b.bits
	default:
		a.bits = uint64(int64(a.bits) >> b.bits)
	}
	return a.cut()
}

// quotient is x / y, or the remainder; y is not 0.
func quotient(rem bool, x, y uint64, unsigned bool) uint64 {
	switch {
	case unsigned && rem:
		return x % y
	case unsigned:
		return x / y
	case int64(y) == -1 && rem:
		return 0
	case int64(y) == -1:
		return -x
	case rem:
		return uint64(int64(x) % int64(y))
	}
	return uint64(int64(x) / int64(y))
}

func (p *parser) unary() number {
	if !p.enter() {
		return number{}
	}
	defer p.leave()
	at := p.tok.off
	switch {
	case p.tok.kind == tokNumber:
		n := p.tok.num
		p.advance()
		return n
	case p.accept("("):
		if p.startsType() {
			t := p.typeName()
			p.expect(")")
			return p.convert(at, t, p.unary())
		}
		n := p.constant()
		p.expect(")")
		return n
	case p.accept("+"):
		return p.unary()
	case p.accept("-"):
		n := p.unary()
		n.bits = -n.bits
		return n.cut()
	case p.accept("~"):
		n := p.unary()
		n.bits = ^n.bits
		return n.cut()
	case p.accept("!"):
		return truth(p.unary().bits == 0)
	case p.tok.kind == tokIdent:
		return p.named(at)
	}
	p.failHere("a number")
	return number{size: 4}
}

// named is a constant that starts with a name.
func (p *parser) named(at int) number {
	name := p.tok.text
	p.advance()
	switch name {
	case "sizeof", "_Alignof", "__alignof__", "alignof":
		p.expect("(")
		t := p.typeName()
		p.expect(")")
		n := number{size: 8, unsigned: true}
		if p.err() != nil {
			return n
		}
		if !p.complete(at, t, "this type") {
			return n
		}
		if n.bits = uint64(p.sc.Alignof(t)); name == "sizeof" {
			n.bits = uint64(Size(t))
		}
		return n
	case "offsetof", "__builtin_offsetof":
		return p.offsetof()
	}
	if n, ok := p.sc.constant(name); ok {
		return n
	}
	hint := ""
	if near := diag.Closest(name, p.sc.constantNames()); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	p.fail(at, diag.UndefinedName, "undefined constant '%s' in a C declaration%s", name, hint)
	return number{size: 4}
}

// offsetof is what follows offsetof: (type, member).
func (p *parser) offsetof() number {
	p.expect("(")
	t := p.typeName()
	p.expect(",")
	at := p.tok.off
	name := p.ident("a member")
	p.expect(")")
	if p.err() != nil {
		return number{size: 8}
	}
	m, ok := FindMember(t, name)
	if !ok || m.Bits != 0 {
		p.fail(at, diag.BadCDeclaration, "'%s' has no member '%s' with an offset in bytes", Name(t), name)
	}
	return number{bits: uint64(m.Offset), size: 8, unsigned: true}
}

// convert is a cast.
func (p *parser) convert(at int, t Type, n number) number {
	if p.err() != nil {
		return n
	}
	if !IsScalar(t) {
		p.fail(at, diag.BadCDeclaration, "a constant can't be of type '%s'", Name(t))
		return n
	}
	n.bits = Extend(t, n.bits)
	n.size, n.unsigned = 4, false
	if Size(t) == 8 {
		n.size = 8
	}
	if Size(t) >= 4 {
		n.unsigned = !Signed(t)
	}
	return n
}
