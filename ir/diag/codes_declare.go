package diag

// What is wrong with declarations: of C types, maps, programs and options.
const (
	CPreprocessor  Code = "CPreprocessor"
	CRedeclaration Code = "CRedeclaration"
	CTypeTooLarge  Code = "CTypeTooLarge"
	BadCToken      Code = "BadCToken"
	BadBitField    Code = "BadBitField"
	BadArrayType   Code = "BadArrayType"
	BadAttribute   Code = "BadAttribute"

	UnknownMapType Code = "UnknownMapType"
	BadKeyType     Code = "BadKeyType"
	BadValueType   Code = "BadValueType"
	BadMapSize     Code = "BadMapSize"
	BadMapOption   Code = "BadMapOption"

	NeedsFunction Code = "NeedsFunction"
	NeedsTarget   Code = "NeedsTarget"
	UnknownOption Code = "UnknownOption"

	UnknownDefine Code = "UnknownDefine"
	DefineType    Code = "DefineType"
	BadLoopLimit  Code = "BadLoopLimit"

	UnknownContextField Code = "UnknownContextField"
	UnknownHeaderField  Code = "UnknownHeaderField"
	UnknownMethod       Code = "UnknownMethod"
	FormatArguments     Code = "FormatArguments"
)

// declareCodes documents the codes above.
var declareCodes = []Info{
	{
		Code:    CPreprocessor,
		Summary: "ffi.cdef has no preprocessor",
		Help:    "Lines that begin with '#' mean nothing in ffi.cdef. Write constants as an enum, and copy the declarations you need from a header instead of including it.",
		Example: "ffi.cdef [[\n#define SIZE 16\n]]\n",
	},
	{
		Code:    CRedeclaration,
		Summary: "a C name is declared a second time, differently",
		Help:    "The types of a script have one meaning each. Declaring the same thing twice is allowed.",
		Example: "ffi.cdef('struct pair { int a, b; };')\nffi.cdef('struct pair { int a; };')\n",
	},
	{
		Code:    CTypeTooLarge,
		Summary: "a C type has too many parts",
		Help:    "A type may have 256 MiB and be nested some hundred levels deep, as far as anything the kernel has to do with goes. Is a number of elements wrong?",
		Example: "ffi.cdef('struct huge { char a[0x10000000000]; };')\n",
	},
	{
		Code:    BadCToken,
		Summary: "text that is no C",
		Help:    "A quote or comment is not closed, or a character or number stands there that C does not know.",
		Example: "ffi.cdef('struct pair { int a; /* int b; };')\n",
	},
	{
		Code:    BadBitField,
		Summary: "a bit-field that C does not allow",
		Help:    "A bit-field is of an integer type and has at most as many bits as that; one of no bits has no name.",
		Example: "ffi.cdef('struct flags { uint8_t a : 9; };')\n",
	},
	{
		Code:    BadArrayType,
		Summary: "an array type that C does not allow",
		Help:    "Elements are objects of a known size, and only the last member of a struct may be of open length.",
		Example: "ffi.cdef('struct list { int items[]; int count; };')\n",
	},
	{
		Code:    BadAttribute,
		Summary: "an attribute of a C type that is not known, or has a wrong value",
		Help:    "There are packed, aligned(n) with a power of two, and preserve_access_index.",
		Example: "ffi.cdef('struct pair { int a; } __attribute__((aligned(3)));')\n",
	},
	{
		Code:    UnknownMapType,
		Summary: "there is no map of that type",
		Help:    "Map types are the kernel's in lower case: 'hash', 'array', 'lru_hash', 'ringbuf', ...",
		Example: "local m = bpf.map('hsh', 16)\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    BadKeyType,
		Summary: "the type of a map's keys is not what maps of that type need",
		Help:    "Arrays are indexed by uint32_t; the keys of an lpm_trie begin with the length of the prefix; some maps have no keys.",
		Example: "local m = bpf.map('array', 16, 'uint64_t')\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    BadValueType,
		Summary: "the type of a map's values is not what maps of that type need",
		Help:    "Maps that hold programs, maps, sockets or devices have values of a size of their own.",
		Example: "local m = bpf.map('prog_array', 16, 'uint32_t', 'uint64_t')\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    BadMapSize,
		Summary: "a map can't have that many entries",
		Help:    "The number of entries is an integer; the kernel takes up to 2^32-1 of them, memory permitting.",
		Example: "local m = bpf.map('hash', 0)\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    BadMapOption,
		Summary: "an option of a map is wrong",
		Help:    "The options of a map are name, flags, pinning, inner, numa_node, values and map_extra. Maps of maps need 'inner', others don't take it.",
		Example: "local m = bpf.map('hash', 16, nil, nil, { pinning = 'here' })\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    NeedsFunction,
		Summary: "a declaring call is given something else than a function",
		Help:    "Programs are functions of the script, or what an earlier call returned for one.",
		Example: "bpf.xdp('eth0')\n",
	},
	{
		Code:    NeedsTarget,
		Summary: "a section that needs a target has none",
		Help:    "Programs of this kind attach to something that the section names behind a '/', such as a function of the kernel.",
		Example: "bpf.program('fentry', function() end)\n",
	},
	{
		Code:    UnknownOption,
		Summary: "there is no option of that name",
		Help:    "The options of a program are name, on_short, license, sleepable, flags, ret, pid, cpu, iface and record.",
		Example: "bpf.xdp(function() return XDP_PASS end, { onshort = 1 })\n",
	},
	{
		Code:    UnknownDefine,
		Summary: "-D sets an option that the script does not declare",
		Help:    "Where a script declares its options by bpf.option, -D takes no other names.",
		Example: "-- define: prot=80\nbpf.option { port = 443 }\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    DefineType,
		Summary: "-D gives an option a value of another type than its default",
		Help:    "A number takes a number, a string a string; false is a flag, which -D name sets.",
		Example: "-- define: port=http\nbpf.option { port = 443 }\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    BadLoopLimit,
		Summary: "bpf.loop_limit is no number of iterations",
		Help:    "The budget that loops without a bound share is an integer from 1 up.",
		Example: "bpf.loop_limit = 0\nbpf.socket(function() return 1 end)\n",
	},
	{
		Code:    UnknownContextField,
		Summary: "the context has no such member",
		Help:    "The members of a program's context are those of the kernel's structure for that kind of program.",
		Example: "bpf.xdp(function(ctx) return ctx.len end)\n",
	},
	{
		Code:    UnknownHeaderField,
		Summary: "a packet header has no such field, or no such header below it",
		Help:    "Headers follow each other as they do in packets: pkt.ip.tcp, not pkt.tcp.",
		Example: "bpf.socket(function() return pkt.tcp end)\n",
	},
	{
		Code:    UnknownMethod,
		Summary: "there is no method of that name",
		Help:    "Methods of packet pointers read, write and view bytes; those of strings are Lua's.",
		Example: "bpf.socket(function() return pkt:u24() end)\n",
	},
	{
		Code:    FormatArguments,
		Summary: "a format and its values do not match",
		Help:    "Each conversion of the format takes one value.",
		Example: "bpf.socket(function(skb) print('%d of %d', skb.len) end)\n",
	},
}
