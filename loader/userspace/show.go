package userspace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// A script without a part in user space: its maps are shown as they are, events
// as they come.

// Show says how.
type Show struct {
	JSON     bool          // a JSON object a line
	Folded   bool          // what was counted by stack, for flame graphs, and nothing else
	Interval time.Duration // between pictures; 0: at the end only
	Duration time.Duration // of all; 0: until Ctrl-C
	Once     bool          // one picture, after one interval
	// Terminal says that Out is a terminal: pictures come every second if Interval
	// does not say otherwise, and each takes the place of the one before; not where
	// records are printed as well.
	Terminal bool
	Rows     func() int // of the terminal now, 0 if that is not known; may be nil
}

// row is an entry of a map.
type row struct {
	key, value any
	bytes      []byte
	order      float64
}

// show shows maps and events until an interrupt, or for as long as is wanted.
func (h *host) show() error {
	s := h.opts.Show
	c := &call{host: h, L: h.st.VM()}
	every := s.Interval
	var scr *screen
	if s.Terminal && !s.JSON && !s.Folded && !h.hasRecords() {
		scr = &screen{out: h.opts.Out, size: s.Rows}
	}
	if (s.Once || scr != nil) && every == 0 {
		every = time.Second
	}
	var end, next time.Time
	if s.Duration > 0 {
		end = time.Now().Add(s.Duration)
	}
	if every > 0 {
		next = time.Now().Add(every)
	}
	for {
		until := earliest(next, end)
		if len(h.stackMaps()) > 0 {
			until = earliest(until, time.Now().Add(time.Second))
		}
		if err := h.events(c, until); err != nil {
			return err
		}
		if !h.interrupted() && time.Now().Before(earliest(earliest(next, end), forever())) {
			if err := h.learn(); err != nil {
				return err
			}
			continue
		}
		over := h.interrupted() || s.Once || !end.IsZero() && !time.Now().Before(end)
		if err := h.refresh(scr, over); err != nil {
			return err
		}
		if over {
			return nil
		}
		next = time.Now().Add(every)
	}
}

// earliest is the earlier one of two times, of which a zero one does not come.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// events prints the records of buffers as they come, until a time or an interrupt.
func (h *host) events(c *call, until time.Time) error {
	var all []*liveMap
	for _, m := range h.st.Maps() {
		if !m.Type.Records || m.Type.Can(kernel.MapDrain) {
			continue
		}
		c.op.On = m
		if _, err := c.reading(); err != nil {
			return err
		}
		all = append(all, h.maps[m])
	}
	if len(all) == 0 {
		if until.IsZero() {
			until = forever()
		}
		err := c.sleep(until)
		if h.interrupted() {
			return nil
		}
		return err
	}
	_, err := c.wait(until, func(deadline time.Time) (bool, error) {
		for i, m := range all {
			if i < len(all)-1 {
				deadline = time.Unix(1, 0) // only the last one is waited for
			}
			for {
				ev, ok, err := m.events.next(deadline)
				if err != nil {
					return false, err
				}
				if !ok {
					break
				}
				if err := h.event(c, m, ev); err != nil {
					return false, err
				}
				if h.interrupted() || !until.IsZero() && time.Now().After(until) {
					return true, nil
				}
			}
		}
		return false, nil
	})
	if h.interrupted() {
		return nil
	}
	return err
}

// event prints one record.
func (h *host) event(c *call, m *liveMap, ev loader.Event) error {
	if h.opts.Show.Folded {
		return nil
	}
	t := h.tree(c.record(m.Value, ev.Data))
	if h.opts.Show.JSON {
		return h.printf("{\"map\":%s,\"event\":%s}\n", asJSON(m.Name), asJSON(t))
	}
	return h.printf("%s: %s\n", m.Name, loader.Plain(t))
}

func (h *host) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(h.opts.Out, format, args...)
	return err
}

// hasRecords reports whether programs send records.
func (h *host) hasRecords() bool {
	return slices.ContainsFunc(h.st.Maps(), func(m *script.Map) bool { return m.Type.Records && !m.Type.Can(kernel.MapDrain) })
}

// refresh shows a picture, on the screen if there is one.
func (h *host) refresh(scr *screen, last bool) error {
	if scr == nil {
		return h.picture()
	}
	out := h.opts.Out
	defer func() { h.opts.Out = out }()
	var text strings.Builder
	h.opts.Out = &text
	if err := h.picture(); err != nil {
		return err
	}
	return scr.draw(text.String(), last)
}

