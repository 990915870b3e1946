package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/ir/opt"
)

// request is a command line of the root command, understood.
type request struct {
	script string // "-" is standard input
	out    string // "-" is standard output
	dep    string // the make rule's file, or ""
	emit   string
	opts   luabpfc.Options
	warn   warnings
	dumps  []string // stages shown on standard error
	stats  bool
	v      bool
}

// compile is the root command.
func compile(c *cli.Context, s streams, render func(diag.List) string) error {
	req, err := parseRequest(c, s)
	if err != nil {
		return err
	}
	if binaries[req.emit] != "" && req.out == "-" && isTerminal(s.out) {
		return usagef("what is written is binary and standard output is a terminal; use -o FILE")
	}
	files := &sources{dirs: c.StringSlice("I")}
	src, err := files.script(req.script, s.in)
	if err != nil {
		return err
	}
	if err := files.refuse(req.out, req.dep); err != nil {
		return err
	}
	if len(src.Text) < longScript {
		prepareMemory()
	}
	text := req.collect(s.err)
	if req.stats {
		req.opts.Stats = func(st *opt.Stats) { fmt.Fprint(s.err, st) }
	}
	obj, err := luabpfc.Compile(src, req.opts)
	if err != nil {
		return req.warn.filterError(err)
	}
	if err := files.refuse(req.out, req.dep); err != nil { // those that it required
		return err
	}
	left := req.warn.filter(obj.Warnings)
	if err := req.warn.promoted(left); err != nil {
		return err
	}
	fmt.Fprint(s.err, render(left))
	if req.v {
		describe(s.err, obj)
	}
	result, err := req.result(obj, text.String())
	if err != nil {
		return err
	}
	if err := writeFile(req.out, result, s.out); err != nil {
		return err
	}
	if req.dep == "" {
		return nil
	}
	return writeFile(req.dep, files.rule(req.out), s.out)
}

// result is what --emit asks for; text are the stages shown.
func (r *request) result(obj *luabpfc.Object, text string) ([]byte, error) {
	switch r.emit {
	case "obj":
		return obj.ELF, nil
	case "raw":
		return obj.Raw()
	case "ipft-lua":
		s, err := obj.IpftScript(r.script)
		return []byte(s), err
	}
	return []byte(text), nil
}

func parseRequest(c *cli.Context, s streams) (*request, error) {
	if c.NArg() != 1 {
		if c.NArg() == 0 {
			return nil, usagef("no script; 'luabpfc prog.lua -o prog.o' compiles one")
		}
		return nil, usagef("one script at a time: '%s' is too many", c.Args().Get(1))
	}
	req := &request{script: c.Args().First(), out: c.String("o"), dep: c.String("M"), emit: c.String("emit"), v: c.Bool("v"), opts: luabpfc.DefaultOptions()}
	if req.script == "" {
		return nil, usagef("the script's name is empty")
	}
	if c.IsSet("o") && req.out == "" {
		return nil, usagef("-o needs the name of a file")
	}
	if req.dep != "" && (req.out == "-" || req.out == "" && req.script == "-") {
		return nil, usagef("-M names the object in its rule: use -o FILE with it")
	}
	if req.dep != "" && req.dep == req.out {
		return nil, usagef("-M and -o both write '%s'", req.dep)
	}
	req.opts.NoDebug = c.Bool("g0")
	req.opts.Output = s.err
	req.opts.Args, _ = c.App.Metadata[keyScriptArgs].([]string)
	for _, parse := range []func(*cli.Context) error{req.parseTarget, req.parseEmit, req.parseDebug} {
		if err := parse(c); err != nil {
			return nil, err
		}
	}
	if err := req.parseDefines(c); err != nil {
		return nil, err
	}
	return req, req.warn.parse(c.StringSlice("W"))
}

// parseDefines reads -D.
func (r *request) parseDefines(c *cli.Context) error {
	for _, d := range c.StringSlice("D") {
		name, value, set := strings.Cut(d, "=")
		if name == "" {
			return usagef("-D needs a name: -D name=value")
		}
		r.opts.Defines = append(r.opts.Defines, luabpfc.Define{Name: name, Value: value, Set: set})
	}
	return nil
}

// runningBTF is where the running kernel shows its types and those of its modules.
const runningBTF = "/sys/kernel/btf"

// readBTF reads the kernel's types and, behind them, those of modules. Of a folder
// vmlinux is the kernel's.
func readBTF(names []string) (all []byte, err error) {
	for _, name := range names {
		files := []string{name}
		if entries, err := os.ReadDir(name); err == nil {
			files = []string{filepath.Join(name, kernelBTF)}
			for _, e := range entries {
				if e.Name() != kernelBTF {
					files = append(files, filepath.Join(name, e.Name()))
				}
			}
		}
		for _, f := range files {
			data, err := readTypes(f)
			if err != nil {
				return nil, err
			}
			if all == nil {
				all = data[:len(data):len(data)]
				continue
			}
			all = append(all, data...)
		}
	}
	return all, nil
}

// kernelBTF is the kernel's own file next to those of its modules.
const kernelBTF = "vmlinux"

