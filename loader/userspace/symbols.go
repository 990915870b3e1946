package userspace

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/loader"
)

// bpfKsym is bpf.ksym(address): the function of the kernel that it is in, and how
// far behind its beginning.
func bpfKsym(c *call) ([]lua.LValue, error) {
	addr, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	f, err := c.symbols.Kernel(addr)
	if err != nil {
		return nil, err
	}
	return symbol(f)
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
	f, err := c.symbols.User(int(pid), addr)
	if err != nil {
		return nil, err
	}
	return symbol(f)
}

// symbol is a name and an offset; where no function is known, the file or the
// address, and 0.
func symbol(f loader.Frame) ([]lua.LValue, error) {
	if f.Name == "" {
		return results(lua.LString(f.String()), lua.LNumber(0))
	}
	return results(lua.LString(f.Name), lua.LNumber(f.Offset))
}
