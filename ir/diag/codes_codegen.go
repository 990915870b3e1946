package diag

// StackOverflow: more than 512 bytes of stack.
const StackOverflow Code = "StackOverflow"

// codegenCodes are the codes of package codegen.
func codegenCodes() []Info {
	return []Info{
		{
			Code:     StackOverflow,
			Severity: Error,
			Summary:  "the program needs more than 512 bytes of stack",
			Help: "The kernel gives a BPF program and all functions it calls 512 bytes of stack together. " +
				"Keys, values, structures and values that do not fit in registers lie there. " +
				"Make the largest object smaller, keep it in a map, or use it in a smaller part of the program.",
			Example: "bpf.socket(function()\n" + numbered("  local t# = time()\n", 80) + "  local h = 0\n" + numbered("  h = h * 31 + t#\n", 80) + "  return h\nend)\n",
		},
	}
}
