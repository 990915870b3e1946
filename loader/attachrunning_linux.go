package loader

import (
	"errors"
	"fmt"

	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
)

// AttachRunning attaches the program with that number, which is in the kernel, and
// pins the attachment at path, so that it stays. section is that of the kind of
// program, as libbpf names it, "" for the usual one of the program's type; at is its
// enum bpf_attach_type, for kinds that have one. It returns what the user should
// know.
func AttachRunning(id uint32, section string, at uint32, t Target, path string) (notes []string, err error) {
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return nil, access(err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil, err
	}
	if section == "" {
		if section, err = usualSection(p.Type(), t.Name); err != nil {
			return nil, fmt.Errorf("attaching '%s': %w", info.Name, err)
		}
	}
	first, rest, _ := strings.Cut(section, "/")
	o := &Object{spec: &ebpf.CollectionSpec{}}
	spec := &ebpf.ProgramSpec{Name: info.Name, Type: p.Type(), AttachType: ebpf.AttachType(at), SectionName: section}
	a := &attachment{Target: t, obj: o, prog: p, spec: spec, first: strings.TrimSuffix(first, ".s")}
	h := hookOf(a.first, p.Type())
	if h == nil {
		return nil, &NoTargetError{Program: info.Name, Type: p.Type().String()}
	}
	if a.Name == "" && h.inSection {
		a.Name = rest
	}
	if h.target != "" && a.Name == "" && p.Type() != ebpf.Tracing && p.Type() != ebpf.LSM {
		return nil, &NoTargetError{Program: info.Name, Type: p.Type().String(), Target: h.target}
	}
	c, err := h.attach(a)
	if err != nil {
		return nil, explainAttach(spec, a.first, a.Name, err)
	}
	l := &attached{Closer: c, obj: o, prog: filepath.Base(path), where: a.Name}
	o.attached = append(o.attached, l)
	made := &pins{dir: filepath.Dir(filepath.Dir(path))}
	if err := o.pinAttached(made, l); err != nil || l.ends {
		made.remove()
		if err == nil {
			err = errors.New(strings.Join(o.notes, "; "))
		}
		return nil, errors.Join(err, l.Close())
	}
	return o.notes, o.Leave()
}

// usualSection is the section of a program of a type, for those that have one only.
func usualSection(typ ebpf.ProgramType, target string) (string, error) {
	switch typ {
	case ebpf.Kprobe:
		if i := strings.IndexByte(target, ':'); i >= 0 && !strings.Contains(target[:i], "_") {
			return "uprobe", nil
		}
		return "kprobe", nil
	case ebpf.CGroupSKB, ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt, ebpf.SkSKB:
		return "", errors.New("programs of its type go to several hooks: name its own, as in --section cgroup/connect4 or cgroup_skb/egress")
	}
	for _, h := range hooks {
		if h.typ == typ && len(h.sections) == 0 {
			return "", nil
		}
	}
	for _, h := range hooks {
		if h.typ == typ {
			return h.sections[0], nil
		}
	}
	return "", &NoTargetError{Type: typ.String()}
}
