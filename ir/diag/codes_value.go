package diag

// What is wrong with the use of values in the kernel stage.
const (
	// NeverEqual: a comparison of values that are equal in no case.
	NeverEqual Code = "NeverEqual"
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
}
