package interp

import (
	"encoding/binary"
	"strings"
)

// textHelper returns the simulation of a helper on texts, nil if name is none.
func textHelper(name string) helperFunc {
	switch name {
	case "strncmp":
		return strncmp
	case "snprintf":
		return snprintf
	}
	return nil
}

// text reads the string at an address up to its NUL.
func (w word) text() (string, error) {
	var s []byte
	for {
		b, err := w.read(1)
		if err != nil {
			return "", err
		}
		if b[0] == 0 {
			return string(s), nil
		}
		s = append(s, b[0])
		w.bits++
	}
}

// strncmp compares at most as many bytes as its second argument says, up to a NUL.
func strncmp(c *helperCall) (word, error) {
	a, err := c.buffer(0)
	if err != nil {
		return word{}, err
	}
	b, err := c.args[2].text()
	if err != nil {
		return word{}, err
	}
	b += "\x00"
	for i, x := range a {
		y := b[i]
		switch {
		case x < y:
			return errno(-1), nil
		case x > y:
			return errno(1), nil
		case x == 0:
			return errno(0), nil
		}
	}
	return errno(0), nil
}

// maxValues is how many values bpf_snprintf takes.
const maxValues = 12

// snprintf formats numbers of 8 bytes into a buffer; its result counts the NUL.
func snprintf(c *helperCall) (word, error) {
	text, err := c.args[2].text()
	if err != nil {
		return word{}, err
	}
	p := &formatter{text: text}
	if n := int(c.args[4].bits); n > 0 {
		if n%8 != 0 || n > 8*maxValues {
			return errno(-einval), nil
		}
		data, err := c.args[3].read(n)
		if err != nil {
			return word{}, err
		}
		order := binary.ByteOrder(binary.LittleEndian)
		if c.m.module.BigEndian {
			order = binary.BigEndian
		}
		for ; len(data) > 0; data = data[8:] {
			p.args = append(p.args, word{bits: order.Uint64(data)})
		}
	}
	p.most = maxValues
	if err := p.format(); err != nil {
		if err == errFormat {
			return errno(-einval), nil
		}
		return word{}, err
	}
	if p.used != len(p.args) {
		return errno(-einval), nil
	}
	if size := int(c.args[1].bits); size > 0 {
		out := p.out.String()
		out = out[:min(len(out), size-1)]
		if err := c.args[0].write([]byte(out + strings.Repeat("\x00", size-len(out)))); err != nil {
			return word{}, err
		}
	}
	return word{bits: uint64(p.out.Len() + 1)}, nil
}
