// Package luabpfc compiles Lua scripts to eBPF objects.
//
// A script runs once when compiling; the functions that it hands to bpf.xdp,
// bpf.socket and their like become programs in a standard ELF object with BTF
// that any libbpf-compatible loader takes. Compiling needs no kernel, no root
// and no other tool, and is a pure function of source and options.
//
//	obj, err := luabpfc.Compile(luabpfc.Source{Name: "prog.lua", Text: text}, luabpfc.DefaultOptions())
//	if err != nil {
//		list, ok := diag.AsList(err) // what is wrong with the script
//		...
//	}
//	os.WriteFile("prog.o", obj.ELF, 0o644)
package luabpfc

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/codegen"
	"github.com/luabpfc/luabpfc/frontend"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/ir/opt"
)

// Source is a script.
type Source struct {
	Name string // as messages and the object's line table show it
	Text string
	// Require returns the source of a module that the script requires by name;
	// nil if there are none.
	Require func(name string) (Source, error)
}

// Define sets bpf.opt.Name. Set is false for a define without a value, which
// is true.
type Define = script.Define

// Options say for what, and how well, to compile. DefaultOptions returns the
// usual ones.
type Options struct {
	OptLevel  int            // 0: only what loading requires; 2: everything
	CPU       int            // BPF instruction set version, 1 to 4
	Kernel    kernel.Version // the oldest kernel the object must load on
	BigEndian bool           // the target's byte order
	Arch      string         // the target's architecture, for programs that read registers; "": none
	NoDebug   bool           // leave out the line table
	// BTF returns the kernel's types, as in /sys/kernel/btf/vmlinux, and behind them
	// those of modules, as in the files next to it, if there are any. It is called
	// once, when the script uses a type that nothing else declares. nil: there
	// are none.
	BTF     func() ([]byte, error)
	Defines []Define
	Args    []string  // the script's own arguments
	Output  io.Writer // gets what the script prints; nil: nobody
	// Answers are what the script's operations of user space gave that come before
	// its declarations, where it has run already.
	Answers []script.Answer

	// For working on the compiler: verify the IR after each pass; stop
	// optional passes after so many changes (0: never); be given the text of
	// each stage ("ast", "ir", a pass's name, "opt", "mir", "asm") per unit.
	Check bool
	Fuel  int
	Dump  func(stage, unit, text string)
	Stats func(*opt.Stats)
}

// DefaultOptions are -O2 -mcpu v3 --target-kernel 6.1, little-endian.
func DefaultOptions() Options {
	return Options{OptLevel: 2, CPU: 3, Kernel: kernel.Default}
}

// Object is a compiled script.
type Object struct {
	ELF      []byte
	Maps     []MapInfo
	Programs []ProgramInfo
	Warnings diag.List
	// Code is the instructions of each function, for listings.
	Code *codegen.Output
	mod  *ir.Module
}

// MapInfo describes a map of the object. Sizes are in bytes.
type MapInfo struct {
	Name               string
	Type               string
	KeySize, ValueSize uint32
	MaxEntries         uint32
	Contents           []ir.MapEntry // what the script wrote before its programs ran
	Added              bool          // by the compiler: scratch memory, something to loop over
	// Histogram says that bpf.hist counts in the map, by powers of two or in steps;
	// nil: it does not.
	Histogram *script.Histogram
}

// ProgramInfo describes a program of the object.
type ProgramInfo struct {
	Name, Kind, Section string
	Target              string // the interface the script named, if any
	Slots               int    // size in eight-byte instruction slots
	Stack               int    // bytes of stack
}

// Compile compiles a script. The error is a diag.List, which says what is
// wrong with the script, or an *ir.Bug.
func Compile(src Source, opts Options) (obj *Object, err error) {
	defer recoverBug(&err)
	b, err := fitting(src, opts, false)
	if err != nil {
		return nil, err
	}
	if b, err = b.followable(src, opts); err != nil {
		return nil, err
	}
	for _, d := range b.dumps {
		opts.Dump(d.stage, d.unit, d.text)
	}
	return describe(b.mod, b.programs, b.code, b.warnings), nil
}

