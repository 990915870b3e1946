package userspace

import (
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// Stacks. A map of type stack_trace has the addresses; others count under its
// numbers, which are known by the names of members: 'stack', 'user_stack', 'kstack'.
// A map without members has them as keys if each of its keys is one. User space's
// addresses mean something in one process: a member 'pid' or 'tgid' beside them says
// which.

// stack is a stack by the member that has its number.
type stack struct {
	member string
	frames []loader.Frame // innermost first
	lost   string         // why there are none
}

// stackRow is a row of a map that counts stacks.
type stackRow struct {
	row
	label  any // the key without stacks
	stacks []stack
}

// stackMaps are the maps that have stacks.
func (h *host) stackMaps() (all []*liveMap) {
	for _, m := range h.st.Maps() {
		if m.Type.Can(kernel.MapStack) {
			all = append(all, h.maps[m])
		}
	}
	return all
}

// withStacks takes the stacks out of the keys of rows; false if there are none.
func (h *host) withStacks(m *liveMap, rows []row) ([]stackRow, bool) {
	in := h.stackMaps()
	if len(in) == 0 || len(rows) == 0 || m.Type.Array || m.Type.Can(kernel.MapStack) {
		return nil, false
	}
	out, some := make([]stackRow, len(rows)), false
	for i, r := range rows {
		s := stackRow{row: r}
		members, isStruct := r.key.(loader.Members)
		if !isStruct {
			f, ok := h.stackAt(in, m.Name, r.key, 0)
			if !ok {
				return nil, false
			}
			s.stacks = []stack{f}
		}
		pid := processOf(r.key, r.value)
		var rest loader.Members
		for _, f := range members {
			st, ok := h.stackAt(in, f.Name, f.Value, pid)
			if ok && isStack(f.Name) {
				s.stacks = append(s.stacks, st)
			} else {
				rest = append(rest, f)
			}
		}
		if len(s.stacks) == 0 {
			return nil, false
		}
		if rest != nil {
			s.label = rest
		}
		for _, f := range s.stacks {
			some = some || f.lost == ""
		}
		out[i] = s
	}
	return out, some
}

func isStack(member string) bool { return strings.Contains(strings.ToLower(member), "stack") }

// processOf is the process that a row is about, 0 if it does not say.
func processOf(trees ...any) int {
	for _, t := range trees {
		members, _ := t.(loader.Members)
		for _, want := range []string{"tgid", "pid"} {
			for _, f := range members {
				if n, ok := treeNumber(f.Value); ok && f.Name == want {
					return int(n)
				}
			}
		}
	}
	return 0
}

// stackAt is the stack that a member has the number of.
func (h *host) stackAt(in []*liveMap, member string, number any, pid int) (stack, bool) {
	n, ok := treeNumber(number)
	if !ok || n != float64(int64(n)) {
		return stack{}, false
	}
	s := stack{member: member}
	id := int32(int64(n)) // negative: an error of bpf_get_stackid
	switch {
	case id == -17:
		s.lost = "another stack has its place: the map is too small"
		return s, true
	case id < 0:
		s.lost = "none"
		return s, true
	}
	key := binary.NativeEndian.AppendUint32(nil, uint32(id))
	for _, m := range byName(in, member) {
		v, err := m.in.Lookup(key)
		if err == nil && v != nil {
			s.frames = h.frames(member, v, pid)
			return s, true
		}
	}
	s.lost = "it is not there any more"
	return s, false
}

// learn looks up the functions of all stacks that are there: when they are shown
// their processes may have ended.
func (h *host) learn() error {
	for _, sm := range h.st.Maps() {
		m := h.maps[sm]
		if _, hist := h.scaleOf(m); hist || !m.Type.Can(kernel.MapUpdate) || m.Type.Array {
			continue
		}
		rows, err := h.rows(m)
		if err != nil {
			return err
		}
		h.withStacks(m, rows)
	}
	return nil
}

// byName puts the maps first that are called as a member is.
func byName(in []*liveMap, member string) []*liveMap {
	like := func(m *liveMap) int {
		a, b := strings.ToLower(m.Name), strings.ToLower(member)
		if strings.Contains(a, b) || strings.Contains(b, a) || a[0] == b[0] {
			return 0
		}
		return 1
	}
	in = slices.Clone(in)
	slices.SortStableFunc(in, func(a, b *liveMap) int { return like(a) - like(b) })
	return in
}

// frames are the frames of a stack as it lies in its map. All but the innermost are
// addresses to return to: the call is in front of them.
func (h *host) frames(member string, addresses []byte, pid int) (all []loader.Frame) {
	for i := 0; i+8 <= len(addresses); i += 8 {
		addr := binary.NativeEndian.Uint64(addresses[i:])
		if addr == 0 {
			break
		}
		at := addr
		if i > 0 {
			at--
		}
		var f loader.Frame
		if inKernel(member, addr) {
			f, _ = h.symbols.Kernel(at) // without names there are addresses
		} else {
			f, _ = h.symbols.User(pid, at)
		}
		f.Addr, f.Offset = addr, f.Offset+addr-at
		all = append(all, f)
	}
	return all
}

// inKernel reports whether an address is the kernel's: those of the upper half are,
// but on machines on which it has a space of its own.
func inKernel(member string, addr uint64) bool {
	if runtime.GOARCH == "s390x" {
		return !strings.HasPrefix(strings.ToLower(member), "u")
	}
	return addr>>63 != 0
}

// showStackRows prints what was counted, with the stacks below it, innermost first.
func (h *host) showStackRows(m *liveMap, rows []stackRow) error {
	var b strings.Builder
	b.WriteString(m.Name + "\n")
	for _, r := range rows {
		if r.label == nil {
			fmt.Fprintf(&b, "  %s\n", loader.Plain(r.value))
		} else {
			fmt.Fprintf(&b, "  %s  %s\n", loader.Plain(r.label), loader.Plain(r.value))
		}
		for _, s := range r.stacks {
			if len(r.stacks) > 1 || s.lost != "" {
				fmt.Fprintf(&b, "    %s:", s.member)
				if s.lost != "" {
					fmt.Fprintf(&b, " %s", s.lost)
				}
				b.WriteString("\n")
			}
			for _, f := range s.frames {
				fmt.Fprintf(&b, "      %s\n", f)
			}
		}
		b.WriteString("\n")
	}
	return h.printf("%s", b.String())
}

// stacksJSON is a row's stacks as members: lists of frames.
func stacksJSON(stacks []stack) loader.Members {
	var all loader.Members
	for _, s := range stacks {
		all = append(all, loader.Member{Name: s.member, Value: frameNames(s.frames)})
	}
	return all
}

func frameNames(frames []loader.Frame) []loader.Value {
	list := []loader.Value{}
	for _, f := range frames {
		list = append(list, f.String())
	}
	return list
}

// folded prints what was counted by stack in the form that flame graphs are made
// of: 'outermost;...;innermost count', each stack once.
func (h *host) folded() error {
	lines := map[string]float64{}
	for _, sm := range h.st.Maps() {
		m := h.maps[sm]
		if _, hist := h.scaleOf(m); hist || !m.Type.Can(kernel.MapUpdate) {
			continue
		}
		rows, err := h.rows(m)
		if err != nil {
			return err
		}
		counted, ok := h.withStacks(m, rows)
		if !ok {
			continue
		}
		for _, r := range counted {
			if n, ok := count(r.value); ok && n > 0 {
				lines[fold(r)] += n
			}
		}
	}
	if len(lines) == 0 {
		h.note("no map counts stacks: a key, or a member of one named 'stack', must be what stack_id gave")
	}
	for _, l := range slices.Sorted(maps.Keys(lines)) {
		if err := h.printf("%s %.0f\n", l, lines[l]); err != nil {
			return err
		}
	}
	return nil
}

// count is the number of a value: itself, or the first member that is one.
func count(value any) (float64, bool) {
	if members, ok := value.(loader.Members); ok {
		for _, f := range members {
			if n, ok := treeNumber(f.Value); ok && !isStack(f.Name) && f.Name != "pid" && f.Name != "tgid" {
				return n, true
			}
		}
		return 0, false
	}
	return treeNumber(value)
}

// fold is a row's stacks in a line: the name that the key has, then user space,
// whose call the kernel's part answers, outermost first.
func fold(r stackRow) string {
	var parts []string
	members, _ := r.label.(loader.Members)
	for _, f := range members {
		if s, ok := f.Value.(string); ok {
			parts = append(parts, s)
			break
		}
	}
	stacks := slices.Clone(r.stacks)
	slices.SortStableFunc(stacks, func(a, b stack) int { return kernelLast(a) - kernelLast(b) })
	for _, s := range stacks {
		for _, f := range slices.Backward(s.frames) {
			name := f.Name
			if name == "" {
				name = f.String()
			}
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		parts = []string{"[none]"}
	}
	for i, p := range parts {
		parts[i] = strings.NewReplacer(";", ":", "\n", " ").Replace(p)
	}
	return strings.Join(parts, ";")
}

func kernelLast(s stack) int {
	if len(s.frames) > 0 && inKernel(s.member, s.frames[0].Addr) {
		return 1
	}
	return 0
}
