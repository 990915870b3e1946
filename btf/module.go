package btf

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Types of modules
//
// The file of a module goes on where the kernel's own ends: the numbers of its types
// and the offsets of its strings follow those of the kernel. So modules are read from
// behind the kernel's file, one after the other, and opened when a name is not
// among the kernel's own.

// inherited is how many types of the numbering are the kernel's own, in a module.
func (k *Kernel) inherited() uint32 {
	if k.base == nil {
		return 0
	}
	return uint32(len(k.base.starts))
}

// last is the highest number of a type.
func (k *Kernel) last() uint32 { return k.inherited() + uint32(len(k.starts)) }

// opened opens the modules whose types follow; one that is broken ends the list.
func (k *Kernel) opened() []*Kernel {
	for k.base == nil && len(k.rest) >= headerLen {
		m := newKernel(k)
		if err := m.open(k.rest); err != nil || m.big != k.big {
			k.rest = nil
			break
		}
		k.rest, m.rest = m.rest, nil
		k.modules = append(k.modules, m)
	}
	return k.modules
}

// inModules asks the modules in turn until one has an answer.
func (k *Kernel) inModules(ask func(m *Kernel) (btf.Type, error)) (btf.Type, error) {
	for _, m := range k.opened() {
		if t, err := ask(m); t != nil || err != nil {
			return t, err
		}
	}
	return nil, nil
}

// own returns a type that the module itself has; inKernel is where the kernel's
// strings have the name, which modules don't repeat.
func (k *Kernel) own(kind TypeKind, name string, inKernel []uint32) (btf.Type, error) {
	id := k.find(kind, k.all(name, inKernel))
	if id == 0 {
		return nil, nil
	}
	t, err := k.decode(id, false)
	if err != nil {
		return nil, fmt.Errorf("%s %s of a module: %w", kind, name, err)
	}
	return t, nil
}

// all returns where a name is among the kernel's strings and the module's own.
func (k *Kernel) all(name string, inKernel []uint32) []uint32 {
	l := slices.Clone(inKernel)
	if bytes.HasPrefix(k.strings, []byte(name+"\x00")) { // modules begin with no zero
		l = append(l, uint32(len(k.base.strings)))
	}
	for _, at := range k.offsets(name) {
		l = append(l, at+uint32(len(k.base.strings)))
	}
	return l
}
