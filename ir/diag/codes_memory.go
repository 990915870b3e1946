package diag

// What is wrong with the use of an object in memory.
const (
	// StaleEntry: a reference to a map entry that may be another one by now.
	StaleEntry Code = "StaleEntry"
)

// memoryCodes are the codes of typed memory in the kernel stage.
var memoryCodes = []Info{
	{
		Code: StaleEntry, Severity: Error,
		Summary: "a reference to a map entry that may be gone",
		Help: "An entry of a map is looked up once; when the map is assigned to, deleted from or handed to a helper afterwards, " +
			"the memory may belong to another key. Look the entry up again, or copy what is needed first: ffi.new(ct, entry). " +
			"In array maps entries stay, and writing a member of an entry is no such change.",
		Example: `ffi.cdef 'struct v { int x; };'
local m = bpf.map('hash', 8, 'uint32_t', 'struct v')
return bpf.socket(function()
	local e = m[1]
	m[2] = { x = 1 }
	return e.x
end)
`,
	},
}
