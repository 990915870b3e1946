package userspace

import (
	"os"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/loader"
)

// cCalls are functions of C's library that scripts call through ffi.C: those that
// need no memory of C's.
func cCalls() map[string]operation {
	all := map[string]operation{
		"ffi.C.strtoull": func(c *call) ([]lua.LValue, error) { return c.strto(true) },
		"ffi.C.strtoul":  func(c *call) ([]lua.LValue, error) { return c.strto(true) },
		"ffi.C.strtoll":  func(c *call) ([]lua.LValue, error) { return c.strto(false) },
		"ffi.C.strtol":   func(c *call) ([]lua.LValue, error) { return c.strto(false) },
		"ffi.C.atoi":     cAtoi, "ffi.C.atol": cAtoi, "ffi.C.atoll": cAtoi,
		"ffi.C.strlen":  cStrlen,
		"ffi.C.strcmp":  cStrcmp,
		"ffi.C.strncmp": cStrncmp,
		"ffi.C.abs":     cAbs, "ffi.C.labs": cAbs, "ffi.C.llabs": cAbs,
		"ffi.C.time":   func(*call) ([]lua.LValue, error) { return results(lua.LNumber(time.Now().Unix())) },
		"ffi.C.sleep":  syscallSleep,
		"ffi.C.usleep": syscallUsleep,
	}
	for name, f := range map[string]func() int{"getpid": os.Getpid, "getppid": os.Getppid, "getuid": os.Getuid, "geteuid": os.Geteuid, "getpagesize": os.Getpagesize} {
		all["ffi.C."+name] = func(*call) ([]lua.LValue, error) { return results(lua.LNumber(f())) }
	}
	for name, n := range map[string]int{"htons": 16, "ntohs": 16, "htonl": 32, "ntohl": 32} {
		all["ffi.C."+name] = func(c *call) ([]lua.LValue, error) { return c.swap(n) }
	}
	for name, in := range map[string]func(b byte) bool{
		"isdigit": func(b byte) bool { return '0' <= b && b <= '9' }, "isspace": func(b byte) bool { return strings.IndexByte(" \t\n\v\f\r", b) >= 0 },
		"isalpha": isAlpha, "isupper": func(b byte) bool { return 'A' <= b && b <= 'Z' }, "islower": func(b byte) bool { return 'a' <= b && b <= 'z' },
		"isalnum": func(b byte) bool { return isAlpha(b) || '0' <= b && b <= '9' }, "isprint": func(b byte) bool { return ' ' <= b && b <= '~' },
	} {
		all["ffi.C."+name] = func(c *call) ([]lua.LValue, error) {
			n, err := c.integer(0)
			if err != nil || n > 255 || !in(byte(n)) {
				return []lua.LValue{lua.LNumber(0)}, err
			}
			return results(lua.LNumber(1))
		}
	}
	all["ffi.C.toupper"] = func(c *call) ([]lua.LValue, error) { return c.change('a', 'A') }
	all["ffi.C.tolower"] = func(c *call) ([]lua.LValue, error) { return c.change('A', 'a') }
	return all
}

func isAlpha(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// strto is strtoull(s, NULL, base) and its like. What does not begin a number ends
// it; a number out of range is the nearest.
func (c *call) strto(unsigned bool) ([]lua.LValue, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	base := uint64(10)
	if c.arg(2) != lua.LNil {
		if base, err = c.integer(2); err != nil {
			return nil, err
		}
	}
	return results(c.st.Wide(parseC(s, int(base), unsigned), unsigned))
}

// parseC reads the number that s begins with, as C does.
func parseC(s string, base int, unsigned bool) uint64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if low := strings.ToLower(s); (base == 0 || base == 16) && strings.HasPrefix(low, "0x") {
		s, base = s[2:], 16
	} else if base == 0 && strings.HasPrefix(s, "0") {
		base = 8
	} else if base == 0 {
		base = 10
	}
	n := 0
	for n < len(s) && isAlnum(s[n]) && digit(s[n]) < base {
		n++
	}
	if n == 0 || base < 2 || base > 36 {
		return 0
	}
	u, _ := strconv.ParseUint(s[:n], base, 64) // out of range it is the greatest
	if !unsigned && u > 1<<63-1 {
		u = 1<<63 - 1
		if neg {
			return 1 << 63
		}
	}
	if neg {
		return -u
	}
	return u
}

func isAlnum(b byte) bool { return isAlpha(b) || '0' <= b && b <= '9' }

func digit(b byte) int {
	if b <= '9' {
		return int(b - '0')
	}
	return int(b|0x20-'a') + 10
}

func cAtoi(c *call) ([]lua.LValue, error) {
	s, err := c.text(0)
	return []lua.LValue{lua.LNumber(int64(parseC(s, 10, false)))}, err
}

func cStrlen(c *call) ([]lua.LValue, error) {
	s, err := c.text(0)
	s, _, _ = strings.Cut(s, "\x00")
	return []lua.LValue{lua.LNumber(len(s))}, err
}

func cStrcmp(c *call) ([]lua.LValue, error) {
	a, err := c.text(0)
	if err != nil {
		return nil, err
	}
	b, err := c.text(1)
	return []lua.LValue{lua.LNumber(strings.Compare(a, b))}, err
}

func cStrncmp(c *call) ([]lua.LValue, error) {
	a, err := c.text(0)
	if err != nil {
		return nil, err
	}
	b, err := c.text(1)
	if err != nil {
		return nil, err
	}
	n, err := c.integer(2)
	cut := func(s string) string { return s[:min(uint64(len(s)), n)] }
	return []lua.LValue{lua.LNumber(strings.Compare(cut(a), cut(b)))}, err
}

func cAbs(c *call) ([]lua.LValue, error) {
	n, err := c.number(0)
	return []lua.LValue{lua.LNumber(max(n, -n))}, err
}

// swap is htons and its like: numbers here are in the order of the machine.
func (c *call) swap(width int) ([]lua.LValue, error) {
	n, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	b := make([]byte, width/8)
	for i := range b {
		b[i] = byte(n >> (width - 8 - 8*i))
	}
	x, err := loader.Number(b)
	return []lua.LValue{lua.LNumber(x)}, err
}

// change moves a letter of one case to the other.
func (c *call) change(from, to byte) ([]lua.LValue, error) {
	n, err := c.integer(0)
	if err == nil && n >= uint64(from) && n < uint64(from)+26 {
		n += uint64(to) - uint64(from)
	}
	return []lua.LValue{lua.LNumber(int64(n))}, err
}
