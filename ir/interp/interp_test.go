package interp

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestRun runs testdata/interp. A section NAME.ir is a module, NAME.run a
// script of what is done with it (see script), NAME.want what that prints.
func TestRun(t *testing.T) {
	files, err := filepath.Glob("../../testdata/interp/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		section := map[string]*txtar.File{}
		for i := range a.Files {
			section[a.Files[i].Name] = &a.Files[i]
		}
		for i := range a.Files {
			name, ok := strings.CutSuffix(a.Files[i].Name, ".ir")
			if !ok {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				run, want := section[name+".run"], section[name+".want"]
				if want == nil {
					t.Fatalf("%s has no section %s.want", file, name)
				}
				text := "run"
				if run != nil {
					text = string(run.Data)
				}
				got := script(t, string(a.Files[i].Data), text)
				if os.Getenv("LUABPFC_UPDATE") != "" {
					want.Data = []byte(got)
				}
				if d := cmp.Diff(string(want.Data), got); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			})
		}
		if os.Getenv("LUABPFC_UPDATE") != "" {
			if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// script executes commands: Env's fields by name, "update MAP KEY VALUE",
// "run [FUNC [ARG...]]" (the first function without a name), "maps".
func script(t *testing.T, text, commands string) string {
	mod, err := ir.Parse("in", text)
	if err == nil {
		err = mod.Verify()
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var m *Machine
	env := Env{Ctx: map[string]uint64{}}
	for _, line := range strings.Split(strings.TrimSpace(commands), "\n") {
		w := strings.Fields(line)
		if m != nil {
			m.Env = env
		}
		switch w[0] {
		case "run", "update", "maps":
			if m == nil {
				m = New(mod, env)
			}
			command(t, &b, m, w)
			env.Time = m.Env.Time
		default:
			setEnv(t, &env, w)
		}
	}
	return b.String()
}

func command(t *testing.T, b *strings.Builder, m *Machine, w []string) {
	switch w[0] {
	case "maps":
		for _, d := range m.module.Maps {
			fmt.Fprintf(b, "map %s\n", d.Name)
			for _, e := range m.Entries(d.Name) {
				fmt.Fprintf(b, "\t%x:", e.Key)
				for _, v := range e.Values {
					fmt.Fprintf(b, " %x", v)
				}
				b.WriteByte('\n')
			}
		}
	case "update":
		if err := m.Update(w[1], unhex(t, w[2]), unhex(t, w[3])); err != nil {
			fmt.Fprintf(b, "update: %v\n", err)
		}
	case "run":
		f := m.module.Funcs[0]
		if len(w) > 1 {
			for _, g := range m.module.Funcs {
				if g.Name == w[1] {
					f = g
				}
			}
		}
		var args []uint64
		for _, a := range w[min(2, len(w)):] {
			args = append(args, num(t, a))
		}
		res, err := m.Run(f, args...)
		for _, line := range res.Trace {
			fmt.Fprintf(b, "trace %q\n", line)
		}
		if err != nil {
			fmt.Fprintf(b, "fault %v\n", err)
		} else {
			fmt.Fprintf(b, "ret %d\n", int64(res.Ret))
		}
		if string(res.Packet) != string(m.Env.Packet) && err == nil {
			fmt.Fprintf(b, "packet %x\n", res.Packet)
		}
	}
}

func setEnv(t *testing.T, env *Env, w []string) {
	n := func() uint64 { return num(t, w[1]) }
	switch w[0] {
	case "packet":
		env.Packet = unhex(t, strings.Join(w[1:], ""))
	case "ctx":
		env.Ctx[w[1]] = num(t, w[2])
	case "time":
		env.Time = n()
	case "timestep":
		env.TimeStep = n()
	case "cpu":
		env.CPU = int(n())
	case "cpus":
		env.CPUs = int(n())
	case "pid_tgid":
		env.PidTgid = n()
	case "uid_gid":
		env.UidGid = n()
	case "comm":
		env.Comm = w[1]
	case "random":
		env.Random = nil
		for _, x := range w[1:] {
			env.Random = append(env.Random, uint32(num(t, x)))
		}
	case "maxsteps":
		env.MaxSteps = int(n())
	default:
		t.Fatalf("unknown command %q", w)
	}
}

func num(t *testing.T, s string) uint64 {
	t.Helper()
	if x, err := strconv.ParseUint(s, 0, 64); err == nil {
		return x
	}
	x, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(x)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryOpHasAMeaning fails when a row of the op table has no case.
func TestEveryOpHasAMeaning(t *testing.T) {
	for op := ir.OpInvalid + 1; op < ir.NumOps; op++ {
		if handler(op) == nil {
			t.Errorf("op %s can't be executed", op)
		}
	}
	if handler(ir.OpInvalid) != nil {
		t.Error("the invalid op has a meaning")
	}
}

// TestHelperNames fails when a simulation is of no helper of the table.
func TestHelperNames(t *testing.T) {
	n := 0
	for _, h := range kernel.Helpers {
		if helper(h.Name) != nil {
			n++
		}
	}
	if n < 14 {
		t.Errorf("%d helpers are simulated only", n)
	}
	if helper("no such helper") != nil {
		t.Error("a helper that does not exist is simulated")
	}
}

// FuzzRun executes whatever verifies: it may fault, it must not panic.
func FuzzRun(f *testing.F) {
	for _, dir := range []string{"ir", "interp"} {
		files, _ := filepath.Glob("../../testdata/" + dir + "/*.txtar")
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, x := range a.Files {
				if strings.HasSuffix(x.Name, ".ir") {
					f.Add(string(x.Data), []byte("0123456789abcdef"))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, packet []byte) {
		mod, err := ir.Parse("fuzz", text)
		if err != nil || mod.Verify() != nil {
			return
		}
		for _, m := range mod.Maps {
			if m.MaxEntries > 1000 || m.ValueSize > 1000 || m.KeySize > 1000 {
				return
			}
		}
		for _, g := range mod.Funcs {
			m := New(mod, Env{Packet: packet, MaxSteps: 2000})
			_, _ = m.Run(g, make([]uint64, len(g.Params))...)
			for _, d := range mod.Maps {
				m.Entries(d.Name)
			}
		}
	})
}
