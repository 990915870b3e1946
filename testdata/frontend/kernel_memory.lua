-- members
ffi.cdef [[ struct pt { int first; struct { int second; }; }; ]]
bpf.socket(function()
  local s = ffi.new('struct pt')
  s.frist = 1 --! "'struct pt' has no member 'frist' (did you mean 'first'?)"
  return s.secnd --! "(did you mean 'second'?)"
end)
---
ffi.cdef [[ struct pt { int x; }; ]]
bpf.socket(function()
  return ffi.new('struct pt', { y = 1 }).x --! "'struct pt' has no member 'y'"
end)
---
bpf.socket(function()
  local a = ffi.new('int [4]')
  return a.x --! "an array has no members"
end)
---
-- elements
bpf.socket(function()
  local a = ffi.new('int [4]')
  return a[4] --! "this array has the elements 0 to 3"
end)
---
bpf.socket(function()
  local a = ffi.new('int [4]')
  a[-1] = 3 --! "this array has the elements 0 to 3"
end)
---
bpf.socket(function()
  local a = ffi.new('int [2]', { 1, 2, 3 }) --! "3 elements for an array of 2"
  local b = ffi.new('int [2]', 1, 2, 3) --! "3 elements for an array of 2"
end)
---
bpf.socket(function()
  local a = ffi.new('int [2]', { x = 1 }) --! "an array has no member 'x'"
end)
---
ffi.cdef [[ struct pt { int x, y; }; ]]
bpf.socket(function()
  return ffi.new('struct pt', 1, 2, 3).x --! "3 values for the 2 members of 'struct pt'"
end)
---
-- strings and arrays of other sizes
bpf.socket(function()
  local a = ffi.new('char [4]', 'hello') --! "'hello' has 5 bytes; 'char [4]' has room for 4"
end)
---
bpf.socket(function()
  local a = ffi.new('char [4]')
  local s = ffi.new('struct { char t[5]; }')
  s.t = a --! "4 bytes can't be assigned to an array of 5"
end)
---
bpf.socket(function()
  local s = ffi.new('struct { char t[5]; }')
  s.t = pkt(0, 6) --! "6 bytes can't be assigned to an array of 5"
  s.t = pkt(0, 4) --! "4 bytes can't be assigned to an array of 5"
  s.t = 7 --! "a number is no 'char [5]'"
end)
---
-- types
bpf.socket(function()
  local s = ffi.new('struct nothing') --! "'struct nothing' has no size: there are no objects of it"
end)
---
bpf.socket(function(skb)
  local a = ffi.new('char [?]', skb.len) --! "the length of an array must be known when compiling"
end)
---
bpf.socket(function(skb)
  local a = ffi.new('char [60000]') --! "the objects of this program need more than the stack and 32768 bytes besides; 'char [60000]' has 60000; use a map [StackOverflow]"
end)
---
ffi.cdef [[ struct a { int x; }; struct b { int x; }; ]]
local m = bpf.map('array', 1, 'uint32_t', 'struct a')
bpf.socket(function()
  m[0] = ffi.new('struct b') --! "a 'struct b' is no 'struct a'"
  m[0] = 5 --! "a number is no 'struct a'"
  m[0] = 'text' --! "a string is no 'struct a'"
  m[0] = { x = {} } --! "a table can't be stored: it is no number"
end)
---
ffi.cdef [[ struct k { int x; }; ]]
local m = bpf.map('hash', 1, 'struct k', 'uint32_t')
bpf.socket(function()
  m[1] = 1 --! "a number is no key of map 'm', whose keys are of type 'struct k' [BadKey]"
  m[{ y = 1 }] = 1 --! "'struct k' has no member 'y'"
  return m[nil] --! "nil is no key of map 'm'"
end)
---
-- references that may be another entry's
ffi.cdef [[ struct v { int x; char n[4]; }; ]]
local m = bpf.map('hash', 8, 'uint32_t', 'struct v')
local o = bpf.map('hash', 8, 'uint32_t', 'struct v')
bpf.socket(function(skb)
  local e = m[1]
  o[1] = { x = 1 }
  e.x = 2
  m[1] = { x = 3 }
  local f = ffi.new('struct v', m[1])
  m[2] = f
  return e.x + f.x --! "this entry of 'm' may be another one by now"
end)
---
ffi.cdef [[ struct v { int x; char n[4]; }; ]]
local m = bpf.map('hash', 8, 'uint32_t', 'struct v')
bpf.socket(function(skb)
  local e = m[1]
  if skb.len > 100 then m[2] = nil end
  xadd(e.x, 1) --! "look it up again, or copy it first"
end)
---
ffi.cdef [[ struct v { int x; char n[4]; }; ]]
local m = bpf.map('hash', 8, 'uint32_t', 'struct v')
bpf.socket(function(skb)
  local e = m[1]
  for i = 1, skb.len do
    if e.n == 'abc' then return 1 end --! "may be another one by now"
    m[i] = { x = 1 }
  end
end)
---
-- what has no meaning
ffi.cdef [[ struct pt { int x; }; ]]
bpf.socket(function()
  local s, t = ffi.new('struct pt'), ffi.new('struct pt')
  local a = s < t --! "'<' needs a number, not a 'struct pt'" "'<' needs a number, not a 'struct pt'"
  local b = s + t --! "has no arithmetic but '+ n', '- n'"
  if s == t then return 1 end --! "a 'struct pt' can't be compared; compare its members"
end)
---
ffi.cdef [[ struct pt { int x; }; ]]
bpf.socket(function()
  return ffi.new('struct pt') --! "a 'struct pt' can't be returned: it is no number"
end)
---
bpf.socket(function(skb)
  local s = ffi.new('struct { uint16_t x; uint32_t f : 7; __be32 b; }')
  xadd(s.x, 1) --! "the kernel adds atomically to 4 and 8 bytes only; this is a 'uint16_t'"
  xadd(s.f, 1) --! "4 and 8 bytes only"
  xadd(s.b, 1) --! "which is in network order"
  xadd(s, 1) --! "'xadd' adds to a number"
end)
---
ffi.cdef [[ struct a { int x; }; struct b { int x; }; ]]
local m = bpf.map('array', 1, 'uint32_t', 'struct a')
bpf.socket(function(skb)
  local s = ffi.new('struct a')
  if skb.len > 3 then s = m[0] end
  return s.x --! "this is a 'struct a' on one path and another 'struct a' on another"
end)
---
-- pointers within an object
bpf.socket(function(skb)
  local a = ffi.new('int [4]')
  local p = a + 2
  return p[2] --! "2 is outside of the object, in which there are the elements -2 to 1 from here"
end)
---
bpf.socket(function(skb)
  local a = ffi.new('int [4]')
  local b = ffi.new('int [4]')
  return (a + 1) - (b + 1) --! "these pointers are not into one object"
end)
---
-- copies
bpf.socket(function(skb)
  local a = ffi.new('char [4]')
  ffi.copy(a, 'hello') --! "6 bytes are copied to 4"
  ffi.copy(a, 'hello', 5) --! "5 bytes can't be copied: the objects have 4 and 5"
  ffi.fill(a, 5) --! "5 bytes can't be filled: the object has 4"
  ffi.copy(skb.len, a) --! "a number has no bytes to copy"
  ffi.copy('abc', a) --! "a string can't be written"
end)
---
bpf.socket(function(skb)
  local a = ffi.new('char [8]')
  local b = a(0, 9) --! "a slice of 9 bytes of an array of 8"
  local c = a(6, 9) --! "the slice ends at 9"
  return a(skb.len, skb.mark) --! "the length of a slice must be known when compiling"
end)
---
bpf.socket(function(skb)
  local a = ffi.new('char [8]')
  if a(0, 3) == 'ab' then return 1 end --! "3 bytes never equal the 2 of 'ab'"
  return 0
end)
---
-- kernel 5.10
bpf.socket(function(skb)
  local a = ffi.new('uint8_t [33]')
  return a[skb.len] --! "needs Linux 5.12, or an array of 32 elements at most"
end)
