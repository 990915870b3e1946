package script

import (
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// TestDeferred: a function written where a program's stands is what it says if the
// script calls it all the same.
func TestDeferred(t *testing.T) {
	const own = "local bpf = { socket = function(...) return ... end }\n"
	many := make([]string, 150)
	for i := range many {
		many[i] = "v" + string(rune('a'+i/26)) + string(rune('a'+i%26))
	}
	for _, c := range []struct{ name, text, want string }{
		{"arguments and results", own + "local f = bpf.socket(function(a, b) return b, a, nil end) print(f(1, 2)) print(select('#', f()))", "2\t1\tnil\n3"},
		{"varargs", own + "local f = bpf.socket(function(a, ...) return select('#', ...), ... end) print(f(1, 2, nil))", "2\t2\tnil"},
		{"a variable is read", own + "local x = 1 local f = bpf.socket(function() return x end) x = 2 print(f())", "2"},
		{"a variable is written", own + "local x = 1 local f = bpf.socket(function() x = x + 1 end) f() f() print(x)", "3"},
		{"a variable of a function inside", own + "local x = 1 local f = bpf.socket(function() local y = 5 return (function() return x + y end)() end) print(f())", "6"},
		{"each time round has its own", own + "local t = {} for i = 1, 2 do local n = 0 t[i] = bpf.socket(function() n = n + i return n end) end print(t[1](), t[1](), t[2](), t[2]())", "1\t2\t2\t4"},
		{"two of a name", own + "local x = 1 local y do local x = 2 y = function() return x end end local f = bpf.socket(function() return x + y() end) print(f())", "3"},
		{"a parameter hides", own + "local x = 1 local f = bpf.socket(function(x) return x end) print(f(7), x)", "7\t1"},
		{"many variables", own + "local " + strings.Join(many, ", ") + " = 1\nlocal f = bpf.socket(function() return " + strings.Join(many, " or ") + " end) print(f())", "1"},
		{"the environment", own + "local f = bpf.socket(function() return g end) setfenv(f, { g = 3 }) print(f()) setfenv(f, { g = 4 }) print(f())", "3\n4"},
		{"an error's place", own + "local f = bpf.socket(function()\n  error('no')\nend) print(pcall(f))", "false\tt.lua:3: no"},
		{"recursion", own + "local f f = bpf.socket(function(n) if n == 0 then return 0 end return n + f(n - 1) end) print(f(10))", "55"},
		{"loops and gotos", own + "local f = bpf.socket(function(n) local s = 0 for i = 1, n do if i % 2 == 0 then goto next end s = s + i ::next:: end return s end) print(f(10))", "25"},
		{"more locals than the VM has", "bpf.socket(function() local " + strings.Repeat("v, ", 300) + "w end) print('ok')", "ok"},
		{"more than it has, called", own + "local f = bpf.socket(function() local " + strings.Repeat("v, ", 300) + "w end) print((pcall(f)))", "false"},
		{"integers", own + "local f = bpf.socket(function(n) return n & 0xffff, 0xffffffffffffffff end) print(f(0x12345))", "9029\t18446744073709551615ULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(c.text, Options{})
			var errs diag.List
			for _, d := range r.list {
				if d.Code != diag.NothingDeclared {
					errs = append(errs, d)
				}
			}
			if got := strings.TrimSuffix(r.out, "\n"); got != c.want || len(errs) > 0 {
				t.Errorf("got %q, want %q\n%s", got, c.want, diag.Human(errs))
			}
		})
	}
}
