package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc/elfwriter/manifest"
)

// Object is a compiled object: its description, and once loaded its programs
// and maps in the kernel.
type Object struct {
	spec *ebpf.CollectionSpec
	coll *ebpf.Collection // nil until Load
	// attached holds what ends an attachment when closed, in order.
	attached []io.Closer
	notes    []string
	carried  manifest.Manifest
	reused   map[string]bool      // maps that were there before
	given    map[string]*ebpf.Map // by UseMap
	opsLinks bool                 // structures of functions are attached by links

	// PinPath is where maps that are pinned by name are, and are looked for;
	// DefaultPinPath if it is empty. It is read by Load.
	PinPath string
}

// Open reads the object in elf, wherever that comes from: what is broken is an
// error. It needs no privilege and no kernel.
func Open(elf []byte) (o *Object, err error) {
	defer contain("reading the object", &err)
	if err := checkBounds(elf); err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(linkOps(elf)))
	if err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	o = &Object{spec: spec}
	if o.carried, err = readManifest(elf, spec); err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	return o, nil
}

// Programs returns the names of the object's programs, sorted.
func (o *Object) Programs() []string { return names(o.spec.Programs) }

// Maps returns the names of the maps that the object's source declares, sorted.
func (o *Object) Maps() []string {
	return slices.DeleteFunc(names(o.spec.Maps), func(n string) bool {
		return strings.HasPrefix(n, ".") || o.spec.Maps[n].Type == ebpf.StructOpsMap
	})
}

func names[T any](m map[string]T) []string {
	l := make([]string, 0, len(m))
	for n := range m {
		l = append(l, n)
	}
	slices.Sort(l)
	return l
}

// Load makes the maps, gives those that were not pinned before the entries that the
// object has for them, and loads every program. The error is a *RejectError
// where the verifier refused, an *AccessError where this process may not.
func (o *Object) Load() (err error) {
	defer contain("loading", &err)
	if o.coll != nil {
		return errors.New("the object is loaded already")
	}
	o.chooseOpsLinks()
	replaced, err := o.findReplaced()
	defer o.forgetReplaced(replaced)
	if err != nil {
		return err
	}
	opts := ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: o.pinPath()}, MapReplacements: o.given}
	coll, err := ebpf.NewCollectionWithOptions(o.spec, opts)
	var limit error
	if errors.Is(err, fs.ErrPermission) {
		// Before 5.11 maps count against a limit; where that was not the
		// reason the second attempt fails as the first did.
		if limit = liftMemlock(); limit == nil {
			coll, err = ebpf.NewCollectionWithOptions(o.spec, opts)
		}
	}
	if err != nil {
		return explain(o.spec, err, limit)
	}
	o.coll = coll
	if err := o.fill(); err != nil {
		o.Close()
		return err
	}
	return nil
}

// DefaultPinPath is where libbpf pins maps by name.
const DefaultPinPath = "/sys/fs/bpf"

// pinPath is the folder for maps that are pinned by name, "" if there are none. It
// notes which are there already.
func (o *Object) pinPath() string {
	dir := o.PinPath
	if dir == "" {
		dir = DefaultPinPath
	}
	pinned := false
	for _, n := range names(o.spec.Maps) {
		if o.spec.Maps[n].Pinning != ebpf.PinByName {
			continue
		}
		pinned = true
		if _, err := os.Stat(filepath.Join(dir, n)); err == nil {
			if o.reused == nil {
				o.reused = map[string]bool{}
			}
			o.reused[n] = true
		}
	}
	if !pinned {
		return ""
	}
	return dir
}

// Reused reports whether the map called name was pinned before and is the same now.
func (o *Object) Reused(name string) bool { return o.reused[name] }

// Close ends the attachments that Attach calls made and releases programs and
// maps. What is pinned stays.
func (o *Object) Close() error {
	var errs []error
	for _, c := range slices.Backward(slices.Clone(o.attached)) {
		errs = append(errs, c.Close())
	}
	o.attached = nil
	if o.coll != nil {
		o.coll.Close()
		o.coll = nil
	}
	return errors.Join(errs...)
}

var errNotLoaded = errors.New("the object is not loaded")

func (o *Object) program(name string, want ebpf.ProgramType) (*ebpf.Program, error) {
	if o.coll == nil {
		return nil, errNotLoaded
	}
	p := o.coll.Programs[name]
	if p == nil {
		return nil, o.noProgram(name)
	}
	if p.Type() != want {
		return nil, fmt.Errorf("program '%s' is of type %s, not %s", name, p.Type(), want)
	}
	return p, nil
}
