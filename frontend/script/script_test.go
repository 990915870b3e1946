package script

import (
	"bytes"
	"testing"
	"time"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// recorder is a host that records.
type recorder struct {
	Record
	maps  []*Map
	progs []*Program
}

func (r *recorder) DeclareMap(st *Stage, m *Map)         { r.maps = append(r.maps, m) }
func (r *recorder) DeclareProgram(st *Stage, p *Program) { r.progs = append(r.progs, p) }

func run(t testing.TB, text string, opts Options) (*Stage, string, *diag.Reporter) {
	t.Helper()
	var out bytes.Buffer
	var r diag.Reporter
	opts.Output, opts.Reporter = &out, &r
	st := Run(diag.NewFile("t.lua", text), &recorder{}, opts)
	return st, out.String(), &r
}

func TestX(t *testing.T) {
	for _, s := range []string{
		`print('hi', 1/3, 2^53, 1e100, -0)`,
		`local a,b=1,2; a,b=b,a; print(a,b)`,
		`local n=0; local function inc() n=n+1 end; for i=1,3 do inc(); goto c; ::c:: end; print(n)`,
		`local n=0; local function inc() n=n+1 end; local i=1; ::top:: inc(); i=i+1; if i<4 then goto top end; print(n)`,
		`local fs={} while true do do local x=5; fs[1]=function() return x end; break end end; local y=7; local z=8; print(fs[1]())`,
		`print(5ULL == 5, 5LL < 6, 0xffffffffffffffff, -1LL, 7LL/2, 3 // 2, 1 << 40, ~0, 5 & 3ULL)`,
		`while true do end`,
		`pcall(function() while true do end end) print('no')`,
		`local s='x' while true do s=s..s end`,
		`local t={} for i=1,1e9 do t[i]={} end`,
		`local t={} t[50000000]=1`,
		`local function f() return 1+f() end f()`,
		`print(pcall(function() local x = nil; return x.y end))`,
		`local m = bpf.map('array', 256) local p = assert(bpf(function() return m[1] end)) local s=assert(bpf.socket('lo', p)) print(m[1])`,
		`print(string.find(string.rep('a', 30)..'c', '(.-)*b'))`,
		`local co = coroutine.wrap(function(a) local b = coroutine.yield(a+1) return b*2 end) print(co(1), co(5))`,
		`local x = foo.bar`,
		"local function f(x)\n  return x + nil\nend\nlocal function g()\n local y = f(1)\n return y end\ng()",
	} {
		t0 := time.Now()
		st, out, r := run(t, s, Options{Limits: Limits{Instructions: 5e6}})
		t.Log(time.Since(t0))
		l, _ := diag.AsList(r.Err())
		t.Logf("%s\n%s%s%v", s, out, diag.Human(l), st.Ended())
	}
}
