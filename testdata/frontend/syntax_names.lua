local x <const>, y <close> = 1
x = 2 --! "'x' is <const>: it can not be assigned to \[AssignToConst\] . 1: 'x' is declared here"
y = nil --! "'y' is <close>: it can not be assigned to"
function x() end --! "'x' is <const>"
x.y = 1
function x.f() x = 3 end --! "'x' is <const>"
a, x, b = 1 --! "'x' is <const>"
do local x = x x = 2 end
for x = 1, 2 do x = 3 end
function f(x) x = 1 end
---
break --! "'break' outside a loop \[BreakOutsideLoop\]"
while x do f(function() break end) end --! "'break' outside a loop"
while (function() break end)() do end --! "'break' outside a loop"
repeat local f = function() if x then break end end until f --! "'break' outside a loop"
do break end --! "'break' outside a loop"
---
print(...)
function f(a) print(...) end --! "'...' outside a function with '...' among its parameters \[VarargOutside\]"
function g(...) return function() return ... end end --! "'...' outside"
---
goto done --! "no visible label 'done' for this 'goto' \[UndefinedLabel\]$"
::other::
---
for i = 1, 2 do goto contineu ::continue:: end --! "no visible label 'contineu' for this 'goto' \(did you mean 'continue'\?\)"
---
do ::inner:: end
goto inner --! "no visible label 'inner' for this 'goto' .* . 1: this one is inside a block that the goto is not in"
---
::outer::
function f() goto outer end --! "no visible label 'outer'"
---
goto f --! "no visible label 'f'"
local function g() ::f:: end
---
::again::
print(1)
do ::again:: end
::again:: --! "label 'again' is already in this block \[DuplicateLabel\] . 1: the first one"
---
goto skip --! "'goto skip' jumps into the scope of local 'x' \[GotoIntoScope\] . 2: 'x' is declared between"
local x = 1
::skip::
print(x)
---
local a
do do goto skip end end --! "jumps into the scope of local 'f'"
local function f() end
local b
::skip:: ::other:: ;
f()
---
do
  goto skip --! "jumps into the scope of local 'x'"
  local x = 1
  ::skip::
  ;
  ::last:: do end
end
---
-- the condition of until sees the locals, so the label is not at the end
repeat
  if x then goto continue end --! "jumps into the scope of local 'y'"
  local y = 1
  ::continue::
until y
---
-- a return is no void statement
do
  goto skip --! "jumps into the scope of local 'x'"
  local x
  ::skip::
  return
end
