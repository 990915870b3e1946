package diag

// What is wrong with how control flows.
const (
	// NotClosable: a <close> variable got a value that nothing closes.
	NotClosable Code = "NotClosable"
	// BadTailCall: a tail call where none can be.
	BadTailCall Code = "BadTailCall"
)

// flowCodes are the codes of statements and functions in the kernel stage.
var flowCodes = []Info{
	{
		Code:     BadTailCall,
		Severity: Error,
		Summary:  "a tail call where the program can't be left for another",
		Help: "A tail call ends the program and runs another in its place. It can't stand in an on_short function, where something must be " +
			"closed afterwards, or in a loop that becomes a function which the kernel calls.",
		Example: "local progs = bpf.map('prog_array', 4)\nlocal t = setmetatable({}, { __close = function() end })\n" +
			"bpf.socket(function(skb)\n  local x <close> = t\n  return progs[1](skb)\nend)",
	},
	{
		Code:     NotClosable,
		Severity: Error,
		Summary:  "a '<close>' variable got a value that can't be closed",
		Help: "What a '<close>' variable holds is closed when its scope is left. That is nil or false (nothing happens), " +
			"or a table whose metatable, set by setmetatable, has a function '__close'.",
		Example: "bpf.socket(function()\n  local x <close> = 1\nend)",
	},
}