// parseCPU reads -mcpu.
func (r *request) parseCPU(c *cli.Context) error {
	switch m := c.String("mcpu"); m {
	case "v1", "v2", "v3", "v4":
		r.opts.CPU = int(m[1] - '0')
	default:
		return usagef("-mcpu is v1, v2, v3 or v4, not '%s'", m)
	}
	return nil
}

// parseTarget reads what the object is for.
func (r *request) parseTarget(c *cli.Context) error {
	if err := r.parseCPU(c); err != nil {
		return err
	}
	switch t := c.String("target"); t {
	case "bpfel", "bpfeb":
		r.opts.BigEndian = t == "bpfeb"
	default:
		return usagef("--target is bpfel or bpfeb, not '%s'", t)
	}
	r.opts.Arch, _ = kernel.ArchByName(runtime.GOARCH)
	if a := c.String("arch"); a != "" {
		var ok bool
		if r.opts.Arch, ok = kernel.ArchByName(a); !ok {
			return usagef("--arch is x86_64, arm64, riscv64 or s390x, not '%s'", a)
		}
	}
	return r.parseKernel(c)
}

// parseKernel reads which kernel the object is for, and how well to compile.
func (r *request) parseKernel(c *cli.Context) error {
	switch o := c.String("O"); o {
	case "0", "2":
		r.opts.OptLevel = int(o[0] - '0')
	default:
		return usagef("-O%s: the levels are -O0 and -O2", o)
	}
	names := btfNames(c)
	r.opts.BTF = func() ([]byte, error) { return readBTF(names) }
	if k := c.String("target-kernel"); k != "" {
		v, err := kernel.ParseVersion(k)
		if err != nil {
			return usagef("--target-kernel: %v", err)
		}
		if v.Before(kernel.Oldest) {
			return usagef("--target-kernel: %s is older than %s, the oldest supported", v, kernel.Oldest)
		}
		r.opts.Kernel = v
	}
	return nil
}

// binaries are what --emit writes to a file of its own, by the file's ending.
var binaries = map[string]string{"obj": ".o", "raw": ".raw"}

// parseEmit reads what is written, and where.
func (r *request) parseEmit(*cli.Context) error {
	switch r.emit {
	case "obj", "ast", "ir", "opt", "mir", "asm", "raw", "ipft-lua":
	default:
		return usagef("--emit is ast, ir, opt, mir, asm, obj, raw or ipft-lua, not '%s'", r.emit)
	}
	if r.out != "" {
		return nil
	}
	r.out = "-"
	if ext := binaries[r.emit]; ext != "" && r.script != "-" {
		base := filepath.Base(r.script)
		r.out = strings.TrimSuffix(base, filepath.Ext(base)) + ext
	}
	return nil
}

// parseDebug reads -d.
func (r *request) parseDebug(c *cli.Context) error {
	for _, d := range c.StringSlice("d") {
		pass, flag, both := strings.Cut(d, "/")
		if !both {
			pass, flag = "", d
		}
		switch fuel, isFuel := strings.CutPrefix(flag, "fuel="); {
		case flag == "dump" && pass != "":
			if stages := dumpStages(); !slices.Contains(stages, pass) {
				return usagef("-d %s: there is no pass '%s'%s", d, pass, suggestion(pass, stages))
			}
			r.dumps = append(r.dumps, pass)
		case flag == "stats":
			r.stats = true
		case flag == "check":
			r.opts.Check = true
		case isFuel:
			n, err := strconv.Atoi(fuel)
			if err != nil || n < 0 {
				return usagef("-d fuel=N: '%s' is no count", fuel)
			}
			r.opts.Fuel = n
		default:
			return usagef("-d is PASS/dump, stats, check or fuel=N, not '%s'", d)
		}
	}
	return nil
}

// dumpStages are the stages and passes that -d STAGE/dump shows.
func dumpStages() []string {
	stages := []string{"ast", "ir", "opt", "select", "allocate", "layout", "mir", "asm"}
	for _, p := range opt.Passes {
		stages = append(stages, p.Name)
	}
	return stages
}

// collect makes the compiler show its stages: what --emit asks for goes to the
// builder returned, what -d asks for to w.
func (r *request) collect(w io.Writer) *strings.Builder {
	text := &strings.Builder{}
	if r.emit == "obj" && len(r.dumps) == 0 {
		return text
	}
	r.opts.Dump = func(stage, unit, dump string) {
		if !strings.HasSuffix(dump, "\n") {
			dump += "\n"
		}
		if stage == r.emit {
			text.WriteString(dump)
		}
		for _, d := range r.dumps {
			if d == stage {
				fmt.Fprintf(w, "-- %s, %s\n%s", stage, unit, dump)
			}
		}
	}
	return text
}

// describe says what is in an object, a line for each map and program.
func describe(w io.Writer, obj *luabpfc.Object) {
	for _, m := range obj.Maps {
		fmt.Fprintf(w, "map %s: %s, %d entries, key %d bytes, value %d bytes\n", m.Name, m.Type, m.MaxEntries, m.KeySize, m.ValueSize)
	}
	for _, p := range obj.Programs {
		fmt.Fprintf(w, "program %s: section %s, %d instruction slots, %d bytes of stack\n", p.Name, p.Section, p.Slots, p.Stack)
	}
}
