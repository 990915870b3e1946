package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// shown writes a key or value: a number, or its bytes.
func shown(t ctype.Type, b []byte) string {
	if ctype.IsScalar(t) {
		return (&CData{t, ctype.Decode(t, b, false)}).digits()
	}
	return fmt.Sprintf("%x", b)
}

// declared lists what a run declared, in order of kinds.
func declared(r result) string {
	var b strings.Builder
	for _, m := range r.host.maps {
		fmt.Fprintf(&b, "map %s %s[%d] %s -> %s", m.Name, m.Type.Name, m.MaxEntries, ctype.Name(m.Key), ctype.Name(m.Value))
		for _, e := range m.Contents {
			fmt.Fprintf(&b, " %s=%s", shown(m.Key, e.Key), shown(m.Value, e.Value))
		}
		b.WriteByte('\n')
	}
	for _, p := range r.host.progs {
		fmt.Fprintf(&b, "%s %s", p.Section, p.Name)
		if p.Target != "" {
			fmt.Fprintf(&b, " on %s", p.Target)
		}
		if p.License != "GPL" {
			fmt.Fprintf(&b, " license %s", p.License)
		}
		if p.OnShort != lua.LNil {
			fmt.Fprintf(&b, " on_short %s", p.OnShort.Type())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestDeclared(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"the seed", `
			local bpf = require('bpf')
			local map = bpf.map('array', 256)
			local prog = assert(bpf(function () xadd(map[pkt.ip.proto], 1) end))
			local S = require('ljsyscall')
			local sock = assert(bpf.socket('lo', prog))
			for i=1,10 do
				local icmp, udp, tcp = map[1], map[17], map[6]
				print('TCP', tcp, 'UDP', udp, 'ICMP', icmp, 'packets')
				S.sleep(1)
			end`,
			"map map array[256] uint32_t -> uint32_t\nsocket prog on lo\n"},
		{"names of maps", `
			local counts = bpf.map('hash')
			t = { inner = bpf.map('array', 1), f = {} }
			t.f.deep = assert((bpf.map('array', 1)))
			t['with space'] = bpf.map('array', 1)
			global = cond or bpf.map('array', 1)
			local a, b = bpf.map('array', 1), bpf.map('array', 1)
			local function make(n) return bpf.map('array', n) end
			local made = make(2)
			bpf.map('lru_hash', 1)
			local named = bpf.map('hash', 1, 'u8', 'u64', { name = 'x-y.z' })
			local _9 = bpf.map('hash', 1, 'u8', 'u64', { name = '9lives' })`,
			`map counts hash[4096] uint32_t -> uint32_t
map inner array[1] uint32_t -> uint32_t
map deep array[1] uint32_t -> uint32_t
map with_space array[1] uint32_t -> uint32_t
map global array[1] uint32_t -> uint32_t
map a array[1] uint32_t -> uint32_t
map b array[1] uint32_t -> uint32_t
map made array[2] uint32_t -> uint32_t
map lru_hash lru_hash[1] uint32_t -> uint32_t
map x_y_z hash[1] u8 -> u64
map _9lives hash[1] u8 -> u64
`},
		{"names of programs", `
			local filter = bpf.xdp('eth0', function() end)
			local function own() end
			bpf.xdp(own)
			local t = {}
			function t.method() end
			bpf.socket(3, t.method)
			bpf.xdp('eth-1', function() end)
			bpf.socket(function() end)
			bpf.socket(nil, function() end, { name = 'given', license = 'MIT', on_short = 1 })
			local both = bpf(function() end)
			bpf.socket(both, { on_short = function() end })
			bpf.license('BSD')
			bpf.xdp(function() end, { name = 'last', on_short = 5LL })`,
			`xdp filter on eth0
xdp own
socket method on 3
xdp xdp_eth_1 on eth-1
socket socket
socket given license MIT on_short number
socket both on_short function
xdp last license BSD on_short userdata
`},
		{"never passed on", `
			local a = bpf(function() end)
			local b = bpf(function() end, { name = 'bee' })
			bpf(function() end)
			local x = bpf.xdp(a)`,
			"xdp a\nsocket bee\nsocket socket\n"},
		{"never passed on, ended", `local p = bpf(function() end) os.time()`, "socket p\n"},
		{"passed on twice", `local p = bpf(function() end) bpf.socket('lo', p) bpf.xdp('lo', p)`, "socket p on lo\nxdp p_2 on lo\n"},
		{"words of C", `local short = bpf.map('hash', 8) local double = bpf.xdp(function() end)`, "map short_ hash[8] uint32_t -> uint32_t\nxdp double_\n"},
		{"contents", `
			local m = bpf.map('hash', 8, 'uint16_t', 'int32_t')
			m[5], m[3] = -1, 0xffffffff
			m[80], m[81] = 1, 2
			m[80] = nil
			m[3] = 7
			m[82] = true`,
			"map m hash[8] uint16_t -> int32_t 3=7 5=-1 81=2 82=1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(c.text, Options{})
			for _, d := range r.list {
				if d.Severity == diag.Error {
					t.Error(d)
				}
			}
			if diff := cmp.Diff(c.want, declared(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestCapture looks at a function from inside the call that declares it.
func TestCapture(t *testing.T) {
	const text = `
local limit, m, unset = 5, bpf.map('array', 4), nil
do local limit = 'other'; function unrelated() return limit end end
local function helper(x) return x + limit end
total = 10
local f = function(skb) if unset then return 0 end return helper(skb.len) + total + m[0] end
limit = 7
bpf.socket('lo', f)
limit = 9
`
	called := false
	h := &recorder{onProgram: func(st *Stage, p *Program) {
		called = true
		fn, ok := st.FunctionOf(p.Func)
		if !ok || fn.Name != "f" && fn.Name != "" || fn.File.Name != "t.lua" || len(fn.Params) != 1 || fn.Params[0].Name != "skb" {
			t.Errorf("FunctionOf: %+v, %v", fn, ok)
		}
		if v, ok := st.Upvalue(p.Func, "unset"); !ok || v != lua.LNil {
			t.Errorf("unset: %v, %v", v, ok)
		}
		if v, ok := st.Upvalue(p.Func, "absent"); ok {
			t.Errorf("absent: %v", v)
		}
		v, ok := st.Upvalue(p.Func, "m")
		if mp, isMap := ToMap(v); !ok || !isMap || mp.Name != "m" {
			t.Errorf("m: %v, %v", v, ok)
		}
		v, _ = st.Upvalue(p.Func, "helper")
		helper, ok := v.(*lua.LFunction)
		if !ok {
			t.Fatalf("helper: %v", v)
		}
		if v, ok := st.Upvalue(helper, "limit"); !ok || v != lua.LNumber(7) {
			t.Errorf("limit: %v, %v", v, ok)
		}
		if v := st.Global(p.Func, "total"); v != lua.LNumber(10) {
			t.Errorf("total: %v", v)
		}
		if v := st.Global(p.Func, "ETH_P_IP"); v != lua.LNumber(0x800) {
			t.Errorf("ETH_P_IP: %v", v)
		}
		if v := st.Global(p.Func, "nothing"); v != lua.LNil {
			t.Errorf("nothing: %v", v)
		}
		out, err := st.Call(helper, lua.LNumber(1))
		if err != nil || len(out) != 1 || out[0] != lua.LNumber(8) {
			t.Errorf("helper(1) = %v, %v", out, err)
		}
	}}
	if r := runWith(h, text, Options{}); !called || len(r.list) > 0 {
		t.Errorf("called %v, %v", called, r.list)
	}
}

func TestBuiltinNames(t *testing.T) {
	r := run("-- bit math ffi table os", Options{})
	g := r.vm.G.Global
	for _, name := range []string{"print", "tonumber", "string.byte", "bit.band", "math.log2", "ffi.new", "ffi.cast", "bpf.hton", "table.insert", "select", "os.time", "bpf.tracelog"} {
		v := lua.LValue(g)
		for _, part := range strings.Split(name, ".") {
			v = v.(*lua.LTable).RawGetString(part)
		}
		fn, ok := v.(*lua.LFunction)
		if !ok || r.BuiltinName(fn) != name {
			t.Errorf("%s: %v", name, v)
		}
		if _, ok := r.FunctionOf(fn); ok {
			t.Errorf("%s has a source", name)
		}
	}
	if n := r.BuiltinName(nil); n != "" {
		t.Errorf("nil is %q", n)
	}
}

// TestCall calls the library when the stage is over.
func TestCall(t *testing.T) {
	r := run(`
		local m = bpf.map('hash')
		function gsub() return (('abc'):gsub('.', function(c) return c:upper() end)) end
		function fails() error('why') end
		function fails2() return nil + 1 end
		function ends() return m[1] end
		function endless() while true do end end
		function many() return 1, 'x', nil end
		bpf.xdp(function() end)
		os.exit()`, Options{Limits: Limits{Instructions: 100_000}})
	if r.Ended() == nil || len(r.list) > 0 {
		t.Fatal(r.Ended(), r.list)
	}
	fn := func(name string) *lua.LFunction { return r.vm.G.Global.RawGetString(name).(*lua.LFunction) }
	for _, c := range []struct{ fn, want, err string }{
		{"gsub", "[ABC]", ""},
		{"many", "[1 x nil]", ""},
		{"fails", "[]", "why"},
		{"fails2", "[]", "attempt to perform arithmetic on a nil value"},
		{"ends", "[]", "reading map 'm' works only in user space"},
		{"many", "[1 x nil]", ""},
		{"endless", "[]", "the script runs too long: it must come to its end within 100,000 instructions"},
	} {
		out, err := r.Call(fn(c.fn))
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if fmt.Sprint(out) != c.want || msg != c.err {
			t.Errorf("%s() = %v, %v", c.fn, out, err)
		}
	}
}

// TestHostPanics: the VM catches panics; those of the compiler must get past it.
func TestHostPanics(t *testing.T) {
	bug := &ir.Bug{Msg: "lost a value"}
	h := &recorder{onProgram: func(*Stage, *Program) { panic(bug) }}
	defer func() {
		if r := recover(); r != bug {
			t.Errorf("recovered %v", r)
		}
	}()
	runWith(h, `pcall(function() coroutine.wrap(function() bpf.xdp(function() end) end)() end) print('not reached')`, Options{})
	t.Error("returned")
}

func TestRequire(t *testing.T) {
	files := map[string]string{
		"m":      "local n = ... n_loaded = (n_loaded or 0) + 1\nreturn { name = n, f = function() return 'm.f' end }",
		"sets":   "package.loaded[...] = 'set'",
		"none":   "x_set = 5",
		"broken": "x = = 1\ny = )",
		"fails":  "local t\nlocal x = t.x",
		"loop":   "require('loop')",
		"prog":   "local filter = bpf.xdp(function() end)",
	}
	opts := Options{Require: func(name string) (*diag.File, error) {
		if text, ok := files[name]; ok {
			return diag.NewFile(name+".lua", text), nil
		}
		return nil, fmt.Errorf("module '%s' is not there: looked for %s.lua", name, name)
	}}
	ok := func(text string) {
		t.Helper()
		if r := run(text, opts); len(r.list) > 0 {
			t.Errorf("%s: %v", text, diag.Human(r.list))
		}
	}
	ok(`local m = require 'm' assert(m == require('m') and m.name == 'm' and m.f() == 'm.f' and n_loaded == 1)`)
	ok(`assert(require('sets') == 'set')`)
	ok(`assert(require('none') == true and x_set == 5 and package.loaded.none)`)
	for text, want := range map[string][]string{
		`require('absent')`:        {"t.lua:1:1: module 'absent' is not there: looked for absent.lua [ModuleNotFound]"},
		`require('broken')`:        {"broken.lua:1:5: ", "broken.lua:2:5: ", "t.lua:1:1: module 'broken' has errors [ModuleNotFound]"},
		`require('fails')`:         {"fails.lua:2:11: attempt to index a nil value (local 't') [ScriptError]"},
		`require('loop')`:          {"loop.lua:1:1: module 'loop' requires itself [ModuleNotFound]"},
		`local m = require('bti')`: {"t.lua:1:11: module 'bti' is not there: looked for bti.lua (did you mean 'bit'?) [ModuleNotFound]"},
	} {
		r := run(text, opts)
		got := make([]string, len(r.list))
		for i, d := range r.list {
			got[i] = d.String()
		}
		if len(got) != len(want) {
			t.Errorf("%s: %q", text, got)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: got %q, want %q", text, got[i], want[i])
			}
		}
	}
	if r := run(`require('prog')`, opts); declared(r) != "xdp filter\n" || r.host.progs[0].Span.File.Name != "prog.lua" {
		t.Error(declared(r))
	}
}

func TestOptions(t *testing.T) {
	defs := []Define{{"n", "5", true}, {"s", "text", true}, {"flag", "", false}, {"off", "false", true}, {"hex", "0x10", true},
		{"neg", "-3", true}, {"big", "18446744073709551615", true}, {"id", "007", true}, {"n", "6", true}}
	for _, c := range []struct {
		text, want string
	}{
		{`assert(bpf.opt.n == 6 and bpf.opt.s == 'text' and bpf.opt.flag == true and bpf.opt.off == false and bpf.opt.hex == 16 and bpf.opt.neg == -3 and bpf.opt.big == 0xffffffffffffffff and bpf.opt.absent == nil)`, ""},
		{`local o = bpf.option { n = 0, s = '', flag = false, off = true, hex = 1, neg = 0, big = 0ULL, id = '', more = 'default' }
			bpf.option { other = 1 }
			assert(o == bpf.opt and o.n == 6 and o.more == 'default' and o.other == 1 and o.id == '007' and o.flag)`, ""},
		{`bpf.option { n = 0, s = '', flag = false, off = true, hex = 1, neg = 0, big = 0, id = 0, spelt = 1 }
			bpf.option { nn = 1 }`, ""},
		{`bpf.option { n = 0 }`, "t.lua:1:1: the script has no option 'big' [UnknownDefine]"},
		{`bpf.option { n = false }`, "t.lua:1:1: -D n must be a flag, like its default false [DefineType]"},
		{`bpf.option { s = 1 }`, "t.lua:1:1: -D s must be a number, like its default 1 [DefineType]"},
		{`bpf.option { flag = 'x' }`, "t.lua:1:1: -D flag must be a string, like its default x [DefineType]"},
	} {
		r := run(c.text, Options{Defines: defs})
		var got []string
		for _, d := range r.list {
			got = append(got, d.String())
		}
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
			t.Errorf("%s: %q", c.text, got)
		}
	}
	r := run(`bpf.option { verbose = false }`, Options{Defines: []Define{{"verbsoe", "", false}}})
	if len(r.list) != 1 || r.list[0].Message != "the script has no option 'verbsoe' (did you mean 'verbose'?)" {
		t.Error(r.list)
	}
}

func TestArgs(t *testing.T) {
	r := run(`print(#arg, arg[1], arg[2], (function(...) return arg[1] end)('x')) local function f(...) return arg[2], ... end print(f())`, Options{Args: []string{"a", "b"}})
	if r.out != "2\ta\tb\tx\nb\n" {
		t.Errorf("%q %v", r.out, r.list)
	}
}

// TestDeterminism runs a script that asks for everything that could vary.
func TestDeterminism(t *testing.T) {
	const text = `
		local t = { x = 1, y = 2, z = 3, [print] = 4, [{}] = 5, 'a', 'b' }
		for k, v in pairs(t) do print(k, v) end
		print({}, print, function() end, coroutine.create(function() end), tostring(t):len())
		for k in pairs(bit) do print(k) end
		for k in pairs(string) do print(k) end
		local n = 0
		for k in pairs(_G) do n = n + 1 print(n, k) end
		local s = ''
		for k, v in pairs({ one = 1, two = 2, three = 3 }) do s = s .. k .. v end
		print(s, collectgarbage('count'), pcall(function() local x = {} .. '' end))
		error(t)`
	first := run(text, Options{})
	for i := 0; i < 5; i++ {
		r := run(text, Options{})
		if diff := cmp.Diff(first.out+diag.Human(first.list), r.out+diag.Human(r.list)); diff != "" {
			t.Fatalf("run %d differs:\n%s", i, diff)
		}
	}
	for _, text := range []string{
		"local t = {} for i = 1, 1e9 do t[i] = { i } end",
		"local t = {}\nfor i = 1, 1e9 do\n  t['k' .. i] = i\nend",
		"local function f(n) return { f(n + 1) } end\nwhile true do pcall(f, 1) end",
	} {
		a, b := run(text, Options{Limits: Limits{Instructions: 5e6, Memory: 8 << 20}}), run(text, Options{Limits: Limits{Instructions: 5e6, Memory: 8 << 20}})
		if len(a.list) != 1 || diag.Human(a.list) != diag.Human(b.list) || a.bounds.steps != b.bounds.steps {
			t.Errorf("%s: %v after %d, then %v after %d", text, a.list, a.bounds.steps, b.list, b.bounds.steps)
		}
	}
}

func TestTimeLimit(t *testing.T) {
	r := run(`while true do end`, Options{Limits: Limits{Time: 1}})
	if len(r.list) != 1 || !strings.Contains(r.list[0].Message, "within 1ns") || r.list[0].Code != diag.ScriptTooLong {
		t.Error(r.list)
	}
}

// live is a host that goes on in user space.
type live struct {
	recorder
	log []string
}

func (l *live) MapGet(_ *Stage, m *Map, key []byte, _ diag.Span) ([]byte, error) {
	return ctype.Encode(m.Value, ctype.Decode(m.Key, key, false)*2, false), nil
}

func (l *live) MapSet(_ *Stage, m *Map, key, value []byte, _ diag.Span) error {
	if key[0] == 13 {
		return errors.New("map is frozen")
	}
	l.log = append(l.log, fmt.Sprintf("%s[%s]", m.Name, shown(m.Key, key)))
	return nil
}

func (l *live) UserSpace(_ *Stage, op Operation, args []lua.LValue) ([]lua.LValue, error) {
	l.log = append(l.log, op.Name)
	if op.Name == "os.exit()" {
		return nil, errors.New("exit")
	}
	return []lua.LValue{lua.LNumber(len(args)), lua.LString("r")}, nil
}

// TestLiveHost: nothing about the stage presumes that user space ends it.
func TestLiveHost(t *testing.T) {
	h := &live{}
	var r diag.Reporter
	Run(diag.NewFile("t.lua", `
		local m = bpf.map('array', 64)
		bpf.xdp(function() end)
		local n, s = os.time(1, 2)
		assert(n == 2 and s == 'r' and m[4] == 8)
		m[1] = 2
		local ok, msg = pcall(function() m[13] = 1 end)
		assert(not ok and msg:find('map is frozen'), msg)
		assert(not pcall(os.exit))
		local late = bpf.map('array', 1)`), h, Options{Reporter: &r})
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"os.time()", "m[1]", "os.exit()"}, h.log); diff != "" {
		t.Error(diff)
	}
}
