package luabpfc_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc"
)

// One of so many scripts of TestAccepted runs, and one of so many has nothing
// in it that needs privilege and is loaded without.
const (
	acceptedCompare = 7
	acceptedFixed   = 3
)

// compareAccepted runs a program of TestAccepted in the kernel and, before and
// after the passes, in the interpreter.
func compareAccepted(src luabpfc.Source, obj *luabpfc.Object, opts luabpfc.Options, seed uint64) error {
	before, _, err := luabpfc.Lower(src, opts)
	if err != nil {
		return err
	}
	after, _, err := luabpfc.Lower(src, opts)
	if err == nil {
		err = luabpfc.Optimise(after, opts)
	}
	if err != nil {
		return err
	}
	inKernel, err := kernelBackend("the kernel", obj)
	if err != nil {
		return err
	}
	defer inKernel.close()
	ways := []backend{interpBackend("the interpreter before the passes", before), interpBackend("the interpreter after the passes", after), inKernel}
	r := rand.New(rand.NewPCG(seed, 11))
	for range 4 {
		in := runInput{prog: obj.Programs[len(obj.Programs)-1], packet: acceptedPacket(r)}
		if k := in.prog.Kind; k == "socket" || k == "tc" {
			in.ctx = map[string]uint64{"mark": uint64(uint32(interesting(r))), "priority": uint64(uint32(interesting(r)))}
		}
		var first string
		for i, b := range ways {
			seen, err := seenOf(b, obj, in)
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			if i == 0 {
				first = seen
			} else if seen != first {
				return fmt.Errorf("packet %x, context %v: %s sees\n%s%s sees\n%s", in.packet, in.ctx, ways[0].name, first, b.name, seen)
			}
		}
	}
	return nil
}

// acceptedPacket is random bytes, mostly with an IPv4 header somewhere.
func acceptedPacket(r *rand.Rand) []byte {
	p := make([]byte, 34+r.IntN(60))
	for i := range p {
		p[i] = byte(interesting(r))
	}
	if r.IntN(4) > 0 {
		p[12], p[13], p[14], p[23] = 8, 0, 0x45, []byte{6, 17, 1}[r.IntN(3)]
		p[20], p[21] = 0, 0
	}
	return p
}

// seenOf runs a program and says what came of it.
func seenOf(b backend, obj *luabpfc.Object, in runInput) (string, error) {
	in.packet = bytes.Clone(in.packet)
	out, err := b.run(in)
	if err != nil {
		return "", err
	}
	var s strings.Builder
	fmt.Fprintf(&s, "  %d", int32(out.ret))
	if out.out != nil {
		fmt.Fprintf(&s, " %x", out.out)
	}
	s.WriteByte('\n')
	for _, m := range obj.Maps {
		if m.Type == "ringbuf" {
			for n := 0; ; n++ {
				rec, err := b.recv(m.Name)
				if err != nil || rec == nil {
					break
				}
				if n == 30 { // it may be full, in the kernel
					return "", errTooLong
				}
				fmt.Fprintf(&s, "  %s: %x\n", m.Name, rec)
			}
			continue
		}
		if !strings.Contains(m.Type, "array") && !strings.Contains(m.Type, "hash") || m.KeySize == 0 || strings.HasSuffix(m.Name, "_scratch") {
			continue // what scratch memory is left with is nobody's
		}
		entries, err := b.entries(m.Name)
		if err != nil {
			return "", err
		}
		var lines []string
		for _, e := range entries {
			if strings.Contains(m.Type, "hash") || bytes.ContainsFunc(e.value, func(r rune) bool { return r != 0 }) {
				lines = append(lines, fmt.Sprintf("  %s[%x] = %x\n", m.Name, e.key, e.value))
			}
		}
		slices.Sort(lines)
		s.WriteString(strings.Join(lines, ""))
	}
	return s.String(), nil
}
