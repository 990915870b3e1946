package diag

// What is wrong with how control flows.
const (
	// NotClosable: a <close> variable got a value that nothing closes.
	NotClosable Code = "NotClosable"
)

// flowCodes are the codes of statements and functions in the kernel stage.
var flowCodes = []Info{
	{
		Code:     NotClosable,
		Severity: Error,
		Summary:  "a '<close>' variable got a value that can't be closed",
		Help: "What a '<close>' variable holds is closed when its scope is left. That is nil or false (nothing happens), " +
			"or a table whose metatable, set by setmetatable, has a function '__close'.",
		Example: "bpf.socket(function()\n  local x <close> = 1\nend)",
	},
}
