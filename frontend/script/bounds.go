package script

import (
	"context"
	"errors"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// The end of the stage and its bounds are one mechanism. The VM asks its
// context, once an instruction, whether it is done; ours counts, and once it
// has said yes it goes on saying so, so that whatever pcall or a coroutine
// catches is raised again by the instruction after it.
//
// Instructions are not everything: a library function can run long or build
// much in a single one. Such functions are ours, and account for what they do:
// work with spend, bytes with alloc. Memory is what the script can reach, found
// by walking it from its roots (measure): every so many instructions, and
// whenever a quarter of the limit was allocated since the last time. The walk
// depends on the script alone, so the same script stops at the same place; the
// time limit, far away by default, is the only one that does not.

// defaultLimits are far beyond what a script that declares programs needs.
var defaultLimits = Limits{Instructions: 50_000_000, Memory: 64 << 20, Time: 20 * time.Second}

const (
	// clockEvery is how many instructions pass between looks at the clock.
	clockEvery = 1024
	// measureEvery is how many instructions may pass between measurements: each
	// makes at most some hundred bytes.
	measureEvery = 1 << 18
	// bytesPerStep is how many bytes a library function handles for the price of
	// one instruction.
	bytesPerStep = 32
)

// ErrStopped is what an operation returns, and the VM raises, when the stage
// is over. It is never shown.
var ErrStopped = errors.New("the script stage is over")

// stop says why a stage is over.
type stop struct {
	op   *Operation // a user-space operation, or
	code diag.Code  // a limit
	msg  string
	span diag.Span
}

// bounds is the state of a stage's limits.
type bounds struct {
	limits    Limits
	started   time.Time
	steps     int64
	checkAt   int64
	measureAt int64
	fresh     int64 // bytes allocated since the last measurement
	kept      int64 // bytes that no measurement sees: loaded code, deleted keys
	building  int64 // bytes of strings being built
	padded    map[*lua.LTable]int
	stop      *stop
	done      chan struct{} // closed
}

func newBounds(l Limits) *bounds {
	if l.Instructions == 0 {
		l.Instructions = defaultLimits.Instructions
	}
	if l.Memory == 0 {
		l.Memory = defaultLimits.Memory
	}
	if l.Time == 0 {
		l.Time = defaultLimits.Time
	}
	b := &bounds{limits: l, started: time.Now(), checkAt: clockEvery, measureAt: measureEvery,
		padded: map[*lua.LTable]int{}, done: make(chan struct{})}
	close(b.done)
	return b
}

// clock is the context that the VM runs under.
type clock struct {
	context.Context
	st *Stage
}

// Done counts an instruction.
func (c clock) Done() <-chan struct{} {
	b := c.st.bounds
	b.steps++
	if b.steps >= b.checkAt {
		c.st.check()
	}
	if b.stop != nil {
		return b.done
	}
	return nil
}

// Err is what the VM raises when Done says so.
func (c clock) Err() error {
	if c.st.bounds.stop != nil {
		return ErrStopped
	}
	return nil
}

// check looks at every limit that is not looked at each instruction.
func (st *Stage) check() {
	b := st.bounds
	b.checkAt = b.steps + clockEvery
	switch {
	case b.stop != nil:
	case st.halted():
		b.stop = &stop{}
	case b.steps > b.limits.Instructions:
		b.stop = &stop{code: diag.ScriptTooLong, msg: "the script runs too long: it must come to its end within " + count(b.limits.Instructions) + " instructions"}
	case time.Since(b.started) > b.limits.Time:
		b.stop = &stop{code: diag.ScriptTooLong, msg: "the script runs too long: it must come to its end within " + b.limits.Time.String()}
	case b.steps >= b.measureAt:
		st.measured(0)
	}
}

// spend accounts for n units of work that a library function is about to do.
func (st *Stage) spend(L *lua.LState, n int64) {
	st.bounds.steps += n
	if st.bounds.steps >= st.bounds.checkAt {
		st.check()
	}
	st.goOn(L)
}

// alloc accounts for n bytes that a library function is about to allocate.
func (st *Stage) alloc(L *lua.LState, n int64) {
	b := st.bounds
	if n > b.limits.Memory {
		st.halt(L, st.tooMuch())
	}
	b.fresh += n
	if b.fresh > b.limits.Memory/4 {
		st.measured(n)
	}
	st.spend(L, n/bytesPerStep)
}

// measured measures, with n more bytes to come.
func (st *Stage) measured(n int64) {
	b := st.bounds
	live, visited := st.measure()
	b.fresh = n
	b.measureAt = b.steps + max(measureEvery, 2*visited)
	b.steps += visited / 4
	if live+b.kept+b.building+n > b.limits.Memory && b.stop == nil {
		b.stop = st.tooMuch()
	}
}

func (st *Stage) tooMuch() *stop {
	return &stop{code: diag.ScriptTooMuchMemory,
		msg: "the script takes too much memory: its strings and tables must fit in " + count(st.bounds.limits.Memory>>20) + " MiB"}
}

// halt ends the stage for the reason given, if it is not over already.
func (st *Stage) halt(L *lua.LState, s *stop) {
	if st.bounds.stop == nil {
		if s.span.IsZero() {
			s.span = st.caller(L)
		}
		st.bounds.stop = s
	}
	st.goOn(L)
}

// goOn raises ErrStopped if the stage is over.
func (st *Stage) goOn(L *lua.LState) {
	if st.bounds.stop != nil {
		L.RaiseError("%s", ErrStopped.Error())
	}
}

// count writes n with separators.
func count(n int64) string {
	if n < 1000 {
		return lua.LNumber(n).String()
	}
	rest := lua.LNumber(n % 1000).String()
	return count(n/1000) + "," + "000"[len(rest):] + rest
}

// builder builds a string, and accounts for it while it grows. It must be closed.
type builder struct {
	st *Stage
	L  *lua.LState
	b  strings.Builder
}

func (st *Stage) builder(L *lua.LState) *builder { return &builder{st: st, L: L} }

func (b *builder) add(s string) {
	b.st.alloc(b.L, int64(len(s)))
	b.b.WriteString(s)
	b.st.bounds.building += int64(len(s))
}

func (b *builder) addByte(c byte) {
	b.b.WriteByte(c)
	b.st.bounds.building++
}

// close takes the string out of the account: what keeps it is counted.
func (b *builder) close() { b.st.bounds.building -= int64(b.b.Len()) }
