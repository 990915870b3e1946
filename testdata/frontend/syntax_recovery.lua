if x then --! "'end' expected to close 'if' at line 1, found end of file \[UnclosedBlock\] . 1: 'if' begins here$"
---
function f() --! "'end' expected to close 'function' at line 1, found end of file .*$"
---
while x do
  if y then
    print(1)
end --! "'end' expected to close 'while' at line 1, found end of file .* . 2: the indentation suggests that this 'if' has no 'end'"
---
local function f(a)
  if a == 1 then
    return 1
  else if a == 2 then
    return 2
  end
end --! "'end' expected to close 'function' at line 1, found end of file .* . 4: 'else if' begins a second 'if', which needs an 'end' of its own: write 'elseif'"
---
-- each of these is one error and the lines behind it are read
x = = 1 --! "an expression expected"
y = = 2 --! "an expression expected"
local function f() x = } end --! "an expression expected"
if ) then y = = 1 end --! "an expression expected, found '\)'" "an expression expected, found '='"
print(1, 2 --! "'\)' expected, found 'local'"
local x = 1
print(1, 2 --! "'\)' expected, found 'y'"
y = 2
z = t[1 --! "'\]' expected, found 'w'"
w = 1
f({1, 2) --! "'\}' expected, found '\)'"
f(a b, function() x = = 1 end) --! "'\)' expected, found 'b'" "an expression expected"
f(function() return 1 2 end, 3) --! "'return' must be the last" "a statement expected, found '2'"
last = * --! "an expression expected"
---
print(1, 2
  , 3 --! "'\)' expected to close '\(' at line 1, found 'x' \[UnclosedBracket\] . 1: '\(' is opened here"
x = 1
---
t = {
  a = 1,
  b = { 2, 3,
} --! "'\}' expected to close '\{' at line 1, found end of file .* . 1: '\{' is opened here"
---
t = {
  1,
  2, --! "an expression expected, found 'local'"
local x = 1
---
print(1)
end --! "'end' closes nothing: no block is open here \[UnexpectedEnd\]"
x = = 2 --! "an expression expected"
---
local x <const> = 1
while x do
  if x then print(1) end end
  x = 2 --! "'x' is <const>"
end --! "'end' closes nothing"
goto done
::done::
---
until x == 1 --! "'until' closes nothing"
elseif x then --! "'elseif' closes nothing"
  print(1)
else --! "'else' closes nothing"
  print(2)
end --! "'end' closes nothing"
---
repeat
  x = 1
end --! "'until' expected to close 'repeat' at line 1, found 'end'"
---
if x then
  while y do
    z()
else --! "'end' expected to close 'while' at line 2, found 'else'"
  w()
end
---
if x then
  f(1 --! "'\)' expected, found 'end'"
end
x = = 1 --! "an expression expected"
---
x = 1
} --! "unexpected '\}': nothing is open here that it closes"
x = ] --! "an expression expected"
y = (1)) --! "unexpected '\)'"
y = 1
then --! "a statement expected, found 'then'"
y = = 1 --! "an expression expected"
---
bpf.socket(function(skb)
  if skb.len > 5 then
    return 1
end) --! "'end' expected to close 'function' at line 1, found '\)' .* 2: the indentation suggests that this 'if' has no 'end'"
x = = 1 --! "an expression expected"
---
local t = { f = function(x)
  if x then
end } --! "'end' expected to close 'function' at line 1, found '\}'"
x = = 1 --! "an expression expected"
---
f(function() g()) end) --! "unexpected '\)': nothing is open here that it closes"
x = = 1 --! "an expression expected"
