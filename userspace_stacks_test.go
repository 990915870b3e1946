package luabpfc_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader/userspace"
)

// busyForStacks is found in stacks by its name.
//
//go:noinline
func busyForStacks(until time.Duration) (n int) {
	for processorTime() < until {
		for i := range 1_000_000 {
			n += i
		}
	}
	return n
}

// processorTime is what this process has used: events of a frequency count that,
// and not what a busy machine gives to others.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return math.MaxInt64
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// show runs a script without a part in user space and returns what it shows. While
// it runs this process works.
func show(t *testing.T, text string, how userspace.Show) (shown string, notes []string) {
	t.Helper()
	needKernel(t)
	s := &session{t: t, interrupt: make(chan struct{})}
	opts := userspace.Options{Compile: luabpfc.DefaultOptions(), Out: s, Interrupt: s.interrupt, Show: how,
		Attached: func() { busyForStacks(processorTime() + 150*time.Millisecond) }, Note: func(n string) { notes = append(notes, n) }}
	if _, err := userspace.Run(luabpfc.Source{Name: "prog.lua", Text: text}, opts); err != nil {
		t.Error(err)
	}
	return strings.Join(s.lines, "\n") + "\n", notes
}

const profile = `
	ffi.cdef 'struct key { uint32_t pid; int32_t user_stack, kernel_stack; char comm[16]; };'
	local counts = bpf.map('hash', 1024, 'struct key', 'uint64_t')
	local stacks = bpf.map('stack_trace', 1024)
	bpf.perf_event({ freq = 999, pid = require('syscall').getpid() }, function(ctx)
		local key = ffi.new('struct key')
		key.pid, key.user_stack, key.kernel_stack = pid(), stack_id(stacks, BPF.F_USER_STACK), stack_id(stacks, 0)
		comm(key.comm)
		counts:add(key, 1)
	end)`

// TestLiveStacks shows the stacks of this process, in each of the three forms.
func TestLiveStacks(t *testing.T) {
	how := userspace.Show{Duration: 20 * time.Millisecond, Folded: true}
	text, notes := show(t, profile, how)
	if len(notes) > 0 {
		t.Error(notes)
	}
	line := regexp.MustCompile(`^[^;]+(;[^;]+)* [1-9][0-9]*$`)
	busy := false
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); !line.MatchString(l) {
			t.Errorf("no line of a flame graph: %q", l)
		}
		// The outermost comes first.
		busy = busy || regexp.MustCompile(`;testing\.tRunner;.*TestLiveStacks;.*busyForStacks`).MatchString(l)
	}
	if !busy {
		t.Errorf("what keeps this process busy is not in\n%s", text)
	}
	how.Folded = false
	text, _ = show(t, profile, how)
	if !regexp.MustCompile(`(?m)^counts\n  pid=\d+ comm=\S+  \d+\n    user_stack:\n`).MatchString(text) ||
		!regexp.MustCompile(`\n      \S*busyForStacks\+0x[0-9a-f]+\n(      .*\n)*      testing.tRunner\+0x`).MatchString(text) || strings.Contains(text, "stacks[") {
		t.Errorf("shown:\n%s", text)
	}
	how.JSON = true
	text, _ = show(t, profile, how)
	var got struct {
		Map  string
		Data []struct {
			Value  int
			Stacks map[string][]string
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	if err := json.Unmarshal([]byte(first), &got); err != nil || got.Map != "counts" || len(got.Data) == 0 || len(got.Data[0].Stacks) != 2 || got.Data[0].Value == 0 {
		t.Errorf("%v: %s", err, first)
	}
}

// TestLiveKernelStacks counts kernel stacks by their numbers alone.
func TestLiveKernelStacks(t *testing.T) {
	const text = `
		local hits = bpf.map('hash', 64, 'int32_t', 'uint64_t')
		local stacks = bpf.map('stack_trace', 64)
		bpf.perf_event({ type = 1, config = 3, period = 1 }, function() end)
		bpf.tracepoint('sched/sched_switch', function() hits:add(stack_id(stacks, 0), 1) end)`
	shown, _ := show(t, text, userspace.Show{Duration: 50 * time.Millisecond, Folded: true})
	if !regexp.MustCompile(`(?m)^\S+;\S*schedule\S*(;\S+)* \d+$`).MatchString(shown) {
		t.Errorf("no stack of the scheduler in\n%s", shown)
	}
	// What counts no stacks says so.
	shown, notes := show(t, `local m = bpf.map('hash', 8) m[1] = 2 bpf.socket(function() end)`, userspace.Show{Duration: time.Millisecond, Folded: true})
	if len(notes) == 0 || !strings.Contains(strings.Join(notes, ""), "no map counts stacks") || strings.TrimSpace(shown) != "" {
		t.Errorf("%q, %q", shown, notes)
	}
}
