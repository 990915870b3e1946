-- run-time errors, in Lua's words, with a place and the calls that led to it
local t = nil
print(t.x) --! "attempt to index a nil value \(local 't'\) \[ScriptError\]"
---
print(foo.bar) --! "attempt to index a nil value \(global 'foo'\)"
---
print(stirng.rep('x', 3)) --! "attempt to index a nil value \(global 'stirng', did you mean 'string'\?\)"
---
local t = { a = {} }
t.a.b.c = 1 --! "attempt to index a nil value \(field 'b'\)"
---
local t, k = {}, nil
t[k] = 1 --! "table index is nil"
---
local t = {}
t[0 / 0] = 1 --! "table index is NaN"
---
undefined() --! "attempt to call a value that is not a function \(global 'undefined'\)"
---
local s = 'x'
s:nope() --! "attempt to call a value that is not a function \(method 'nope'\)"
---
local x = {} + 1 --! "attempt to perform arithmetic on a table value"
---
local n
local x = 1 + n --! "attempt to perform arithmetic on a nil value \(local 'n'\)"
---
local n = {}
local x = 'a' .. n --! "attempt to concatenate a table value"
---
local x = 1 < 'a' --! "attempt to compare number with string"
---
local x = {} < {} --! "attempt to compare two table values"
---
local x = -{} --! "attempt to perform arithmetic on a value that is not a number"
---
local n
local x = #n --! "attempt to get the length of a value that has none \(local 'n'\)"
---
for i = 1, {} do end --! "'for' limit must be a number"
---
for i = 'x', 2 do end --! "'for' initial value must be a number"
---
local function inner(x)
  return x + nil --! "attempt to perform arithmetic on a nil value \[ScriptError\] \| 5: called from here \| 8: called from here"
end
local function outer()
  local y = inner(1)
  return y
