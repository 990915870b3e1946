// Command probe asks the running kernel which helpers each kind of program may
// call, and which of them want a GPL-compatible license.
//
//	probe > ir/kernel/testdata/probe-6.18.txt
//
// It loads a program for each kind and helper that calls the helper without
// arguments; the verifier's complaint tells whether it got as far as looking at
// them. A line is KIND AVAILABLE GPL, the last two being sets of helpers by
// number, as hexadecimal numbers. A kind that the kernel does not have at all
// gives "KIND - ERROR".
//
// As the first process of a guest (bench/matrix has the kernels) it mounts what
// it needs, marks its lines with "probe: " and powers off.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// targets are functions, hooks and iterators that every kernel has.
var targets = map[string]string{
	"tp_btf": "sched_switch", "fentry": "bpf_fentry_test1", "fexit": "bpf_fentry_test1", "fmod_ret": "bpf_modify_return_test",
	"lsm": "file_open", "lsm_cgroup": "socket_bind", "iter": "task",
}

// lastHelper is above every helper's number.
const lastHelper = 230

func main() {
	prefix := ""
	if os.Getpid() == 1 {
		prefix = "probe: "
		for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}} {
			if err := os.MkdirAll(m[1], 0o755); err == nil {
				err = unix.Mount(m[0], m[1], m[0], 0, "")
				if err != nil {
					fmt.Println(m[1], err)
				}
			}
		}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
			fmt.Println("locked memory:", err)
		}
	}
	for _, k := range kernel.ProgKinds {
		if k.Target == kernel.NeedsTarget && targets[k.Name] == "" {
			continue
		}
		fmt.Printf("%s%s\n", prefix, line(k, k.Type == kernel.Syscall))
		if k.Sleepable != (kernel.Version{}) {
			fmt.Printf("%s%s\n", prefix, line(k, true))
		}
	}
	if prefix != "" {
		fmt.Println(prefix + "done")
		if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
			fmt.Println("power off:", err)
		}
	}
}

// prober loads programs of one kind.
type prober struct {
	kind      *kernel.ProgKind
	sleepable bool
	target    uint32 // BTF id of what it attaches to
}

// newProber looks the kind's target up.
func newProber(k *kernel.ProgKind, sleepable bool) (*prober, error) {
	p := &prober{kind: k, sleepable: sleepable}
	name, ok := targets[k.Name]
	if !ok {
		return p, nil
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	var t btf.Type
	if k.Name == "tp_btf" {
		t, err = spec.AnyTypeByName("btf_trace_" + name)
	} else {
		var f *btf.Func
		err = spec.TypeByName(map[string]string{"lsm": "bpf_lsm_", "lsm_cgroup": "bpf_lsm_", "iter": "bpf_iter_"}[k.Name]+name, &f)
		t = f
	}
	if err != nil {
		return nil, err
	}
	id, err := spec.TypeID(t)
	p.target = uint32(id)
	return p, err
}

// line probes one kind, in its sleepable form if wanted.
func line(k *kernel.ProgKind, sleepable bool) string {
	name := k.Name
	if sleepable {
		name += ".s"
	}
	p, err := newProber(k, sleepable)
	if err != nil {
		return name + " - " + err.Error()
	}
	ret := asm.Instructions{asm.Mov.Imm(asm.R0, int32(k.Default)), asm.Return()}
	if text, err := p.load(ret, "GPL"); err != nil {
		return name + " - " + err.Error() + " " + strings.Join(strings.Fields(text), " ")
	}
	var avail, gpl big.Int
	for id := 1; id < lastHelper; id++ {
		license := "none"
		if k.Type == kernel.LSM || k.Type == kernel.Tracing {
			license = "GPL"
		}
		text, err := p.load(append(asm.Instructions{asm.BuiltinFunc(id).Call()}, ret...), license)
		for errors.Is(err, unix.EAGAIN) { // a signal came, as Go's scheduler sends them
			text, err = p.load(append(asm.Instructions{asm.BuiltinFunc(id).Call()}, ret...), license)
		}
		switch {
		case strings.Contains(text, "unknown func"), strings.Contains(text, "invalid func"), strings.Contains(text, "cannot use helper"):
			continue
		case strings.Contains(text, "GPL-restricted"), strings.Contains(text, "cannot call GPL"):
			gpl.SetBit(&gpl, id, 1)
		}
		avail.SetBit(&avail, id, 1)
	}
	return fmt.Sprintf("%s %x %x", name, &avail, &gpl)
}

// loadAttr is the beginning of union bpf_attr for BPF_PROG_LOAD.
type loadAttr struct {
	progType, insnCount     uint32
	insns, license          uint64
	logLevel, logSize       uint32
	log                     uint64
	version, flags          uint32
	name                    [16]byte
	ifindex, attachType     uint32
	btfFD, funcInfoSize     uint32
	funcInfo                uint64
	funcInfos, lineInfoSize uint32
	lineInfo                uint64
	lineInfos, attachBTF    uint32
	attachProg, pad         uint32
}

const bpfProgLoad = 5

// load loads a program and returns the verifier's log. Through a library each
// load would look the target up in the kernel's types again.
func (p *prober) load(insns asm.Instructions, license string) (log string, err error) {
	var order binary.ByteOrder = binary.LittleEndian
	if runtime.GOARCH == "s390x" {
		order = binary.BigEndian
	}
	var code bytes.Buffer
	if err := insns.Marshal(&code, order); err != nil {
		return "", err
	}
	b, lic, buf := code.Bytes(), append([]byte(license), 0), make([]byte, 1<<14)
	attr := loadAttr{progType: uint32(p.kind.Type), insnCount: uint32(len(b) / 8), attachType: uint32(p.kind.Attach), attachBTF: p.target,
		insns: address(b), license: address(lic), logLevel: 1, logSize: uint32(len(buf)), log: address(buf)}
	if p.sleepable {
		attr.flags = unix.BPF_F_SLEEPABLE
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(b)
	runtime.KeepAlive(lic)
	log = string(bytes.TrimRight(buf, "\x00"))
	if errno != 0 {
		return log, errno
	}
	return log, unix.Close(int(fd))
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }
