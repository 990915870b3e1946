package interp

import (
	"fmt"
	"strings"
)

// maxPrint is how many bytes of a line the kernel keeps.
const maxPrint = 1024

// tracePrintk formats a line as bpf_trace_printk does. A format it refuses
// gives -EINVAL and no line.
func tracePrintk(c *helperCall) (word, error) {
	format, err := c.buffer(0)
	if err != nil {
		return word{}, err
	}
	end := strings.IndexByte(string(format), 0)
	if end < 0 {
		return errno(-einval), nil
	}
	p := &formatter{text: string(format[:end]), args: c.args[2:], most: 3}
	if err := p.format(); err != nil {
		if err == errFormat {
			return errno(-einval), nil
		}
		return word{}, err
	}
	line := p.out.String()
	if len(line) >= maxPrint {
		line = line[:maxPrint-1]
	}
	c.m.res.Trace = append(c.m.res.Trace, line)
	return word{bits: uint64(p.out.Len())}, nil
}

// errFormat means that the kernel refuses the format.
const errFormat = errText("malformed format")

// formatter formats one line.
type formatter struct {
	text string
	i    int // in text
	args []word
	used int
	most int // values
	out  strings.Builder
}

// peek returns the byte at offset i+k, 0 behind the end.
func (p *formatter) peek(k int) byte {
	if p.i+k < len(p.text) {
		return p.text[p.i+k]
	}
	return 0
}

func (p *formatter) format() error {
	for ; p.i < len(p.text); p.i++ {
		c := p.text[p.i]
		switch {
		case c != '\t' && c != '\n' && (c < ' ' || c > '~') && !(c >= '\v' && c <= '\r'):
			return errFormat
		case c != '%':
			p.out.WriteByte(c)
		case p.peek(1) == '%':
			p.out.WriteByte('%')
			p.i++
		default:
			p.i++
			if err := p.directive(); err != nil {
				return err
			}
		}
	}
	return nil
}

// directive formats the one whose '%' is in front of text[i], and leaves i at
// its last byte.
func (p *formatter) directive() error {
	if p.used >= p.most {
		return errFormat
	}
	start := p.i
	for strings.IndexByte("0+- ", p.peek(0)) >= 0 && p.peek(0) != 0 {
		p.i++
	}
	flags := p.text[start:p.i]
	start = p.i
	for p.peek(0) >= '0' && p.peek(0) <= '9' {
		p.i++
	}
	width := p.text[start:p.i]
	if p.peek(0) == 's' {
		return p.str(flags, width)
	}
	if p.peek(0) == 'c' {
		w, err := p.next()
		if err != nil {
			return err
		}
		p.out.WriteByte(byte(w.bits))
		return nil
	}
	if p.peek(0) == 'p' {
		return errText("%p is not simulated")
	}
	bits := 32
	if p.peek(0) == 'l' {
		bits = 64
		p.i++
		if p.peek(0) == 'l' {
			p.i++
		}
	}
	verb := p.peek(0)
	if verb == 0 || strings.IndexByte("diuxX", verb) < 0 {
		return errFormat
	}
	w, err := p.next()
	if err != nil {
		return err
	}
	if w.obj != nil {
		return errText("an address is printed as a number")
	}
	p.number(flags, width, verb, bits, w.bits)
	return nil
}

func (p *formatter) next() (word, error) {
	if p.used >= len(p.args) {
		return word{}, errText("the format wants more arguments than are given")
	}
	p.used++
	return p.args[p.used-1], nil
}

// number prints as C does: only signed conversions know '+' and ' '.
func (p *formatter) number(flags, width string, verb byte, bits int, x uint64) {
	if bits == 32 {
		x = uint64(uint32(x))
	}
	if strings.Contains(flags, "-") {
		flags = strings.ReplaceAll(flags, "0", "")
	}
	if verb == 'd' || verb == 'i' {
		if bits == 32 {
			x = uint64(int64(int32(x)))
		}
		fmt.Fprintf(&p.out, "%"+flags+width+"d", int64(x))
		return
	}
	flags = strings.NewReplacer("+", "", " ", "").Replace(flags)
	if verb == 'u' {
		verb = 'd'
	}
	fmt.Fprintf(&p.out, "%"+flags+width+string(rune(verb)), x)
}

// str prints the string at an address, up to its NUL; what is at a number
// can't be read and prints as nothing.
func (p *formatter) str(flags, width string) error {
	if c := p.peek(1); c != 0 && c != ' ' && !(c >= '\t' && c <= '\r') && !isPunct(c) {
		return errFormat
	}
	w, err := p.next()
	if err != nil {
		return err
	}
	var s []byte
	for w.obj != nil {
		b, err := w.read(1)
		if err != nil {
			return err
		}
		if b[0] == 0 {
			break
		}
		s = append(s, b[0])
		w.bits++
	}
	if strings.Contains(flags, "-") {
		width = "-" + width
	}
	if width == "-" {
		width = ""
	}
	fmt.Fprintf(&p.out, "%"+width+"s", s)
	return nil
}

func isPunct(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
}
