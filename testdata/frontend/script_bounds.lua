-- endless, wherever it is
while true do end --! "the script runs too long: it must come to its end within 9,000,000 instructions \[ScriptTooLong\]"
---
repeat until false --! "the script runs too long"
---
::top:: goto top --! "the script runs too long"
---
for i = 1, math.huge do end --! "the script runs too long"
---
for i = 2, 1, 0 do end --! "the script runs too long"
---
pcall(function() while true do end end) --! "the script runs too long"
print('not reached')
---
while true do pcall(function() while true do end end) end --! "the script runs too long"
---
xpcall(function() while true do end end, function() while true do end end) --! "the script runs too long"
---
coroutine.wrap(function() while true do end end)() --! "the script runs too long"
---
local co = coroutine.create(function() while true do coroutine.yield() end end)
while true do coroutine.resume(co) end --! "the script runs too long"
---
local t = setmetatable({}, { __index = function(t, k)
  while true do end --! "the script runs too long"
end })
local x = t.x
---
local t = setmetatable({}, { __add = function() while true do end end }) --! "the script runs too long"
local x = t + 1
---
local t = setmetatable({}, { __tostring = function() while true do end end }) --! "the script runs too long"
print(t)
---
table.sort({ 1, 2, 3 }, function() while true do end end) --! "the script runs too long"
---
string.gsub('xxx', 'x', function() while true do end end) --! "the script runs too long"
---
for x in function() return 1 end do end --! "the script runs too long"
---
local function f() return f() end --! "stack overflow"
f()
---
loadstring('while true do end')() --! "" "the script runs too long"
---
-- strings
local s = 'x'
while true do s = s .. s end --! "the script takes too much memory: its strings and tables must fit in 64 MiB \[ScriptTooMuchMemory\]"
---
local s = 'x'
while true do s = s:rep(2) end --! "the script takes too much memory"
---
local s = ('x'):rep(1e9) --! "the script takes too much memory"
---
local s = ('x'):rep(2^53) --! "the script takes too much memory"
---
local s = ('x'):rep(1e5, ('y'):rep(1e5)) --! "the script takes too much memory"
---
local s = string.format('%99999999d', 1) --! "invalid format \(width or precision too long\)"
---
local t = {}
for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end --! "the script takes too much memory"
---
local s = ('x'):rep(1e6)
local r = s:gsub('x', s) --! "the script takes too much memory"
---
local s = ('x'):rep(1e6)
local t = {}
for i = 1, 1000 do t[i] = s end
local r = table.concat(t) --! "the script takes too much memory"
---
local s = ('x'):rep(1e6)
local r = ('%s'):rep(1000):format(unpack((function() local t = {} for i = 1, 1000 do t[i] = s end return t end)())) --! "the script takes too much memory"
---
local s = ('x'):rep(1e7)
local t = {}
for i = 1, 1e9 do t[i] = s:upper() end --! "the script takes too much memory"
---
local s = ('x'):rep(3e7)
local function f(...) return f(s .. 'a', s .. 'b', ...) end --! "the script takes too much memory"
f()
---
-- the same string many times is one string, and garbage does not count
local t, s = {}, ('x'):rep(1e6)
for i = 1, 1000 do t[i] = s end
for i = 1, 100 do local u = s .. i end
---
-- tables
local t = {}
for i = 1, 1e9 do t[i] = {} end --! "the script takes too much memory"
---
local t = {}
while true do t = { t } end --! "the script takes too much memory" "the script runs too long"
---
local t = {}
t[4000000] = 1
local u = {}
u[4000000] = 1 --! "the script takes too much memory"
---
local t = {}
for i = 1, 100 do
  local u = {}
  u[1000000 + i] = 1 --! "the script takes too much memory"
  t[i] = u
end
---
-- sparse keys are no memory
local t = {}
for i = 0, 52 do t[2^i] = i end
local n = 0
for k, v in pairs(t) do
  assert(k == 2^v and t[k] == v and rawget(t, k) == v)
  n = n + 1
end
assert(n == 53 and t[2^25] == 25 and t[33554432] == 25 and t[33554433] == nil)
t[2^25] = nil
assert(t[2^25] == nil)
local vendors = { [0xfcfbfb] = 'cisco', [0x001122] = 'cimsys' }
assert(vendors[0xfcfbfb] == 'cisco' and vendors[0x1122] == 'cimsys')
---
local t = {}
for i = 1, 300 do t[i] = coroutine.create(function() end) end
---
local t = {}
for i = 1, 1e9 do t[i] = coroutine.create(function() end) end --! "the script takes too much memory"
---
local t = {}
while true do t[#t + 1] = function() return t end end --! "the script takes too much memory" "runs too long"
---
local t = {}
for i = 1, 1e9 do t['x' .. i] = 1; t['x' .. i] = nil end --! "the script takes too much memory" "runs too long"
---
-- depth
local function f() return 1 + f() end --! "stack overflow: functions call each other too deep \[ScriptError\]"
f()
---
local function f() f() end
local ok, msg = pcall(f)
assert(not ok and msg:find('stack overflow'))
---
local t = setmetatable({}, {})
getmetatable(t).__index = function(t, k) return t[k] end --! "stack overflow"
local x = t.x
---
local function f() return pcall(f) end
f() -- pcall catches the overflow
---
local function f() return coroutine.wrap(f)() end --! "stack overflow: coroutines or modules start each other too deep"
f()
---
local function f() string.gsub('x', 'x', f) end --! "stack overflow"
f()
---
local t = {}
for i = 1, 20000 do t[i] = 'x' end
print(unpack(t)) --! "too many results to unpack"
---
print(('x'):rep(1e6):byte(1, -1)) --! "string slice too long"
---
-- an upvalue open in each frame
local function f(n)
  local x = n
  local g = function() return x end
  return 1 + f(g() + 1) --! "stack overflow"
end
f(1)
---
-- patterns
local x = ('a'):rep(5000):find(('.-'):rep(20) .. 'b') --! "the script runs too long"
---
local x = ('a'):rep(5000):match('a*a*a*a*b$') --! "the script runs too long"
---
for x in ('a'):rep(3000):gmatch('a.-a.-a.-a.-b') do end --! "the script runs too long"
---
local x = ('a'):rep(3000):gsub('a*a*a*a*b', '') --! "the script runs too long"
---
local x = ('('):rep(100000):find('%b()') --! "the script runs too long"
---
local x = ('x'):rep(1e5):find(('x?'):rep(1e5)) --! "pattern too complex"
---
-- a script that makes scripts
while true do loadstring('return 1') end --! "the script takes too much memory"
---
local s = 'x = 1 '
for i = 1, 30 do s = s .. s end --! "the script takes too much memory"
loadstring(s)
