package interp

import (
	"errors"
	"fmt"

	"github.com/luabpfc/luabpfc/ir"
)

// Env is what surrounds a run. The zero Env is an empty packet at time 0.
type Env struct {
	// Packet is the packet from the byte where the kind's packet starts. The
	// program works on a copy.
	Packet []byte
	// Linear is how many bytes of the packet lie at its address, the rest in
	// fragments; 0: all.
	Linear int
	// Ctx sets members of the context by name, elements of arrays as "cb[1]".
	// A member in network order is given as the host-order number that a script
	// reads. What is not set is 0; a socket's len and protocol come from Packet,
	// data and data_end always do.
	Ctx map[string]uint64
	// Time is what ktime_get_ns returns; each call moves it on by TimeStep.
	Time, TimeStep uint64
	// CPU is where the program runs, CPUs how many there are (CPU+1 at least,
	// fixed by New).
	CPU, CPUs int
	PidTgid   uint64
	UidGid    uint64
	Comm      string
	// Random are the results of get_prandom_u32, in turn; without any it is 0.
	Random []uint32
	// Results are what helpers return that are not simulated, by name; 0 for
	// those not named. What they write is zeros.
	Results map[string]uint64
	// MaxSteps bounds the values computed in one run; 0 means 1 << 24.
	MaxSteps int
}

// Result is what one run gave.
type Result struct {
	Ret    uint64 // the program's result; 0 of a Void function
	Trace  []string
	Packet []byte // the packet afterwards
	Steps  int    // values computed
}

// Machine holds the state that lasts over several runs: the maps and variables.
type Machine struct {
	// Env surrounds the next run.
	Env Env

	module  *ir.Module
	maps    map[*ir.Map]*mapState
	globals map[*ir.Global]*object
	cpus    int
	err     error // a bad initial map content

	// State of the current run.
	res       *Result
	packet    *object
	head      int    // as Env.Linear
	front     []byte // what adjust_head has taken from the packet
	gen       uint64 // the packet's current generation
	steps     int
	randoms   int
	tailCalls int
}

// New returns a machine with the module's maps in their initial state.
func New(module *ir.Module, env Env) *Machine {
	m := &Machine{Env: env, module: module, maps: map[*ir.Map]*mapState{}, globals: map[*ir.Global]*object{}, cpus: max(1, env.CPUs, env.CPU+1)}
	for _, g := range module.Globals {
		o := &object{name: "variable " + g.Name, region: g.Region(), data: make([]byte, g.Size), readOnly: g.Const}
		copy(o.data, g.Data)
		m.globals[g] = o
	}
	for _, d := range module.Maps {
		s := newMapState(d, m.cpus)
		m.maps[d] = s
		for _, e := range d.Contents {
			if errno := s.updateAll(e.Key, e.Value, module.BigEndian); errno != 0 && m.err == nil {
				m.err = fmt.Errorf("map %s: initial entry %x: error %d", d.Name, e.Key, errno)
			}
		}
	}
	return m
}

// Fault is an execution that the kernel would refuse or that can't go on.
type Fault struct {
	Func  string
	Block string
	Value string // as the text form writes it
	Pos   ir.Pos
	Msg   string
}

// Error returns "func: block: value: message".
func (f *Fault) Error() string {
	return fmt.Sprintf("%s: %s: %s: %s", f.Func, f.Block, f.Value, f.Msg)
}

// Run executes f, a program of the module, or a function of numbers only, to
// which args are given. An error is a *Fault, or names what is wrong with Env.
func (m *Machine) Run(f *ir.Func, args ...uint64) (Result, error) {
	if m.err != nil {
		return Result{}, m.err
	}
	if m.Env.CPU < 0 || m.Env.CPU >= m.cpus {
		return Result{}, fmt.Errorf("there is no CPU %d", m.Env.CPU)
	}
	m.res = &Result{}
	m.steps, m.randoms, m.gen, m.head = 0, 0, m.gen+1, m.Env.Linear
	m.front = nil
	m.packet = &object{name: "the packet", region: ir.RegionPacket, data: append([]byte{}, m.Env.Packet...)}
	words, err := m.arguments(f, args)
	if err != nil {
		return Result{}, err
	}
	ret, err := m.call(f, words, 1)
	if errors.Is(err, errEnd) {
		ret, err = word{}, nil
	}
	var tail *tailEnd
	if errors.As(err, &tail) {
		ret, err = tail.ret, nil
	}
	if open := m.leftOpen(); err == nil {
		err = open
	}
	m.res.Ret, m.res.Steps, m.res.Packet = ret.bits, m.steps, m.packet.data
	return *m.res, err
}

// arguments returns what f is called with.
func (m *Machine) arguments(f *ir.Func, args []uint64) ([]word, error) {
	if f.Kind != nil {
		ctx, err := m.context(f.Kind)
		return []word{{obj: ctx}}, err
	}
	if len(args) != len(f.Params) {
		return nil, fmt.Errorf("%s has %d parameters, %d arguments are given", f.Name, len(f.Params), len(args))
	}
	var words []word
	for i, p := range f.Params {
		if p.Type == ir.Ptr {
			return nil, fmt.Errorf("%s: parameter %d is an address", f.Name, i)
		}
		words = append(words, word{bits: args[i]})
	}
	return words, nil
}
