package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/interp"
	"github.com/luabpfc/luabpfc/ir/kernel"
	"github.com/luabpfc/luabpfc/loader"
)

// backend is one way to run a case.
type backend struct {
	name string
	// put stores an entry on every CPU, entries returns CPU 0's.
	put     func(m string, key, value []byte) error
	entries func(m string) ([]entry, error)
	recv    func(m string) ([]byte, error) // nil: there is none
	run     func(r runInput) (runOutput, error)
	close   func()
}

type entry struct{ key, value []byte }

type runInput struct {
	prog   luabpfc.ProgramInfo
	packet []byte
	ctx    map[string]uint64
	env    map[string]string
}

type runOutput struct {
	ret   uint32
	out   []byte // nil where the way can't tell
	trace []string
}

// interpBackend executes IR.
func interpBackend(name string, mod *ir.Module) backend {
	m := interp.New(mod, interp.Env{CPUs: 2, Time: 1e9, TimeStep: 1000, Comm: "luabpfc", PidTgid: 7<<32 | 8, UidGid: 9<<32 | 10})
	return backend{
		name: name,
		put:  m.Update,
		recv: func(name string) ([]byte, error) { return m.Receive(name), nil },
		entries: func(name string) ([]entry, error) {
			var l []entry
			for _, e := range m.Entries(name) {
				l = append(l, entry{e.Key, e.Values[0]})
			}
			return l, nil
		},
		run: func(r runInput) (runOutput, error) {
			m.Env.Linear, m.Env.CPU = 0, 0
			if err := setEnv(&m.Env, r.env); err != nil {
				return runOutput{}, err
			}
			m.Env.Packet, m.Env.Ctx = r.packet, testRunContext(r)
			for _, f := range mod.Funcs {
				if f.Name == r.prog.Name && f.Kind != nil {
					res, err := m.Run(f)
					out := runOutput{ret: uint32(res.Ret), trace: res.Trace}
					if r.prog.Kind == "xdp" || r.prog.Kind == "tc" {
						out.out = res.Packet
					}
					return out, err
				}
			}
			return runOutput{}, fmt.Errorf("the module has no program '%s'", r.prog.Name)
		},
		close: func() {},
	}
}

func setEnv(env *interp.Env, vars map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		v := vars[k]
		var n uint64
		if k != "comm" && k != "random" {
			var err error
			if n, err = parseNumber(v); err != nil {
				return err
			}
		}
		switch k {
		case "time":
			env.Time = n
		case "cpu":
			env.CPU = int(n)
		case "linear":
			env.Linear = int(n)
		case "pid_tgid":
			env.PidTgid = n
		case "uid_gid":
			env.UidGid = n
		case "comm":
			env.Comm = v
		case "random":
			env.Random = nil
			for _, s := range strings.Split(v, ",") {
				x, err := parseNumber(s)
				if err != nil {
					return err
				}
				env.Random = append(env.Random, uint32(x))
			}
		default:
			return fmt.Errorf("no 'env %s'", k)
		}
	}
	return nil
}

// testRunContext is the context that BPF_PROG_TEST_RUN makes: the device is
// the loopback interface, whose address is zero.
func testRunContext(r runInput) map[string]uint64 {
	ctx := map[string]uint64{}
	switch r.prog.Kind {
	case "socket", "tc":
		ctx["ifindex"] = 1
		ctx["pkt_type"] = packetType(r.packet)
	case "xdp":
		ctx["ingress_ifindex"] = 1
	}
	maps.Copy(ctx, r.ctx)
	return ctx
}

// packetType is PACKET_HOST, PACKET_MULTICAST or PACKET_OTHERHOST; the loopback
// device's broadcast address is zero, as its own is.
func packetType(p []byte) uint64 {
	dst := make([]byte, 6)
	if len(p) >= 14 {
		copy(dst, p)
	}
	switch {
	case dst[0]&1 != 0:
		return 2
	case !bytes.Equal(dst, make([]byte, 6)):
		return 3
	}
	return 0
}

// kernelBackend loads an object and runs its programs by BPF_PROG_TEST_RUN. It
// fails if the kernel did not take the object's BTF.
func kernelBackend(name string, obj *luabpfc.Object) (b backend, err error) {
	coll, err := loadCollection(obj.ELF)
	if err != nil {
		return b, err
	}
	recv, err := newReceivers(coll)
	if err != nil {
		coll.Close()
		return b, err
	}
	b = backend{
		name:    name,
		recv:    recv.receive,
		put:     func(m string, k, v []byte) error { return kernelPut(coll.Maps[m], k, v) },
		entries: func(m string) ([]entry, error) { return kernelEntries(coll.Maps[m]) },
		run:     func(r runInput) (runOutput, error) { return kernelRun(coll.Programs[r.prog.Name], r) },
		close: func() {
			recv.close()
			coll.Close()
		},
	}
	for _, m := range obj.Maps {
		for _, e := range m.Contents {
			if err := b.put(m.Name, e.Key, e.Value); err != nil {
				b.close()
				return b, err
			}
		}
	}
	return b, nil
}

