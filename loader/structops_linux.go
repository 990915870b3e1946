package loader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// AttachStructOps tells the kernel of the structure of functions called name, until
// what it returns is closed.
func (o *Object) AttachStructOps(name string) (io.Closer, error) {
	if o.coll == nil {
		return nil, errNotLoaded
	}
	if !slices.Contains(o.StructOps(), name) {
		return nil, fmt.Errorf("no structure of functions '%s' in the object", name)
	}
	m := o.coll.Maps[name]
	var c io.Closer = standing(func() error { return m.Delete(uint32(0)) })
	if o.opsLinks {
		l, err := link.AttachStructOps(link.StructOpsOptions{Map: m})
		if err != nil {
			return nil, explainOps(name, err)
		}
		c = l
	} else {
		o.notes = append(o.notes, fmt.Sprintf("'%s' stays registered if this process is killed: kernels before 6.4 have no links to it; 'bpftool struct_ops unregister' ends it", name))
	}
	l := &attached{Closer: c, obj: o, prog: name}
	o.attached = append(o.attached, l)
	return l, nil
}

// explainOps says why the kernel did not take a structure of functions.
func explainOps(name string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("registering '%s': the kernel has one of the same name already: %w", name, err)
	}
	return explainAttach(&ebpf.ProgramSpec{Name: name, Type: ebpf.StructOps}, "", "", err)
}
