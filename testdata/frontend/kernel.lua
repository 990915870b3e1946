-- names
bpf.socket(function() return tiem() end) --! "undefined name 'tiem' (did you mean 'time'?)"
---
bpf.socket(function(skb) return skb.lenn end) --! "'struct __sk_buff' has no member 'lenn' (did you mean 'len'?)"
---
bpf.socket(function() return pkt.ip.protoo end) --! "'ip' has no member 'protoo' (did you mean 'proto'?)"
---
bpf.socket(function() return pkt.ip.tcp.data.x end) --! "plain packet bytes have no member 'x'"
---
bpf.socket(function(skb) return skb.family end) --! "'family' can't be read by socket programs"
---
bpf.xdp(function(ctx) return ctx.egress_ifindex end) --! "'egress_ifindex' can't be read by xdp programs"
---
-- one run reports several errors
bpf.socket(function(skb)
  local a = foo --! "undefined name 'foo'"
  local b = skb.bar --! "no member 'bar'"
  return a + b
end)
bpf.xdp(function() return baz end) --! "undefined name 'baz'"
---
-- assignments to what is constant
local n = 0
bpf.socket(function() n = n + 1 end) --! "the captured variable 'n' is a constant in the kernel; use bpf.global"
---
bpf.socket(function() total = 1 end) --! "there is no variable 'total' here: write 'local total' for one of this run, bpf.global for one that outlives it"
---
local t = { x = 1 }
bpf.socket(function() t.x = 2 end) --! "a table of the script is a constant in the kernel"
---
-- floats
local rate = 1.5
bpf.socket(function(skb) return skb.len * rate end) --! "1.5 is not an integer, and the kernel has no other numbers; multiply first and divide then"
---
bpf.socket(function(skb) return skb.len + 0.5 end) --! "0.5 is not an integer"
---
bpf.socket(function() return 1.5 * 2 end)
---
local big = 2^60
bpf.socket(function(skb) return skb.len + big end) --! "write LL or ULL"
---
bpf.socket(function(skb) return skb.len ^ 2 end) --! "'^' needs two constants"
---
bpf.socket(function(skb) return 2 ^ 10 + skb.len end)
---
-- truth
bpf.socket(function(skb) if skb.len then return 1 end end) --! "a number is always true in Lua, 0 too; write '~= 0' to test it"
---
bpf.socket(function(skb) return skb.len and 1 or 0 end) --! "a number is always true"
---
bpf.socket(function(skb) while not skb.len do end end) --! "a number is always true"
---
-- constants follow Lua: 0 is true
local debug_level = 0
bpf.socket(function() if debug_level then return 1 end end)
---
-- dead branches may hold anything
local ipv6 = false
bpf.socket(function(skb)
  if ipv6 then return no.such.thing(1.5) end
  return ipv6 and nothing() or skb.len
end)
---
-- kinds
bpf.socket(function(skb)
  local x = 1
  if skb.len > 9 then x = true end
  return x --! "on one path and"
end)
---
-- a conflict that is never used is no error
bpf.socket(function(skb)
  local x = 1
  if skb.len > 9 then x = 'large' end
  x = 2
  return x
end)
---
bpf.socket(function(skb)
  local x = 'a'
  if skb.len > 9 then x = 'b' end
  if x == 'a' then return 1 end --! "this is a string on one path and another string on another"
end)
---
bpf.socket(function(skb) return skb + 1 end) --! "'+' needs a number, not a context"
---
bpf.socket(function(skb) return skb.len + true end) --! "'+' needs a number, not a boolean"
---
bpf.socket(function(skb) return skb.len + (skb.len > 1) end) --! "'+' needs a number, not a boolean"
---
bpf.socket(function(skb) return skb.len .. 'x' end) --! "'..' needs strings that are known when compiling"
---
bpf.socket(function(skb) return skb.len() end) --! "'skb.len' is a number, not a function"
---
bpf.socket(function(skb) return skb.len.x end) --! "a number can't be indexed"
---
bpf.socket(function(skb) return #skb.len end) --! "a number has no length"
---
-- tables
local t = { 10, x = 20 }
bpf.socket(function(skb) return t[skb.len] end) --! "only a table of integers, with the keys 1 to n, takes a key that is known only at run time"
---
bpf.socket(function(skb)
  local t = { a = 1 }
  return t[skb.len] --! "a table made in the kernel needs keys that are known when compiling"
end)
---
bpf.socket(function(skb)
  for k, v in skb do end --! "a generic 'for' walks through a table known when compiling"
end)
---
bpf.socket(function(skb)
  for k, v in pairs(skb.len) do end --! "pairs needs a table that is known when compiling, not a number"
end)
---
-- maps
local m = bpf.map('hash', 8)
bpf.socket(function() return m['x'] end) --! "'x' is no key of map 'm', whose keys are of type 'uint32_t'"
---
local m = bpf.map('hash', 8)
bpf.socket(function() return m[nil] end) --! "nil is no key of map"
---
local m = bpf.map('hash', 8)
bpf.socket(function() m[1] = 'x' end) --! "'x' is no value of map"
---
local m = bpf.map('array', 8)
bpf.socket(function() m[1] = nil end) --! "entries of an array map can't be deleted"
---
local m = bpf.map('array', 8)
local h = bpf.map('hash', 8)
bpf.socket(function() m[1] = h[1] end) --! "may be nil here, and entries of an array map can't be deleted"
---
local m = bpf.map('hash', 8, 'uint32_t', 'uint16_t')
bpf.socket(function() xadd(m[1], 1) end) --! "the kernel adds atomically to 4 and 8 bytes only"
---
bpf.socket(function(skb) xadd(skb.len, 1) end) --! "'xadd' needs a place in memory"
---
bpf.socket(function(skb) xadd(1) end) --! "it is xadd(m[k], n)"
---
-- helpers and targets
bpf.socket(function() return pid_tgid() end) --! "helper 'get_current_pid_tgid' in socket programs needs kernel 6.10; the target is 6.1"
---
-- kernel 6.10
bpf.socket(function() return pid_tgid() end)
---
bpf.license('Proprietary')
bpf.socket(function() print('x') end) --! "helper 'trace_printk' is only for programs under a license compatible with the GPL"
---
-- print
bpf.socket(function() print('%d %d', 1) end) --! "the format has more conversions than there are values: nothing is left for '%d'"
---
bpf.socket(function() print('%d', 1, 2) end) --! "the format has 1 conversions and there are 2 values: nothing prints this one"
---
bpf.socket(function() print('%q', 1) end) --! "is no conversion"
---
bpf.socket(function(skb) print('len', skb.len) end)
---
bpf.socket(function(skb) print(skb.len, 'x', true) end)
---
-- packets
bpf.socket(function() return pkt(0, 1000) end) --! "a slice of 1000 bytes is not possible"
---
bpf.socket(function(skb) return pkt(0, skb.len) end) --! "the length of a slice must be known when compiling"
---
bpf.socket(function(skb) return pkt(skb.len, skb.len + 4) end)
---
bpf.socket(function() if pkt(0, 4) == 'GET' then return 1 end end) --! "4 bytes never equal the 3 of 'GET'"
---
bpf.socket(function() pkt[0] = 1 end) --! "socket programs can't write their packets; XDP and tc programs can"
---
bpf.xdp(function(ctx) return pkt.type end, { on_short = function(ctx) return pkt.type end }) --! "an on_short function can't read the packet"
---
bpf.xdp(function(ctx) return pkt.type end, { on_short = 'drop' }) --! "on_short"
---
-- calls
bpf.socket(function() return bit.lshift(1) end) --! "it is bit.lshift(x, n)"
---
local function f(x)
  return f(x + 1) --! "calls are nested more than 190 deep: recursion must end when compiling"
end
bpf.socket(function(skb) return f(skb.len) end)
---
-- a record that has itself as a member is not carried by loops
bpf.socket(function(skb)
  local t = { n = 0, me = 1 }
  t.me = t
  for i = 0, 3 do if pkt[i] == 1 then local u = { n = i, me = 1 } u.me = u t = u end end
  return t.n --! "this is a table on one path and another table on another"
end)
---
-- it ends when compiling, but doubles with each step
local function twice(n)
  if n == 0 then return 1 end
  return twice(n - 1) + twice(n - 1) --! "functions call themselves more than 4096 times here: recursion is written out when compiling; a loop is not [Recursion]"
end
bpf.socket(function() return twice(60) end)
---
local function left(n, x)
  return n == 0 and x or right(n - 1, x * 3) + right(n - 1, x + 1) --! "functions call themselves more than 4096 times"
end
function right(n, x) return left(n, x) + left(n, x - 1) end
bpf.socket(function(skb) return left(40, skb.mark) end)
---
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
bpf.socket(function() return fib(12) end)
---
function even(x)
  return odd(x - 1) --! "recursion must end when compiling"
end
function odd(x)
  return even(x - 1)
end
bpf.socket(function(skb) return even(skb.len) end)
---
-- recursion that ends
local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end
bpf.socket(function(skb) return sum(10) + skb.len end)
---
bpf.socket(function(skb) return string.rep('x', skb.len) end) --! "'string.rep' runs when compiling: its arguments must be known then"
---
bpf.socket(function(skb) return pcall() end) --! "'pcall' is called without a function"
---
bpf.socket(function(skb) return pcall(5) end) --! "this is a number, not a function"
---
bpf.socket(function(skb) assert() end) --! "'assert' is called without a value"
---
bpf.socket(function(skb) assert(skb.mark) end) --! "a number is always true"
---
bpf.socket(function(skb)
  local ok, v = pcall(function() if skb.mark == 1 then error('odd') end return skb.mark end)
  return v --! "a value of two kinds can't be returned"
end)
---
bpf.socket(function(skb) setmetatable({}, 5) end) --! "a metatable is a table, not a number"
---
bpf.socket(function(skb) setmetatable(skb, {}) end) --! "needs a table made in the kernel"
---
bpf.socket(function(skb)
  local x <close> = {} --! "variable 'x' got a table, which has no __close"
end)
---
bpf.socket(function(skb)
  local x <close> = skb.mark --! "variable 'x' got a number, which has no __close"
end)
---
bpf.socket(function(skb)
  ::again:: --! "no bound is known for this loop"
  if skb.len > 1 then goto again end
end)
---
-- loops
bpf.socket(function(skb)
  local i = 0
  while i < skb.len do i = i + 1 end --! "no bound is known for this loop: it is left after 65536 iterations"
  return i
end)
---
local t = {}
for i = 1, 5000 do t[i] = i % 2 == 0 end
bpf.socket(function()
  local n = 0
  for i = 1, 5000 do if t[i] then n = n + 1 end end --! "takes 5000 copies of the body; the limit is 4096"
  return n
end)
---
-- signedness
local m = bpf.map('array', 1, 'uint32_t', 'uint64_t')
bpf.socket(function() if m[0] < 0 then return 1 end end) --! "a uint64_t is never below 0: this is always false"
---
local m = bpf.map('array', 1, 'uint32_t', 'uint64_t')
bpf.socket(function() if m[0] > -1 then return 1 end end) --! "compared with a negative number, which counts as a large one"
---
print('nothing') --! "the script declares no program"
---
-- the budget is what it was where the program is declared
bpf.loop_limit = 10
bpf.socket(function(skb)
  local i = 0
  while i < skb.len do i = i + 1 end --! "it is left after 10 iterations"
  return i
end)
bpf.loop_limit = 20
bpf.xdp(function()
  local i = 0
  while pkt[i] == 0 do i = i + 1 end --! "it is left after 20 iterations"
  return i
end)
---
bpf.loop_limit = 1.5 --! "bpf.loop_limit is a number of iterations, from 1 to 8388608"
bpf.socket(function() end)
---
bpf.mine = 7
local seven = bpf.mine
bpf.socket(function(skb) return skb.len + seven end)
---
-- the context: members, who may read and write them
bpf.program('cgroup/connect4', function(ctx)
  ctx.user_prot = 1 --! "'struct bpf_sock_addr' has no member 'user_prot' (did you mean 'user_port'?) [UnknownContextField]"
end)
---
bpf.cgroup('connect4', function(ctx)
  ctx.family = 2 --! "'family' can only be read [NotWritable]"
end)
---
bpf.cgroup('connect4', function(ctx)
  return ctx.user_ip6[0] --! "'user_ip6' can't be read by cgroup_connect4 programs [NotReadable]"
end)
---
bpf.socket(function(skb)
  skb.mark = 1 --! "'mark' can't be written by socket programs; tcx_ingress programs may [NotWritable]"
end)
---
bpf.cgroup('connect6', function(ctx)
  ctx.user_ip6 = 1 --! "'user_ip6' is an array: write its elements, 'user_ip6[0]' to 'user_ip6[3]' [NotWritable]"
end)
---
bpf.cgroup('connect6', function(ctx)
  ctx.user_ip6[4] = 1 --! "'user_ip6' has the elements 0 to 3 [OutOfRange]"
end)
---
bpf.kprobe('f', function(regs)
  return regs.parm1 --! "where 'parm1' is depends on the architecture: give one with --arch [NeedsArch]"
end)
---
bpf.tp_btf('sched_switch', function(ctx) --! "what a tp_btf program on 'sched_switch' is called with is not known: no BTF of a kernel is given (--btf FILE) [UnknownTarget]"
  return ctx.prev
end)
---
bpf.syscall(function(ctx)
  return ctx.x --! "the context of a syscall program has no members of its own; view it by ffi.cast [UnknownContextField]"
end)
---
-- results
bpf.cgroup('connect4', function(ctx)
  return 2 --! "a cgroup_connect4 program returns 0 or 1, not 2 [BadResult]"
end)
---
bpf.cgroup('connect4', function(ctx)
  return ctx.protocol --! "a cgroup_connect4 program returns 0 or 1, which this value may not be; bpf.clamp(x, 0, 1) makes it so [BadResult]"
end)
---
bpf.cgroup('skb/egress', function(skb)
  if skb.len > 100 then return skb.len end --! "a cgroup_skb_egress program returns 0 to 3, which this value may not be"
  return skb.mark & 3
end)
---
bpf.cgroup('connect4', function(ctx)
  if ctx.protocol == 6 then return ctx.family == 2 end
  local x = ctx.type
  if x <= 1 then return x end
  return bpf.clamp(ctx.protocol, 0, 1)
end)
---
bpf.lsm('file_open', function(ctx) return -13 end)
---
bpf.lsm('file_open', function(ctx) return 1 end) --! "an lsm program returns -4095 to 0, not 1 [BadResult]"
---
bpf.fentry('do_unlinkat', function(ctx) return 5 end) --! "a fentry program always returns 0; this value is ignored [ResultIgnored]"
---
-- kernel 5.17
bpf.program('kprobe.multi/f', function() end) --! "kprobe_multi programs need kernel 5.18; the target is 5.17 [NeedsNewerKernel]"
---
-- kernel 5.17
bpf.uprobe('/bin/sh:readline', function() end, { sleepable = true }) --! "sleepable uprobe programs need kernel 6.0; the target is 5.17"
---
local progs = bpf.map('prog_array', 4)
bpf.socket(function(skb) return progs[1](5) end) --! "a program is called with the context of this one"
---
bpf.socket(function(skb) bpf.tail_call(bpf, 1) end) --! "needs a map of the type prog_array, not a table"
---
local progs = bpf.map('prog_array', 4)
bpf.socket(function(skb) return pkt[0] end, { on_short = function() bpf.tail_call(progs, 1) end }) --! "an on_short function can't call another program"
---
local t = {}
bpf.socket(function(skb) return t:nothing() end) --! "the method 'nothing' is nil, not a function"
