local x = * 2 --! "an expression expected, found '\*' \[UnexpectedToken\]"
---
x = --! "an expression expected, found end of file"
---
x = 1 + --! "an expression expected, found 'local'"
local y = 2
---
x = ) --! "an expression expected, found '\)'"
y = = 1 --! "an expression expected, found '='"
---
x = 3 $ --! "unexpected character '\$' \[UnexpectedCharacter\]"
y = @z --! "unexpected character '@'"
z = a ? b : c --! "unexpected character '\?'"
---
local é = 1 --! "unexpected character 'é': names are made of"
---
print(“x”) --! "unexpected character '“': strings stand in \"straight quotes\"" "unexpected character '”'"
---
local s = 'abc
--!-1 "string has no end: ' is missing on this line \[UnfinishedString\]"
local t = "abc\"
--!-1 "string has no end: \" is missing"
print("abc)
--!-1 "string has no end"
x = 1
---
local s = [==[ --! "string has no end: '\]==\]' is missing \[UnfinishedString\]"
end ]=]
---
if x then --[[ --! "comment has no end: '\]\]' is missing \[UnfinishedComment\]"
end
---
s = "\300" --! "a byte is at most 255, not 300 \[InvalidEscape\]"
s = "\xag" --! "two hexadecimal digits expected after '.x'"
s = "\u20AC" --! "braces"
s = "\u{}" --! "braces"
s = "\u{80000000}" --! "a code point is at most 7FFFFFFF"
---
x = 3apples --! "malformed number '3apples' \[MalformedNumber\]"
x = 1..2 --! "malformed number '1..2'"
x = 0x --! "malformed number"
x = 0x10000000000000000 --! "integer '0x10000000000000000' does not fit 64 bits \[NumberTooLarge\]"
x = 18446744073709551616ULL --! "does not fit"
---
-- operators of other languages
if a != b then print(a) end --! "Lua has no '!=' \(did you mean '~='\?\) \[ForeignOperator\]"
if a && b || !c then print(a) end --! "'and'" "'or'" "'not'"
if a !== b and a === b and a <> b then print(a) end --! "'!==' .*'~='" "'===' .*'=='" "'<>'"
---
x += 1 --! "Lua has no '\+=': write 'x = x \+ ...' \[CompoundAssign\]"
t.n -= 1 --! "write 't.n = t.n - ...'"
s ..= "x" --! "Lua has no '..='"
x *= 2 x /= 2 x %= 2 x ^= 2 --! "'\*='" "'/='" "'%='" "'\^='"
x <<= 2 x >>= 2 x |= 2 x &= 2 x //= 2 --! "<<=" ">>=" "'\|='" "'&='" "'//='"
local y += 1 --! "Lua has no '\+='"
x++ --! "Lua has no '\+\+': write 'x = x \+ 1' \[CompoundAssign\]"
---
if x = 1 then print(x) end --! "'=' assigns; to compare write '==' \[AssignInCondition\]"
while x = 1 do x = 2 end --! "'=' assigns"
repeat until x = 1 --! "'=' assigns"
if x then elseif y = 2 then print(x) end --! "'=' assigns"
print(a = 1) --! "'\)' expected, found '=' \(did you mean '=='\?\)"
x = (a = 1) --! "did you mean '=='"
---
for i = 1, 10 do
  if i == 5 then continue end --! "Lua has no 'continue': write 'goto continue', and '::continue::' before the loop's 'end' \[NoContinue\]"
  continue; --! "Lua has no 'continue'"
  print(i)
end
---
t.x --! "'t.x' alone does nothing: a call or an assignment expected \[ExpressionStatement\]"
x == 2 --! "'==' compares; to assign write '='"
elif x --! "'elif' begins no statement: '=' or '\(' expected behind it, found 'x'"
f + 1 --! "a call or an assignment expected: 'f' is followed by '\+'"
a, b --! "'=' expected, found end of file"
---
(f()) --! "'\(f\(\)\)' alone does nothing"
---
"x":rep(2) --! "a statement expected, found a string"
x = = 1 --! "an expression expected"
---
{1} --! "a statement expected, found '\{'"
x = 1
42 --! "'=' expected|a statement expected, found '42'"
x = 1
in x --! "a statement expected, found 'in'"
---
// a comment --! "comments begin with '--'"
/* a comment */ --! "comments begin with '--'"
x = = 1 --! "an expression expected"
---
return 1;
print(x) --! "'return' must be the last statement of its block, found 'print' behind it \[StatementAfterReturn\] . 1: this 'return'"
x = 1
---
if x then return end x = 1
do return;; end --! "found ';' behind it"
do return 1 x = 2 end --! "found 'x' behind it"
---
f() = 1 --! "cannot assign to the result of a call \[InvalidTarget\]"
(x) = 1 --! "cannot assign to an expression in parentheses"
a, b:c(), d = 1 --! "cannot assign to the result of a call"
---
local x.y = 1 --! "a local variable is a plain name; to assign to a field leave 'local' out"
local t[1] = 1 --! "a local variable is a plain name"
local function t.f() end --! "a local function's name is a plain name"
local end = 1 --! "a name expected, found the keyword 'end'"
local 1 = 2 --! "a name expected, found '1'"
local --! "a name expected, found end of file"
---
t.end = 1 --! "'end' is a keyword; as a field write \[\"end\"\]"
t:repeat() --! "'repeat' is a keyword"
t = { then = 1, b = 2 } --! "'then' is a keyword; as a field write"
t. --! "a name expected, found '\['"
[1] = 2
---
t:m --! "'\(' and the method's arguments expected, found 'x'"
x = 1
---
function (a) return a end --! "the function's name expected, found '\('"
function f.(a) return a end --! "a name expected, found '\('"
local function (a) return a end --! "the function's name expected"
function end() end --! "the function's name expected, found the keyword 'end'"
x = function f() end --! "a function inside an expression has no name"
function t:m.n() end --! "'\(' expected, found '.'"
function 1() end --! "the function's name expected, found '1'"
---
function f(a b) return a end --! "'\)' expected, found 'b'"
function f(a, ..., b) return a end --! "'...' must be the last parameter"
function f(a = 1) return a end --! "parameters have no default values"
function f(1) return a end --! "a parameter's name expected, found '1'"
function f(a,) return a end --! "a parameter's name expected, found '\)'"
function f return a end --! "'\(' expected, found 'return'"
---
f(1,) --! "an expression expected, found '\)'"
f(,1) --! "an expression expected, found ','"
x = t[] --! "an expression expected, found '\]'"
x = () --! "an expression expected, found '\)'"
---
t = { a = 1 b = 2 } --! "',' expected between the fields of a table, found 'b'"
t = {
  a = 1 --! "',' expected between the fields of a table, found 'b'"
  b = 2,
  "x" "y" --! "',' expected between the fields of a table, found '\['" "',' expected .*, found a string"
  [1] = 2,
  c: 3, --! "'=' expected between a field's name and its value, found ':'"
  [4] 5, --! "'=' and the field's value expected, found '5'"
  d = , --! "an expression expected, found ','"
  e = 5
}
---
local x <constant> = 1 --! "unknown attribute 'constant': there are 'const' and 'close' \[UnknownAttribute\]"
local x <const = 1 --! "'>' expected, found '='"
local x < = 1 --! "'const' or 'close' expected"
local a <close>, b <close> = f() --! "one 'local' can declare only one '<close>' variable \[MultipleClose\] . 4: the other one is 'a'"
---
for i = 1 10 do print(i) end --! "',' and the loop's last value expected, found '10'"
for i = 1 do print(i) end --! "',' and the loop's last value expected, found 'do'"
for i = 1, 2, 3, 4 do print(i) end --! "'do' expected, found ','"
for i, j = 1, 2 do print(i) end --! "'=' or 'in' expected, found '='"
for k, v pairs(t) do print(i) end --! "'=' or 'in' expected, found 'pairs'"
for (i = 1, 2) do print(i) end --! "a name expected, found '\(': a loop is written 'for i = 1, n do'"
for i in x print(i) end --! "'do' expected, found 'print'"
for i = 1, 2 --! "'do' expected, found 'print'"
  print(i)
end
for 1, 2 do print(i) end --! "a name expected, found '1'"
---
if x print(x) end --! "'then' expected after the condition of 'if', found 'print'"
if x --! "'then' expected after the condition of 'if', found 'print'"
  print(x)
elseif y do print(y) --! "'then' expected after the condition of 'elseif', found 'do'"
end
---
while x < 1 { --! "'do' expected after the condition of 'while', found '\{': blocks are written 'do' ... 'end'"
  print(x)
} --! "'end' expected to close 'while' at line 1"
---
if x then print(1) else print(2) elseif y then print(3) else print(4) end --! "'elseif' stands before 'else'"
---
:: x --! "'::' expected, found end of file"
---
:: 1 :: --! "the label's name expected, found '1'"
goto 1 --! "'goto' begins no statement"
