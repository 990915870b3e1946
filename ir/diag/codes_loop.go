package diag

// What is wrong with how a loop would reach the kernel.
const (
	// UnboundedLoop: the target has no form for a loop of so many trips, or one
	// that keeps a reference from trip to trip.
	UnboundedLoop Code = "UnboundedLoop"
	// LoopTooDeep: loops nested deeper than calls and stack allow.
	LoopTooDeep Code = "LoopTooDeep"
	// TooComplex: more ways than the kernel's verifier follows.
	TooComplex Code = "TooComplex"
)

// loopCodes are the codes of what the kernel's verifier has to follow: of ir/opt's
// pass "loopform" and of codegen.CheckComplexity.
var loopCodes = []Info{
	{
		Code:     UnboundedLoop,
		Severity: Error,
		Summary:  "the target kernel can't run this loop",
		Help: "Kernels before 5.13 run loops only if their trips have a small bound that the compiler knows; " +
			"from 5.13 to 5.16 a loop has 16,777,216 trips at most; " +
			"before 6.8 a loop whose trips are not bounded so can't keep a reference to a map entry from one trip to the next. " +
			"Bound a 'for' by bpf.limit(n, most), where most is a constant, other loops by bpf.loop_limit, or choose a newer target by --target-kernel.",
		Example: `-- target: 5.10
return bpf.socket(function()
	local sum = 0
	for i = 1, #pkt do sum = sum + i end
	return sum
end)
`,
	},
	{
		Code:     LoopTooDeep,
		Severity: Error,
		Summary:  "loops and functions are nested too deeply",
		Help: "A loop whose trips the kernel's verifier can't follow becomes a function that the kernel calls. " +
			"Calls nest at most 8 deep and share 512 bytes of stack. " +
			"Bound inner loops by small constants, or split the program.",
		Example: `return bpf.socket(function()
	local sum = 0
	for a = 1, #pkt do
		for b = 1, #pkt do
			for c = 1, #pkt do
				for d = 1, #pkt do sum = sum + a * b * c * d end
			end
		end
	end
	return sum
end)
`,
	},
	{
		Code:     TooComplex,
		Severity: Error,
		Summary:  "the program has more ways through its branches than the kernel's verifier follows",
		Help: "The verifier follows every way through a program's branches, a million instructions in all. " +
			"Two ways that meet become one again, unless a number that differs between them decides a branch later. " +
			"The compiler estimates what the verifier would do, tries loops as functions that the kernel calls, and " +
			"refuses what would not load. Bound loops lower, put branches into functions behind bpf.noinline, or keep a number " +
			"that is added up on many ways in a map before it is tested. At -O0 there is no estimate.",
		Example: `local weights = {}
for i = 1, 24 do weights[i] = 1 << i end
return bpf.socket(function(skb)
	local score = 0
	for i, w in ipairs(weights) do
		if skb.mark & (1 << i) ~= 0 then score = score + w end
	end
	if score > 300 then return 0 end
	return 1
end)
`,
	},
}
