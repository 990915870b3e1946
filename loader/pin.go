package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// What stays when the process ends is what has a name in a BPF file system:
// below the folder of an object programs are in prog, maps in map, and what
// attaches programs in link.

// UseMap makes Load take the map that is pinned at path in place of the object's
// own called name. It keeps its entries.
func (o *Object) UseMap(name, path string) error {
	if o.spec.Maps[name] == nil {
		return fmt.Errorf("no map '%s' in the object; it has %s", name, strings.Join(o.Maps(), ", "))
	}
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err != nil {
		return fmt.Errorf("map '%s': %w", path, err)
	}
	if o.given == nil {
		o.given = map[string]*ebpf.Map{}
	}
	if o.reused == nil {
		o.reused = map[string]bool{}
	}
	o.given[name], o.reused[name] = m, true
	return nil
}

// pins are the names that one call has made.
type pins struct {
	dir        string
	files, new []string // new folders, outer ones first
}

// file makes a name for something of the object and returns its path.
func (p *pins) file(sub, name string, to func(string) error) error {
	dir := filepath.Join(p.dir, sub)
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		if !slices.Contains(p.new, d) {
			p.new = append(p.new, d)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, strings.ReplaceAll(name, ".", "_"))
	if err := to(path); err != nil {
		return fmt.Errorf("pinning '%s': %w", name, err)
	}
	p.files = append(p.files, path)
	return nil
}

// remove takes all of it away again.
func (p *pins) remove() {
	for _, f := range p.files {
		os.Remove(f)
	}
	slices.SortFunc(p.new, func(a, b string) int { return len(b) - len(a) })
	for _, d := range p.new {
		os.Remove(d)
	}
}

// Pin makes each program, each map and each attachment reachable below dir, a
// folder in a BPF file system, under its own name: programs in dir/prog, maps in
// dir/map, attachments in dir/link. They stay when this process ends. Of
// attachments that can't stay Notes says so. After an error nothing of it is left.
func (o *Object) Pin(dir string) (err error) {
	if o.coll == nil {
		return errNotLoaded
	}
	p := &pins{dir: dir}
	defer func() {
		if err != nil {
			p.remove()
		}
	}()
	for _, n := range names(o.coll.Programs) {
		if err := p.file("prog", n, o.coll.Programs[n].Pin); err != nil {
			return err
		}
	}
	for _, n := range o.Maps() {
		// A copy: the map itself may be pinned by its name elsewhere.
		m, err := o.coll.Maps[n].Clone()
		if err != nil {
			return err
		}
		err = p.file("map", n, m.Pin)
		m.Close()
		if err != nil {
			return err
		}
	}
	for _, c := range o.attached {
		if l, ok := c.(*attached); ok {
			if err := o.pinAttached(p, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// pinAttached pins an attachment if it is one that can stay.
func (o *Object) pinAttached(p *pins, l *attached) error {
	if stays(l.Closer) {
		return nil
	}
	all := linksOf(l.Closer)
	for i, x := range all {
		name := l.prog
		if len(all) > 1 {
			name = fmt.Sprintf("%s_%d", l.prog, i)
		}
		err := p.file("link", name, x.Pin)
		if errors.Is(err, ebpf.ErrNotSupported) {
			all = nil
			break
		}
		if err != nil {
			return err
		}
	}
	if l.ends = len(all) == 0; l.ends {
		o.notes = append(o.notes, fmt.Sprintf("'%s' is loaded, and not attached any more when this command ends: the kernel keeps such an attachment only as long as its process; 'luabpfc run' stays", l.prog))
	}
	return nil
}

// linksOf are the links that an attachment consists of, none if it has none.
func linksOf(c any) []link.Link {
	if l, ok := c.(link.Link); ok {
		return []link.Link{l}
	}
	return eventLinks(c)
}

// Leave releases the object and leaves in place what stays by itself: what is
// pinned, filters of clsact, programs of maps of sockets.
func (o *Object) Leave() error {
	var errs []error
	for _, c := range slices.Clone(o.attached) {
		if l, ok := c.(*attached); ok && stays(l.Closer) {
			continue
		}
		errs = append(errs, c.Close())
	}
	o.attached = nil
	return errors.Join(append(errs, o.Close())...)
}

// AttachAll attaches every program where the object says; targets says it of some
// otherwise. Programs that nobody names a place for are not attached, and Notes
// says so.
func (o *Object) AttachAll(targets map[string]Target) error {
	for _, n := range o.Programs() {
		_, err := o.Attach(n, targets[n])
		if none, ok := errors.AsType[*NoTargetError](err); ok {
			if none.Target != "" {
				o.notes = append(o.notes, none.Error())
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	for _, n := range o.StructOps() {
		if _, err := o.AttachStructOps(n); err != nil {
			return err
		}
	}
	return nil
}

// Attached names the programs that are attached, and to what where that has a name;
// after Pin those that stay so.
func (o *Object) Attached() map[string]string {
	all := map[string]string{}
	for _, c := range o.attached {
		if l, ok := c.(*attached); ok && !l.ends {
			all[l.prog] = l.where
		}
	}
	return all
}

// Unpin takes away what is pinned at path, or all below it if it is a folder, and
// returns the names. What nothing else holds is gone then: programs detached, maps
// with what was in them.
func Unpin(path string) (removed []string, err error) {
	if err := inBPF(path); err != nil {
		return nil, err
	}
	var dirs []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, p)
			return nil
		}
		removed = append(removed, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Links first: a program is detached before it loses its name.
	slices.SortStableFunc(removed, func(a, b string) int {
		link := func(p string) int {
			if filepath.Base(filepath.Dir(p)) == "link" {
				return 0
			}
			return 1
		}
		return link(a) - link(b)
	})
	for i, p := range removed {
		// The kernel would detach a moment later.
		if l, err := link.LoadPinnedLink(p, nil); err == nil {
			l.Detach() // kinds that can't are detached by losing their name
			l.Close()
		}
		if err := os.Remove(p); err != nil {
			return removed[:i], err
		}
	}
	for _, d := range slices.Backward(dirs) {
		if d == DefaultPinPath {
			continue
		}
		if err := os.Remove(d); err != nil {
			return removed, err
		}
	}
	return removed, nil
}