end
outer()
---
error('out of luck') --! "^out of luck \[ScriptError\]$"
---
local function check(x) error('bad x', 2) end
check(1) --! "^bad x \[ScriptError\]"
---
error({}) --! "the script raised an error value: a table"
---
error(nil) --! "the script raised an error value: nil"
---
error('') --! "an error without a message"
---
assert(false, 'no way') --! "no way"
---
assert(nil) --! "assertion failed!"
---
string.rep() --! "bad argument #1 to rep \(string expected, got no value\)"
---
local co = coroutine.wrap(function()
  local x = nil + 1 --! "attempt to perform arithmetic on a nil value"
end)
co()
---
-- in a coroutine, a metamethod, an iterator, a sort
local t = setmetatable({}, { __index = function(_, k)
  error('no ' .. k) --! "no x .* 5: called from here"
end })
local x = t.x
---
table.sort({ 3, 1, 2 }, function(a, b)
  return a.x < b.x --! "attempt to index a number value \(local 'a'\)"
end)
---
-- several errors in one run: syntax errors end it before it starts
local x = * 2 --! "expression expected"
local y = ) --! "expression expected"
---
-- what is refused because it would vary from run to run
local x = math.random() --! "math.random is not available: the script stage gives the same result each time"
---
math.randomseed(1) --! "math.randomseed is not available"
---
dofile('x.lua') --! "the script stage reads no files but modules"
---
loadfile('x.lua') --! "the script stage reads no files"
---
string.dump(print) --! "attempt to call a value that is not a function \(field 'dump'\)"
---
coroutine.yield() --! "attempt to yield from outside a coroutine"
---
local x <close> = {} --! "'<close>' works in functions compiled for the kernel"
---
local x <close> = nil
local y <const> = 1
---
-- modules
local m = require('no_such') --! "module 'no_such' is not there \[ModuleNotFound\]"
---
local m = require('bfp') --! "module 'bfp' is not there \(did you mean 'bpf'\?\)"
---
local bpf, ffi, bit = require 'bpf', require 'ffi', require 'bit'
assert(bpf == _G.bpf and ffi == _G.ffi and bit == _G.bit)
assert(require 'syscall' == require 'ljsyscall')
---
-- bpf's members, and those of other tables that the language fills
local x = BPF.F_CURENT_CPU --! "there is no 'BPF.F_CURENT_CPU' \(did you mean 'F_CURRENT_CPU'\?\) \[UnknownMember\]"
---
local x = BPF.XDP_DROP --! "there is no 'BPF.XDP_DROP' \(did you mean 'XDP_DROP'\?\)"
---
local x = BPF.NOEXIST --! "there is no 'BPF.NOEXIST' \(did you mean 'BPF_NOEXIST'\?\)"
---
local x = c.eth.ipv4 --! "there is no 'c.eth.ipv4'; there are arp, ip, ip6, revarp and vlan"
---
local x = c.tcp --! "there is no 'c.tcp'; there are eth and ip"
---
local f = bpf.atomic.sub --! "there is no 'bpf.atomic.sub'; there are add, and_, cmpxchg, or_, xchg and xor"
---
if bpf.trace then end --! "there is no 'bpf.trace'"
---
assert(rawget(bpf, 'trace') == nil and rawget(BPF, 'DROP') == nil)
BPF.OWN = 5
assert(BPF.OWN == 5 and BPF[1] == nil and string.pack == nil and (bit.bandnot or 1) == 1)
---
local x = bit.bnd(1, 2) --! "not a function \(did you mean 'band'\?\) \[ScriptError\]"
---
local m = bpf.mpa('hash') --! "there is no 'bpf.mpa' \(did you mean 'map'\?\) \[UnknownMember\]"
---
bpf.func('int f(void', function() end) --! "BadCDeclaration"
---
bpf.func('int x', function() end) --! "a prototype is expected, as in 'int f\(void \*ctx\)' \[BadCDeclaration\]"
---
bpf.func('struct iphdr f(int a)', function() end) --! "function 'f' must return a number, or nothing \[BadDeclaration\]"
---
bpf.func('int f(int a, int b, int c, int d, int e, int f)', function() end) --! "function 'f' has 6 parameters; programs can pass 5 \[BadDeclaration\]"
---
bpf.func('int f(int, struct iphdr h)', function() end) --! "parameter 1 of 'f' must have a name and be a number or a pointer \[BadDeclaration\]"
---
bpf.kprobe('do\0nothing', function() end) --! "holds a zero byte, where the kernel and loaders end a name; leave it out \[BadDeclaration\]"
---
bpf.program('xdp/\0', function() end) --! "holds a zero byte"
---
bpf.xdp(function() end, { license = 'GPL\0' }) --! "holds a zero byte"
---
bpf.license('GPL\0') --! "holds a zero byte"
---
bpf.license('') --! "the license must not be empty; .GPL. is what most helpers ask for \[BadDeclaration\]"
---
bpf.func(function() end) --! "argument 1 must be a string that says the function's C prototype, as in 'int f\(void \*ctx\)', not a function \[BadDeclaration\]"
---
bpf.program('xpd', function() end) --! "there is no section 'xpd' \(did you mean 'xdp'\?\) \[UnknownSection\]"
---
bpf.program('kprob/do_unlinkat', function() end) --! "there is no section 'kprob/do_unlinkat' \(did you mean 'kprobe/do_unlinkat'\?\)"
---
bpf.program('xdp/devmpa', function() end) --! "there is no section 'xdp/devmpa' \(did you mean 'xdp/devmap'\?\)"
---
bpf.program('fentry', function() end) --! "section 'fentry' needs a target: 'fentry/NAME' \[NeedsTarget\]"
---
bpf.program(function() end) --! "argument 1 must be a string that says the section, not a function"
---
bpf.cgroup('/sys/fs/cgroup', 'conect4', function() end) --! "there is no cgroup hook 'conect4' \(did you mean 'connect4'\?\)"
---
bpf.tracepoint(function() end) --! "argument 1 must be a string that says which tracepoint, as in 'syscalls/sys_enter_openat', not a function"
---
bpf.tc('eth0', 'up', function() end) --! "the direction of a tc program is 'ingress' or 'egress', not 'up'"
---
bpf.kprobe('f', function() end, true, 'x') --! "'pid' must be an integer"
---
bpf.xdp(function() end, { pid = 1 }) --! "option 'pid' is not for an xdp program"
---
bpf.kprobe('f', function() end, { sleepable = true }) --! "option 'sleepable' is not for a kprobe program"
---
bpf.lsm('file_open', function() end, { iface = 'lo' }) --! "option 'iface' is not for an lsm program"
---
bpf.perf_event({ frequency = 99 }, function() end) --! "there is no option 'frequency'"
---
local h = bpf.helper.ktime_get_ns --! "bpf.helper works only in functions compiled for the kernel"
---
bpf.const('uint32_t') --! "bpf.const needs a value: bpf.const\(ctype, value\) \[BadDeclaration\]"
---
bpf.global('double') --! "a variable of the kernel can't be of type 'double': the kernel has no floating point"
---
bpf.global('struct nothing') --! "has no size"
---
bpf.global('uint32_t', 'x') --! "cannot convert 'string' to 'uint32_t'"
---
bpf.global('uint32_t', 1, 2) --! "too many arguments to bpf.global"
---
local g = bpf.global('uint32_t')
g[1] = 2 --! "element 1 is outside the memory"
---
local g = bpf.global('struct { int a; }')
g.b = 2 --! "has no member 'b'"
---
local g = bpf.global('uint32_t', 1)
bpf.socket(function() return g[0] end)
local x = g[0] -- ends the stage
bpf.socket(function() return x end) --! "reading variable 'g' ends the script stage before it \[DeclaredTooLate\]"
---
local x = bpf.atomic.add(1, 2) --! "bpf.atomic.add works only in functions compiled for the kernel"
---
-- maps
local m = bpf.map() --! "bpf.map needs a map type such as 'hash', not nil \[UnknownMapType\]"
---
local m = bpf.map('hsah') --! "there is no map type 'hsah' \(did you mean 'hash'\?\)"
---
local m = bpf.map('struct_ops') --! "a struct_ops map can't be made by a script: loaders make it from the functions in it \[UnknownMapType\]"
---
local m = bpf.map('hash', 0) --! "a hash map: max_entries must not be 0"
---
local m = bpf.map('hash', 1.5) --! "max_entries must be an integer"
---
local m = bpf.map('hash', '16') --! "max_entries must be an integer"
---
local m = bpf.map('hash', 16, 'uint33_t') --! "unknown type 'uint33_t' \(did you mean 'uint32_t'\?\) \[UnknownType\]"
---
local m = bpf.map('hash', 16, 'struct key') --! "'struct key' is not declared: the key of a map is of a type whose size is known; declare it with ffi.cdef"
---
local m = bpf.map('hash', 16, 5) --! "the key type of a map is a C type, as a string or from ffi.typeof, not a number"
---
local m = bpf.map('array', 16, 'uint64_t') --! "the key of an array map is an index: uint32_t, not uint64_t"
---
local m = bpf.map('hash', 16, nil, nil, { nmae = 'x' }) --! "there is no option 'nmae' \(did you mean 'name'\?\)"
---
local m = bpf.map('hash', 16, nil, nil, { pinning = 'here' }) --! "option 'pinning' must be 'by_name' or 'none'"
---
local m = bpf.map('array', -1) --! "max_entries must be an integer from 0 to 4294967295"
---
local m = bpf.map('ringbuf', 5000) --! "a ringbuf map: max_entries is its size in bytes, a power of two of at least 4096"
---
local m = bpf.map('sk_storage', 16) --! "an sk_storage map: its entries belong to objects of the kernel: max_entries must be 0 or nil"
---
local m = bpf.map('queue', 16, 'uint32_t') --! "a queue map has no keys: the key type must be nil"
---
local m = bpf.map('arena', 16, nil, 'uint32_t') --! "an arena map has no values: the value type must be nil"
---
local m = bpf.map('lpm_trie', 16, nil, 'uint32_t') --! "an lpm_trie map needs the type of its keys, of 5 to 260 bytes"
---
local m = bpf.map('lpm_trie', 16, 'uint32_t', 'uint32_t') --! "a key of an lpm_trie map is a uint32_t with the length of the prefix and then 1 to 256 bytes of data, not uint32_t"
---
local m = bpf.map('xskmap', 16, nil, 'uint64_t') --! "the values of an xskmap map have 4 bytes; uint64_t has 8"
---
local m = bpf.map('devmap', 16, nil, 'uint16_t') --! "the values of a devmap map have 4 or 8 bytes; uint16_t has 2"
---
local m = bpf.map('stack_trace', 16, nil, 'uint32_t') --! "the values of a stack_trace map have 8 to 1016 bytes, a multiple of 8; uint32_t has 4"
---
local m = bpf.map('task_storage', nil, 'uint64_t', 'uint32_t') --! "the key of a task_storage map is declared as int, not uint64_t"
---
local m = bpf.map('cgroup_storage', nil, 'uint32_t', 'uint32_t') --! "the keys of a cgroup_storage map have 8 or 16 bytes; uint32_t has 4"
---
local m = bpf.map('array_of_maps', 16) --! "an array_of_maps map needs the option 'inner'"
---
local m = bpf.map('hash_of_maps', 16, nil, 'uint32_t', { inner = { 'hash' } }) --! "the values of a hash_of_maps map are maps, which the option 'inner' describes: the value type must be nil"
---
local m = bpf.map('prog_array', 16, nil, 'uint32_t') --! "the values of a prog_array map are programs: the value type must be nil"
---
local m = bpf.map('hash', 16, nil, nil, { inner = { 'hash' } }) --! "option 'inner' is for maps of maps, not for a hash map"
---
local m = bpf.map('array_of_maps', 16, nil, nil, { inner = 'hash' }) --! "option 'inner' is a map, or a table such as"
---
local m = bpf.map('array_of_maps', 16, nil, nil, { inner = { 'hash', 16, name = 'x' } }) --! "there is no option 'name'"
---
local m = bpf.map('array_of_maps', 16, nil, nil, { inner = { 'prog_array' } }) --! "maps in a map can't be of type 'prog_array'"
---
local m = bpf.map('hash', 16, nil, nil, { numa_node = -1 }) --! "option 'numa_node' must be an integer from 0"
---
local m = bpf.map('hash', 16, nil, nil, { map_extra = 'x' }) --! "option 'map_extra' must be an integer from 0"
---
local m = bpf.map('hash', 16, nil, nil, { values = 5 }) --! "option 'values' is a table of entries by their keys, not a number"
---
local h = bpf.map('hash', 16)
local m = bpf.map('array_of_maps', 4, nil, nil, { inner = h })
m[4] = h --! "map 'm' has the entries 0 to 3: there is no entry 4"
---
local h = bpf.map('hash', 16)
local m = bpf.map('array_of_maps', 4, nil, nil, { inner = h })
m[1] = 5 --! "an entry of map 'm' is a map, not a number"
---
local h, g = bpf.map('hash', 16), bpf.map('hash', 16, 'uint64_t')
local m = bpf.map('array_of_maps', 4, nil, nil, { inner = h })
m[1] = g --! "map 'g' is not like the maps in 'm': its keys have 8 bytes"
---
local m = bpf.map('prog_array', 4)
m[1] = print --! "an entry of map 'm' is a program, not a function"
---
local m = bpf.map('prog_array', 4)
m[1] = bpf(function() end) --! "the program has no kind yet: pass it to bpf.xdp, bpf.socket or their like first"
---
local m = bpf.map('ringbuf')
m[1] = 1 --! "a ringbuf map has no entries that the script can read or write"
---
local m = bpf.map('hash', 16, nil, nil, 5) --! "the options of a map must be a table, not a number"
---
local m = bpf.map('hash', 16, nil, nil, { name = 5 }) --! "option 'name' must be a string"
---
local a = bpf.map('hash', 16)
local t = { a = bpf.map('hash', 16) } --! "the name 'a' is taken: this one is called 'a_2' \[DuplicateName\]"
assert(tostring(t.a) == 'map: a_2')
---
-- contents
local m = bpf.map('array', 4, 'uint32_t', 'uint8_t')
m[0] = 255
m[3] = -1
assert(m[0] == 255 and m[1] == 0 and m[3] == 255 and m[4] == nil and #m == 4)
m[4] = 1 --! "map 'm' has the entries 0 to 3: there is no entry 4"
---
local m = bpf.map('array', 4)
m[0] = nil --! "entries of an array map can't be deleted"
---
local m = bpf.map('hash', 2, 'uint16_t', 'uint64_t')
m[80] = 1
m[443] = 0xffffffffffffffffULL
m[80] = nil
assert(m[80] == nil and m[443] == 0xffffffffffffffff and m[22] == nil)
m[22] = 5LL
m[23] = 6 --! "map 'm' is full: it has 2 entries"
---
local m = bpf.map('hash', 2, 'uint16_t')
m[65536] = 1 --! "key 65536 does not fit uint16_t, the key type of map 'm'"
---
local m = bpf.map('hash', 2, 'uint16_t')
m[1.5] = 1 --! "a key of map 'm' must be an integer, not 1.5"
---
local m = bpf.map('hash', 2)
m.x = 1 --! "a key of map 'm' must be an integer .'uint32_t'., not a string"
---
local m = bpf.map('hash', 2)
m:update(1, 2) --! "'update' of a map works only in functions compiled for the kernel"
---
-- declarations in a table, and of every kind of type name
local u16 = ffi.typeof('uint16_t')
local m = bpf.map { 'hash', max_entries = 8, key = u16, value = bpf.u64, name = 'named' }
assert(tostring(m) == 'map: named')
local n = bpf.map('LRU_Hash', 10, '__be32', 'unsigned long')
---
-- programs
bpf.socket('lo') --! "bpf.socket needs a function, not no value \[NeedsFunction\]"
---
bpf.socket('lo', 5) --! "bpf.socket needs a function, not a number"
---
bpf.xdp(print) --! "bpf.xdp needs a function of the script; 'print' is one of the library"
---
bpf('x') --! "bpf needs a function, not a string"
---
bpf.xdp(function() end, { record = 'x' }) --! "option 'record' is not for an xdp program"
---
bpf.xdp(function() end, { onshort = 1 }) --! "there is no option 'onshort' \(did you mean 'on_short'\?\)"
---
bpf.xdp(function() end, { on_short = 'x' }) --! "option 'on_short' must be a verdict \(an integer\) or a function of the script, not a string"
---
bpf.xdp(function() end, {}, 1) --! "too many arguments to bpf.xdp"
---
bpf.xdp(function() end, 1) --! "the options of a program must be a table, not a number"
---
local function f() return 0 end
bpf.xdp(f)
bpf.xdp(f) --! "the name 'f' is taken: this one is called 'f_2'"
---
-- options
bpf.option { 'verbose' } --! "options have names: bpf.option { name = default } \[BadOption\]"
---
local opt = bpf.option { port = 80 }
assert(opt == bpf.opt and opt.port == 80)
---
-- ffi
ffi.cdef('struct x { int a };') --! "expected ';', not '}' \[BadCDeclaration\]"
---
ffi.cdef [[
  struct x {
    uint33_t a; --! "unknown type 'uint33_t' \(did you mean 'uint32_t'\?\) \[UnknownType\]"
  };
]]
---
local text = 'struct x { int a; } y; struct x { long a; };' --! "'struct x' was declared differently before"
ffi.cdef(text)
---
ffi.cdef('int ' .. 'a b;') --! "expected ';', not 'b' \(line 1, column 7 of the C text\)"
---
ffi.metatype('int', {}) --! "there is no ffi.metatype: C data has no methods, no finalisers and no addresses here \[UnsupportedType\]"
---
ffi.copy(1, 2) --! "bad argument #1 to copy \(C data expected, got number\)"
---
ffi.cdef('typedef struct { int x, y; } point; struct outer { point p[2]; int n : 3; };')
local p = ffi.new('point', { z = 1 }) --! "'point' has no member 'z'"
---
ffi.cdef('typedef struct { int left, right; } point;')
local p = ffi.new('point')
p.lefft = 1 --! "'point' has no member 'lefft' \(did you mean 'left'\?\) \[UnknownMember\]"
---
local p = ffi.new('struct { int a; char s[2]; }', { s = 'abc' }) --! "member 's': a string of 3 bytes does not fit 'char \[2\]'"
---
local p = ffi.new('struct { int a, b; }', { 1, b = 2 }) --! "given by name \('b'\) and in order: choose one"
---
local p = ffi.new('int [2]')
print(p[2]) --! "index 2 is outside 'int \[2\]'"
---
local p = ffi.new('int [2]')
print(p.x) --! "'int \[2\]' has no members, so no 'x'"
---
local p = ffi.new('const int [2]')
p[0] = 1 --! "this is part of 'const int \[2\]': it can't be changed"
---
local p = ffi.new('struct sock') --! "'struct sock' has no size: it is not declared \[UnknownType\]"
---
local p = ffi.new('struct { void *p; }', { p = ffi.new('int[1]') }) --! "it has no address in the kernel"
---
local p = ffi.cast('int *', 4096)
print(p[0]) --! "'int \*' is an address in the kernel: the script can't read there"
---
local x = ffi.C.getpid --! "ffi.C has no 'getpid': declare it with ffi.cdef \[UnknownMember\]"
---
ffi.cdef('int getpid(void);')
ffi.C.getpid() --! "ffi.C.getpid\(\) ends the script stage, and nothing was declared before it"
---
local m = bpf.map('hash', 4, 'struct { uint8_t a, b; }')
m[5] = 1 --! "a key of map 'm': cannot convert 'number' to 'struct {...}'"
---
local m = bpf.map('hash', 4, 'struct { uint8_t a, b; }')
m[{ c = 1 }] = 1 --! "a key of map 'm': 'struct {...}' has no member 'c'"
---
local x = ffi.new('uint32_t', {}) --! "cannot convert 'table' to 'uint32_t'"
---
local x = 5LL + 'x' --! "attempt to perform arithmetic on a string value"
---
local x = 5LL < 'x' --! "attempt to compare cdata with string"
---
local x = 1.5 & 1 --! "number has no integer representation"
---
local x = {} | 1 --! "attempt to perform bitwise operation on a table value"
---
for i = 1, 0xffffffffffffffff do end --! "'for' limit is too large for the script stage: 18446744073709551615"
---
-- the end of the stage
local m = bpf.map('array', 4)
local p = bpf(function() end)
local n = m[1]
error('not reached')
---
local m = bpf.map('array', 4)
m[1] = 7
bpf.xdp(function() end)
assert(m[1] == 7) -- what the script itself has written
pcall(function() return m[2] end)
error('not reached')
---
os.exit(0) --! "os.exit\(\) ends the script stage, and nothing was declared before it \[NothingDeclared\]"
---
io.write('x') --! "io.write\(\) ends the script stage"
---
io.stderr:write('x') --! "io.stderr.write\(\) ends the script stage"
---
local S = require('ljsyscall')
S.nl.getlink() --! "syscall.nl.getlink\(\) ends the script stage"
---
local log = bpf.tracelog() --! "bpf.tracelog\(\) ends the script stage"
---
local m = bpf.map('hash')
os.time()
local n = bpf.map('array') --! "this declaration is never reached: os.time\(\) ends the script stage before it \[DeclaredTooLate\] \| 2: os.time\(\) works only in user space"
---
-- an operation in a function that stands before the declarations
local function report(m) return m[1] end
local m = bpf.map('hash')
bpf.xdp(function() end)
report(m)
---
-- nothing catches the end
local m = bpf.map('hash')
bpf.xdp(function() end)
local co = coroutine.wrap(function()
  xpcall(function()
    for k, v in pairs(m) do end
  end, function() error('not reached') end)
  error('not reached')
end)
pcall(co)
error('not reached')
---
local m = bpf.map('hash')
local prog = bpf.xdp(function() end)
prog:close()
error('not reached')
---
local m = bpf.map('hash')
m:reader(0)
error('not reached')
---
for k, v in pairs(bpf.map('hash')) do end
error('not reached')
---
-- places, environments, and what our own values are
local info = debug.getinfo(1, 'Sl')
assert(info.currentline == 2 and info.short_src == 't.lua' and info.source == '@t.lua' and info.what == 'Lua')
assert(debug.getinfo(print).what == 'C' and debug.getinfo(99) == nil and debug.traceback('msg') == 'msg')
local function f() return info end
assert(debug.getinfo(f).linedefined == 5 and debug.getinfo(f).func == f)
local m, p = bpf.map('hash', 1), bpf(function() end)
assert(getmetatable(5LL) == 'ffi' and getmetatable(m) == 'ffi' and tostring(p) == 'program: p')
assert(not pcall(setmetatable, m, {}) and not pcall(setfenv, print, {}) and not pcall(getfenv, 99) and not pcall(setfenv, 1))
assert(type(m) == 'userdata' and type(bpf.u8) == 'cdata' and m == m and m ~= p)
---
-- tables that Lua 5.1 knows and later ones dropped, or the other way round
local t = table.pack(1, nil, 3)
assert(t.n == 3 and table.unpack({ 4, 5 }, 2) == 5 and table.getn({ 1, 2 }) == 2)
local sum = 0
table.foreachi({ 1, 2, 3 }, function(i, v) sum = sum + i * v end)
assert(sum == 14 and table.foreach({ a = 1 }, function(k, v) return k .. v end) == 'a1')
table.insert(t, 2, 'x')
assert(t[2] == 'x' and string.gfind == string.gmatch and math.mod(7, 3) == 1)
assert(math.log(8, 2) == 3 and math.log(100, 10) == 2 and math.log2(8) == 3 and math.floor(math.log(8, 3) * 100) == 189)
assert(select(2, math.modf(-3.5)) == -0.5 and math.modf(math.huge) == math.huge and math.atan2(0, 1) == 0)
assert(load('return 1')() == 1 and load('x =') == nil and loadstring('return ...', '=chunk')(7) == 7)
assert(not pcall(table.insert, t) and not pcall(table.concat, { {} }) and not pcall(table.sort, { 1, 'x' }))
local ok, msg = pcall(loadstring('local x = nil + 1', '@file.lua'))
assert(msg:find('^file.lua:1: attempt to perform arithmetic'))
assert(select(2, loadstring('x =', 'a long name of a chunk that goes on and on\nand on')):find('^%[string "a long name'))
---
string.format('%y', 1) --! "invalid option '%y' to 'format'"
---
string.format('%d', 'x') --! "bad argument #2 to format \(number expected, got string\)"
---
string.format('%d') --! "bad argument #2 to format \(no value\)"
---
('x'):gsub('x', 5, {}) --! "number expected"
---
('x'):gsub('x', true) --! "string/function/table expected"
---
('x'):gsub('x', function() return {} end) --! "invalid replacement value \(a table\)"
---
('x'):find('(()') --! "unfinished capture"
---
('x'):match('x)') --! "invalid pattern capture"
---
('x'):find('%1') --! "invalid capture index"
---
('x'):find('%f') --! "missing '\[' after '%f' in pattern"
---
('x'):find(('()'):rep(33)) --! "too many captures"
---
('x'):find('%b') --! "unbalanced pattern"
---
string.char(256) --! "bad argument #1 to char \(invalid value\)"
---
tonumber('1', 99) --! "base out of range"
---
select(0) --! "index out of range"
---
setmetatable(1, {}) --! "table expected"
---
local t = setmetatable({}, { __metatable = false })
setmetatable(t, {}) --! "cannot change a protected metatable"
---
print(setmetatable({}, { __tostring = function() return {} end })) --! "'__tostring' must return a string"
---
bit.band('x') --! "number expected, got string"
---
local m = bpf.map('hash', 2)
m['x'] = 1 --! "a key of map 'm' must be an integer .'uint32_t'., not a string \[BadKey\]"
---
local m = bpf.map('hash', 2)
m[1] = 'x' --! "a value of map 'm' must be an integer .'uint32_t'., not a string \[BadValue\]"
---
local port = bpf.opt.port + 1 --! "attempt to perform arithmetic on a nil value \(option 'port', which -D port=VALUE sets, and bpf.option gives a default\)"
