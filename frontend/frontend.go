// Package frontend turns a Lua script into an ir.Module: it runs the script
// stage and lowers each declared program on the spot.
//
// It must not know passes, BPF instructions or ELF.
package frontend

import (
	"io"
	"slices"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/frontend/lower"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Options are what compiling a script depends on besides its source.
type Options struct {
	Kernel    kernel.Version
	CPU       int // BPF instruction set version; 0 means 3
	BigEndian bool
	Arch      string // as kernel.ArchByName returns it; "": none
	BTF       func() ([]byte, error)
	Defines   []script.Define
	Args      []string
	// Require returns the source of a module the script requires.
	Require func(name string) (*diag.File, error)
	// Answers are given to operations of user space in front of the declarations.
	Answers []script.Answer
	// StackObject is the size of the largest object on the stack; 0: any.
	StackObject int
	// Output gets what the script itself prints.
	Output io.Writer
}

// host compiles each program inside the call that declares it.
type host struct {
	script.Record
	mod      *ir.Module
	opts     Options
	reporter *diag.Reporter
	programs []*Program
}

// Program pairs a declared program with its function.
type Program struct {
	*script.Program
	Func *ir.Func
}

// DeclareMap only checks that the target has maps of the type: a map enters the
// module when the stage has ended, with its final name and contents.
func (h *host) DeclareMap(_ *script.Stage, m *script.Map) {
	for x := m; x != nil; x = x.Inner {
		if since := x.Type.First; h.opts.Kernel.Before(since) {
			h.reporter.Errorf(diag.NeedsNewerKernel, m.Span, "maps of type '%s' need kernel %s; the target is %s", x.Type.Name, since, h.opts.Kernel)
		}
	}
}

// fillSlots puts the maps and programs that maps hold into them.
func (h *host) fillSlots(st *script.Stage) {
	for _, m := range st.Maps() {
		out := lower.Map(h.mod, m)
		for _, s := range m.Slots {
			slot := ir.MapSlot{Index: s.Index}
			if s.Map != nil {
				slot.Map = lower.Map(h.mod, s.Map)
			}
			for _, p := range h.programs {
				if p.Program == s.Program {
					slot.Func = p.Func
				}
			}
			out.Slots = append(out.Slots, slot)
		}
	}
}

// DeclareProgram lowers p on the values of this moment.
func (h *host) DeclareProgram(st *script.Stage, p *script.Program) {
	f, ok := lower.Program(st, p, h.mod, h.reporter, lower.Options{Kernel: h.opts.Kernel, CPU: h.opts.CPU, StackObject: h.opts.StackObject})
	if ok {
		h.programs = append(h.programs, &Program{p, f})
	}
}

// Compile runs the script in file. What is wrong with it goes to r; the module
// is usable if r has no errors then. The programs' functions and other values of
// the script are gone.
func Compile(file *diag.File, r *diag.Reporter, opts Options) (*ir.Module, []*Program) {
	mod := &ir.Module{Files: []*diag.File{file}, BigEndian: opts.BigEndian, Arch: opts.Arch}
	h := &host{Record: script.Record{Answers: opts.Answers}, mod: mod, opts: opts, reporter: r}
	st := script.Run(file, h, script.Options{Args: opts.Args, Defines: opts.Defines, Require: opts.Require,
		Output: opts.Output, Reporter: r, BigEndian: opts.BigEndian, Kernel: btf.LazyKernel(opts.BTF)})
	if r.Errors() == 0 && len(st.Maps()) == 0 && len(h.programs) == 0 {
		r.Errorf(diag.NothingDeclared, diag.Span{File: file}, "the script declares no program: hand a function to bpf.xdp, bpf.socket or their like")
	}
	if r.Errors() > 0 {
		return nil, nil
	}
	mod.License = st.License()
	var maps []*ir.Map
	for _, m := range st.Maps() {
		maps = append(maps, finish(mod, m))
		if len(m.Contents) > 0 {
			r.Warnf(diag.OtherLoaders, m.Span, "map '%s' has initial contents: luabpfc's own commands fill it, other loaders leave it empty", m.Name)
		}
	}
	scratch := slices.DeleteFunc(mod.Maps, func(m *ir.Map) bool { return m.Source != nil })
	mod.Maps = append(maps, scratch...)
	mod.Globals = h.variables(mod, st)
	h.fillSlots(st)
	for _, p := range h.programs {
		p.Func.Name = p.Name
		if p.Func.Kind != nil {
			p.Func.Section = section(p.Program)
		}
	}
	lower.NameScratch(mod, scratch)
	lower.NameSubprograms(mod)
	for _, p := range h.programs {
		p.Program.Func, p.OnShort = nil, nil // they keep the VM and the syntax tree in memory
	}
	return mod, h.programs
}

func section(p *script.Program) string {
	if p.Section != "" {
		return p.Section
	}
	return p.Kind.Section
}

// finish gives the module's map the name and the contents that m has at the
// end of the stage.
func finish(mod *ir.Module, m *script.Map) *ir.Map {
	out := lower.Map(mod, m)
	out.Name = m.Name
	out.Pos = position(mod, m.Span)
	for _, e := range m.Contents {
		out.Contents = append(out.Contents, ir.MapEntry{Key: e.Key, Value: e.Value})
	}
	return out
}

// variables returns the module's variables with what they begin with: the
// script's in the order of declaration, then those that programs brought along.
func (h *host) variables(mod *ir.Module, st *script.Stage) []*ir.Global {
	var list []*ir.Global
	for _, g := range st.Globals() {
		out := lower.Variable(mod, g)
		out.Pos = position(mod, g.Span)
		if data := g.Data(); g.Const || g.Section != "" || slices.ContainsFunc(data, func(b byte) bool { return b != 0 }) {
			out.Data = data
		}
		list = append(list, out)
	}
	list = append(list, h.opsVariables(st)...)
	used := map[any]bool{}
	for _, f := range mod.Funcs {
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				if v.Op == ir.OpGlobalAddr {
					used[v.Aux] = true
				}
			}
		}
	}
	for _, g := range mod.Globals {
		if _, declared := g.Source.(*script.Global); !declared && used[g] {
			list = append(list, g)
		}
	}
	return list
}

// opsVariables returns the structures of functions: variables of a section that loaders
// make maps of. Up to 6.3 the kernel knows no links to these.
func (h *host) opsVariables(st *script.Stage) (list []*ir.Global) {
	section := ".struct_ops.link"
	if h.opts.Kernel.Before(kernel.StructOpsLinks) {
		section = ".struct_ops"
	}
	for _, o := range st.Ops() {
		g := &ir.Global{Name: o.Name, Size: len(o.Data), Align: o.Align, Data: o.Data, In: section, Pos: position(h.mod, o.Span), Source: o, Type: o.Type}
		for _, f := range o.Funcs {
			for _, p := range h.programs {
				if p.Program == f.Program {
					g.Funcs = append(g.Funcs, ir.GlobalFunc{Off: f.Off, Func: p.Func})
				}
			}
		}
		list = append(list, g)
	}
	return list
}

func position(mod *ir.Module, sp diag.Span) ir.Pos {
	line, col := sp.Position()
	for i, f := range mod.Files {
		if f == sp.File {
			return ir.Pos{File: int32(i), Line: int32(line), Col: int32(col)}
		}
	}
	if sp.File == nil {
		return ir.Pos{}
	}
	mod.Files = append(mod.Files, sp.File)
	return ir.Pos{File: int32(len(mod.Files) - 1), Line: int32(line), Col: int32(col)}
}
