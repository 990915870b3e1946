package interp

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Helpers that are not simulated belong to the environment: their result is what
// Env.Results says, and the buffers they fill are zeros, as most of the kernel's
// leave them on failure. Their arguments are accessed all the same, so that a
// program that hands them memory it has not got is found out.

// environment returns what a call of such a helper does.
func environment(h *kernel.Helper) helperFunc {
	return func(c *helperCall) (word, error) {
		for i := range c.args {
			if err := c.touch(h, i); err != nil {
				return word{}, fmt.Errorf("argument %d: %w", i, err)
			}
		}
		if h.Ret.Address() {
			return word{}, nil // null, or an object nobody looks into
		}
		return word{bits: c.m.Env.Results[h.Name]}, nil
	}
}

// touch accesses what argument i is the address of.
func (c *helperCall) touch(h *kernel.Helper, i int) error {
	does, ok := h.Access(i)
	w := c.args[i]
	if !ok || w.obj == nil || h.Args[i] == kernel.ArgAny || h.Args[i] == kernel.ArgFrame {
		return nil
	}
	n := does.Bytes
	switch does.Size {
	case kernel.NextArg:
		n = int(int64(c.args[i+1].bits))
		if n < 0 || n > 1<<29 {
			return errText(fmt.Sprintf("the size %d is none", int64(c.args[i+1].bits)))
		}
	case kernel.KeySize, kernel.ValueSize:
		for _, a := range c.args {
			if a.obj == nil || a.obj.mp == nil {
				continue
			}
			n = int(a.obj.mp.decl.KeySize)
			if does.Size == kernel.ValueSize {
				n = int(a.obj.mp.decl.ValueSize)
			}
		}
	case kernel.NoSize:
		return nil
	}
	if does.Reads {
		if _, err := w.read(n); err != nil {
			return err
		}
	}
	if does.Writes {
		return w.write(make([]byte, n))
	}
	return nil
}
