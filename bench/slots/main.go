// Command slots compares the size of examples, in slots of eight bytes, with
// what clang -O2 makes of their counterparts in C, in bench/c, all functions together.
//
//	go run ./bench/slots              # needs clang-22 and libbpf-dev
//	go run ./bench/slots -max 1
//
// With -max the exit code is 1 if a program is larger than so many times its
// counterpart.
package main

import (
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pairs are the scripts that have a counterpart in bench/c.
func pairs() (scripts []string, err error) {
	cs, err := filepath.Glob("bench/c/*.c")
	for _, c := range cs {
		name := strings.TrimSuffix(filepath.Base(c), ".c")
		script := filepath.Join("examples", name+".lua")
		if _, err := os.Stat(script); err != nil {
			script = filepath.Join("examples", name, name+".lua")
		}
		scripts = append(scripts, script)
	}
	return scripts, err
}

func main() {
	clang := flag.String("clang", "clang-22", "the C compiler")
	cpu := flag.String("mcpu", "v3", "the instruction set of both")
	limit := flag.Float64("max", 0, "largest ratio allowed; 0: any")
	flag.Parse()
	over, err := compare(*clang, *cpu, *limit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "slots:", err)
		os.Exit(2)
	}
	if over {
		os.Exit(1)
	}
}

func compare(clang, cpu string, limit float64) (over bool, err error) {
	dir, err := os.MkdirTemp("", "luabpfc-slots")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "luabpfc")
	if err := run("go", "build", "-o", bin, "./cmd/luabpfc"); err != nil {
		return false, fmt.Errorf("building (run this at the top of the repository): %w", err)
	}
	fmt.Printf("%-24s %8s %8s %8s\n", "slots", "luabpfc", "clang", "ratio")
	scripts, err := pairs()
	if err != nil {
		return false, err
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".lua")
		ours, theirs := filepath.Join(dir, "lua.o"), filepath.Join(dir, "c.o")
		if err := run(bin, script, "-mcpu", cpu, "-o", ours); err != nil {
			return false, err
		}
		if err := run(clang, "-O2", "-g", "-target", "bpf", "-mcpu="+cpu, "-I/usr/include/x86_64-linux-gnu",
			"-I/usr/include/aarch64-linux-gnu", "-c", "bench/c/"+name+".c", "-o", theirs); err != nil {
			return false, err
		}
		a, err := slots(ours)
		if err != nil {
			return false, err
		}
		b, err := slots(theirs)
		if err != nil {
			return false, err
		}
		ratio := float64(a) / float64(b)
		fmt.Printf("%-24s %8d %8d %8.2f\n", name, a, b, ratio)
		over = over || limit > 0 && ratio > limit
	}
	return over, nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// slots returns how long the functions of an object are together.
func slots(object string) (n int, err error) {
	f, err := elf.Open(object)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for _, s := range f.Sections {
		if s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0 {
			n += int(s.Size / 8)
		}
	}
	return n, nil
}
