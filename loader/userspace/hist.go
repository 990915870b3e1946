package userspace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// Histograms: a map counts under each slot how many values fell into it. bpf.hist
// counts by powers of two: slot 0 has what is 0 or less, slot n the values from
// 2^(n-1) to 2^n - 1. In a linear histogram slot n begins at n times its step.

// scale is what the slots of a histogram stand for.
type scale struct {
	step  float64 // of a linear one; 0: powers of two
	start float64 // where slot 0 of a linear one begins
	floor bool    // slot n begins at 2^n: the slots are math.log2 of the values
}

// bounds are the values of a slot: from, and to without it.
func (s scale) bounds(slot int) (from, to float64) {
	switch {
	case s.step > 0:
		return s.start + float64(slot)*s.step, s.start + float64(slot+1)*s.step
	case s.floor:
		return math.Exp2(float64(slot)), math.Exp2(float64(slot + 1))
	case slot == 0:
		return 0, 1
	}
	return math.Exp2(float64(slot - 1)), math.Exp2(float64(slot))
}

// label names a slot: [4, 8), or [1] where it has a single value.
func (s scale) label(slot int) string {
	from, to := s.bounds(slot)
	if to-from == 1 && s.step == 0 {
		return "[" + short(from) + "]"
	}
	return "[" + short(from) + ", " + short(to) + ")"
}

// short writes a number with K, M and so on where that says the same.
func short(f float64) string {
	const units = "KMGTPE"
	for i := len(units) - 1; i >= 0; i-- {
		if u := math.Exp2(float64(10 * (i + 1))); f >= u && math.Mod(f, u) == 0 {
			return fmt.Sprintf("%g%c", f/u, units[i])
		}
	}
	return fmt.Sprintf("%.14g", f)
}

// barWidth is how long the longest bar is.
const barWidth = 52

// printHist prints the slots from the first to the last with a count as bars.
func printHist(w io.Writer, s scale, slots map[int]float64) error {
	first, last, most := math.MaxInt, -1, 0.0
	for i, n := range slots {
		if n > 0 {
			first, last, most = min(first, i), max(last, i), max(most, n)
		}
	}
	var b strings.Builder
	for i := first; i <= last; i++ {
		bar := strings.Repeat("@", int(slots[i]*barWidth/most))
		fmt.Fprintf(&b, "%-20s %10.0f |%-*s|\n", s.label(i), slots[i], barWidth, bar)
	}
	if last < 0 {
		b.WriteString("(empty)\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// slots reads a histogram: the counts of all CPUs by slot.
func (h *host) slots(m *liveMap) (map[int]float64, error) {
	keys, err := m.in.Keys()
	if err != nil {
		return nil, err
	}
	slots := map[int]float64{}
	for _, k := range keys {
		slot, ok := treeNumber(h.tree(h.st.Value(m.Key, k)))
		if !ok {
			return nil, fmt.Errorf("map '%s' is no histogram: its keys are no numbers", m.Name)
		}
		v, err := m.in.Lookup(k)
		if err != nil {
			return nil, err
		}
		n, ok := h.sum(m, v)
		if !ok {
			return nil, fmt.Errorf("map '%s' is no histogram: its values are no numbers", m.Name)
		}
		slots[int(slot)] += n
	}
	return slots, nil
}

// sum is the number that an entry holds, over all CPUs.
func (h *host) sum(m *liveMap, v []byte) (float64, bool) {
	t := h.tree(h.st.MapValue(m.Map, v))
	list, ok := t.([]loader.Value)
	if !ok || !m.Type.PerCPU {
		return treeNumber(t)
	}
	total := 0.0
	for _, e := range list {
		n, ok := treeNumber(e)
		if !ok {
			return 0, false
		}
		total += n
	}
	return total, true
}

// mapPrintHist is m:print_hist([title]) and m:print_hist { title = ”, linear =
// step, start = 0, floor = false }.
func mapPrintHist(c *call) ([]lua.LValue, error) {
	m := c.live()
	if !m.Type.Can(kernel.MapUpdate) {
		return nil, fmt.Errorf("map '%s' has no entries: it is of type %s", m.Name, m.Type.Name)
	}
	title := m.Name
	s, _ := c.scaleOf(m)
	switch v := c.arg(1).(type) {
	case lua.LString:
		title = string(v)
	case *lua.LTable:
		if t, ok := script.Text(v.RawGetString("title")); ok {
			title = t
		}
		if step, ok := script.Number(v.RawGetString("linear")); ok {
			s.step = step
		}
		s.start, _ = script.Number(v.RawGetString("start"))
		s.floor = lua.LVAsBool(v.RawGetString("floor"))
		if s.step < 0 {
			return nil, errors.New("print_hist: the step of a linear histogram is above 0")
		}
	}
	slots, err := c.slots(m)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c.opts.Out, "%s\n", title); err != nil {
		return nil, err
	}
	return nil, printHist(c.opts.Out, s, slots)
}

// scaleOf is how bpf.hist counts in a map; false if it does not.
func (h *host) scaleOf(m *liveMap) (scale, bool) {
	for _, info := range h.object.Maps {
		if info.Name == m.Name && info.Histogram != nil {
			return scale{step: float64(info.Histogram.Step)}, true
		}
	}
	return scale{}, false
}
