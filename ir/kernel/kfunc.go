package kernel

import (
	"slices"
	"sync"
)

// Functions of the kernel that programs call by name (kfuncs). Their prototypes
// are those of the kernel's BTF; what BTF does not tell, which result has to be
// given back and may be null, and the kernel keeps in sets of flags of its own, is
// the table here. A kfunc that is not in it is called all the same.

// Kfunc is what is known of a kfunc besides its prototype.
type Kfunc struct {
	Name  string
	First Version
	Flags KfuncFlag
	// Release is the kfunc that gives back what an acquiring one returns.
	Release string
}

// KfuncFlag is one of the kernel's KF_ flags.
type KfuncFlag uint8

// The flags.
const (
	KfAcquire KfuncFlag = 1 << iota // what it returns has to be given back
	KfRelease                       // gives back its argument
	KfRetNull                       // may return null
	KfSleepable
	KfMovesPacket
)

// KfuncEffects are what every kfunc may do, for all we know.
const KfuncEffects = EffectOutput | EffectVolatile

const (
	acquireNull = KfAcquire | KfRetNull
	acqTask     = "bpf_task_release"
	acqCgroup   = "bpf_cgroup_release"
	acqMask     = "bpf_cpumask_release"
	acqFile     = "bpf_put_file"
	acqKey      = "bpf_key_put"
	acqCt       = "bpf_ct_release"
	acqCrypto   = "bpf_crypto_ctx_release"
	acqXfrm     = "bpf_xdp_xfrm_state_release"
)

// Kfuncs is the table.
var Kfuncs = []Kfunc{
	{"bpf_task_acquire", Version{6, 2}, acquireNull, acqTask},
	{"bpf_task_from_pid", Version{6, 2}, acquireNull, acqTask},
	{"bpf_task_from_vpid", Version{6, 14}, acquireNull, acqTask},
	{"bpf_task_release", Version{6, 2}, KfRelease, ""},
	{"bpf_task_under_cgroup", Version{6, 5}, 0, ""},
	{"bpf_task_get_cgroup1", Version{6, 8}, acquireNull, acqCgroup},
	{"bpf_cgroup_acquire", Version{6, 2}, acquireNull, acqCgroup},
	{"bpf_cgroup_ancestor", Version{6, 2}, acquireNull, acqCgroup},
	{"bpf_cgroup_from_id", Version{6, 4}, acquireNull, acqCgroup},
	{"bpf_cgroup_release", Version{6, 2}, KfRelease, ""},
	{"bpf_cpumask_create", Version{6, 3}, acquireNull, acqMask},
	{"bpf_cpumask_acquire", Version{6, 3}, KfAcquire, acqMask},
	{"bpf_cpumask_release", Version{6, 3}, KfRelease, ""},
	{"bpf_get_task_exe_file", Version{6, 12}, acquireNull, acqFile},
	{"bpf_put_file", Version{6, 12}, KfRelease, ""},
	{"bpf_path_d_path", Version{6, 12}, 0, ""},
	{"bpf_lookup_user_key", Version{6, 1}, acquireNull | KfSleepable, acqKey},
	{"bpf_lookup_system_key", Version{6, 1}, acquireNull, acqKey},
	{"bpf_key_put", Version{6, 1}, KfRelease, ""},
	{"bpf_skb_ct_lookup", Version{5, 18}, acquireNull, acqCt},
	{"bpf_xdp_ct_lookup", Version{5, 18}, acquireNull, acqCt},
	{"bpf_skb_ct_alloc", Version{6, 0}, acquireNull, "bpf_ct_insert_entry"},
	{"bpf_xdp_ct_alloc", Version{6, 0}, acquireNull, "bpf_ct_insert_entry"},
	{"bpf_ct_insert_entry", Version{6, 0}, acquireNull | KfRelease, acqCt},
	{"bpf_ct_release", Version{5, 18}, KfRelease, ""},
	{"bpf_crypto_ctx_create", Version{6, 10}, acquireNull | KfSleepable, acqCrypto},
	{"bpf_crypto_ctx_acquire", Version{6, 10}, acquireNull, acqCrypto},
	{"bpf_crypto_ctx_release", Version{6, 10}, KfRelease, ""},
	{"bpf_xdp_get_xfrm_state", Version{6, 8}, acquireNull, acqXfrm},
	{"bpf_xdp_xfrm_state_release", Version{6, 8}, KfRelease, ""},
	{"bpf_dynptr_slice", Version{6, 4}, KfRetNull, ""},
	{"bpf_dynptr_slice_rdwr", Version{6, 4}, KfRetNull, ""},
	{"bpf_xdp_pull_data", Version{6, 18}, KfMovesPacket, ""},
	{"bpf_cast_to_kern_ctx", Version{6, 2}, 0, ""},
	{"bpf_rdonly_cast", Version{6, 2}, 0, ""},
	{"bpf_xdp_metadata_rx_timestamp", Version{6, 3}, 0, ""},
	{"bpf_xdp_metadata_rx_hash", Version{6, 3}, 0, ""},
	{"bpf_xdp_metadata_rx_vlan_tag", Version{6, 8}, 0, ""},
	{PacketDynptr, Version{6, 4}, 0, ""},
	{"bpf_sock_destroy", Version{6, 5}, 0, ""},
	{"bpf_copy_from_user_str", Version{6, 12}, KfSleepable, ""},
	{"bpf_get_file_xattr", Version{6, 8}, KfSleepable, ""},
	{"bpf_get_dentry_xattr", Version{6, 12}, KfSleepable, ""},
	{"bpf_send_signal_task", Version{6, 13}, 0, ""},
}

