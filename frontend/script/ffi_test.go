package script

import (
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// ffiPrelude declares what TestFFI works on.
const ffiPrelude = `
local ffi = require('ffi')
ffi.cdef [[
  enum color { RED, GREEN = 5, BIG = 1U << 31 };
  typedef struct { uint32_t x, y; } point;
  struct key { __be16 port; uint8_t proto; uint32_t addr; };
  struct all {
    int8_t a; bool on; enum color color; double d; void *p;
    unsigned lo : 4, mid : 20, hi : 8; int neg : 3;
    union { uint32_t word; uint8_t bytes[4]; };
    char name[8]; point pts[2]; const int fixed;
  };
  struct __attribute__((packed)) odd { uint8_t : 3; uint64_t far : 62; uint8_t last; };
  static const int LIMIT = 7;
]]
local key_t, point, all = ffi.typeof('struct key'), ffi.typeof('point'), ffi.typeof('struct all')
local function hex(x) return (ffi.string(x, ffi.sizeof(x)):gsub('.', function(c) return string.format('%02x', string.byte(c)) end)) end
`

// TestFFI evaluates expressions over data in memory, on a little-endian target
// and, where want has a second form behind a '|', on a big-endian one.
func TestFFI(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		// sizes and places
		{"ffi.sizeof('struct key')", "8"}, {"ffi.sizeof(all)", "64"}, {"ffi.sizeof(all())", "64"}, {"ffi.sizeof('char [?]', 9)", "9"}, {"ffi.sizeof('struct iphdr')", "20"}, {"ffi.alignof('struct key')", "4"},
		{"ffi.offsetof('struct key', 'addr')", "4"}, {"ffi.offsetof(all, 'word')", "32"}, {"ffi.offsetof(all, 'mid')", "24\t4\t20|24\t8\t20"}, {"ffi.offsetof('struct key', 'adr')", "error"},
		{"ffi.sizeof('struct nothing')", "nil"}, {"ffi.abi('le')", "true|false"}, {"ffi.abi('64bit')", "true"}, {"ffi.abi('win')", "false"},
		// types
		{"ffi.istype('point', point())", "true"}, {"ffi.istype('struct key', point())", "false"}, {"ffi.istype('uint32_t[2]', ffi.new('unsigned[2]'))", "true"}, {"ffi.istype(point, {})", "false"},
		{"tostring(point)", "ctype<point>"}, {"tostring(key_t())", "cdata<struct key>"}, {"tostring(ffi.typeof('int (*)[3]'))", "ctype<int (*)[3]>"}, {"ffi.typeof(key_t()) == nil", "false"}, {"type(key_t())", "cdata"},
		// initialisers
		{"hex(key_t{ port = 0x1234, proto = 6, addr = 1 })", "1234060001000000|1234060000000001"}, {"hex(key_t(1, 2, 3))", "0001020003000000|0001020000000003"}, {"hex(key_t{ [0] = 1, [1] = 2 })", "0001020000000000"}, {"hex(key_t{})", "0000000000000000"},
		{"hex(key_t(key_t{ 7 }))", "0007000000000000"}, {"hex(ffi.new('uint8_t[4]', 7))", "07070707"}, {"hex(ffi.new('uint8_t[4]', 7, 8))", "07080000"}, {"hex(ffi.new('uint8_t[4]', { 9 }))", "09090909"}, {"hex(ffi.new('uint8_t[4]', { [0] = 1, [1] = 2, [2] = 3 }))", "01020300"},
		{"hex(ffi.new('char[4]', 'ab'))", "61620000"}, {"hex(ffi.new('char[2]', 'ab'))", "6162"}, {"ffi.new('char[2]', 'abc')", "error"}, {"hex(ffi.new('uint8_t[?]', 3, 1, 2))", "010200"}, {"ffi.new('char[?]')", "error"}, {"ffi.new('char[?]', -1)", "error"},
		{"hex(ffi.new('point[2]', { { 1, 2 }, { y = 3 } }))", "01000000020000000000000003000000|00000001000000020000000000000003"}, {"hex(ffi.new('uint16_t[2][2]', { { 1, 2 }, { 3 } }))", "0100020003000300|0001000200030003"},
		{"key_t{ prot = 1 }", "error"}, {"key_t{ 1, addr = 2 }", "error"}, {"key_t{ 1, 2, 3, 4 }", "error"}, {"key_t(1, 2, 3, 4)", "error"}, {"key_t('x')", "error"}, {"key_t(point())", "error"}, {"key_t{ port = {} }", "error"}, {"ffi.new('int[2]', { 1, 2, 3 })", "error"}, {"ffi.new('int[2]', { x = 1 })", "error"},
		{"all{ color = 'GREEN' }.color", "5"}, {"all{ color = 'BLUE' }", "error"}, {"all{ on = 5 }.on", "true"}, {"all{ d = 1.5 }.d", "1.5"}, {"all{ bytes = { 1, 2, 3, 4 } }.word", "67305985|16909060"}, {"all{ -1, true, 5 }.a", "-1"},
		{"ffi.new('struct nothing')", "error"}, {"ffi.new('union { uint8_t a; uint16_t b; }', 5).b", "5|1280"}, {"ffi.new('float', 1.5)", "1.5"}, {"ffi.new('double[2]', 0.25)[1]", "0.25"},
		// members and elements
		{"key_t{ port = 80 }.port", "80"}, {"key_t().prot", "error"}, {"point{ 1, 2 }.y", "2"}, {"point(1, 2)[0]", "error"}, {"ffi.new('int[3]', { 1, 2, 3 })[2]", "3"}, {"ffi.new('int[3]')[3]", "error"}, {"ffi.new('int[3]')[-1]", "error"}, {"ffi.new('int[3]').x", "error"},
		{"(function() local a = all() a.mid = 0xfffff a.hi = 1 a.lo = 18 return a.lo + a.mid + a.hi, ffi.cast('uint32_t *', a)[6] end)()", "1048578\t33554418|1048578\t805306113"},
		{"(function() local a = all() a.neg = 7 return a.neg end)()", "-1"}, {"(function() local o = ffi.new('struct odd') o.far = 0x2aaaaaaaaaaaaaaaULL o.last = 1 return o.far, o.last, hex(o) end)()", "3074457345618258602ULL\t1\t50555555555555550101|3074457345618258602ULL\t1\t15555555555555550001"},
		{"(function() local a = all() a.pts[1].y = 9 local p = a.pts[1] p.x = 8 return a.pts[1].x + a.pts[1].y end)()", "17"}, {"(function() local a = all() a.pts[0] = { 3, 4 } a.pts[1] = a.pts[0] a.pts[0].x = 1 return a.pts[1].x end)()", "3"},
		{"(function() local a = all() a.name = 'bpf' return a.name, #a.name, ffi.string(a.name), a.name == 'bpf', a.name == 'bp', a.name ~= 'bpfx' end)()", "bpf\t8\tbpf\ttrue\tfalse\ttrue"},
		{"(function() local a = all() a.name = 'much too long' end)()", "error"}, {"(function() local a = all() a.fixed = 1 end)()", "error"}, {"(function() local a = all() a.pts = 5 end)()", "error"}, {"(function() local a = all() a.nme = 5 end)()", "error"},
		{"(function() local a = all() a.p = ffi.cast('void *', 16) return a.p end)()", "cdata<void *>: 0x10"}, {"all().p", "nil"}, {"(function() local a = all() a.p = a end)()", "error"}, {"ffi.new('uint64_t[1]', -1)[0]", "18446744073709551615ULL"},
		{"ffi.new('int[2]', 5) == ffi.new('int[2]', 5)", "true"}, {"point() == point()", "false"}, {"(function() local p = point() return p == p, rawequal(p, p) end)()", "true\ttrue"},
		// pointers
		{"ffi.cast('uint8_t *', ffi.new('uint32_t[1]', 0x01020304))[0]", "4|1"}, {"(function() local a = ffi.new('int[3]', { 1, 2, 3 }) local p = a + 1 return p[0], (p + 1)[0], p[-1], (p + 1) - a end)()", "2\t3\t1\t2"}, {"(ffi.new('int[3]') + 3)[0]", "error"},
		{"ffi.cast('struct key *', ffi.new('uint8_t[8]', { 0, 80 })).port", "80"}, {"ffi.cast('struct key *', ffi.new('uint8_t[4]')).port", "error"}, {"ffi.cast('int *', nil)", "nil"}, {"ffi.cast('int', point())", "error"}, {"ffi.cast('point', 5)", "error"}, {"ffi.cast('int *', 4)[0]", "error"}, {"ffi.cast('uint64_t', ffi.cast('int *', 4))", "4ULL"},
		// copy, fill, string
		{"(function() local b = ffi.new('char[8]') ffi.copy(b, 'abcdef', 3) return ffi.string(b), ffi.string(b, 5) == 'abc\\0\\0' end)()", "abc\ttrue"}, {"(function() local b = ffi.new('char[4]') ffi.copy(b, 'abcdef') return hex(b) end)()", "61626364"},
		{"(function() local k, q = key_t{ 1 }, key_t() ffi.copy(q, k, 100) return hex(q) end)()", "0001000000000000"}, {"(function() local b = ffi.new('uint8_t[4]') ffi.fill(b, 2, 0xff) ffi.fill(b + 3, 100, 1) return hex(b) end)()", "ffff0001"}, {"ffi.string(ffi.new('char[2]'), 3)", "error"}, {"ffi.copy(1, 2)", "error"},
		{"'x' .. ffi.new('char[4]', '42')", "x42"}, {"tonumber(ffi.new('char[4]', '42'))", "42"}, {"tonumber(point())", "nil"}, {"'x' .. point()", "error"}, {"-point()", "error"}, {"point() < point()", "error"}, {"point() + {}", "error"}, {"point.x", "error"},
		{"(function() local p = ffi.new('struct { char c[1 << 20]; } [2]') + 0 for i = 1, 20 do p = p + 2^32 end return p[0] end)()", "error"}, {"ffi.new('int[2]')[0/0]", "error"}, {"ffi.new('int[2]', 1, 2)[1.9]", "2"}, {"ffi.new('int[2]')[2^53]", "error"},
		// constants
		{"ffi.C.GREEN", "5"}, {"ffi.C.BIG", "2147483648"}, {"ffi.C.LIMIT", "7"}, {"ffi.C.getpid", "error"}, {"ffi.sizeof('char[LIMIT * GREEN]')", "35"}, {"ffi.sizeof('char[ETH_P_IP]')", "2048"},
		// maps
		{"(function() local m = bpf.map('hash', 4, key_t, point) m[key_t{ 1, 2, 3 }] = { 4, 5 } m[{ port = 9 }] = { y = 1 } return m[{ 1, 2, 3 }].y, m[{ 1 }], m[{ 9 }].y end)()", "5\tnil\t1"},
		{"(function() local m = bpf.map('array', 2, nil, 'struct { char s[4]; }') m[1] = { s = 'ab' } m[1].s[1] = 99 return ffi.string(m[1].s), m[0].s == '' end)()", "ac\ttrue"},
		{"(function() local m = bpf.map('hash', 4, 'char [4]', 'uint8_t [6]') m['ab'] = { 1, 2 } return hex(m['ab']), m['b'] end)()", "010200000000\tnil"}, {"(function() local m = bpf.map('hash', 4, key_t) m[5] = 1 end)()", "error"},
	} {
		little, big, two := strings.Cut(c.want, "|")
		if !two {
			big = little
		}
		for _, order := range []struct {
			big  bool
			want string
		}{{false, little}, {true, big}} {
			r := run(ffiPrelude+"print("+c.expr+")", Options{BigEndian: order.big})
			got := strings.TrimSuffix(r.out, "\n")
			if len(r.list) > 0 {
				got = "error"
			}
			if got != order.want {
				t.Errorf("%s (big-endian: %v): got %s, want %s\n%s", c.expr, order.big, got, order.want, diag.Human(r.list))
			}
		}
	}
}

// TestFFIMemory: data in memory counts as the script's memory.
func TestFFIMemory(t *testing.T) {
	for _, src := range []string{
		"local t = {} for i = 1, 1e6 do t[i] = ffi.new('char [4096]') end",
		"local x = ffi.new('char [200 << 20]')",
		"local x = ffi.new('char [?]', 1e8)",
		"for i = 1, 1e8 do ffi.cdef('struct s' .. i .. ' { int x; };') end",
		"for i = 1, 1e8 do local t = ffi.typeof('struct { int x; }') end",
	} {
		r := run(src, Options{})
		if len(r.list) != 1 || r.list[0].Code != diag.ScriptTooMuchMemory {
			t.Errorf("%s: %s", src, diag.Human(r.list))
		}
	}
	if r := run("for i = 1, 1e5 do local x = ffi.new('char [4096]') x[0] = 1 end print('done')", Options{}); r.out != "done\n" {
		t.Errorf("garbage counts as memory: %s", diag.Human(r.list))
	}
}
