package diag

// What is wrong with the use of what the running kernel has: its functions
// (kfuncs), its configuration.
const (
	// BadKconfig: an option of the kernel's configuration that is none.
	BadKconfig Code = "BadKconfig"
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
}