// compileAs compiles a script of that name, which has no errors.
func compileAs(t testing.TB, name, text string, opts luabpfc.Options) *luabpfc.Object {
	t.Helper()
	obj, err := luabpfc.Compile(luabpfc.Source{Name: name, Text: text}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

// loaded loads an object through package loader.
func loaded(t *testing.T, elf []byte) *loader.Object {
	t.Helper()
	o, err := loader.Open(elf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	if err := o.Load(); err != nil {
		t.Fatal(err)
	}
	return o
}

// loadCollection loads an object; the error has the verifier's log. It fails if
// the kernel did not take the object's BTF.
func loadCollection(elf []byte) (*ebpf.Collection, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(elf))
	if err != nil {
		return nil, err
	}
	// A log of a million instructions takes a minute; what it would say of them
	// the error number says too: too many, or too many branches put aside
	// (ENOMEM, or EFAULT where the verifier takes that for a mistake of its own).
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogDisabled: true}})
	if err != nil && !errors.Is(err, unix.E2BIG) && !errors.Is(err, unix.EFAULT) && !errors.Is(err, unix.ENOMEM) {
		coll, err = ebpf.NewCollection(spec)
	}
	if err != nil {
		var ve *ebpf.VerifierError
		if errors.As(err, &ve) {
			return nil, fmt.Errorf("%w\n%s", err, ends(ve.Log))
		}
		return nil, err
	}
	if err := btfTaken(coll); err != nil {
		coll.Close()
		return nil, err
	}
	return coll, nil
}

// ends shortens a verifier's log to its first and last lines, and those that
// say why: where the path that it refused comes from, too.
func ends(log []string) string {
	log = slices.DeleteFunc(slices.Clone(log), func(s string) bool { // where precision comes from
		return strings.HasPrefix(s, "regs=") || strings.HasPrefix(s, "last_idx") || strings.HasPrefix(s, "parent ")
	})
	if len(log) > 16 {
		from := 0
		for i, s := range log {
			if pathLine.MatchString(s) {
				from = i
			}
		}
		var l []string
		for i, s := range log {
			if i < 4 || i >= len(log)-12 || i == from || strings.Contains(s, "infinite loop") {
				l = append(l, s)
			}
		}
		log = l
	}
	return strings.Join(log, "\n")
}

func btfTaken(coll *ebpf.Collection) error {
	for name, p := range coll.Programs {
		info, err := p.Info()
		if err != nil {
			return err
		}
		if id, ok := info.BTFID(); !ok || id == 0 {
			return fmt.Errorf("the kernel did not take the BTF of program '%s'", name)
		}
	}
	return nil
}

func isPerCPU(t ebpf.MapType) bool {
	return t == ebpf.PerCPUArray || t == ebpf.PerCPUHash || t == ebpf.LRUCPUHash
}

func kernelPut(m *ebpf.Map, k, v []byte) error {
	if m == nil {
		return errors.New("no such map")
	}
	if !isPerCPU(m.Type()) {
		return m.Put(k, v)
	}
	values := make([][]byte, ebpf.MustPossibleCPU())
	for i := range values {
		values[i] = v
	}
	return m.Put(k, values)
}

func kernelEntries(m *ebpf.Map) (l []entry, err error) {
	if m == nil {
		return nil, errors.New("no such map")
	}
	it := m.Iterate()
	var k []byte
	if isPerCPU(m.Type()) {
		var vs [][]byte
		for it.Next(&k, &vs) {
			l = append(l, entry{bytes.Clone(k), bytes.Clone(vs[0][:m.ValueSize()])})
		}
	} else {
		var v []byte
		for it.Next(&k, &v) {
			l = append(l, entry{bytes.Clone(k), bytes.Clone(v)})
		}
	}
	return l, it.Err()
}

func kernelRun(p *ebpf.Program, r runInput) (runOutput, error) {
	if p == nil {
		return runOutput{}, fmt.Errorf("the object has no program '%s'", r.prog.Name)
	}
	opts := ebpf.RunOptions{Data: r.packet, Repeat: 1}
	switch r.prog.Kind {
	case "socket":
		opts.Data = append(frontHeader(r.packet), r.packet...)
	case "cgroup_skb_ingress", "cgroup_skb_egress", "lwt_in", "lwt_out", "lwt_xmit":
		opts.Data = append(linkHeader(r.packet), r.packet...) // which the program does not see
	case "xdp", "tc":
		opts.DataOut = make([]byte, len(r.packet)+512)
	}
	switch r.prog.Kind {
	case "raw_tracepoint", "syscall", "sk_lookup":
		opts.Data = nil
		if r.prog.Kind != "sk_lookup" {
			opts.Repeat = 0 // the kernel takes no other number
		}
		if r.ctx == nil && r.prog.Kind != "syscall" {
			r.ctx = map[string]uint64{}
		}
	}
	if r.ctx != nil {
		ctx, err := contextBytes(r)
		if err != nil {
			return runOutput{}, err
		}
		opts.Context = ctx
	}
	defer onCPU(r.env["cpu"])()
	ret, err := p.Run(&opts)
	return runOutput{ret: ret, out: opts.DataOut}, err
}

