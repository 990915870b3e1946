package script

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// gotoText are loops whose gotos and breaks leave captured variables: those
// behind must stay open, those left must be closed.
const gotoText = `
local n = 0
local function inc() n = n + 1 end
for i = 1, 3 do inc() goto continue ::continue:: end
local i = 1
::top:: inc() i = i + 1
if i < 4 then goto top end
n = n + 100
inc()
local fs = {}
for i = 1, 4 do
  local x = i
  fs[i] = function() x = x + 10 return x end
  if i % 2 == 0 then goto skip end
  inc()
  ::skip::
end
do
  local k = 1
  ::again::
  local y = k * 1000
  fs[#fs + 1] = function() return y end
  k = k + 1
  if k <= 3 then goto again end
end
while true do
  local z = n
  do
    local w = z + 1
    fs.w = function() return w end
    if w > 0 then break end
  end
end
repeat
  local r = 7
  fs.r = function() return r end
  if r == 7 then goto out end
until r
::out::
local a, b, c, d, e = 1, 2, 3, 4, 5
print(n, fs[1](), fs[1](), fs[2](), fs[4](), fs[5](), fs[6](), fs[7](), fs.w(), fs.r(), a + b + c + d + e)
`

func TestGotoCloses(t *testing.T) {
	r := run(gotoText, Options{})
	want := "109\t11\t21\t12\t14\t1000\t2000\t3000\t110\t7\t15\n"
	if r.out != want || len(r.list) > 0 {
		t.Errorf("got %q, want %q\n%s", r.out, want, diag.Human(r.list))
	}
}

// TestTailCallDepth: tail calls are calls; a long but not endless chain works.
func TestTailCallDepth(t *testing.T) {
	r := run(`local function f(n, ...) if n == 0 then return ... end return f(n - 1, ...) end print(f(10000, 1, nil, 'x'))`, Options{})
	if r.out != "1\tnil\tx\n" || len(r.list) > 0 {
		t.Errorf("%q\n%s", r.out, diag.Human(r.list))
	}
}

// lines is f(1) to f(n), one a line.
func lines(n int, f func(i int) string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(f(i))
		b.WriteByte('\n')
	}
	return b.String()
}

// list is f(1) to f(n), with commas.
func list(n int, f func(i int) string) string {
	return strings.ReplaceAll(strings.TrimSuffix(lines(n, f), "\n"), "\n", ", ")
}

// TestFunctionLimits compiles functions at and beyond what the VM takes: they
// work, or there is one message with a place. None may take long.
func TestFunctionLimits(t *testing.T) {
	num := func(i int) string { return fmt.Sprint(i) }
	name := func(i int) string { return fmt.Sprintf("v%d", i) }
	for _, c := range []struct {
		name, text, want string // what is printed, or a part of the message
	}{
		{"190 locals", "local " + list(190, name) + "\nprint('ok')", "ok"},
		{"250 locals", lines(250, func(i int) string { return "local " + name(i) + " = " + num(i) }), "too many local variables and values"},
		{"250 arguments", "print(" + list(250, num) + ")", "too many local variables and values"},
		{"300 parameters", "local function f(" + list(300, name) + ") end", "too many local variables and values"},
		{"250 results", "return " + list(250, num), "too many local variables and values"},
		{"in a function", "local x\nlocal function f()\n  print(" + list(250, num) + ")\nend", "too many local variables and values"},
		{"5000 elements", "local t = { " + list(5000, num) + " } print(#t, t[5000])", "5000\t5000"},
		{"5000 computed elements", "local x = 1 local t = { " + list(5000, func(i int) string { return "x + " + num(i) }) + " } print(#t, t[5000])", "5000\t5001"},
		{"30000 computed elements", "local x = 1 local t = { " + list(30000, func(i int) string { return "x" }) + " }", "more than 20,000 computed fields"},
		{"5000 named fields", "local x = 1 local t = { " + list(5000, func(i int) string { return "f" + num(i) + " = x" }) + " } print(t.f5000)", "1"},
		{"500 computed keys", "local x = 1 local t = { " + list(500, func(i int) string { return "[x + " + num(i) + "] = " + num(i) }) + " } print(t[501])", "500"},
		{"5000 strings", "local n = 0\n" + lines(5000, func(i int) string { return "n = n + #'s" + num(i) + "'" }) + "print(n)", "23893"},
		{"5000 globals", lines(5000, func(i int) string { return "g" + num(i) + " = " + num(i) }) + "print(g5000)", "5000"},
		{"5000 methods", "local t = setmetatable({}, { __index = function() return function() return 1 end end }) local n = 0\n" +
			lines(5000, func(i int) string { return "n = n + t:m" + num(i) + "()" }) + "print(n)", "5000"},
		{"3000 operands", "local x = 1 print(x" + strings.Repeat(" + x", 2999) + ")", "3000"},
		{"3000 strings joined", "local x = 'x' local t = {} print(#(x" + strings.Repeat(" .. x", 150) + "))", "151"},
		{"300 upvalues", lines(2, func(f int) string {
			return "local function f" + num(f) + "() local " + list(150, func(i int) string { return "u" + num(f) + "_" + num(i) }) + "\nlocal function g()"
		}) + "local function h() return " + strings.Join(strings.Split(list(150, func(i int) string { return "u1_" + num(i) + " or u2_" + num(i) }), ", "), " or ") +
			" end end end end end", "uses too many variables of the functions around it"},
		{"3000 labels", lines(3000, func(i int) string { return "do ::l" + num(i) + ":: end" }), "more than 2,000 labels and gotos"},
		{"20000 branches", "local x\n" + lines(20000, func(i int) string { return "if x then x = 1 end" }), "more than 16,000 branches"},
		{"4000 branches", "local x\n" + lines(4000, func(i int) string { return "if x then x = 1 else x = nil end" }) + "print(x)", "nil"},
		{"4000 elseifs", "local x = 4000 if x == 0 then\n" + lines(4000, func(i int) string { return "elseif x == " + num(i) + " then print(x)" }) + "end", "4000"},
		{"12000 functions", lines(12000, func(i int) string { return "function f() end" }), "too many functions in one file"},
		{"a long body", "local x = {}\nfor i = 1, 2 do\n" + lines(40000, func(i int) string { return "x.y = x.z x.z = x.y" }) + "end", "this function is too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			r := run(c.text, Options{})
			got := strings.TrimSuffix(r.out, "\n")
			if len(r.list) == 1 && r.list[0].Code == diag.FunctionTooLarge && !r.list[0].Span.IsZero() && strings.Contains(r.list[0].Message, c.want) {
				got = c.want
			}
			if got != c.want || len(r.list) > 1 {
				t.Errorf("got %q, want %q\n%.500s", got, c.want, diag.Human(r.list))
			}
			if d := time.Since(start); d > 2*time.Minute {
				t.Errorf("took %v", d)
			}
		})
	}
}

// FuzzScript: whatever the text, a run ends soon, within its limits, and
// without a panic.
func FuzzScript(f *testing.F) {
	for _, file := range []string{"script.lua", "script_bounds.lua", "script_lua51.lua", "syntax_valid.lua", "kernel.lua"} {
		for _, text := range chunks(f, file) {
			f.Add(text)
		}
	}
	f.Add(gotoText)
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		run(text, Options{Limits: Limits{Instructions: 100_000, Memory: 4 << 20}})
		if d := time.Since(start); d > time.Minute {
			t.Errorf("took %v", d)
		}
	})
}
