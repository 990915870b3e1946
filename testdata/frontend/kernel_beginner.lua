-- what beginners write, and what they are told
bpf.socket(function(skb)
  x = skb.len --! "there is no variable 'x' here: write 'local x' for one of this run, bpf.global for one that outlives it [AssignToCaptured]"
  return x
end)
---
local limit = 100
bpf.socket(function(skb) return limt end) --! "undefined name 'limt' (did you mean 'limit'?) [UndefinedName]"
---
bpf.xdp(function(ctx) return XDP_PAS end) --! "undefined name 'XDP_PAS' (did you mean 'XDP_PASS'?)"
---
bpf.socket(function(skb)
  if skb.mark == null then return 1 end --! "undefined name 'null' (did you mean 'nil'?)"
end)
---
bpf.socket(function(skb) return bpf_get_hash_recalc() end) --! "undefined name 'bpf_get_hash_recalc'; the kernel's helper is called as bpf.helper.get_hash_recalc"
---
bpf.socket(function(skb) return bpf.get_hash_recalc() end) --! "there is no 'bpf.get_hash_recalc'; the kernel's helper is called as bpf.helper.get_hash_recalc [UnknownMember]"
---
bpf.socket(function(skb) return clamp(skb.len, 0, 1) end) --! "undefined name 'clamp' (did you mean 'bpf.clamp'?)"
---
bpf.socket(function(skb) return bpf.clmp(skb.len, 0, 1) end) --! "there is no 'bpf.clmp' (did you mean 'clamp'?) [UnknownMember]"
---
bpf.xdp(function() return BPF.DROPX end) --! "there is no 'BPF.DROPX' [UnknownMember]"
---
bpf.xdp(function() return BPF.XDP_DROP end) --! "there is no 'BPF.XDP_DROP' (did you mean 'XDP_DROP'?) [UnknownMember]"
---
bpf.socket(function() return pkt.ip.proto == c.ip.proto_icpm end) --! "there is no 'c.ip.proto_icpm' (did you mean 'proto_icmp'?)"
---
bpf.socket(function(skb) if bpf.trace then return 1 end end) --! "there is no 'bpf.trace' [UnknownMember]"
---
bpf.socket(function(skb) return math.maxx(skb.len, 1) end) --! "'math.maxx' is nil, not a function (did you mean 'max'?) [NotAFunction]"
---
bpf.socket(function(skb) return ffi.siezof('int') end) --! "'ffi.siezof' is nil, not a function (did you mean 'sizeof'?)"
---
bpf.socket(function(skb) return bit.bnd(skb.len, 1) end) --! "'bit.bnd' is nil, not a function (did you mean 'band'?)"
---
bpf.socket(function(skb) return skb:len() end) --! "a context has no method 'len'; its member is read with a dot: skb.len [UnknownMethod]"
---
bpf.socket(function(skb) return skb.len() end) --! "'skb.len' is a number, not a function; write it without '()' [NotAFunction]"
---
bpf.socket(function() return pkt.tcp.dst_port end) --! "'eth' has no member 'tcp'; it is below 'ip': write .ip.tcp [UnknownHeaderField]"
---
bpf.socket(function() return pkt.ip.tcp.dport end) --! "'tcp' has no member 'dport' (did you mean 'dst_port'?)"
---
bpf.socket(function() return pkt.ipv4.src end) --! "'eth' has no member 'ipv4' (did you mean 'ip'?)"
---
bpf.socket(function() if pkt.ip.src == '10.0.0.1' then return 1 end end) --! "warning: a number never equals a string; the address is bpf.ip('10.0.0.1') [NeverEqual]"
---
bpf.socket(function(skb) if skb.len ~= '5' then return 1 end end) --! "warning: a number never equals a string; write 5 without quotes [NeverEqual]"
---
bpf.socket(function(skb) if skb.len == true then return 1 end end) --! "warning: a number never equals a boolean; compare with 1 or 0 [NeverEqual]"
---
bpf.socket(function(skb) if skb.len == 1.5 then return 1 end end) --! "warning: an integer never equals 1.5 [NeverEqual]"
---
bpf.xdp(function() if pkt.src == '00:11:22:33:44:55' then return XDP_DROP end return XDP_PASS end) --! "6 bytes never equal the 17 of '00:11:22:33:44:55'; the address is bpf.mac('00:11:22:33:44:55') [LengthMismatch]"
---
bpf.socket(function(skb) local s = 'len ' .. skb.len end) --! "'..' needs strings that are known when compiling, and this is made when the program runs; print takes several values: print('%d', x) [NeedsConstant]"
---
bpf.socket(function(skb) return string.format('%d', skb.len) end) --! "'string.format' runs when compiling, and this is known only when the program runs; print formats numbers and strings itself"
---
bpf.socket(function(skb) return math.floor(skb.len / 2) end) --! "the kernel's numbers are integers: x // y divides and rounds down"
---
bpf.socket(function(skb) return os.time() end) --! "os.time() works only in user space; the time is time(), in nanoseconds [CallFailed]"
---
bpf.socket(function(skb) return math.random(6) end) --! "a random number is rand()"
---
bpf.socket(function(skb) local co = coroutine.create(function() end) end) --! "there are no coroutines in the kernel"
---
local rate = 0.5
bpf.socket(function(skb) return skb.len * rate end) --! "0.5 is not an integer, and the kernel has no other numbers; multiply first and divide then: x * 15 // 10 [NotAnInteger]"
---
local m = bpf.map('hash', 8)
bpf.socket(function()
  for k, v in pairs(m) do end --! "pairs goes through tables; for the entries of a map write: for k, v in m:each() do [NotATable]"
end)
---
local m = bpf.map('hash', 8)
bpf.socket(function()
  m:lookup(1) --! "maps have no method 'lookup'; write m[k] [UnknownMethod]"
  m:delete(1) --! "maps have no method 'delete'; write m[k] = nil"
  m:increment(1) --! "maps have no method 'increment'; write m:add(k, 1)"
  m:updat(1, 2) --! "maps have no method 'updat' (did you mean 'update'?)"
end)
---
ffi.cdef 'struct event { int pid; int size; };'
local rb = bpf.map('ringbuf', 4096, nil, 'struct event')
bpf.socket(function(skb)
  rb:output({ pid = 1, sise = 2 }) --! "'struct event' has no member 'sise' (did you mean 'size'?) [UnknownField]"
  local e = rb:reserve('uint64_t')
  e.x = 1 --! "a 'uint64_t' has no members; it is read and written as [0] [NotATable]"
  e:submit()
end)
---
bpf.socket(function(skb) return ffi.cast('struct nope *', pkt).x end) --! "'struct nope' is not declared: nothing is known of its members; declare it with ffi.cdef [UnknownType]"
---
bpf.xdp(function(ctx) return ctx.len end) --! "'struct xdp_md' has no member 'len'; there are data, data_end, data_meta, ingress_ifindex, rx_queue_index and egress_ifindex [UnknownContextField]"
---
-- print
bpf.socket(function(skb) print('%f', skb.len) end) --! "'%f' is no conversion; the kernel has integers only, which %d prints [BadFormat]"
---
bpf.socket(function(skb) print('%.2d', skb.len) end) --! "'%.' is no conversion"
---
bpf.socket(function(skb) print('100%') end) --! "'%' is no conversion; write %% for a percent sign [BadFormat]"
---
bpf.socket(function(skb) print('%d', 'abc') end) --! "'%d' prints a number, not a string; a string is printed by %s [FormatArguments]"
---
bpf.socket(function(skb) print('%d and %s', skb.len) end) --! "the format has more conversions than there are values: nothing is left for '%s' [FormatArguments]"
---
bpf.socket(function(skb) print('%d', skb.len, skb.mark) end) --! "the format has 1 conversions and there are 2 values: nothing prints this one [FormatArguments]"
---
bpf.socket(function(skb) print('Größe %d', skb.len) end) --! "the kernel prints ASCII only: there can be no 'ö' in what print writes [BadFormat]"
---
bpf.socket(function(skb) print('%s', skb) end) --! "a context can't be printed: it is no number [NotANumber]"
---
-- kernel 5.10
bpf.xdp(function()
  print('%5d', pkt[0]) --! "'%5d' in a format needs kernel 5.13; the target is 5.10 [NeedsNewerKernel]"
  print('%X', pkt[0]) --! "'%X' in a format needs kernel 5.13; the target is 5.10"
  print('%c', pkt[0]) --! "'%c' in a format needs kernel 5.15; the target is 5.10"
  print('%d%%', pkt[0]) --! "a '%' in what print writes needs kernel 5.13; the target is 5.10"
  return XDP_PASS
end)
---
-- indices count from 0
local m = bpf.map('array', 10)
bpf.socket(function(skb)
  for i = 1, 10 do m[i] = i end
  return m[10] --! "map 'm' has the entries 0 to 9: there is no entry 10 [NoSuchEntry]"
end)
---
local t = { 5, 6 }
local m = bpf.map('array', 2)
bpf.socket(function(skb)
  for i, v in ipairs(t) do m[i] = v end --! "there is no entry 2 [NoSuchEntry]"
end)
---
local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2) --! "calls are nested more than 190 deep: recursion must end when compiling [Recursion]"
end
bpf.socket(function(skb) return fib(skb.len) end)
---
bpf.socket(function(skb) if skb.len > '5' then return 1 end end) --! "'>' can't order a number and a string; write 5 without quotes [CantCompare]"
---
bpf.socket(function(skb) for i = 1, 10, 0 do print(i) end end) --! "with a step of 0 this loop runs never [ZeroStep]"
---
local m = bpf.map('hash', 10, 'char[16]', 'uint32_t')
bpf.socket(function(skb) m[skb.len] = 1 end) --! "a number is no key of map 'm', whose keys are of type 'char [16]' [BadKey]"
---
bpf.socket(function(skb)
  return bpf.helper.skb_load_bytes(skb, 0, ffi.new('char[4]')) --! "the context is handed to helper 'skb_load_bytes' by itself: it is skb_load_bytes(number, buffer [, size]) [WrongArguments]"
end)
---
bpf.socket(function(skb) return ffi.cast('uint32_t *', { 1 })[0] end) --! "a table can't be cast to 'uint32_t *': there is no memory that it refers to [BadCast]"
---
bpf.kprobe('f', function() return pkt[0] end) --! "'pkt' is the packet of a program that has one; a kprobe program has none that it can read [NoPacket]"
---
bpf.socket(function() return ipairs({ 1 }) end) --! "'ipairs' stands in a 'for' only: for k, v in ipairs(t) do [OutsideFor]"
---
local m = bpf.map('hash', 8)
bpf.socket(function() return m.update end) --! "'update' is a method of maps: call it as m:update(...) [BadMapOperation]"
---
local name = 'eth'
bpf.xdp(function() return bpf.helper.strncmp(name, pkt[0]) end) --! "helper 'strncmp' takes a string that is known when compiling here, not a number [NeedsConstant]"
---
local m = bpf.map('hash', 8)
bpf.socket(function() return bpf.atomic.ad(m[1], 1) end) --! "there is no 'bpf.atomic.ad'; there are add, and_, cmpxchg, or_, xchg and xor [UnknownMember]"
---
ffi.cdef 'struct p { int x, y; };'
local m = bpf.map('hash', 8, 'uint32_t', 'struct p')
bpf.socket(function() m[1] = 5 end) --! "a number is no 'struct p'; write a table of its members: { x = ..., y = ... } [BadValue]"
---
bpf.socket(function(skb) return skb.data end) --! "'data' can't be read by socket programs; the packet is 'pkt', and #pkt its length [NotReadable]"