// built is a script that went through all stages.
type built struct {
	mod      *ir.Module
	programs []*frontend.Program
	warnings diag.List
	code     *codegen.Output
	dumps    []dump
}

type dump struct{ stage, unit, text string }

// fitting runs all stages; if the stack overflows, again with fewer objects on it.
func fitting(src Source, opts Options, callbacks bool) (*built, error) {
	b, err := build(src, opts, callbacks, 0)
	if !overflows(err) {
		return b, err
	}
	opts.Output, opts.Stats = nil, nil
	for _, size := range stackObjects {
		if b, again := build(src, opts, callbacks, size); !overflows(again) {
			return b, again
		}
	}
	return nil, err
}

// stackObjects are the sizes of the largest objects on the stack that are tried
// in turn where it overflows: larger ones go to scratch memory. The first is that
// of the whole stack: the passes no longer take any for themselves.
var stackObjects = [...]int{512, 128, 32, 8}

// overflows reports whether err says that the stack is too small.
func overflows(err error) bool {
	list, _ := diag.AsList(err)
	return slices.ContainsFunc(list, func(d *diag.Diagnostic) bool { return d.Code == diag.StackOverflow })
}

// build runs all stages. With callbacks, loops are what the verifier follows
// with least effort, not what runs fastest. stackObject is the size of the
// largest object on the stack, 0 for any.
func build(src Source, opts Options, callbacks bool, stackObject int) (b *built, err error) {
	b = &built{}
	done := false
	if show := opts.Dump; show != nil {
		b := b
		opts.Dump = func(stage, unit, text string) { b.dumps = append(b.dumps, dump{stage, unit, text}) }
		defer func() {
			if done || overflows(err) {
				return // the caller decides
			}
			for _, d := range b.dumps {
				show(d.stage, d.unit, d.text)
			}
		}()
	}
	if b.mod, b.programs, b.warnings, err = lowered(src, opts, stackObject); err != nil {
		return nil, err
	}
	if opts.Dump != nil {
		opts.Dump("ir", src.Name, b.mod.String())
	}
	if err := optimise(b.mod, opts, callbacks, stackObject > 0); err != nil {
		return nil, err
	}
	if opts.Dump != nil {
		opts.Dump("opt", src.Name, b.mod.String())
	}
	carried, err := carry(b.mod, b.programs)
	if err != nil {
		return nil, err
	}
	b.code, err = codegen.Compile(b.mod, codegen.Options{CPU: opts.CPU, Kernel: opts.Kernel, Lines: !opts.NoDebug, Manifest: carried,
		TightStack: stackObject > 0, Check: opts.Check, Consume: true, Dump: machineDump(opts)})
	if err != nil {
		return nil, err
	}
	if opts.Dump != nil {
		opts.Dump("asm", src.Name, codegen.Listing(b.mod, b.code))
	}
	done = true
	return b, nil
}

// followable returns b, or, if the kernel would refuse it because its verifier
// has too much to follow, the same script with other loops.
func (b *built) followable(src Source, opts Options) (*built, error) {
	complex := codegen.CheckComplexity(b.mod, b.code, opts.Kernel)
	if complex == nil {
		return b, nil
	}
	opts.Output, opts.Stats = nil, nil
	other, err := fitting(src, opts, true)
	if err != nil || bytes.Equal(other.code.Object, b.code.Object) || codegen.CheckComplexity(other.mod, other.code, opts.Kernel) != nil {
		return nil, complex
	}
	return other, nil
}

// machineDump shows the code generator's stages under their own names, and the
// last of them, what is emitted, as "mir" too.
func machineDump(opts Options) func(stage, fn, text string) {
	if opts.Dump == nil {
		return nil
	}
	return func(stage, fn, text string) {
		opts.Dump(stage, fn, text)
		if stage == "layout" {
			opts.Dump("mir", fn, text)
		}
	}
}

