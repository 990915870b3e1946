package diag

// What is wrong with the use of values in the kernel stage.
const (
	// NeverEqual: a comparison of values that are equal in no case.
	NeverEqual Code = "NeverEqual"
	// ZeroStep: a numeric 'for' that never runs.
	ZeroStep Code = "ZeroStep"
	// BadCast: a cast to a pointer of what is no memory.
	BadCast Code = "BadCast"
	// NoPacket: the packet of a program that has none.
	NoPacket Code = "NoPacket"
	// OutsideFor: pairs or ipairs where no 'for' is.
	OutsideFor Code = "OutsideFor"
	// HelperNotByName: a helper that the language has another form for, or none.
	HelperNotByName Code = "HelperNotByName"
	// NoSuchEntry: an entry that an array map has not.
	NoSuchEntry Code = "NoSuchEntry"
)

// valueCodes documents the codes above.
var valueCodes = []Info{
	{
		Code: NeverEqual, Severity: Warning,
		Summary: "a comparison of values that are never equal",
		Help: "In Lua values of different types are different, also 5 and '5': the comparison has the same result on every run. " +
			"Addresses are written bpf.ip('10.0.0.1') and bpf.mac('02:00:00:00:00:01'), numbers without quotes.",
		Example: "bpf.socket(function() return pkt.ip.src == '10.0.0.1' end)\n",
	},
	{
		Code: ZeroStep, Severity: Warning,
		Summary: "a 'for' whose step is 0",
		Help:    "A loop that counts by 0 never gets from its first value to its last, so it runs never. Without a step 'for' counts by 1.",
		Example: "bpf.socket(function(skb)\n  local n = 0\n  for i = 1, 10, 0 do n = n + skb.len end\n  return n\nend)\n",
	},
	{
		Code: BadCast, Severity: Error,
		Summary: "a cast to a pointer of a value that refers to no memory",
		Help: "ffi.cast views the memory that its second argument refers to as another type: an object, a map's entry, the packet, a pointer into the kernel. " +
			"Booleans, strings and tables made in the kernel stage are values without a place in memory.",
		Example: "bpf.socket(function(skb) return ffi.cast('uint32_t *', { 1 })[0] end)\n",
	},
	{
		Code: NoPacket, Severity: Error,
		Summary: "the packet of a program that has none",
		Help:    "'pkt' is there in programs that run on packets: socket filters, tc, XDP, cgroup_skb and the like.",
		Example: "bpf.kprobe('do_unlinkat', function() return pkt[0] end)\n",
	},
	{
		Code: OutsideFor, Severity: Error,
		Summary: "pairs or ipairs outside a 'for'",
		Help:    "In the kernel stage pairs and ipairs say what a 'for' goes through; they return no iterator.",
		Example: "bpf.socket(function()\n  local next = pairs({ 1, 2 })\n  return 0\nend)\n",
	},
	{
		Code: NoSuchEntry, Severity: Warning,
		Summary: "an entry that an array map does not have",
		Help:    "The entries of an array map are numbered from 0, as C's arrays are: a map of 10 entries has 0 to 9. Another one is nil, and writing it does nothing.",
		Example: "local m = bpf.map('array', 10)\nbpf.socket(function() return m[10] end)\n",
	},
	{
		Code: HelperNotByName, Severity: Error,
		Summary: "a helper of the kernel that is not called by its name",
		Help: "bpf.helper has every helper whose arguments are numbers, maps, memory, functions and objects of the kernel. A few take a field that only the kernel " +
			"looks into; the message says what the language has instead.",
		Example: "local m = bpf.map('array', 1, 'uint32_t', 'uint64_t')\nbpf.tc(function() return bpf.helper.kptr_xchg(m[0], nil) and 1 or 0 end)\n",
	},
}
