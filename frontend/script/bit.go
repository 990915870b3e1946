package script

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// bitOps are the operations of the bit library on words of w bits, 32 or 64,
// held in the low bits of a uint64. Shift counts are taken modulo w.
var bitOps = map[string]func(w uint, x uint64, y uint64) uint64{
	"band":    func(_ uint, x, y uint64) uint64 { return x & y },
	"bor":     func(_ uint, x, y uint64) uint64 { return x | y },
	"bxor":    func(_ uint, x, y uint64) uint64 { return x ^ y },
	"bnot":    func(_ uint, x, _ uint64) uint64 { return ^x },
	"lshift":  func(w uint, x, n uint64) uint64 { return x << (n % uint64(w)) },
	"rshift":  func(w uint, x, n uint64) uint64 { return x & (^uint64(0) >> (64 - w)) >> (n % uint64(w)) },
	"arshift": func(w uint, x, n uint64) uint64 { return uint64(int64(x) << (64 - w) >> (64 - w) >> (n % uint64(w))) },
	"rol":     func(w uint, x, n uint64) uint64 { return rotate(w, x, int(n%uint64(w))) },
	"ror":     func(w uint, x, n uint64) uint64 { return rotate(w, x, -int(n%uint64(w))) },
	"bswap": func(w uint, x, _ uint64) uint64 {
		if w == 32 {
			return uint64(bits.ReverseBytes32(uint32(x)))
		}
		return bits.ReverseBytes64(x)
	},
	"tobit": func(_ uint, x, _ uint64) uint64 { return x },
}

func rotate(w uint, x uint64, n int) uint64 {
	if w == 32 {
		return uint64(bits.RotateLeft32(uint32(x), n))
	}
	return bits.RotateLeft64(x, n)
}

// variadic are the operations that take any number of operands.
var variadic = map[string]bool{"band": true, "bor": true, "bxor": true}

// unary are those that take one.
var unaryBit = map[string]bool{"bnot": true, "bswap": true, "tobit": true}

// openBit makes the bit library. On numbers it works with 32 bits and gives
// signed results, as LuaJIT's does; if an operand is an integer of ours, with
// 64.
func (st *Stage) openBit() {
	fs := map[string]libFunc{"tohex": st.bitHex}
	for name := range bitOps {
		fs[name] = func(L *lua.LState) int { return st.bitFunction(L, name) }
	}
	st.module("bit", fs)
}

// bitArg is an operand: its bits, and whether it is an integer of ours.
func bitArg(L *lua.LState, i int) (x uint64, wide, unsigned bool) {
	if c, ok := ToCData(L.Get(i)); ok {
		return c.Bits, true, c.unsigned64()
	}
	f := checkFloat(L, i)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false, false
	}
	if f < -(1<<63) || f >= 1<<63 {
		f = math.Mod(f, 1<<32)
	}
	return uint64(int64(math.RoundToEven(f))), false, false
}

func (st *Stage) bitFunction(L *lua.LState, name string) int {
	op := bitOps[name]
	acc, wide, unsigned := bitArg(L, 1)
	n := L.GetTop()
	if !variadic[name] {
		n = 2
		if unaryBit[name] {
			n = 1
		}
	}
	args := make([]uint64, 0, 4)
	for i := 2; i <= n; i++ {
		x, w, u := bitArg(L, i)
		args = append(args, x)
		if variadic[name] {
			wide, unsigned = wide || w, unsigned || u
		}
	}
	w := uint(32)
	if wide {
		w = 64
	}
	if len(args) == 0 && !variadic[name] {
		acc = op(w, acc, 0)
	}
	for _, x := range args {
		acc = op(w, acc, x)
	}
	if wide {
		return st.pushWide(L, acc, unsigned)
	}
	L.Push(lua.LNumber(int32(acc)))
	return 1
}

// bitHex is bit.tohex(x [, digits]).
func (st *Stage) bitHex(L *lua.LState) int {
	x, wide, _ := bitArg(L, 1)
	n := 8
	if wide {
		n = 16
	}
	if L.GetTop() >= 2 {
		n = L.CheckInt(2)
	}
	upper := n < 0
	if n < 0 {
		n = -n
	}
	n = min(n, 16)
	if !wide {
		x = uint64(uint32(x))
		n = min(n, 8)
	}
	s := strconv.FormatUint(x, 16)
	s = strings.Repeat("0", max(0, n-len(s))) + s
	s = s[len(s)-n:]
	if upper {
		s = strings.ToUpper(s)
	}
	return st.pushStr(L, s)
}

// bitOperator is one of & | ~ << >>. They work with 64 bits in both stages; on
// numbers the result is a number again where one holds it.
func (st *Stage) bitOperator(L *lua.LState, name string) int {
	x, ours, unsigned := st.bitOperand(L, 1)
	var y uint64
	if name != "bnot" {
		var o, u bool
		y, o, u = st.bitOperand(L, 2)
		if variadic[name] {
			ours, unsigned = ours || o, unsigned || u
		}
	}
	r := bitOps[name](64, x, y)
	c := &CData{int64Type, r}
	if n, ok := c.number(); ok && !ours {
		L.Push(n)
		return 1
	}
	return st.pushWide(L, r, unsigned)
}

func (st *Stage) bitOperand(L *lua.LState, i int) (x uint64, ours, unsigned bool) {
	v := L.Get(i)
	if c, ok := ToCData(v); ok {
		return c.Bits, true, c.unsigned64()
	}
	f, ok := plainNumber(v)
	if !ok {
		L.RaiseError("attempt to perform bitwise operation on a %s value", typeName(v))
	}
	if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<64 {
		L.RaiseError("number has no integer representation")
	}
	return bitsOf(f), false, false
}
