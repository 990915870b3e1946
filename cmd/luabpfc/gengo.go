package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// genTarget is what an object for Go is made for. Names of files and build
// constraints are bpf2go's.
type genTarget struct {
	name       string // on the command line
	suffix     string // of the files
	big        bool
	arch       string
	constraint string // "": all of the byte order
}

// genTargets are the targets: the first two for scripts that no architecture
// matters to.
var genTargets = []genTarget{
	{"bpfel", "bpfel", false, "", ""},
	{"bpfeb", "bpfeb", true, "", ""},
	{"amd64", "x86_bpfel", false, "x86_64", "386 || amd64"},
	{"arm64", "arm64_bpfel", false, "arm64", "arm64"},
	{"riscv64", "riscv_bpfel", false, "riscv64", "riscv64"},
	{"s390x", "s390_bpfeb", true, "s390x", "s390x"},
}

const genericTargets = 2

// genGoCommand is 'luabpfc gen go'.
func genGoCommand(s streams, render *func(diag.List) string) *cli.Command {
	return &cli.Command{
		Name:         "go",
		Usage:        "write Go files that embed an object, in the shape that bpf2go gives, with the types that user space shares with it",
		ArgsUsage:    "prog.lua | prog.o...",
		OnUsageError: onUsageError,
		Flags: genFlags(
			&cli.StringFlag{Name: "package", Usage: "`NAME` of the Go package (default: that of the file with the go:generate line)"},
			&cli.StringFlag{Name: "name", Usage: "`NAME` that all others begin with, exported or not (default: the file's, exported)"},
			&cli.StringFlag{Name: "o", Usage: "write FILE_bpfel.go, FILE_bpfel.o and so on for `FILE` (default: the script's name, in this folder)"},
			&cli.StringSliceFlag{Name: "target", Usage: "write files for `TARGET` only: bpfel, bpfeb, or for scripts that read registers amd64, arm64, riscv64, s390x"},
		),
		Action: func(c *cli.Context) error { return genGo(c, s, *render) },
	}
}

func genGo(c *cli.Context, s streams, render func(diag.List) string) error {
	in, err := openInput(c, s, render)
	if err != nil {
		return err
	}
	opts := bindings.Options{Package: c.String("package"), Name: c.String("name"), Command: "luabpfc gen go"}
	if opts.Package == "" {
		opts.Package = os.Getenv("GOPACKAGE")
	}
	if opts.Package == "" {
		return usagef("which package? -package NAME, or a //go:generate line, says it")
	}
	base := strings.TrimSuffix(c.String("o"), ".go")
	switch {
	case base != "":
	case in.name == "-":
		return usagef("a script from standard input has no name: use -o FILE")
	default:
		base = stem(in.name)
	}
	if opts.Name == "" {
		opts.Name = bindings.Stem(filepath.Base(base))
	}
	made, err := in.each(c.StringSlice("target"))
	if err != nil {
		return err
	}
	for _, m := range made {
		if err := m.write(base, opts, in); err != nil {
			return err
		}
	}
	return nil
}

// madeObject is an object and its target.
type madeObject struct {
	*genTarget
	*bindings.Object
}

// each returns the object for each target.
func (in *genInput) each(names []string) (list []madeObject, err error) {
	if in.objects != nil {
		return in.given(names)
	}
	targets, chosen := genTargets[:genericTargets], len(names) > 0
	if chosen {
		targets = nil
		for _, n := range names {
			i := slices.IndexFunc(genTargets, func(t genTarget) bool { return t.name == n })
			if i < 0 {
				return nil, usagef("--target is bpfel, bpfeb, amd64, arm64, riscv64 or s390x, not '%s'", n)
			}
			targets = append(targets, genTargets[i])
		}
	}
	for i := 0; i < len(targets); i++ {
		o, err := in.compile(&targets[i])
		if i == 0 && !chosen && needsArch(err) {
			targets, chosen, i = genTargets[genericTargets:], true, -1
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, madeObject{&targets[i], o})
	}
	return list, nil
}

// given are objects that are there: one for each byte order.
func (in *genInput) given(names []string) (list []madeObject, err error) {
	if len(names) > 1 || len(names) == 1 && len(in.objects) > 1 {
		return nil, usagef("an object is for one target")
	}
	for _, o := range in.objects {
		t := &genTargets[0]
		if o.BigEndian {
			t = &genTargets[1]
		}
		if len(names) == 1 {
			i := slices.IndexFunc(genTargets, func(t genTarget) bool { return t.name == names[0] && t.big == o.BigEndian })
			if i < 0 {
				return nil, usagef("the object is none for the target '%s'", names[0])
			}
			t = &genTargets[i]
		}
		if slices.ContainsFunc(list, func(m madeObject) bool { return m.genTarget == t }) {
			return nil, usagef("two objects have the same byte order: bindings embed one for each")
		}
		list = append(list, madeObject{t, o})
	}
	return list, nil
}

// needsArch reports whether a script is for one architecture.
func needsArch(err error) bool {
	list, _ := diag.AsList(err)
	return slices.ContainsFunc(list, func(d *diag.Diagnostic) bool { return d.Code == diag.NeedsArch })
}

// write writes the object and its Go file.
func (m madeObject) write(base string, opts bindings.Options, in *genInput) error {
	name := fmt.Sprintf("%s_%s", base, m.suffix)
	opts.Object, opts.Arch = filepath.Base(name)+".o", m.constraint
	text, err := m.Go(opts)
	if err != nil {
		return fmt.Errorf("'%s': %w", in.name, err)
	}
	if in.objects == nil || !sameFile(in.name, name+".o") {
		if err := in.files.refuse(name + ".o"); err != nil {
			return err
		}
		if err := writeFile(name+".o", m.ELF, in.s.out); err != nil {
			return err
		}
	}
	return writeFile(name+".go", text, in.s.out)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
