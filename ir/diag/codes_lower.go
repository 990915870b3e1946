package diag

// Codes of the kernel stage.
const (
	NotALuaFunction   Code = "NotALuaFunction"
	BadResult         Code = "BadResult"
	AssignToCaptured  Code = "AssignToCaptured"
	NumberAsCondition Code = "NumberAsCondition"
	MixedKinds        Code = "MixedKinds"
	UndefinedName     Code = "UndefinedName"
	NotAnInteger      Code = "NotAnInteger"
	NotANumber        Code = "NotANumber"
	NeedsConstant     Code = "NeedsConstant"
	SignedComparison  Code = "SignedComparison"
	CantCompare       Code = "CantCompare"
	NoLength          Code = "NoLength"
	BadKey            Code = "BadKey"
	BadValue          Code = "BadValue"
	NeedsNewerKernel  Code = "NeedsNewerKernel"
	NeedsGPL          Code = "NeedsGPL"
	PacketInHandler   Code = "PacketInHandler"
	PacketReadOnly    Code = "PacketReadOnly"
	NotBytes          Code = "NotBytes"
	OutOfRange        Code = "OutOfRange"
	UnknownField      Code = "UnknownField"
	WrongArguments    Code = "WrongArguments"
	LengthMismatch    Code = "LengthMismatch"
	LoopBudget        Code = "LoopBudget"
	TooManyCopies     Code = "TooManyCopies"
	NotATable         Code = "NotATable"
	NotReadable       Code = "NotReadable"
	NotWritable       Code = "NotWritable"
	NeedsArch         Code = "NeedsArch"
	UnknownTarget     Code = "UnknownTarget"
	UnknownHelper     Code = "UnknownHelper"
	HelperNotAllowed  Code = "HelperNotAllowed"
	ResultIgnored     Code = "ResultIgnored"
	NotAFunction      Code = "NotAFunction"
	TooLarge          Code = "TooLarge"
	CallFailed        Code = "CallFailed"
	Recursion         Code = "Recursion"
	NotAPlace         Code = "NotAPlace"
	BadFormat         Code = "BadFormat"
	BadMapOperation   Code = "BadMapOperation"
	RecordLeftOpen    Code = "RecordLeftOpen"
	RecordGone        Code = "RecordGone"
	LostUpdate        Code = "LostUpdate"
	OtherLoaders      Code = "OtherLoaders"
	BadCallback       Code = "BadCallback"
	LockHeld          Code = "LockHeld"
	SharedTable       Code = "SharedTable"
)