// picture shows every map that has entries.
func (h *host) picture() error {
	if h.opts.Show.Folded {
		return h.folded()
	}
	stacks := false
	for _, sm := range h.st.Maps() {
		m := h.maps[sm]
		if !m.Type.Can(kernel.MapUpdate) || m.Type.Can(kernel.MapInner) || m.Type.Can(kernel.MapTailCall) || m.Type.Can(kernel.MapRedirect) {
			continue
		}
		with, err := h.showMap(m)
		if err != nil {
			return err
		}
		stacks = stacks || with
	}
	for _, m := range h.stackMaps() {
		if stacks {
			break // they were shown with what was counted
		}
		if _, err := h.showMap(m); err != nil {
			return err
		}
	}
	for _, sm := range h.st.Maps() {
		if m := h.maps[sm]; m.events != nil && m.events.lost > 0 {
			h.note(fmt.Sprintf("%d records of map '%s' were lost: it was full", m.events.lost, m.Name))
			m.events.lost = 0
		}
	}
	return nil
}

// showMap shows one map: as bars, as stacks or as a table. It says whether stacks
// were among it that other maps have.
func (h *host) showMap(m *liveMap) (stacks bool, err error) {
	if s, ok := h.scaleOf(m); ok && !h.opts.Show.JSON {
		slots, err := h.slots(m)
		if err != nil {
			return false, err
		}
		return false, errors.Join(h.printf("%s\n", m.Name), printHist(h.opts.Out, s, slots), h.printf("\n"))
	}
	rows, err := h.rows(m)
	h.checkFull(m, len(rows))
	if err != nil || len(rows) == 0 && !h.opts.Show.JSON {
		return false, err
	}
	counted, stacks := h.withStacks(m, rows)
	if h.opts.Show.JSON {
		data := make([]loader.Value, len(rows))
		for i, r := range rows {
			if m.Type.Can(kernel.MapStack) {
				r.value = frameNames(h.frames(m.Name, r.bytes, 0))
			}
			d := loader.Members{{Name: "key", Value: r.key}, {Name: "value", Value: r.value}}
			if stacks {
				d = append(d, loader.Member{Name: "stacks", Value: stacksJSON(counted[i].stacks)})
			}
			data[i] = d
		}
		return stacks, h.printf("%s\n", asJSON(loader.Members{{Name: "map", Value: m.Name}, {Name: "data", Value: data}}))
	}
	if stacks {
		return stacks, h.showStackRows(m, counted)
	}
	if m.Type.Can(kernel.MapStack) {
		return stacks, h.showStacks(m, rows)
	}
	return stacks, table(h.opts.Out, m.Name, rows)
}

// rows reads a map: the greatest values first where they are numbers. Entries of
// arrays that are all zero are left out, and what CPUs have counted is added up.
func (h *host) rows(m *liveMap) ([]row, error) {
	keys, err := m.in.Keys()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, k := range keys {
		v, err := m.in.Lookup(k)
		if err != nil {
			return nil, err
		}
		if v == nil || m.Type.Array && !slices.ContainsFunc(v, func(b byte) bool { return b != 0 }) {
			continue
		}
		r := row{key: h.tree(h.st.Value(m.Key, k)), value: h.tree(h.st.MapValue(m.Map, v)), bytes: v}
		if n, ok := h.sum(m, v); ok {
			r.order = n
			if m.Type.PerCPU {
				r.value = h.tree(lua.LNumber(n))
			}
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		if c := cmp.Compare(b.order, a.order); c != 0 {
			return c
		}
		x, ok1 := treeNumber(a.key)
		y, ok2 := treeNumber(b.key)
		if ok1 && ok2 {
			return cmp.Compare(x, y)
		}
		return strings.Compare(loader.Plain(a.key), loader.Plain(b.key))
	})
	return rows, nil
}

// table prints rows under the map's name.
func table(w io.Writer, name string, rows []row) error {
	width := 0
	for _, r := range rows {
		width = max(width, len(loader.Plain(r.key)))
	}
	var b strings.Builder
	b.WriteString(name + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, loader.Plain(r.key), loader.Plain(r.value))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// showStacks prints stacks with the names of functions, innermost first.
func (h *host) showStacks(m *liveMap, rows []row) error {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s[%s]\n", m.Name, loader.Plain(r.key))
		for _, f := range h.frames(m.Name, r.bytes, 0) {
			fmt.Fprintf(&b, "  %s\n", f)
		}
	}
	return h.printf("%s\n", b.String())
}
