package script

import (
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// TestCData evaluates expressions over integers of ours.
func TestCData(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"42LL", "42LL"}, {"42ULL", "42ULL"}, {"-1LL", "-1LL"}, {"-1ULL", "18446744073709551615ULL"},
		{"0xffffffffffffffff", "18446744073709551615ULL"}, {"9007199254740993", "9007199254740993LL"},
		{"9223372036854775807", "9223372036854775807LL"}, {"9223372036854775808", "9223372036854775808ULL"},
		{"-9223372036854775808LL", "-9223372036854775808LL"}, {"9007199254740992", "9.007199254741e+15"},
		{"1LL + 2", "3LL"}, {"1 + 2ULL", "3ULL"}, {"1LL + 2ULL", "3ULL"}, {"5LL - 7", "-2LL"}, {"5ULL - 7", "18446744073709551614ULL"},
		{"7LL / 2", "3LL"}, {"-7LL / 2", "-3LL"}, {"-7LL % 3", "-1LL"}, {"7LL % -3", "1LL"}, {"-1ULL / 2", "9223372036854775807ULL"},
		{"7LL / 0", "0LL"}, {"7LL % 0", "7LL"}, {"(-9223372036854775807LL - 1) / -1", "-9223372036854775808LL"},
		{"(-9223372036854775807LL - 1) % -1", "0LL"},
		{"7LL // 2", "3LL"}, {"-7LL // 2", "-4LL"}, {"7 // 2", "3"}, {"-7 // 2", "-4"}, {"7.5 // 2", "3"}, {"'7' // 2", "3"},
		{"2LL ^ 62", "4611686018427387904LL"}, {"2LL ^ -1", "0LL"}, {"(-1LL) ^ -3", "-1LL"}, {"1LL ^ -5", "1LL"}, {"2ULL ^ 64", "0ULL"},
		{"9223372036854775807LL + 1", "-9223372036854775808LL"}, {"3LL * 1.9", "3LL"},
		{"5LL == 5", "true"}, {"5 == 5ULL", "true"}, {"5LL ~= 5", "false"}, {"5LL == 5.5", "false"}, {"5LL == '5'", "false"}, {"5LL == nil", "false"},
		{"-1LL < 0", "true"}, {"-1LL < 0ULL", "false"}, {"5ULL <= 5", "true"}, {"5LL > 4", "true"}, {"5 >= 6LL", "false"}, {"5LL < 5.5", "true"}, {"4.5 < 5ULL", "true"}, {"5LL <= 5LL", "true"},
		{"0xffffffffffffffff > 0x7fffffffffffffff", "true"},
		{"tonumber(42ULL)", "42"}, {"tostring(42ULL)", "42ULL"}, {"type(42ULL)", "cdata"}, {"'n=' .. 42ULL", "n=42"}, {"type(ffi.typeof('int'))", "cdata"},
		{"string.format('%d %u %x %s', -1LL, -1ULL, 255ULL, 7LL)", "-1 18446744073709551615 ff 7LL"},
		{"({ [5] = 'five' })[5ULL]", "five"}, {"({ [5LL] = 'five' })[5]", "five"}, {"({ [0xffffffffffffffff] = 'max' })[0xffffffffffffffffULL]", "max"},
		{"({ [-1LL] = 'm' })[0xffffffffffffffff]", "nil"}, {"rawequal(5LL, 5LL)", "true"}, {"#('x'):rep(3ULL)", "error"},
		{"not 0LL", "false"}, {"0LL and 'yes'", "yes"}, {"-(5LL)", "-5LL"}, {"-(1ULL)", "18446744073709551615ULL"},
		{"math.max(1, 5LL, 3)", "5LL"}, {"math.min(2ULL, 3)", "2ULL"}, {"math.abs(-5LL)", "5LL"}, {"math.floor(5LL)", "5LL"},
		{"(function() local n = 0 for i = 1LL, 3ULL do n = n + i end return n end)()", "6"},
		// conversions
		{"ffi.new('uint8_t', 300)", "44"}, {"ffi.new('int8_t', 200)", "-56"}, {"ffi.new('uint64_t')", "0ULL"}, {"ffi.cast('int32_t', 0xffffffffULL)", "-1"},
		{"ffi.new('bool', 5)", "true"}, {"ffi.typeof('uint32_t')(-1)", "4294967295"}, {"bpf.u16(65537)", "1"}, {"bpf.s8(255)", "-1"}, {"ffi.new('uint32_t', 5) + 1", "6LL"},
		{"ffi.sizeof('uint32_t')", "4"}, {"ffi.sizeof(ffi.new('short', 1))", "2"}, {"ffi.istype('uint32_t', ffi.new('unsigned int'))", "true"}, {"ffi.istype('int', 5)", "false"},
		{"tostring(ffi.typeof('u8'))", "ctype<u8>"}, {"ffi.new('uint32_t', 1.9)", "1"}, {"ffi.new('int', true)", "1"}, {"ffi.tonumber(3LL)", "3"},
		// bit: 32 bits and signed on numbers, 64 on integers of ours
		{"bit.band(0xff, 0x0f, 5)", "5"}, {"bit.bor(1, 2, 4)", "7"}, {"bit.bxor(5, 1)", "4"}, {"bit.bnot(0)", "-1"}, {"bit.lshift(1, 31)", "-2147483648"}, {"bit.lshift(1, 32)", "1"},
		{"bit.rshift(-1, 28)", "15"}, {"bit.arshift(-8, 1)", "-4"}, {"bit.rol(0x12345678, 8)", "878082066"}, {"bit.ror(0x12345678, 8)", "2014458966"},
		{"bit.bswap(0x12345678)", "2018915346"}, {"bit.tobit(0xffffffff)", "-1"}, {"bit.tohex(255)", "000000ff"}, {"bit.tohex(-1, 4)", "ffff"}, {"bit.tohex(0xabcdef, -6)", "ABCDEF"}, {"bit.tohex(255ULL)", "00000000000000ff"},
		{"bit.band(0xffffffffff, 0xffULL)", "255ULL"}, {"bit.lshift(1LL, 40)", "1099511627776LL"}, {"bit.bnot(0ULL)", "18446744073709551615ULL"}, {"bit.rshift(-1LL, 60)", "15LL"}, {"bit.bswap(1ULL)", "72057594037927936ULL"},
		{"bit.rol(1ULL, 63)", "9223372036854775808ULL"}, {"bit.arshift(-8LL, 1)", "-4LL"}, {"bit.band(2^40 + 5, 0xff)", "5"},
		// the operators: 64 bits
		{"1 << 40", "1099511627776"}, {"~0", "-1"}, {"0xff & 0x0f", "15"}, {"5 | 2", "7"}, {"5 ~ 1", "4"}, {"-1 >> 60", "15"}, {"1 << 63", "-9223372036854775808LL"}, {"1ULL << 63", "9223372036854775808ULL"}, {"'3' & 1", "1"}, {"0xffffffff & 0xffffffff", "4294967295"},
		{"~5ULL", "18446744073709551610ULL"}, {"1 << 64", "1"},
		// byte order and addresses
		{"bpf.hton(0x1234, 16)", "13330"}, {"bpf.ntoh(0x12345678, 32)", "2018915346"}, {"bpf.hton16(1)", "256"}, {"bpf.hton64(1)", "72057594037927936ULL"}, {"bpf.hton(1ULL, 64)", "72057594037927936ULL"}, {"bpf.hton(1)", "error"}, {"bpf.hton(1, 24)", "error"},
		{"bpf.ip('10.0.0.1')", "167772161"}, {"bpf.ip('x')", "error"}, {"bpf.ip('::1')[15]", "1"}, {"#bpf.ip('2001:db8::')", "16"}, {"bpf.ip('::1') == bpf.ip('0::1')", "true"}, {"bpf.ip('fe80::1%eth0')", "error"}, {"(bpf.cidr('2001:db8::1/32'))[15]", "0"},
		{"bpf.mac('02:00:5e:10:00:01')[2]", "94"}, {"bpf.mac('02-00-5E-10-00-01')[2]", "94"}, {"#bpf.mac('0:0:0:0:0:1')", "error"}, {"bpf.mac('02:00:5e:10:00')", "error"}, {"bpf.mac('02:00:5e:10:00:01:02')", "error"}, {"bpf.mac('02:00:5e:10:00:0g')", "error"}, {"select(2, bpf.cidr('10.1.2.3/8'))", "8"}, {"(bpf.cidr('10.1.2.3/8'))", "167772160"}, {"bpf.cidr('10')", "error"},
		// predefined
		{"XDP_PASS", "2"}, {"ETH_P_IP", "2048"}, {"AF_INET6", "10"}, {"IPPROTO_ICMPV6", "58"}, {"TC_ACT_UNSPEC", "-1"}, {"ENOENT", "2"}, {"TCP_ESTABLISHED", "1"}, {"S_IFREG", "32768"}, {"SIGKILL", "9"},
		{"PF_KTHREAD", "2097152"}, {"ARPHRD_ETHER", "1"}, {"ICMP_ECHO", "8"}, {"ICMPV6_ECHO_REQUEST", "128"}, {"PACKET_HOST", "0"}, {"O_RDWR", "2"}, {"BPF_F_CURRENT_CPU", "4294967295"}, {"BPF.F_CURRENT_CPU", "4294967295"}, {"BPF_NOEXIST", "1"},
		{"c.eth.ip6", "34525"}, {"c.ip.proto_tcp", "6"}, {"c.ip.proto_sctp", "132"}, {"c.ip.proto_raw", "255"}, {"c.ip.proto_icmp6", "58"}, {"BPF_EXISTT", "nil"},
	} {
		r := run("print("+c.expr+")", Options{})
		got := strings.TrimSuffix(r.out, "\n")
		if len(r.list) > 0 {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s\n%s", c.expr, got, c.want, diag.Human(r.list))
		}
	}
}
