package kernel

import "fmt"

// ArgKind says what a helper takes, and with it which memory it reads and
// writes. A sized buffer is followed by its size.
type ArgKind uint8

const (
	ArgScalar   ArgKind = iota // a number
	ArgCtx                     // the program's context
	ArgMap                     // a map
	ArgKey                     // reads the map's key size
	ArgValue                   // reads the map's value size
	ArgBuf                     // reads as many bytes as the next argument says
	ArgOut                     // writes as many bytes as the next argument says
	ArgSize                    // the size of the buffer before it, not 0
	ArgCallback                // a function of the module
	ArgFrame                   // a pointer to the stack handed to the callback
)

// RetKind says what a helper returns.
type RetKind uint8

const (
	RetInt      RetKind = iota // a signed 64-bit number
	RetUint                    // an unsigned 64-bit number
	RetMapValue                // a pointer to a map value, or null
)

// Effect says what a helper does beyond its arguments.
type Effect uint8

const (
	// EffectWritesMaps: map values may change, or entries appear or go.
	EffectWritesMaps Effect = 1 << iota
	// EffectReadsMaps: map values are observed.
	EffectReadsMaps
	// EffectMovesPacket: packet pointers are invalid afterwards.
	EffectMovesPacket
	// EffectOutput: something outside the program sees the call.
	EffectOutput
	// EffectCallback: runs a function of the module.
	EffectCallback
	// EffectVolatile: two calls may give different results.
	EffectVolatile
)

// Helper is one BPF helper function.
type Helper struct {
	Name    string // without bpf_
	ID      int    // enum bpf_func_id
	Args    []ArgKind
	Ret     RetKind
	Effects Effect
	GPL     bool // only for programs under a GPL-compatible license
	First   Version
	// In says since when each kind of program may call it, by the name of its ProgType,
	// where that is later than First; a kind that is not named may not if Only.
	In   map[string]Version
	Only bool
}

// Helpers is the helper table. Sources: UAPI linux/bpf.h for numbers and
// prototypes; bpf_base_func_proto and the kinds' get_func_proto for In.
var Helpers = []*Helper{
	{Name: "map_lookup_elem", ID: 1, Args: []ArgKind{ArgMap, ArgKey}, Ret: RetMapValue, First: Version{3, 18}},
	{Name: "map_update_elem", ID: 2, Args: []ArgKind{ArgMap, ArgKey, ArgValue, ArgScalar}, Effects: EffectWritesMaps | EffectReadsMaps, First: Version{3, 18}},
	{Name: "map_delete_elem", ID: 3, Args: []ArgKind{ArgMap, ArgKey}, Effects: EffectWritesMaps | EffectReadsMaps, First: Version{3, 18}},
	{Name: "ktime_get_ns", ID: 5, Ret: RetUint, Effects: EffectVolatile, First: Version{4, 1}},
	{Name: "trace_printk", ID: 6, Args: []ArgKind{ArgBuf, ArgSize, ArgScalar, ArgScalar, ArgScalar}, Effects: EffectOutput, GPL: true, First: Version{4, 1}},
	{Name: "get_prandom_u32", ID: 7, Ret: RetUint, Effects: EffectVolatile, First: Version{4, 1}},
	{Name: "get_smp_processor_id", ID: 8, Ret: RetUint, First: Version{4, 1}},
	{Name: "get_current_pid_tgid", ID: 14, Ret: RetUint, First: Version{4, 2},
		In: map[string]Version{"socket_filter": {6, 10}, "xdp": {6, 10}}},
	{Name: "get_current_uid_gid", ID: 15, Ret: RetUint, First: Version{4, 2},
		In: map[string]Version{"socket_filter": {6, 16}, "xdp": {6, 16}}},
	{Name: "get_current_comm", ID: 16, Args: []ArgKind{ArgOut, ArgSize}, First: Version{4, 2},
		In: map[string]Version{"socket_filter": {6, 16}, "xdp": {6, 16}}},
	{Name: "skb_load_bytes", ID: 26, Args: []ArgKind{ArgCtx, ArgScalar, ArgOut, ArgSize}, First: Version{4, 5}, Only: true,
		In: map[string]Version{"socket_filter": {4, 5}, "sched_cls": {4, 5}}},
	{Name: "skb_pull_data", ID: 39, Args: []ArgKind{ArgCtx, ArgScalar}, Effects: EffectMovesPacket, First: Version{4, 9}, Only: true,
		In: map[string]Version{"sched_cls": {4, 9}}},
	{Name: "for_each_map_elem", ID: 164, Args: []ArgKind{ArgMap, ArgCallback, ArgFrame, ArgScalar}, Effects: EffectCallback, First: Version{5, 13}},
	{Name: "loop", ID: 181, Args: []ArgKind{ArgScalar, ArgCallback, ArgFrame, ArgScalar}, Effects: EffectCallback, First: Version{5, 17}},
}

// HelperByName returns the helper called name, or nil.
func HelperByName(name string) *Helper {
	for _, h := range Helpers {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Since returns the first kernel on which programs of kind k may call h; ok is
// false if none may.
func (h *Helper) Since(k *ProgKind) (v Version, ok bool) {
	if v, ok := h.In[k.Type.String()]; ok {
		return v, true
	}
	return h.First, !h.Only
}

// Available returns nil if programs of kind k may call h on kernel v and all
// newer ones, else an error that says what is missing.
func (h *Helper) Available(k *ProgKind, v Version) error {
	since, ok := h.Since(k)
	if !ok {
		return fmt.Errorf("helper '%s' is not available to %s programs", h.Name, k.Name)
	}
	if v.Before(since) {
		return fmt.Errorf("helper '%s' in %s programs needs kernel %s; the target is %s", h.Name, k.Name, since, v)
	}
	return nil
}
