package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// floats are the functions of the math library from numbers to a number.
var floats = map[string]func(x float64) float64{
	"acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "cos": math.Cos,
	"cosh": math.Cosh, "deg": func(x float64) float64 { return x * 180 / math.Pi }, "exp": math.Exp,
	"rad": func(x float64) float64 { return x * math.Pi / 180 },
	"sin": math.Sin, "sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
	"log10": math.Log10, "log2": math.Log2,
}

// exact are those that leave integers as they are.
var exact = map[string]func(x float64) float64{"ceil": math.Ceil, "floor": math.Floor}

// openMath makes the math library, without random numbers.
func (st *Stage) openMath() {
	fs := map[string]libFunc{"abs": st.mathAbs, "max": st.mathMax, "min": st.mathMin, "modf": mathModf,
		"frexp": mathFrexp, "log": mathLog,
		"ldexp": func(L *lua.LState) int { return pushFloat(L, math.Ldexp(checkFloat(L, 1), L.CheckInt(2))) },
		"atan2": func(L *lua.LState) int { return pushFloat(L, math.Atan2(checkFloat(L, 1), checkFloat(L, 2))) },
		"fmod":  func(L *lua.LState) int { return pushFloat(L, math.Mod(checkFloat(L, 1), checkFloat(L, 2))) },
		"pow":   func(L *lua.LState) int { return pushFloat(L, math.Pow(checkFloat(L, 1), checkFloat(L, 2))) },
	}
	fs["mod"] = fs["fmod"]
	for name, f := range floats {
		fs[name] = func(L *lua.LState) int { return pushFloat(L, f(checkFloat(L, 1))) }
	}
	for name, f := range exact {
		fs[name] = func(L *lua.LState) int {
			if _, ok := ToCData(L.Get(1)); ok {
				L.SetTop(1)
				return 1
			}
			return pushFloat(L, f(checkFloat(L, 1)))
		}
	}
	for _, name := range []string{"random", "randomseed"} {
		fs[name] = func(L *lua.LState) int {
			L.RaiseError("math.%s is not available: the script stage gives the same result each time it runs", name)
			return 0
		}
	}
	t := st.module("math", fs)
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

func pushFloat(L *lua.LState, f float64) int {
	L.Push(lua.LNumber(f))
	return 1
}

// mathLog is math.log(x [, base]); in base 2 it is exact for powers of two.
func mathLog(L *lua.LState) int {
	x := checkFloat(L, 1)
	if L.Get(2) == lua.LNil {
		return pushFloat(L, math.Log(x))
	}
	switch base := checkFloat(L, 2); base {
	case 2:
		return pushFloat(L, math.Log2(x))
	case 10:
		return pushFloat(L, math.Log10(x))
	default:
		return pushFloat(L, math.Log(x)/math.Log(base))
	}
}

func mathModf(L *lua.LState) int {
	f := checkFloat(L, 1)
	if math.IsInf(f, 0) {
		L.Push(lua.LNumber(f))
		L.Push(lua.LNumber(0))
		return 2
	}
	i, frac := math.Modf(f)
	L.Push(lua.LNumber(i))
	L.Push(lua.LNumber(frac))
	return 2
}

func mathFrexp(L *lua.LState) int {
	m, e := math.Frexp(checkFloat(L, 1))
	L.Push(lua.LNumber(m))
	L.Push(lua.LNumber(e))
	return 2
}

func (st *Stage) mathAbs(L *lua.LState) int {
	c, ok := ToCData(L.Get(1))
	if !ok {
		return pushFloat(L, math.Abs(checkFloat(L, 1)))
	}
	x := c.Bits
	if c.signed() && int64(x) < 0 {
		x = -x
	}
	return st.pushWide(L, x, c.unsigned64())
}

func (st *Stage) mathMax(L *lua.LState) int {
	return st.extreme(L, func(a, b lua.LValue) bool { return st.less(L, b, a, false) })
}

func (st *Stage) mathMin(L *lua.LState) int {
	return st.extreme(L, func(a, b lua.LValue) bool { return st.less(L, a, b, false) })
}

// extreme returns the argument that wins over all others.
func (st *Stage) extreme(L *lua.LState, wins func(a, b lua.LValue) bool) int {
	value := func(i int) lua.LValue {
		if _, ok := ToCData(L.Get(i)); ok {
			return L.Get(i)
		}
		return lua.LNumber(checkFloat(L, i))
	}
	best := value(1)
	for i := 2; i <= L.GetTop(); i++ {
		if v := value(i); wins(v, best) {
			best = v
		}
	}
	L.Push(best)
	return 1
}
