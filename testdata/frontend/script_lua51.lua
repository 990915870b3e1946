-- Programs of Lua 5.1: the script stage prints what lua5.1 prints. put and endl write
-- a line in pieces.
local a, b = 1, 2
a, b = b, a
print(a, b)
local function swap(a, b) a, b = b, a; return a, b end
print(swap(1, 2))
local t = { 1, 2, 3 }
t[1], t[2], t[3] = t[3], t[1], t[2]
print(t[1], t[2], t[3])
local i = 1
i, t[i] = i + 1, 20
print(i, t[1], t[2])
local u = t
u.x, u = 1, nil
print(t.x, u)
---
-- captured variables
local fs = {}
for i = 1, 5 do
  local j = i * 10
  fs[i] = function() j = j + i; return j end
  if i == 3 then break end
end
print(#fs, fs[1](), fs[1](), fs[2](), fs[3]())
local k = 0
while true do
  local x = k
  do
    local y = x * 2
    fs[k] = function() return x, y end
    if k == 4 then break end
  end
  k = k + 1
end
local z, w = 100, 200
print(fs[0](), fs[3](), fs[4]())
repeat
  local x = k
  fs.last = function() x = x + 1; return x end
  if k > 5 then break end
  k = k + 1
until x > 5
local p, q, r = 1, 2, 3
print(fs.last(), fs.last(), p, q, r)
for n, v in ipairs { 7, 8, 9 } do
  fs.it = function() return n, v end
  if v == 8 then break end
end
local aa, bb, cc, dd = 1, 2, 3, 4
print(fs.it())
---
-- shadowing
local f = 1
do local f = function() return f end print(f()) end
local x = 1
local function g()
  local y = x
  local x = 2
  local function h() return x, y end
  x = 3
  return h
end
print(g()())
local function rec(n) if n == 0 then return 'done' end return rec(n - 1) end
print(rec(100))
local t = { f = function(self, ...) return select('#', ...), ... end }
function t.g(...) return ... end
function t:h(x) return self == t, x end
print(t:f(1, nil, 3))
print((t.g(1, 2, 3)))
print(t:h(5))
---
-- a call assigned to a parameter
local function f(a, b) a = a .. b; b = b .. a; return a, b end
print(f('x', 'y'))
local function g(n) n = n < 5; return n end
print(g(1), g(9))
local function h(s) s = (tostring(s)); return s end
print(h(12))
local function last(a, b) b = #tostring(b) == 2; return a, b end
print(last(1, 22))
---
-- and, or, not
local function f(...) return ... end
for _, a in ipairs { 1, 'x', 0 } do
  for _, b in ipairs { false, true, 5 } do
    print(a and b, b and a, a or b, b or a, not a, not b, a and b or 'c', a == b or b, (b or a) and a, not (a and b))
  end
end
local n
print(n and n.x, n or 'default', n == nil and 'nil', not n == true, (n or f()) == nil)
print(1 and nil, false or nil, nil and 1, 1 and 2 and 3, nil or false or 'x', 1 < 2 and 'lt' or 'ge')
local x = n and 1
print(x, f(1, 2) and f(3, 4), (f(1, 2)), f(f(1, 2), f(3, 4)))
---
-- comparison
print(1 < 2, 2 < 1, 1 <= 1, 1 >= 2, 1 == 1.0, 1 ~= 2, 'a' < 'b', 'a' <= 'a', 'Z' < 'a', '' < 'a', 'a\0b' < 'a\0c')
print(1 == '1', nil == false, 0 == false, {} == {}, 'x' == 'x', print == print)
local mt = {}
mt.__eq = function(a, b) return a.v == b.v end
mt.__lt = function(a, b) return a.v < b.v end
mt.__le = function(a, b) return a.v <= b.v end
local function o(v) return setmetatable({ v = v }, mt) end
print(o(1) == o(1), o(1) ~= o(1), o(1) < o(2), o(1) <= o(1), o(1) > o(2), o(2) >= o(3), rawequal(o(1), o(1)))
local lt = { __lt = function(a, b) return a.v < b.v end }
local function l(v) return setmetatable({ v = v }, lt) end
print(l(1) <= l(2), l(2) <= l(1), pcall(function() return l(1) < 1 end) == false)
---
-- arithmetic and numbers
print(7 / 2, 7 % 3, -7 % 3, 7 % -3, -7 / 2, 2 ^ 10, 2 ^ 0.5, -2 ^ 2, 1e15, 1e14, 123456789012345, 0.1, 1 / 3, 1e300 * 1e10, -1e300 * 1e10)
print(0x10, 0xff, 1e2, .5, 5., 3.0, 100000000000000, 1e100, 2 ^ 53, 9007199254740992)
print('10' + 5, '0x10' + 0, ' 5 ' * 2, -'3', 10 .. 20, 1.5 .. '|', -0 .. '')
print(tonumber('10'), tonumber('  0x1F '), tonumber('1e2'), tonumber('x'), tonumber(''), tonumber('1 2'), tonumber('z', 36), tonumber('777', 8), tonumber('8', 8), tonumber('1_0'), tonumber('inf'), tonumber('nan'), tonumber('5.'), tonumber('.5'), tonumber('0x'), tonumber('- 1'))
print(math.floor(3.7), math.ceil(3.2), math.floor(-3.7), math.max(1, 5, 3), math.min(4, 2), math.abs(-5), math.fmod(7, 3), math.modf(3.7), math.sqrt(16), math.huge, -math.huge, math.pi)
print(math.frexp(8), math.ldexp(1, 4), math.log(1), math.exp(0), math.pow(2, 8), math.deg(math.pi), math.log10(1000))
print(1e309, -1e309, 2^63, 2^64, 1e16, 123456.789e3)
for i = 10, 1, -3 do put(i, ' ') end endl()
for i = 1, 0 do print('never') end
for i = 0.5, 2 do put(i, ' ') end endl()
for i = '1', '3' do put(i, ' ') end endl()
---
-- strings
print(('abc'):rep(3), ('x'):rep(0), ('x'):rep(-1), ('abc'):sub(2), ('abc'):sub(-2, -1), ('abc'):sub(0), ('abc'):sub(5), ('abc'):sub(2, 100), ('abc'):sub(-100, 2))
print(('abc'):byte(), ('abc'):byte(1, -1), ('abc'):byte(10), string.char(65, 66), ('abc'):upper(), ('ABC'):lower(), ('abc'):reverse(), #'abc', ('abc'):len())
print(string.format('%5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%o|%c|%u', 42, 42, 42, 42, 42, 255, 255, 255, 8, 65, 7))
print(string.format('%5.2f|%e|%g|%g|%g|%10.3s|%-10s|%%|%i', 3.14159, 12345.678, 1e20, 0.0001, 100000, 'abcdef', 'hi', 3.7))
print(string.format('%g %g %g %.3g %#g %G', 1e15, 123456789, 1e-5, 1234.5678, 1, 1e-10))
print(string.format('%q', 'a "quoted"\n\\ string\0end'))
print(string.format('%s %s %s', 1, tostring(true), tostring(nil)), string.format('%5s|%.2s', 'abc', 'abc'), string.format('%.0f %.3d %8.3d', 2.5, 5, 5))
print(string.format('%x', 2^40), string.format('%d', -2^31), string.format('%.14g', 0.1), string.format('%.20f', 0.1), string.format('%5.1f|%-8.3e|', -0.05, 1234.5))
print(tostring(1e15), tostring(-0.5), tostring(1e-7), tostring(2^31), tostring(123456789.125))
---
-- patterns
print(('hello world'):find('wor'), ('hello'):find('l+'), ('hello'):find('xyz'), ('a.b'):find('.', 1, true), ('a.b'):find('%.'), ('hello'):find('', 3), ('hello'):find('', 10), ('abc'):find('b', -1))
print(('key = value'):match('^(%w+)%s*=%s*(%w+)$'), ('2024-01-15'):match('(%d+)-(%d+)-(%d+)'), ('abc'):match('()b()'), ('  trim  '):match('^%s*(.-)%s*$') .. '|')
print(('hello'):gsub('l', 'L'), ('hello'):gsub('l', 'L', 1), ('hello'):gsub('', '-'), ('abc'):gsub('%w', '%0%0'), ('abc'):gsub('(a)(b)', '%2%1'), ('x^y'):gsub('%^', '**'))
print(('hello world'):gsub('%w+', { hello = 'HI' }), ('hello'):gsub('l', function(c) return nil end), ('abc'):gsub('.', function(c) return c:byte() .. ',' end), ('abc'):gsub('^a', 'x'), ('aaa'):gsub('^a', 'x'))
for k, v in ('a=1, b=2, c=3'):gmatch('(%w+)=(%w+)') do put(k, ':', v, ' ') end endl()
for w in ('one two  three'):gmatch('%a+') do put(w, '|') end endl()
for p in ('abc'):gmatch('()') do put(p, ' ') end endl()
print(('f(a(b)c)d'):match('%b()'), ('THE (quick) fox'):find('%((%a+)%)'), ('[[x]]'):match('%[%[(.-)%]%]'), ('a]b'):match('[]]'), ('a-b'):match('[a%-]+'), ('x-y'):match('[x-]+'), ('5^2'):match('[%^]'), ('abc'):match('[^a]+'))
print(('%d'):gsub('%%d', 'x'), ('\0a\0'):find('%z'), ('hello.world'):gsub('%.', '%%'), ('abcabc'):match('(abc)%1'), ('"x\'y"'):match('(["\'])(.-)%1'))
print(pcall(string.find, 'x', '[a') == false, pcall(string.find, 'x', '%') == false, pcall(string.match, 'x', '(x') == false, pcall(string.gsub, 'x', 'x', '%2') == false)
print(('aXb'):find('%u'), ('a1'):find('%D'), ('\t'):find('%s'), ('!'):find('%p'), ('é'):len(), ('A1 b2'):gsub('%a(%d)', '<%1>'))
print(string.gsub('abc def', '%f[%w]%w+', string.upper))
print(string.rep('a', 5):gsub('a-', 'x'), ('aaa'):find('a-', 2), ('aaab'):match('a-b'), ('abc'):find('b?c'), ('ac'):match('ab?c'))
---
-- tables
local t = {}
for i = 1, 10 do t[#t + 1] = i * i end
print(#t, t[10], table.concat(t, ','), table.concat(t, ',', 3, 5), table.concat({}, 'x'), table.concat({ 1, 'a', 2.5 }))
table.insert(t, 'end'); table.insert(t, 1, 'start'); print(#t, t[1], t[2], t[12])
print(table.remove(t), table.remove(t, 1), #t, table.remove({}), #t)
table.sort(t, function(a, b) return a > b end) print(table.concat(t, ' '))
local w = { 'pear', 'apple', 'fig' } table.sort(w) print(table.concat(w, ' '))
print(unpack({ 1, 2, 3 })) print(unpack({ 1, 2, 3 }, 2)) print(unpack({ 1, 2 }, 1, 3)) print(select(2, 'a', 'b', 'c')) print(select(-1, 'a', 'b')) print(select('#'))
print(next({}), type(next), rawlen == nil, rawget({ 5 }, 1), rawset({}, 1, 2)[1], table.maxn({ 1, 2, [10] = 3 }))
local mixed = { 1, 2, x = 3, [4] = 5, ['y z'] = 6, 7 }
print(#mixed, mixed.x, mixed[3], mixed['y z'], mixed[4])
local sum = 0 for k, v in pairs({ a = 1, b = 2, c = 3 }) do sum = sum + v end print(sum)
local del = { a = 1, b = 2, c = 3 } for k in pairs(del) do del[k] = nil end print(next(del))
print(#{ 1, 2, nil, 4 } >= 2, #{ n = 1 }, ({ 1, 2 })[1] == nil or 'x')
---
-- large constructors and many constants
local t = { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70, x = 'y', [100] = -5, { 1, 2, { z = 3 } } }
print(#t >= 70, t[70], t.x, t[100], t[71][3].z)
local function mk() return { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66 } end
local a, b = mk(), mk()
a[1] = 'changed'
print(a[1], b[1], #a, #b)
local src = { 'local s = 0' }
for i = 1, 1000 do src[#src + 1] = 's = s + ' .. i .. '.5' end
for i = 1, 300 do src[#src + 1] = 's = s + #"str' .. i .. '"' end
src[#src + 1] = 'return s'
print(loadstring(table.concat(src, '\n'))())
local fields = {}
for i = 1, 600 do fields[#fields + 1] = 'k' .. i .. ' = ' .. i end
local big = loadstring('return { ' .. table.concat(fields, ', ') .. ' }')()
print(big.k1, big.k300, big.k600)
local sum = {}
for i = 1, 150 do sum[i] = 'x' end
print(loadstring('local x = "ab" return #(' .. table.concat(sum, ' .. ') .. ')')())
local plus = {}
for i = 1, 1000 do plus[i] = 'x' end
print(loadstring('local x = 2 return ' .. table.concat(plus, ' + '))())
---
-- metatables
local mt = { __index = function(t, k) return k .. '!' end, __newindex = function(t, k, v) rawset(t, k, v * 2) end,
  __call = function(self, ...) return select('#', ...), ... end, __tostring = function() return 'obj' end,
  __concat = function(a, b) return 'cat' end, __unm = function() return 'neg' end, __add = function(a, b) return 'add' end,
  __mod = function() return 'mod' end, __pow = function() return 'pow' end, __metatable = 'locked' }
local o = setmetatable({}, mt)
o.a = 5
o[1] = 6
print(o.a, o.b, o[1], o(1, 2), tostring(o), o .. 'x', 'x' .. o, 1 .. o, -o, o + 1, 1 + o, o % 2, o ^ 2, getmetatable(o))
print((pcall(setmetatable, o, {})))
local base = { greet = function(self) return 'hi ' .. self.name end }
local derived = setmetatable({ name = 'bob' }, { __index = base })
print(derived:greet(), rawget(derived, 'greet'))
local log = {}
local proxy = setmetatable({}, { __newindex = function(t, k, v) log[#log + 1] = tostring(k) .. '=' .. tostring(v) end })
proxy.x, proxy.y, proxy[1] = 1, 2, 3
print(#log)
local def = setmetatable({}, { __newindex = log })
def.q = 9
print(rawget(def, 'q'), log.q)
---
-- errors
print(pcall(error, 'x', 0)) print(pcall(error)) print(pcall(error, { code = 1 })) print(select('#', pcall(error, nil)))
print(pcall(function() error('msg', 0) end))
print(xpcall(function() error('msg', 0) end, function(e) return 'handled ' .. e end))
print(xpcall(function() return 1, 2 end, print))
print(pcall(pcall, error, 'e'))
print(select(2, pcall(function() local t = setmetatable({}, { __index = function() error('deep', 0) end }) return t.x end)))
local ok, e = pcall(function() error(setmetatable({}, { __tostring = function() return 'custom' end })) end)
print(ok, tostring(e))
print(pcall(assert, false)) print(pcall(assert, nil, 'why')) print(pcall(assert, 1, 2, 3))
print(tostring(nil), tostring(true), type(nil), type(print), type({}), type('x'), type(2), type(coroutine.create(function() end)))
local function thrower(depth) if depth == 0 then error('bottom', 0) end return thrower(depth - 1) end
print(pcall(thrower, 50))
local saved
pcall(function() local x = 41; saved = function() x = x + 1; return x end; error('oops') end)
local a, b, c = 1, 2, 3
print(saved(), saved(), a, b, c)
---
-- coroutines
local gen = coroutine.wrap(function(a) for i = 1, 3 do a = coroutine.yield(a + i) end return 'end' end)
print(gen(10), gen(20), gen(30), gen(40))
local co = coroutine.create(function(...) local x, y = coroutine.yield(...) error('in co', 0) end)
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co)) print(coroutine.resume(co, 3, 4)) print(coroutine.status(co)) print(coroutine.resume(co))
local function inner() coroutine.yield('from inner') return 'ret' end
local c2 = coroutine.wrap(function() local r = inner() coroutine.yield(r) end)
print(c2(), c2())
print(coroutine.running(), pcall(coroutine.wrap(function() error('wrapped', 0) end)))
local prod = coroutine.create(function() for _, v in ipairs { 'a', 'b' } do coroutine.yield(v) end end)
while true do local ok, v = coroutine.resume(prod) if v == nil then break end put(v, ' ') end endl() print(coroutine.status(prod))
local self; self = coroutine.create(function() return coroutine.resume(self) end)
print(select(1, coroutine.resume(self)))
---
-- environments, loadstring, vararg
local env = { print = print }
local f = setfenv(loadstring('x = 5; print(x, y)'), env)
f()
print(x, env.x, getfenv(1) == _G, getfenv(print) == _G)
print(loadstring('return 1 +') == nil)
---
local function f(...) local a, b = ... return select('#', ...), a, b, ... end
print(f()) print(f(nil)) print(f(1, 2, 3)) print((f(1, 2, 3)))
print((function(...) return ... end)(1, nil, 3))
local t = { f(1, 2), f(3), n = f() }
print(#t, t[1], t[2], t.n)
local function g(...) return arg.n, #arg, arg[1] end
print(g(1, 2, 3))
print(#{ ... }, ... == nil)
local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
print(tail(5))
print(string.format('%s %s', (function() return 'a', 'b' end)()))
print(load(coroutine.wrap(function() coroutine.yield('return ') coroutine.yield('7') end))())
