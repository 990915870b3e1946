package diag

// What is wrong with the use of what the running kernel has: its functions
// (kfuncs), its configuration.
const (
	// BadKconfig: an option of the kernel's configuration that is none.
	BadKconfig Code = "BadKconfig"
	// NotRaw: what raw instructions can't do.
	NotRaw Code = "NotRaw"
	// UnknownKfunc: a function that the kernel has not got, or not for programs.
	UnknownKfunc Code = "UnknownKfunc"
	// ReferenceHeld: what has to be given back is not.
	ReferenceHeld Code = "ReferenceHeld"
	// ReferenceGone: what was given back is used.
	ReferenceGone Code = "ReferenceGone"
)

// kernelCodes are the codes of what the running kernel has.
var kernelCodes = []Info{
	{
		Code: BadKconfig, Severity: Error,
		Summary: "an option of the kernel's configuration that is none",
		Help: "bpf.kconfig(name, ctype) reads an option of the running kernel's configuration, which the loader looks up: CONFIG_..., " +
			"LINUX_KERNEL_VERSION or LINUX_HAS_.... The configuration does not tell types, so the script does: an integer (by default), " +
			"'bool', 'tristate' (0, 1, or 2 for a module) or 'char [n]', and the same one at each use.",
		Example: "return bpf.socket(function() return bpf.kconfig('HZ') end)\n",
	},
	{
		Code: NotRaw, Severity: Error,
		Summary: "something that --emit raw can't write",
		Help: "--emit raw and --emit ipft-lua write the instructions of one function of bpf.func, with nothing that a loader would have to fill in: " +
			"no maps, variables, other functions, or members of the kernel's structures that the script declares itself. " +
			"Without these flags the function is one to link against, which may use all of them.",
		Example: `-- emit: raw
local m = bpf.map('array', 1)
bpf.func('int f(void *ctx)', function() return m[0] end)
`,
	},
	{
		Code: UnknownKfunc, Severity: Error,
		Summary: "a function of the kernel that is not there, or not for programs",
		Help: "bpf.kfunc.NAME(...) calls a function that the kernel offers to programs, by its whole name. What it takes and returns comes from " +
			"the kernel's BTF (--btf FILE, else the running kernel's); functions of modules are not in it. bpf.kfunc_exists('NAME') asks the kernel " +
			"that the object is loaded on, but the BTF must know the function too.",
		Example: "return bpf.xdp(function() bpf.kfunc.bpf_task_form_pid(1) end)\n",
	},
	{
		Code: ReferenceHeld, Severity: Error,
		Summary: "a reference to an object of the kernel that is not given back",
		Help: "What some helpers and kfuncs return is lent: the kernel refuses programs that end with it. Give it back on every path by the function " +
			"that the message names, or declare its variable <close>: then it is given back where the variable ends.",
		Example: `return bpf.tc(function(skb)
	local tuple = ffi.new('uint8_t [12]')
	local sk = bpf.helper.sk_lookup_tcp(tuple, -1, 0)
	return sk ~= nil
end)
`,
	},
	{
		Code: ReferenceGone, Severity: Error,
		Summary: "a reference that is used after it was given back",
		Help:    "An object of the kernel may be gone, or be another one, once the program has given back its reference. Copy what is needed of it before.",
		Example: `return bpf.tc(function(skb)
	local tuple = ffi.new('uint8_t [12]')
	local sk = bpf.helper.sk_lookup_tcp(tuple, -1, 0)
	if sk == nil then return 0 end
	bpf.helper.sk_release(sk)
	return bpf.helper.sk_release(sk)
end)
`,
	},
}
