package luabpfc_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// TestMutants breaks an instruction of loaded programs at a time: it reads the
// stack where there is none. The verifier refuses it, and the place that its log
// leads to is the script's line that the instruction comes from, as the loader reports it and nearly always in the log's own words.
func TestMutants(t *testing.T) {
	needKernel(t)
	refused, unseen, logged := 0, 0, 0
	for i, s := range samples(t) {
		if s.c.opts.BigEndian != nativeBig || i%8 != 0 {
			continue
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(s.obj.ELF))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mutants(t, s.obj.ELF) {
			want := lineAt(spec.Programs[m.program], m.instruction)
			err := load(m.elf)
			if err == nil {
				unseen++ // no run of the program gets there
				continue
			}
			var r *loader.RejectError
			if !errors.As(err, &r) {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			// Since 6.10 the log has it itself, but for lines that it wrote on another
			// path before, and what is refused before the first path.
			if strings.Contains(strings.Join(r.Log, "\n"), fmt.Sprintf("; %s @ %s:%d\n", strings.TrimLeft(want.Line(), " \t"), want.FileName(), want.LineNumber())) {
				logged++
			}
			if m := unreached.FindStringSubmatch(r.Reason); m != nil { // behind a jump that is no more
				n, _ := strconv.Atoi(m[1])
				want = lineAt(spec.Programs[r.Program], n)
			}
			if refused++; r.Program != m.program || r.File != want.FileName() || r.Line != int(want.LineNumber()) || r.Text != strings.TrimSpace(want.Line()) {
				t.Errorf("%s: instruction %d of '%s' comes from %s:%d; the loader says %v", s.name, m.instruction, m.program, want.FileName(), want.LineNumber(), r)
			}
		}
	}
	if runningKernel().Before(kernel.Version{Major: 6, Minor: 10}) {
		logged = refused
	}
	if refused < 20*unseen || refused < 100 || logged < refused*9/10 {
		t.Errorf("%d mutants refused, %d not; %d logs have the line", refused, unseen, logged)
	}
	t.Logf("%d mutants refused, %d not; %d logs have the line", refused, unseen, logged)
}

var unreached = regexp.MustCompile(`^unreachable insn (\d+)$`)

func load(object []byte) error {
	o, err := loader.Open(object)
	if err != nil {
		return err
	}
	defer o.Close()
	return o.Load()
}

// mutant is an object with one instruction changed.
type mutant struct {
	elf         []byte
	program     string
	instruction int // number of its first slot
}

// mutants changes the first, the middle and the last of each program's
// instructions, its exits aside.
func mutants(t *testing.T, object []byte) (l []mutant) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || f.Sections[s.Section].Name == ".text" {
			continue
		}
		places := instructions(t, f, s)
		for k, i := range []int{0, len(places) / 2, len(places) - 1} {
			if i < k || i >= len(places) { // a short program has fewer than three
				continue
			}
			m := mutant{bytes.Clone(object), s.Name, places[i]}
			copy(m.elf[f.Sections[s.Section].Offset+s.Value+8*uint64(places[i]):], outOfStack)
			l = append(l, m)
		}
	}
	return l
}

// outOfStack is r0 = *(u64 *)(r10 + 8).
var outOfStack = func() []byte {
	if nativeBig {
		return []byte{0x79, 0x0a, 0, 8, 0, 0, 0, 0}
	}
	return []byte{0x79, 0xa0, 8, 0, 0, 0, 0, 0}
}()

// instructions are the first slots of those that are one slot, have no relocation
// and are neither exits nor a jump at the end: without the last of those a program
// is refused before the verifier goes into it.
func instructions(t *testing.T, f *elf.File, s elf.Symbol) (l []int) {
	t.Helper()
	relocated := map[uint64]bool{}
	for _, r := range f.Sections {
		if r.Type != elf.SHT_REL || r.Info != uint32(s.Section) {
			continue
		}
		b, err := r.Data()
		if err != nil {
			t.Fatal(err)
		}
		for ; len(b) >= 16; b = b[16:] {
			relocated[f.ByteOrder.Uint64(b)-s.Value] = true
		}
	}
	code, err := f.Sections[s.Section].Data()
	if err != nil {
		t.Fatal(err)
	}
	const wide, exit, jump = 0x18, 0x95, 0x05
	for at := uint64(0); at < s.Size; at += 8 {
		if code[s.Value+at] == wide {
			at += 8
		} else if op := code[s.Value+at]; !relocated[at] && op != exit && (op != jump || at+8 < s.Size) {
			l = append(l, int(at/8))
		}
	}
	return l
}

// lineAt is the entry of the line table that covers an instruction.
func lineAt(p *ebpf.ProgramSpec, instruction int) (line *btf.Line) {
	it := p.Instructions.Iterate()
	for it.Next() && int(it.Offset) <= instruction {
		if l, ok := it.Ins.Source().(*btf.Line); ok {
			line = l
		}
	}
	return line
}
