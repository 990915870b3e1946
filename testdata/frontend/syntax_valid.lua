#!/usr/bin/env luabpfc
print("a first line that begins with # is skipped")
---
# any such line, as 5.1 has it
x = 1
---
---
-- only a comment
---
--[==[ a long
]] comment ]==] x = 1 --[[ ]] y = 2 --[ a short one
z = 3 --[=
---
;;; x = 1;; ; local y = 2; ;
---
-- goto is a name unless a statement begins with it and a name follows
goto = 1
goto.x = 2
goto(x)
goto:m()
goto "s"
goto[1] = 2
t.goto = goto
local goto = goto
local function goto() end
function t.goto() end
for goto = 1, 2 do goto = 3 end
t = { goto = goto }
t:goto()
goto goto ::goto::
---
-- no line end means anything: this is one call, as in 5.2
local a = f
(g or h)(1)
local s = x
"s"
---
break_ = 1 while true do break x = 1 end
while true do break; end
repeat break until true
for i = 1, 2 do if x then break end end
for k in pairs(t) do do break end end
---
return
---
return;
---
do return end
return 1, 2;
---
return function(...) return ... end, (...), ...
---
local function f(...) local a, b = ... return select("#", ...) end
---
local a <const>, b<close>, c < const > = 1
local const, close = 1, 2
const = 3
---
x = -2^-3^2 y = not not a == not b z = - - -1 w = #t + ~1 ~ ~2
v = a // b | c & d ~ e << f >> g .. h
x = a<b == c>d ~= (e<=f)
---
x = 0xA..s y = 1e5..s z = 0xep1 w = 0xe+1
---
f{} f"" f'' f[[]] f{}"" {} f.a.b["c"]:d{}.e()
("x"):rep(2) ({1})[1] = 2 (f)() ; (t).x = 1
---
t = {} t = {,} --! "an expression expected, found ','"
---
t = {1, 2; 3, a = 1; ["b"] = 2, [1] = 3, f(), ...,}
t = {{{}}, function() end}
---
for i = 1, 2, 3 do end for a, b, c in f, g, h do end
if x then elseif y then elseif z then else end
if x then else if y then end end
---
local function f() return f end
local g = function(a, a, ...) end
function a.b.c:d(e) return self end
---
-- no jump into a scope: the label ends its block
do
  goto continue
  local x = 1
  ::continue:: ; ::other:: ;
end
while x do
  if y then goto continue end
  local z = 1
  ::continue::
end
---
-- forward, backward, outward, and an inner label that hides an outer one
::top::
do goto top end
do goto bottom end
do goto x; ::x:: end
::x::
do
  ::x:: do goto x end
end
goto x
local f = function() ::top:: goto top end
::bottom::
---
-- the same label in blocks side by side, and in nested loops
for i = 1, 2 do
  for j = 1, 2 do
    if j == i then goto continue end
    ::continue::
  end
  ::continue::
end
---
repeat local x = f() until x
---
x = "\x41\z
     \u{20AC}" .. 'a\
b'
---
local _ENV, _G, _, __x1 = 1
