bpf.socket(function()
  return bpf.helper.ktime_get() --! "there is no helper 'ktime_get'"
end)
---
bpf.socket(function()
  return bpf.helper.bpf_ktime_get_n() --! "there is no helper 'bpf_ktime_get_n' (did you mean 'ktime_get_ns'?) [UnknownHelper]"
end)
---
bpf.socket(function()
  return bpf.helper.xdp_adjust_head(4) --! "helper 'xdp_adjust_head' is not available to socket programs; xdp programs may call it [HelperNotAllowed]"
end)
---
-- kernel 5.16
local ffi = require 'ffi'
bpf.tc(function(skb)
  return bpf.helper.skb_set_tstamp(1, 0) --! "helper 'skb_set_tstamp' in tc programs needs kernel 5.18; the target is 5.16 [NeedsNewerKernel]"
end)
---
bpf.tc(function(skb)
  return bpf.helper.send_signal(9) --! "helper 'send_signal' in tc programs needs kernel 6.18; the target is 6.1 [NeedsNewerKernel]"
end)
---
bpf.license('MIT')
bpf.kprobe('f', function()
  return bpf.helper.get_current_task() --! "helper 'get_current_task' is only for programs under a license compatible with the GPL; this one has 'MIT' [NeedsGPL]"
end)
---
local ffi = require 'ffi'
bpf.uprobe('/bin/sh:main', function()
  local b = ffi.new('char[8]')
  return bpf.helper.copy_from_user(b, 0) --! "helper 'copy_from_user' may sleep: only sleepable programs may call it, those with the option sleepable = true [HelperNotAllowed]"
end)
---
local ffi = require 'ffi'
bpf.uprobe('/bin/sh:main', function()
  local b = ffi.new('char[8]')
  return bpf.helper.copy_from_user(b, 0)
end, { sleepable = true })
---
local ffi = require 'ffi'
bpf.socket(function(skb)
  local b = ffi.new('char[8]')
  bpf.helper.skb_load_bytes(0) --! "helper 'skb_load_bytes' is called with 1 argument; it is skb_load_bytes(number, buffer [, size]) [WrongArguments]"
  bpf.helper.skb_load_bytes(0, b, 9) --! "a size of 9 bytes: the buffer has 8 [OutOfRange]"
  bpf.helper.skb_load_bytes(0, b, 0) --! "a size of 0 bytes: the buffer has 8 [OutOfRange]"
  bpf.helper.skb_load_bytes(0, 'text') --! "helper 'skb_load_bytes' takes memory that it can write: an array or a struct here, not a string [WrongArguments]"
  bpf.helper.skb_load_bytes(0, nil) --! "helper 'skb_load_bytes' takes memory that it can write: an array or a struct here, not nil [WrongArguments]"
  bpf.helper.map_delete_elem(5, 5) --! "helper 'map_delete_elem' takes a map here, not a number [WrongArguments]"
end)
---
local ffi = require 'ffi'
bpf.tc(function(skb)
  bpf.helper.skb_store_bytes(0, 5, 0) --! "helper 'skb_store_bytes' takes bytes: an array, a struct, a string or a slice here, not a number [WrongArguments]"
  bpf.helper.csum_diff(nil, 4, 'abcd', 4, 0) --! "the size of a nil buffer is 0 [OutOfRange]"
  bpf.helper.sk_release(skb) --! "helper 'sk_release' takes an object of the kernel here, such as another helper's result, not a context [WrongArguments]"
  local mtu = ffi.new('uint16_t[1]')
  bpf.helper.check_mtu(1, mtu, 0, 0) --! "helper 'check_mtu' needs 4 bytes here; there are 2 [OutOfRange]"
end)
---
local x = bpf.clamp(5, 1, 3)
assert(x == 3 and bpf.clamp(0, 1, 3) == 1)
bpf.socket(function(skb)
  return bpf.clamp(skb.len, 9, x) --! "there is no number from 9 to 3 [OutOfRange]"
end)
---
bpf.socket(function(skb)
  local buf = ffi.new('char [16]')
  bpf.helper.snprintf(buf, '%d %d', skb.len) --! "more conversions than there are values"
  bpf.helper.snprintf(buf, '%d', skb.len, 2) --! "nothing prints this one"
  bpf.helper.snprintf(buf, '%f', skb.len) --! "is no conversion"
  bpf.helper.snprintf(buf, '%d%d%d%d%d%d%d%d%d%d%d%d%d', skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len, skb.len) --! "takes 12 values at most"
end)
---
bpf.xdp(function(ctx)
  local same = ffi.cast('struct xdp_md *', ctx)
  local other = ffi.cast('struct pt_regs *', ctx) --! "a context can't be cast to 'struct pt_regs *'"
  return same.ingress_ifindex
end)
