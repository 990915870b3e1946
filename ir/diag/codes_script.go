package diag

import "strings"

// Codes of the script stage.
const (
	ScriptError         Code = "ScriptError"
	ScriptTooLong       Code = "ScriptTooLong"
	ScriptTooMuchMemory Code = "ScriptTooMuchMemory"
	FunctionTooLarge    Code = "FunctionTooLarge"
	ModuleNotFound      Code = "ModuleNotFound"
	UnknownMember       Code = "UnknownMember"
	UnknownSection      Code = "UnknownSection"
	UnknownType         Code = "UnknownType"
	UnsupportedType     Code = "UnsupportedType"
	BadCDeclaration     Code = "BadCDeclaration"
	BadDeclaration      Code = "BadDeclaration"
	BadOption           Code = "BadOption"
	DuplicateName       Code = "DuplicateName"
	NothingDeclared     Code = "NothingDeclared"
	DeclaredTooLate     Code = "DeclaredTooLate"
)

// scriptCodes documents the codes above.
var scriptCodes = []Info{
	{
		Code:    ScriptError,
		Summary: "the script raised an error while it ran",
		Help: "Outside the functions that become programs a script is ordinary Lua, which runs once while it is compiled. " +
			"This is a Lua error nothing caught; below it are the calls that led to it.",
		Example: "local t = nil\nprint(t.x)\n",
	},
	{
		Code:    ScriptTooLong,
		Summary: "the script does not come to its end",
		Help: "What runs while compiling is bounded, so that an endless loop does not hang a build. " +
			"Work that takes long belongs in user space, or in a program that makes the script.",
		Example: "while true do end\n",
	},
	{
		Code:    ScriptTooMuchMemory,
		Summary: "the script's strings and tables take too much memory",
		Help:    "What runs while compiling may use 64 MiB. A string that doubles in a loop and a table that is never emptied are the usual causes.",
		Example: "local s = 'x'\nwhile true do s = s .. s end\n",
	},
	{
		Code:    FunctionTooLarge,
		Summary: "a function is too large for the Lua VM",
		Help: "A function can have about 200 local variables and values in use at once, use 250 variables of the functions around it, and have some ten thousand branches. " +
			"Such code is usually generated: divide it into several functions, and put data into tables.",
		Example: "print(" + strings.Repeat("0, ", 250) + "0)\n",
	},
	{
		Code:    ModuleNotFound,
		Summary: "a module can't be loaded",
		Help:    "Modules are Lua files in the script's folder or in one given with -I; bpf, ffi, bit and syscall are built in.",
		Example: "local m = require('no_such_module')\n",
	},
	{
		Code:    UnknownMember,
		Summary: "a module does not have this member",
		Help:    "The message proposes what was probably meant, or says where the member works.",
		Example: "local m = bpf.mpa('hash')\n",
	},
	{
		Code:    UnknownSection,
		Summary: "a section or hook that no kind of program has",
		Help:    "Sections are named as libbpf knows them: xdp, tc, kprobe/FUNCTION, cgroup/connect4 and so on. The message proposes the nearest.",
		Example: "bpf.program('xpd', function() end)\n",
	},
	{
		Code:    UnknownType,
		Summary: "there is no C type of this name",
		Help:    "Known without a declaration are the integer types of C, those of stdint.h, and the kernel's u8 to s64 and __be16 to __be64.",
		Example: "local m = bpf.map('hash', 16, 'uint33_t')\n",
	},
	{
		Code:    BadCDeclaration,
		Summary: "a C declaration is not well formed, or declares what cannot be",
		Help:    "C declarations are those of C11 with GNU attributes: structs, unions, enums, typedefs, function pointers, bit-fields. There is no preprocessor, and functions have no bodies. The line and column are those of the C text inside the string.",
		Example: "local ffi = require('ffi')\nffi.cdef('struct pair { int a b; };')\n",
	},
	{
		Code:    UnsupportedType,
		Summary: "something of the ffi module that this version does not have",
		Help:    "C data has no methods and no finalisers here.",
		Example: "local ffi = require('ffi')\nlocal point = ffi.metatype('struct { int x, y; }', {})\n",
	},
	{
		Code:    BadDeclaration,
		Summary: "a map or program is declared with a wrong argument",
		Help:    "The message says what the call expects in that place.",
		Example: "bpf.tc('lo', 'sideways', function() end)\n",
	},
	{
		Code:    BadOption,
		Summary: "an option of the script is unknown or has a wrong type",
		Help:    "bpf.option { name = default } declares the names that -D may set; a value given must have its default's type, false meaning a flag.",
		Example: "bpf.option { 'verbose' }\n",
	},
	{
		Code:     DuplicateName,
		Severity: Warning,
		Summary:  "two maps or programs have the same name",
		Help:     "Maps and programs are named after the variable they are assigned to. Give one of them another with the option name.",
		Example:  "local m = bpf.map('hash')\nm = bpf.map('array')\n",
	},
	{
		Code:    NothingDeclared,
		Summary: "the script stage ends before anything is declared",
		Help: "Compiling runs the script up to its first operation that only user space has, such as os.time() or reading a map of a program. " +
			"Here nothing was declared until then, so there is nothing to compile.",
		Example: "os.exit(0)\n",
	},
	{
		Code:    DeclaredTooLate,
		Summary: "a map or program is declared behind the end of the script stage",
		Help:    "Compiling runs the script up to its first operation that only user space has. What is declared behind it would be missing in the object; declare it first.",
		Example: "local m = bpf.map('hash')\nos.time()\nlocal n = bpf.map('array')\n",
	},
}