var lowerCodes = []Info{
	{
		Code: NotALuaFunction, Severity: Error,
		Summary: "the program is not a Lua function",
		Help:    "Programs are compiled from functions written in the script. A function of the library, such as print itself, has no Lua source to compile; wrap it: function() print('x') end.",
		Example: "bpf.socket('lo', print)",
	},
	{
		Code: BadResult, Severity: Error,
		Summary: "a result or verdict that the kind of program can't return",
		Help:    "Programs return a number, a boolean or nil; on_short is a verdict or a function. Some kinds of programs have a range that their result must be in.",
		Example: "bpf.xdp(function(ctx) return 2 end, { on_short = 'drop' })",
	},
	{
		Code: AssignToCaptured, Severity: Error,
		Summary: "an assignment to a constant of the script",
		Help:    "Variables and tables of the script are constants in the kernel: the function is compiled with the values they have when the program is declared. What programs change lives in a map.",
		Example: "local n = 0\nbpf.socket(function() n = n + 1 end)",
	},
	{
		Code: NumberAsCondition, Severity: Error,
		Summary: "a number used as a condition",
		Help:    "In Lua every number is true, 0 too, so such a condition is probably a mistake. Compare with 0 explicitly.",
		Example: "bpf.socket(function(skb)\n  if skb.len then return 1 end\nend)",
	},
	{
		Code: MixedKinds, Severity: Error,
		Summary: "a variable that holds values of different kinds on different paths",
		Help:    "At run time a variable is a number, a boolean or a packet pointer, or nil, but not now one and now another. Use two variables.",
		Example: "bpf.socket(function(skb)\n  local x = 1\n  if skb.len > 9 then x = true end\n  return x + 1\nend)",
	},
	{
		Code: UndefinedName, Severity: Error,
		Summary: "a name that nothing defines",
		Help:    "Neither the script nor the kernel stage knows the name. Look for a typing error.",
		Example: "bpf.socket(function() return tiem() end)",
	},
	{
		Code: NotAnInteger, Severity: Error,
		Summary: "a number that is no 64-bit integer",
		Help:    "The kernel computes with 64-bit integers. A fraction can't reach it; an integer beyond 2^53 is exact only if it is written with LL or ULL.",
		Example: "local rate = 1.5\nbpf.socket(function(skb) return skb.len * rate end)",
	},
	{
		Code: NotANumber, Severity: Error,
		Summary: "a value that is not a number where one is needed",
		Help:    "Arithmetic, comparisons, keys and results need numbers; nil counts as 0 in arithmetic, booleans are stored as 1 or 0.",
		Example: "bpf.socket(function(skb) return skb.len + true end)",
	},
	{
		Code: NeedsConstant, Severity: Error,
		Summary: "a value that must be known when compiling",
		Help:    "Keys of tables, string operations, lengths of slices and the like are computed when compiling. A table of the script may be indexed at run time if its keys are 1 to n and its values integers; else use an array map.",
		Example: "local t = { a = 10, b = 20 }\nbpf.socket(function(skb) return t[skb.len] end)",
	},
	{
		Code: SignedComparison, Severity: Warning,
		Summary: "a comparison that signedness decides",
		Help:    "A uint64_t is never negative, and a negative number compared with one counts as a large number.",
		Example: "local m = bpf.map('array', 1, 'uint32_t', 'uint64_t')\nbpf.socket(function() if m[0] < 0 then return 1 end end)",
	},
	{
		Code: CantCompare, Severity: Error,
		Summary: "values that can't be compared",
		Help:    "The two values exist when compiling only, or are of kinds that have no equality in the kernel.",
		Example: "bpf.socket(function(skb)\n  local a, b = { n = skb.len }, { n = skb.len }\n  return a == b\nend)\n",
	},
	{
		Code: NoLength, Severity: Error,
		Summary: "'#' of a value without a length",
		Help:    "Strings and tables known when compiling, maps, byte arrays and the packet have a length.",
		Example: "bpf.socket(function(skb) return #skb.len end)",
	},
	{
		Code: BadKey, Severity: Error,
		Summary: "a value that is no key of the map",
		Help:    "Keys of the map are numbers of its key type; nil and strings are none.",
		Example: "local m = bpf.map('hash', 8)\nbpf.socket(function() return m['x'] end)",
	},
	{
		Code: BadValue, Severity: Error,
		Summary: "a value that the map can't hold",
		Help:    "Values of the map are numbers of its value type. Entries of array maps always exist and can't be deleted by assigning nil.",
		Example: "local m = bpf.map('array', 8)\nbpf.socket(function() m[1] = nil end)",
	},
	{
		Code: BadMapOperation, Severity: Error,
		Summary: "something that maps of the type can't do",
		Help:    "What a program can do with a map depends on the map's type: queues are pushed to and popped from, ring buffers take records, hash and array maps have entries by keys.",
		Example: "local q = bpf.map('queue', 8)\nbpf.socket(function() return q[1] end)",
	},
	{
		Code: RecordLeftOpen, Severity: Error,
		Summary: "a ring-buffer record that is neither submitted nor discarded",
		Help:    "The kernel refuses programs that end with a reserved record. Submit or discard it on every path, or declare its variable <close>: then it is discarded where the variable ends.",
		Example: "local rb = bpf.map('ringbuf', nil, nil, 'uint64_t')\nbpf.socket(function(skb)\n  local r = rb:reserve()\n  if skb.len > 60 then r:submit() end\nend)",
	},
	{
		Code: RecordGone, Severity: Error,
		Summary: "a record that is used after it was submitted or discarded",
		Help:    "A record belongs to the script until it is submitted or discarded; then user space may be reading it, or its place is another's.",
		Example: "local rb = bpf.map('ringbuf', nil, nil, 'uint64_t')\nbpf.socket(function(skb)\n  local r = rb:reserve()\n  r:submit()\n  r[0] = 1\nend)",
	},
	{
		Code: LostUpdate, Severity: Warning,
		Summary: "a number in a map that is read, added to and written back",
		Help:    "Programs run on several CPUs at once: what another one adds between the read and the write is lost. m:add(k, n) adds atomically, and inserts the entry if need be.",
		Example: "local m = bpf.map('hash', 8)\nbpf.socket(function(skb) m[1] = (m[1] or 0) + 1 end)",
	},
	{
		Code: OtherLoaders, Severity: Warning,
		Summary: "a map with contents that only luabpfc fills in",
		Help: "What the script writes to a map before it declares a program goes along with the object, and luabpfc's run and load put it into the map. Other loaders (bpftool, libbpf, iproute2) make the map and leave it empty: " +
			"for them write constants as tables of the script, or as bpf.const, which are part of the program.",
		Example: "local ports = bpf.map('hash', 8)\nports[80] = 1\nbpf.socket(function(skb) return ports[skb.mark] end)",
	},
	{
		Code: SharedTable, Severity: Error,
		Summary: "a change to a table that is one of several and may have other names",
		Help: "Tables live in registers: where control flow joins, a variable that holds one table or another gets the members of the one that it is. Another variable that holds one of them would not see a change made " +
			"by this one, so it is refused. Change the table where it is made, or assign a new one.",
		Example: "bpf.socket(function(skb)\n  local a = { n = 1 }\n  local b = a\n  if skb.mark == 1 then a = { n = 2 } end\n  a.n = 5\n  return b.n\nend)",
	},
	{
		Code: LockHeld, Severity: Error,
		Summary: "something that the kernel does not allow while a lock is held",
		Help:    "Between bpf.helper.spin_lock and bpf.helper.spin_unlock memory is read and written, and nothing else: no helpers, functions and loops, no packet, no end of the program. Compute before, and keep what is to be done in variables.",
		Example: "ffi.cdef 'struct e { struct bpf_spin_lock lock; uint32_t n; };'\nlocal m = bpf.map('hash', 4, 'uint32_t', 'struct e')\n" +
			"bpf.tc(function(skb)\n  local e = m[1]\n  if not e then return 0 end\n  bpf.helper.spin_lock(e.lock)\n  e.n = rand()\n  bpf.helper.spin_unlock(e.lock)\n  return 0\nend)",
	},
	{
		Code: BadCallback, Severity: Error,
		Summary: "a function that the kernel calls by itself uses what only the program has",
		Help: "The function of a timer, of bpf.helper.find_vma and of bpf.helper.user_ringbuf_drain runs apart from the program: it has its parameters, constants, maps and variables of bpf.global, " +
			"but no context, no packet, and can't change variables of the functions around it.",
		Example: "local m = bpf.map('user_ringbuf', 4096)\nbpf.tc(function(skb)\n  local n = 0\n  bpf.helper.user_ringbuf_drain(m, function(d) n = n + 1 end)\n  return n\nend)",
	},
	{
		Code: NeedsNewerKernel, Severity: Error,
		Summary: "something the target kernel doesn't have",
		Help:    "The object must load on the target kernel and on all newer ones. Choose another --target-kernel, or do without.",
		Example: "bpf.socket(function() return uid_gid() end)",
	},
	{
		Code: NeedsGPL, Severity: Error,
		Summary: "a helper for GPL-compatible programs only",
		Help:    "The kernel gives some helpers only to programs whose license is compatible with the GPL. Choose another license with bpf.license.",
		Example: "bpf.license('Proprietary')\nbpf.socket(function() print('hello') end)",
	},
	{
		Code: PacketInHandler, Severity: Error,
		Summary: "a packet read in an on_short function",
		Help:    "An on_short function runs because a packet read went past the packet's end; it can't read the packet itself.",
		Example: "bpf.xdp(function(ctx) return pkt.type end, { on_short = function(ctx) return pkt.type end })",
	},
	{
		Code: PacketReadOnly, Severity: Error,
		Summary: "a write to a packet by a program that can't write it",
		Help:    "The kernel lets XDP and tc programs write their packets; socket filters, for one, only see them.",
		Example: "bpf.socket(function() pkt[0] = 1 end)",
	},
	{
		Code: NotBytes, Severity: Error,
		Summary: "bytes are needed, of another number",
		Help:    "A field of several bytes, or p:set(a, bytes), takes a slice, an array or a string; what is assigned to a field must be as long as it.",
		Example: "bpf.xdp(function() pkt.dst = pkt(0, 4) end)",
	},
	{
		Code: OutOfRange, Severity: Error,
		Summary: "an offset, index or length that is never valid",
		Help:    "The constant is outside what any packet or value can have.",
		Example: "bpf.socket(function() return pkt(0, 1000) end)",
	},
	{
		Code: UnknownField, Severity: Error,
		Summary: "a member that does not exist",
		Help:    "The struct or union has no member of that name. Look for a typing error.",
		Example: "ffi.cdef('struct point { int x, y; };')\nbpf.socket(function() return ffi.new('struct point').z end)\n",
	},
	{
		Code: WrongArguments, Severity: Error,
		Summary: "a call with wrong arguments",
		Help:    "The message says how the function is called.",
		Example: "bpf.socket(function() return bit.lshift(1) end)",
	},
	{
		Code: LengthMismatch, Severity: Warning,
		Summary: "bytes compared with a string of another length",
		Help:    "A slice equals a string only if both have the same number of bytes.",
		Example: "bpf.socket(function() return pkt(0, 4) == 'GET' end)",
	},
	{
		Code: LoopBudget, Severity: Warning,
		Summary: "a loop without a known bound",
		Help:    "Programs must end. A loop whose number of iterations is not known takes them from one budget per run; when it is used up the loop is left.",
		Example: "bpf.socket(function(skb)\n  local i = 0\n  while i < skb.len do i = i + 64 end\n  return i\nend)",
	},
	{
		Code: TooManyCopies, Severity: Error,
		Summary: "a loop that would be copied too often",
		Help:    "The loop's variable is used where a constant is needed, so the body is copied for each value; there may be 4096 copies.",
		Example: "local t = {}\nfor i = 1, 5000 do t[i] = i % 2 == 0 end\nbpf.socket(function()\n  local n = 0\n  for i = 1, 5000 do if t[i] then n = n + 1 end end\n  return n\nend)",
	},
	{
		Code: NotATable, Severity: Error,
		Summary: "a value without members",
		Help:    "The value is no table, map, header, context or packet pointer.",
		Example: "bpf.socket(function(skb) return skb.len.x end)",
	},
	{
		Code: NotReadable, Severity: Error,
		Summary: "a context member that this kind of program may not read",
		Help:    "The kernel lets only some kinds of programs read the member.",
		Example: "bpf.socket(function(skb) return skb.family end)",
	},
	{
		Code: NotWritable, Severity: Error,
		Summary: "a context member that this kind of program may not write",
		Help:    "The kernel lets programs write few members of their context, and not every kind of program the same ones.",
		Example: "bpf.socket(function(skb) skb.mark = 1 end)",
	},
	{
		Code: NeedsArch, Severity: Error,
		Summary: "a register, and no architecture to tell where it is",
		Help:    "Registers lie elsewhere on each architecture, so an object that reads them is for one of them: --arch says which.",
		Example: "bpf.kprobe('do_unlinkat', function(regs) if regs.parm1 > 9 then print('%d', regs.parm1) end end)",
	},
	{
		Code: UnknownTarget, Severity: Error,
		Summary: "arguments of something that the kernel's types don't have",
		Help: "What a program is called with comes from the kernel's BTF: the parameters of the function it is attached to, the record of its tracepoint. " +
			"Without BTF (--btf FILE) nothing is known of it, and a name that BTF does not have is most often misspelt. " +
			"A tracepoint that shares its record with others has it under another name: the option record = 'trace_event_raw_NAME' says which.",
		Example: "bpf.fentry('vfs_open', function(path) if path then print('open') end end)",
	},
	{
		Code: UnknownHelper, Severity: Error,
		Summary: "a helper that the kernel does not have",
		Help:    "Helpers are named as in linux/bpf.h, without 'bpf_'. The message proposes the nearest.",
		Example: "bpf.socket(function() return bpf.helper.ktime_get() end)",
	},
	{
		Code: HelperNotAllowed, Severity: Error,
		Summary: "a helper that this kind of program may not call",
		Help:    "Each kind of program has its own set of helpers; the message names kinds that have this one.",
		Example: "bpf.socket(function() return bpf.helper.xdp_adjust_head(4) end)",
	},
	{
		Code: ResultIgnored, Severity: Warning,
		Summary: "a result of a program that can have one result only",
		Help:    "The kernel's verifier wants this one result of programs of the kind; the value returned is dropped.",
		Example: "bpf.cgroup('recvmsg4', function() return 0 end)",
	},
	{
		Code: NotAFunction, Severity: Error,
		Summary: "a call of something that is no function",
		Help:    "Only functions, ctypes and packet pointers can be called.",
		Example: "bpf.socket(function(skb) return skb.len() end)",
	},
	{
		Code: TooLarge, Severity: Error,
		Summary: "a program that grew too large",
		Help:    "Functions are inlined and loops over constants unrolled; together they made more operations than any kernel loads.",
		Example: "local words = {}\nfor i = 1, 700 do words[i] = 'w' .. i end\n" +
			"bpf.socket(function(skb)\n  local n = skb.len\n  for _, a in ipairs(words) do\n    for _, b in ipairs(words) do n = n * n + #a * #b end\n  end\n  return n\nend)",
	},
	{
		Code: CallFailed, Severity: Error,
		Summary: "a function that failed when compiling",
		Help:    "A function of the library was called with constant arguments and raised an error.",
		Example: "bpf.socket(function() return string.rep() end)",
	},
	{
		Code: Recursion, Severity: Error,
		Summary: "recursion that does not end when compiling",
		Help:    "Functions are inlined, so recursion must end by conditions that are known when compiling.",
		Example: "local function f(x) return f(x + 1) end\nbpf.socket(function(skb) return f(skb.len) end)",
	},
	{
		Code: NotAPlace, Severity: Error,
		Summary: "an atomic operation on something that is no place",
		Help:    "xadd adds to memory: an entry of a map whose values have 4 or 8 bytes.",
		Example: "bpf.socket(function(skb) xadd(skb.len, 1) end)",
	},
	{
		Code: BadFormat, Severity: Error,
		Summary: "a format of print that is wrong",
		Help:    "The format names a conversion that does not exist, or makes a line too long for the kernel's stack.",
		Example: "bpf.socket(function() print('%q', 1) end)",
	},
}
