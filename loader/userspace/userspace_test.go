package userspace

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestDocs wants every function of the library in its documentation.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(text), func(r rune) bool { return !isAlnum(byte(r)) && r != '_' }) {
		words[w] = true
	}
	n := 0
	for name := range operations() {
		if mod, f, _ := strings.Cut(name, "."); mod == "syscall" && f != "geterrno" || mod == "ffi" || mod == "bpf" && f != "ifindex" {
			if n++; !words[strings.TrimPrefix(f, "C.")] {
				t.Errorf("docs/run.md does not name %s", name)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d functions looked for", n)
	}
}

func TestParseC(t *testing.T) {
	for _, tc := range []struct {
		s        string
		base     int
		unsigned bool
		want     uint64
	}{
		{"42", 10, true, 42}, {"  -1", 10, false, 1<<64 - 1}, {"+7x", 10, true, 7}, {"ff", 16, true, 255}, {"0xFFz", 16, true, 255}, {"0xff", 0, true, 255},
		{"017", 0, true, 15}, {"18", 0, true, 18}, {"", 10, true, 0}, {"x", 10, true, 0}, {"z", 36, true, 35}, {"12", 1, true, 0}, {"99999999999999999999", 10, true, 1<<64 - 1},
		{"99999999999999999999", 10, false, 1<<63 - 1}, {"-99999999999999999999", 10, false, 1 << 63}, {"ffffffff81000000", 16, true, 0xffffffff81000000},
	} {
		if got := parseC(tc.s, tc.base, tc.unsigned); got != tc.want {
			t.Errorf("parseC(%q, %d) = %d, want %d", tc.s, tc.base, got, tc.want)
		}
	}
}

func TestStrftime(t *testing.T) {
	at := time.Date(2024, 2, 9, 3, 4, 5, 0, time.UTC)
	for format, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2024-02-09 03:04:05", "%a %A %b %B": "Fri Friday Feb February", "%e|%j|%w|%u": " 9|040|5|5", "%c": "Fri Feb  9 03:04:05 2024",
		"%x %X %p %I": "02/09/24 03:04:05 AM 03", "100%%": "100%", "%Q%": "%Q%", "%s": "1707447845",
	} {
		if got := strftime(format, at); got != want {
			t.Errorf("strftime(%q) = %q, want %q", format, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	for _, tc := range []struct {
		s    scale
		slot int
		want string
	}{
		{scale{}, 0, "[0]"}, {scale{}, 1, "[1]"}, {scale{}, 2, "[2, 4)"}, {scale{}, 11, "[1K, 2K)"}, {scale{}, 64, "[8E, 16E)"}, {scale{floor: true}, 0, "[1]"}, {scale{floor: true}, 10, "[1K, 2K)"},
		{scale{step: 10}, 3, "[30, 40)"}, {scale{step: 0.5, start: 1}, 1, "[1.5, 2)"}, {scale{step: 1}, 3, "[3, 4)"}, {scale{step: 1024}, 2, "[2K, 3K)"},
	} {
		if got := tc.s.label(tc.slot); got != tc.want {
			t.Errorf("%+v.label(%d) = %s, want %s", tc.s, tc.slot, got, tc.want)
		}
	}
	var b strings.Builder
	if err := printHist(&b, scale{}, map[int]float64{}); err != nil || b.String() != "(empty)\n" {
		t.Errorf("%q, %v", &b, err)
	}
}
