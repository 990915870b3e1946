package userspace

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/loader"
)

// symbols are what addresses are called, as far as they were asked for.
type symbols struct {
	kernel    *loader.Symbols
	processes map[int]*loader.Symbols
}

// bpfKsym is bpf.ksym(address): the function of the kernel that it is in, and how
// far behind its beginning.
func bpfKsym(c *call) ([]lua.LValue, error) {
	addr, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	if c.symbols.kernel == nil {
		if c.symbols.kernel, err = loader.KernelSymbols(); err != nil {
			return nil, err
		}
	}
	return c.symbol(c.symbols.kernel, addr)
}

// bpfUsym is bpf.usym(pid, address).
func bpfUsym(c *call) ([]lua.LValue, error) {
	pid, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	addr, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	s := c.symbols.processes[int(pid)]
	if s == nil {
		if s, err = loader.ProcessSymbols(int(pid)); err != nil {
			return nil, err
		}
		if c.symbols.processes == nil {
			c.symbols.processes = map[int]*loader.Symbols{}
		}
		c.symbols.processes[int(pid)] = s
	}
	return c.symbol(s, addr)
}

func (c *call) symbol(s *loader.Symbols, addr uint64) ([]lua.LValue, error) {
	name, off, ok := s.Find(addr)
	if !ok {
		return results(lua.LString(fmt.Sprintf("0x%x", addr)), lua.LNumber(0))
	}
	return results(lua.LString(name), lua.LNumber(off))
}
