package opt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Pass is a row of the pass table. Exactly one of Func and Module is set.
type Pass struct {
	Name   string
	Func   func(c *Context, f *ir.Func)
	Module func(c *Context, m *ir.Module)
	// Required passes make a function legal; they run at every level and are
	// not charged fuel.
	Required bool
	// Phased: it finds more in the low phase.
	Phased bool
	// From and To are the phases a function may be in when the pass runs.
	From, To ir.Phase
	// Doc is what the pass is for, one or two sentences.
	Doc string
}

// Options say how to run the passes.
type Options struct {
	// Level 0 runs the required passes only.
	Level int
	// CPU is the instruction set, 1 to 4 as in -mcpu=v3; 0 means 3.
	CPU int
	// Kernel is the oldest kernel the object is for.
	Kernel kernel.Version
	// Callbacks makes callbacks of all loops that may be some, and unrolls none:
	// slower code, but the verifier follows each loop only once or twice.
	Callbacks bool
	// TightStack keeps the passes from taking stack where only some kernels want it.
	TightStack bool
	// Check verifies every function after each pass.
	Check bool
	// Dump, if set, sees each function as it is before the first pass (under
	// the name "start") and after each pass.
	Dump func(pass string, f *ir.Func)
	// Fuel, if positive, is the number of changes that optional passes may
	// make; the change that goes wrong is found by bisecting it.
	Fuel int
}

// Stat counts one kind of change that one pass made.
type Stat struct {
	Pass, What string
	Count      int
}

// Stats are what a run did, in the order in which it first happened.
type Stats struct {
	Stats []Stat
	index map[[2]string]int
	all   int // changes of every kind
}

// Count returns how many changes the pass made; what "" sums all kinds.
func (s *Stats) Count(pass, what string) int {
	n := 0
	for _, st := range s.Stats {
		if st.Pass == pass && (what == "" || st.What == what) {
			n += st.Count
		}
	}
	return n
}

// Changes returns the number of all changes.
func (s *Stats) Changes() int { return s.all }

// String lists the counts, one a line.
func (s *Stats) String() string {
	var b strings.Builder
	for _, st := range s.Stats {
		fmt.Fprintf(&b, "%-10s %-24s %d\n", st.Pass, st.What, st.Count)
	}
	return b.String()
}

func (s *Stats) add(pass, what string) {
	k := [2]string{pass, what}
	i, ok := s.index[k]
	if !ok {
		if s.index == nil {
			s.index = map[[2]string]int{}
		}
		i = len(s.Stats)
		s.index[k] = i
		s.Stats = append(s.Stats, Stat{Pass: pass, What: what})
	}
	s.Stats[i].Count++
	s.all++
}

// Context is what a pass is given besides its function.
type Context struct {
	Opts   Options
	Module *ir.Module
	Stats  *Stats

	pass   *Pass
	fuel   int                 // changes left; negative: any number
	clean  map[*ir.Func]uint64 // passes (by place in Passes) that found nothing since the last change
	silent bool                // the pass at hand changed its function without counting
	edits  int                 // grows when some function changes
	errors diag.Reporter       // what the script asks for and the target can't

	space workspace
}

// Change counts a change of the kind what and reports whether the pass may
// make it. It must be asked last, when all else speaks for the change.
func (c *Context) Change(what string) bool {
	if !c.pass.Required {
		if c.fuel == 0 {
			return false
		}
		if c.fuel > 0 {
			c.fuel--
		}
	}
	c.Stats.add(c.pass.Name, what)
	c.edits++
	return true
}

// Run brings every function of m to ir.PhaseLow. An error is a diag.List, if
// the script has a loop that the target can't run, or what ir.Verify finds
// after a pass, possible only with opts.Check; a panic is an *ir.Bug that names
// the pass.
func Run(m *ir.Module, opts Options) (*Stats, error) {
	c := newContext(m, opts)
	for i := 0; i < len(m.Funcs); i++ {
		c.dump("start", m.Funcs[i])
	}
	for _, st := range Schedule {
		if err := c.runStage(st); err != nil {
			return c.Stats, err
		}
	}
	return c.Stats, nil
}

// RunPass runs one pass on every function of m that is in its phase.
func RunPass(m *ir.Module, p *Pass, opts Options) (*Stats, error) {
	c := newContext(m, opts)
	if err := c.runPass(p); err != nil {
		return c.Stats, err
	}
	return c.Stats, c.errors.Err()
}

func newContext(m *ir.Module, opts Options) *Context {
	if opts.CPU == 0 {
		opts.CPU = 3
	}
	c := &Context{Opts: opts, Module: m, Stats: &Stats{}, fuel: -1, clean: map[*ir.Func]uint64{}}
	if opts.Fuel > 0 {
		c.fuel = opts.Fuel
	}
	return c
}

// runStage runs the passes of a stage, again as long as one of them changes
// something and rounds are left.
func (c *Context) runStage(st Stage) error {
	for round := 0; round < st.Rounds; round++ {
		before := c.Stats.Changes()
		for _, name := range st.Passes {
			p := PassByName(name)
			if c.Opts.Level == 0 && !p.Required {
				continue
			}
			if err := c.runPass(p); err != nil {
				return err
			}
			if err := c.errors.Err(); err != nil {
				return err
			}
		}
		if c.Stats.Changes() == before {
			break
		}
	}
	return nil
}

// phased are the passes that find more in the low phase than before, as bits. The
// others find the same or, where a test is there for the verifier, less.
var phased = func() (bits uint64) {
	for i, p := range Passes {
		if p.Phased {
			bits |= 1 << i
		}
	}
	return bits
}()

// runPass runs one pass over the module.
func (c *Context) runPass(p *Pass) (err error) {
	c.pass = p
	if p.Required {
		defer func() { c.edits++ }() // it need not count all that it does
	}
	defer func() {
		if r := recover(); r != nil {
			if b, ok := r.(*ir.Bug); ok && b.Pass == "" {
				b.Pass = p.Name
			}
			panic(r)
		}
	}()
	before := c.Stats.all
	if p.Module != nil {
		p.Module(c, c.Module)
		if c.Stats.all != before {
			clear(c.clean)
		}
		if err := c.errors.Err(); err != nil {
			return err
		}
		for _, f := range c.Module.Funcs {
			if err := c.after(p, f); err != nil {
				return err
			}
		}
		return nil
	}
	bit := uint64(1) << slices.Index(Passes, p)
	for _, f := range c.Module.Funcs {
		if f.Phase < p.From || f.Phase > p.To || c.clean[f]&bit != 0 {
			continue
		}
		phase := f.Phase
		before, c.silent = c.Stats.all, false
		p.Func(c, f)
		switch {
		case c.Stats.all != before || c.silent:
			c.clean[f] = 0
		case !p.Required:
			c.clean[f] |= bit
		}
		if f.Phase != phase {
			c.clean[f] &^= phased
		}
		if err := c.after(p, f); err != nil {
			return err
		}
	}
	return nil
}

// after dumps and checks a function that a pass has seen.
func (c *Context) after(p *Pass, f *ir.Func) error {
	c.dump(p.Name, f)
	if !c.Opts.Check {
		return nil
	}
	if err := ir.Verify(f); err != nil {
		return fmt.Errorf("after pass %s: %w", p.Name, err)
	}
	return nil
}

func (c *Context) dump(pass string, f *ir.Func) {
	if c.Opts.Dump != nil {
		c.Opts.Dump(pass, f)
	}
}
