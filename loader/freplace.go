package loader

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Programs that take the place of a global function of another, loaded one (freplace).
// The section names the function; the program that has it must be known when loading.

// findReplaced finds, for programs of the object that replace a function, the loaded
// program that has it: the only one. The returned programs are closed after loading.
func (o *Object) findReplaced() (found []*ebpf.Program, err error) {
	for _, name := range o.Programs() {
		p := o.spec.Programs[name]
		if p.Type != ebpf.Extension || p.AttachTarget != nil {
			continue
		}
		list, err := programsWith(p.AttachTo)
		found = append(found, list...)
		switch {
		case err != nil:
			return found, err
		case len(list) == 0:
			return found, fmt.Errorf("program '%s' replaces function '%s', which no loaded program has", name, p.AttachTo)
		case len(list) > 1:
			return found, fmt.Errorf("program '%s' replaces function '%s', which %d loaded programs have", name, p.AttachTo, len(list))
		}
		p.AttachTarget = list[0]
	}
	return found, nil
}

// forgetReplaced closes what findReplaced returned.
func (o *Object) forgetReplaced(found []*ebpf.Program) {
	for _, p := range o.spec.Programs {
		p.AttachTarget = nil
	}
	for _, p := range found {
		p.Close()
	}
}

// programsWith returns the loaded programs that have a global function of that name.
func programsWith(function string) (list []*ebpf.Program, err error) {
	for id := ebpf.ProgramID(0); ; {
		if id, err = ebpf.ProgramGetNextID(id); errors.Is(err, os.ErrNotExist) {
			return list, nil
		} else if err != nil {
			return list, err
		}
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // gone meanwhile
		}
		if p.Type() != ebpf.Extension && hasFunction(p, function) {
			list = append(list, p)
		} else {
			p.Close()
		}
	}
}

func hasFunction(p *ebpf.Program, function string) bool {
	h, err := p.Handle()
	if err != nil {
		return false
	}
	defer h.Close()
	types, err := h.Spec(nil)
	if err != nil {
		return false
	}
	var f *btf.Func
	if types.TypeByName(function, &f) != nil || f.Linkage != btf.GlobalFunc {
		return false
	}
	info, err := p.Info()
	if err != nil {
		return false
	}
	funcs, err := info.FuncInfos() // an object's programs share its types
	if err != nil {
		return false
	}
	for _, x := range funcs {
		if x.Func.Name == function {
			return true
		}
	}
	return false
}