// onCPU moves the thread, which is pinned, to a CPU if the machine has it. The
// function that it returns moves it back.
func onCPU(cpu string) func() {
	n, err := strconv.Atoi(cpu)
	var old, set unix.CPUSet
	if err != nil || unix.SchedGetaffinity(0, &old) != nil {
		return func() {}
	}
	set.Set(n)
	if unix.SchedSetaffinity(0, &set) != nil {
		return func() {}
	}
	return func() { _ = unix.SchedSetaffinity(0, &old) }
}

// linkHeader is the Ethernet header that a packet from its network header on
// would have.
func linkHeader(packet []byte) []byte {
	h := make([]byte, 14)
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		h[12] = 8
	case len(packet) >= 40 && packet[0]>>4 == 6:
		copy(h[12:], []byte{0x86, 0xdd})
	}
	return h
}

// frontHeader is what a test run must have in front of a socket filter's
// packet: the kernel takes the first 14 bytes for the Ethernet header and shows
// the filter what follows. It reads skb.protocol there, and refuses a packet
// too short for the network header that the protocol says.
func frontHeader(packet []byte) []byte {
	front := make([]byte, 14)
	if len(packet) < 14 {
		return front
	}
	copy(front, packet)
	if need := map[uint16]int{0x0800: 20, 0x86dd: 40}[be.Uint16(packet[12:])]; len(packet) < need {
		copy(front[12:], []byte{0, 0})
	}
	return front
}

// contextBytes is the context structure that a test run is given.
func contextBytes(r runInput) ([]byte, error) {
	k, ok := kernel.ProgKindByName(r.prog.Kind)
	if !ok {
		return nil, fmt.Errorf("no kind '%s'", r.prog.Kind)
	}
	b := make([]byte, k.Ctx.Size)
	if r.prog.Kind == "xdp" {
		binary.NativeEndian.PutUint32(b[4:], uint32(len(r.packet)))
	}
	for name, v := range r.ctx {
		base, rest, _ := strings.Cut(name, "[")
		i, _ := strconv.Atoi(strings.TrimSuffix(rest, "]"))
		f, ok := k.Ctx.Field(base)
		if !ok || i >= max(1, int(f.Len)) {
			return nil, fmt.Errorf("%s has no member '%s'", k.Ctx.Name, name)
		}
		if f.BE != 0 { // a host-order number, as scripts see it
			v = ir.ToBE(v, int(f.BE), binary.NativeEndian.Uint16([]byte{0, 1}) == 1)
		}
		putNumber(b[int(f.Off)+i*int(f.Size):][:f.Size], v, binary.NativeEndian)
	}
	return b, nil
}

func putNumber(b []byte, n uint64, order binary.ByteOrder) {
	var all [8]byte
	order.PutUint64(all[:], n)
	if order.Uint16([]byte{0, 1}) == 1 {
		copy(b, all[8-len(b):])
	} else {
		copy(b, all[:])
	}
}

func getNumber(b []byte, order binary.ByteOrder) uint64 {
	var all [8]byte
	if order.Uint16([]byte{0, 1}) == 1 {
		copy(all[8-min(8, len(b)):], b)
	} else {
		copy(all[:], b)
	}
	return order.Uint64(all[:])
}

// kernelReason says why the kernel is out of reach, "" if it is not.
var kernelReason = sync.OnceValue(func() string {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return err.Error()
	}
	m.Close()
	return ""
})

// needKernel skips the test where the kernel is out of reach; with
// LUABPFC_REQUIRE_KERNEL=1 it fails it.
func needKernel(t *testing.T) {
	t.Helper()
	switch {
	case kernelReason() == "":
	case os.Getenv("LUABPFC_REQUIRE_KERNEL") == "1":
		t.Fatalf("no BPF: %s", kernelReason())
	default:
		t.Skipf("no BPF: %s", kernelReason())
	}
}

// pin keeps the goroutine on CPU 0 until the test ends: per-CPU values must be
// those of one CPU.
func pin(t *testing.T) {
	runtime.LockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		t.Fatal(err)
	}
	set.Set(0)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.SchedSetaffinity(0, &old); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}