// Lower runs the front end only: it returns the IR before any pass, and the
// warnings.
func Lower(src Source, opts Options) (mod *ir.Module, warnings diag.List, err error) {
	defer recoverBug(&err)
	mod, _, warnings, err = lowered(src, opts, 0)
	return mod, warnings, err
}

// Optimise runs the passes that Compile runs on a module from Lower.
func Optimise(mod *ir.Module, opts Options) (err error) {
	defer recoverBug(&err)
	return optimise(mod, opts, false, false)
}

func lowered(src Source, opts Options, stackObject int) (*ir.Module, []*frontend.Program, diag.List, error) {
	file := diag.NewFile(src.Name, src.Text)
	if opts.Dump != nil {
		var ast strings.Builder
		if err := syntax.Fprint(&ast, syntax.Parse(file, &diag.Reporter{})); err != nil {
			return nil, nil, nil, err
		}
		opts.Dump("ast", src.Name, ast.String())
	}
	var r diag.Reporter
	mod, programs := frontend.Compile(file, &r, frontend.Options{Kernel: opts.Kernel, CPU: opts.CPU, BigEndian: opts.BigEndian, Arch: opts.Arch, BTF: opts.BTF,
		Defines: opts.Defines, Args: opts.Args, Require: src.Files(), Output: opts.Output, Answers: opts.Answers, StackObject: stackObject})
	if err := r.Err(); err != nil {
		return nil, nil, nil, err
	}
	if opts.Check {
		if err := mod.Verify(); err != nil {
			return nil, nil, nil, &ir.Bug{Pass: "lower", Msg: err.Error()}
		}
	}
	return mod, programs, r.Warnings(), nil
}

// Files is Require as package script calls it, nil if that is nil.
func (src Source) Files() func(name string) (*diag.File, error) {
	if src.Require == nil {
		return nil
	}
	return func(name string) (*diag.File, error) {
		s, err := src.Require(name)
		if err != nil {
			return nil, err
		}
		return diag.NewFile(s.Name, s.Text), nil
	}
}

func optimise(mod *ir.Module, opts Options, callbacks, tight bool) error {
	o := opt.Options{Level: opts.OptLevel, Callbacks: callbacks, TightStack: tight, CPU: opts.CPU, Kernel: opts.Kernel, Check: opts.Check, Fuel: opts.Fuel}
	if opts.Dump != nil {
		o.Dump = func(pass string, f *ir.Func) { opts.Dump(pass, f.Name, f.String()) }
	}
	stats, err := opt.Run(mod, o)
	if opts.Stats != nil {
		opts.Stats(stats)
	}
	return err
}

func describe(mod *ir.Module, programs []*frontend.Program, code *codegen.Output, warnings diag.List) *Object {
	obj := &Object{ELF: code.Object, Warnings: warnings, Code: code, mod: mod}
	for _, m := range mod.Maps {
		info := MapInfo{Name: m.Name, Type: m.Type.Name, KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Contents: m.Contents, Added: m.Source == nil}
		if s, ok := m.Source.(*script.Map); ok {
			info.Histogram = s.Hist
		}
		obj.Maps = append(obj.Maps, info)
	}
	funcs := map[string]*codegen.FuncCode{}
	for i := range code.Funcs {
		funcs[code.Funcs[i].Name] = &code.Funcs[i]
	}
	for _, p := range programs {
		info := ProgramInfo{Name: p.Func.Name, Kind: p.Kind.Name, Section: p.Func.Section, Target: p.Target}
		if f := funcs[info.Name]; f != nil {
			info.Slots, info.Stack = f.Slots(), f.Stack
		}
		obj.Programs = append(obj.Programs, info)
	}
	return obj
}

// recoverBug turns a panic of the compiler into an *ir.Bug. It is the one
// place that recovers.
func recoverBug(err *error) {
	switch r := recover().(type) {
	case nil:
	case *ir.Bug:
		*err = r
	default:
		*err = &ir.Bug{Msg: fmt.Sprintf("%v\n%s", r, debug.Stack())}
	}
}