// cpumaskKfuncs are those that ask and change masks of processors, all as old as
// the masks.
var cpumaskKfuncs = []string{"first", "first_zero", "set_cpu", "clear_cpu", "test_cpu", "test_and_set_cpu", "test_and_clear_cpu", "setall",
	"clear", "and", "or", "xor", "equal", "intersects", "subset", "empty", "full", "copy"}

var kfuncsByName = sync.OnceValue(func() map[string]Kfunc {
	m := map[string]Kfunc{}
	for _, k := range Kfuncs {
		m[k.Name] = k
	}
	for _, n := range cpumaskKfuncs {
		m["bpf_cpumask_"+n] = Kfunc{Name: "bpf_cpumask_" + n, First: Version{6, 3}}
	}
	return m
})

// KfuncByName returns what is known of a kfunc; ok is false for one that is not in
// the table.
func KfuncByName(name string) (k Kfunc, ok bool) {
	k, ok = kfuncsByName()[name]
	return k, ok
}

// argNames and retNames are the kinds in the text form of the IR.
var argNames = [numArgKinds]string{
	ArgScalar: "scalar", ArgCtx: "ctx", ArgMap: "map", ArgKey: "key", ArgValue: "value", ArgValueOut: "valueout", ArgValueInOut: "valueinout",
	ArgValueOrNull: "valueornull", ArgBuf: "buf", ArgBufOrNull: "bufornull", ArgOut: "out", ArgOutOrNull: "outornull", ArgInOut: "inout",
	ArgSize: "size", ArgSizeOrZero: "sizeorzero", ArgString: "string", ArgLongOut: "longout", ArgUintInOut: "uintinout", ArgFixed20: "fixed20",
	ArgFixed40: "fixed40", ArgCallback: "callback", ArgFrame: "frame", ArgAny: "any", ArgObject: "object", ArgObjectOrNull: "objectornull",
	ArgMapField: "mapfield", ArgDynptr: "dynptr", ArgRecord: "record", ArgMem: "mem", ArgMemOrNull: "memornull",
}

var retNames = [numRetKinds]string{RetInt: "int", RetUint: "uint", RetVoid: "void", RetMapValue: "value", RetMapValueSure: "valuesure",
	RetRecord: "record", RetObject: "object", RetObjectSure: "objectsure", RetHeld: "held", RetHeldSure: "heldsure"}

// String returns the kind's name in the text form of the IR.
func (k ArgKind) String() string { return nameAt(argNames[:], int(k)) }

// String returns the kind's name in the text form of the IR.
func (r RetKind) String() string { return nameAt(retNames[:], int(r)) }

func nameAt(names []string, i int) string {
	if i >= len(names) {
		return "?"
	}
	return names[i]
}

// ArgKindByName returns the kind of argument of that name.
func ArgKindByName(name string) (ArgKind, bool) {
	i := slices.Index(argNames[:], name)
	return ArgKind(max(i, 0)), i >= 0
}

// RetKindByName returns the kind of result of that name.
func RetKindByName(name string) (RetKind, bool) {
	i := slices.Index(retNames[:], name)
	return RetKind(max(i, 0)), i >= 0
}

// PacketDynptr is the kfunc that makes a dynptr of a struct sk_buff
// (net/core/filter.c).
const PacketDynptr = "bpf_dynptr_from_skb"

// DynptrBytes is the size of struct bpf_dynptr.
const DynptrBytes = 16
