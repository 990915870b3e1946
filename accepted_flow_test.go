package luabpfc_test

import (
	"fmt"
	"strings"
)

// flowProductions are control flow and functions in scripts of TestAccepted.
var flowProductions = []*production{
	{"repeat", 2, writeRepeat}, {"goto forward", 2, writeSkip}, {"goto next", 2, writeNext}, {"goto back", 2, writeAgain},
	{"closure", 3, writeClosure}, {"varargs", 2, writeVarargs}, {"results", 2, writeResults}, {"object", 2, writeObject},
	{"record", 3, writeRecord}, {"metatable", 1, writeMeta}, {"error", 2, writeError}, {"early return", 2, writeReturn},
	{"tail call", 1, writeTailCall}, {"subprogram of structs", 2, writeSub}, {"close function", 1, writeCloser}, {"pairs", 2, writePairs},
	{"assign several", 2, writeSwap},
}

func (w *writer) int() string { return w.ints[w.r.IntN(len(w.ints))] }

// loop writes a loop around what write writes, unless it would nest too deeply
// or the target has none that nothing bounds.
func (w *writer) loop(write func()) {
	if w.tooDeep() || w.before(5, 13) {
		writeAssign(w)
		return
	}
	w.loops++
	write()
	w.loops--
}

func writeRepeat(w *writer) {
	w.loop(func() {
		v := w.name("w")
		w.line("local %s = %s", v, w.leaf())
		w.ints = append(w.ints, v)
		w.line("repeat")
		w.body()
		w.line("  %s = %s %s", v, v, w.pick("/ 7", ">> 9", "& 3 >> 1"))
		w.line("until %s", w.pick(v+" == 0", v+" < 2", w.cond(1)))
	})
}

func writeSkip(w *writer) {
	l := w.name("skip")
	w.line("do")
	w.line("  if %s then goto %s end", w.cond(2), l)
	w.body()
	w.line("  ::%s::", l)
	w.line("end")
}

func writeNext(w *writer) {
	w.loop(func() {
		i, l := w.name("i"), w.name("next")
		w.line("for %s = %d, %s do", i, w.r.IntN(3), w.pick("6", "n0 & 15", w.int()))
		w.ints = append(w.ints, i)
		at := len(w.ints)
		w.line("  if %s then goto %s end", w.cond(1), l)
		w.body()
		w.line("  if %s then %s end", w.cond(1), w.pick("break", "goto "+l))
		w.line("  ::%s::", l)
		w.line("end")
		w.ints = w.ints[:at-1]
	})
}

func writeAgain(w *writer) {
	w.loop(func() {
		c, l := w.name("c"), w.name("again")
		w.line("do")
		w.line("  local %s = %s & %d", c, w.leaf(), 1<<w.r.IntN(5)-1)
		if w.r.IntN(4) == 0 { // into the middle
			w.line("  if %s then goto in_%s end", w.cond(1), l)
			w.line("  ::%s::", l)
			w.line("  %s = %s - 1", c, c)
			w.line("  ::in_%s::", l)
			w.line("  do")
			w.body()
			w.line("  end")
		} else {
			w.line("  ::%s::", l)
			w.body()
			w.line("  %s = %s - 1", c, c)
		}
		w.line("  if %s > 0 then goto %s end", c, l)
		w.line("end")
	})
}

func writeClosure(w *writer) {
	f, v := w.name("f"), w.name("v")
	if w.r.IntN(2) == 0 {
		w.line("local function %s(x)", f)
	} else {
		w.line("local %s = bpf.%s(function(x)", f, w.pick("inline", "noinline"))
		f += ")"
	}
	name := strings.TrimSuffix(f, ")")
	ints := len(w.ints)
	w.ints = append(w.ints, "x")
	w.indent++
	if name == f { // bpf.noinline has copies of the variables around it
		w.line("%s = %s", w.ints[w.r.IntN(ints)], w.num(1))
	}
	w.line("if %s then return %s end", w.cond(1), w.num(1))
	w.line("return %s", w.num(2))
	w.indent--
	w.line("end%s", f[len(name):])
	w.ints = w.ints[:ints]
	w.line("local %s = %s(%s) + %s(%s)", v, name, w.num(1), name, w.leaf())
	w.ints = append(w.ints, v)
}

func writeVarargs(w *writer) {
	f, v := w.name("f"), w.name("v")
	w.line("local function %s(...)", f)
	w.line("  local t = select('#', ...)")
	w.line("  for i = 1, select('#', ...) do t = t %s (select(i, ...)) end", w.pick("+", "*", "~"))
	w.line("  return t, ...")
	w.line("end")
	w.line("local %s, %sx = %s(%s)", v, v, f, strings.Join([]string{w.num(1), w.num(1), w.leaf()}[:1+w.r.IntN(3)], ", "))
	w.ints = append(w.ints, v, v+"x")
}

func writeResults(w *writer) {
	f, v := w.name("f"), w.name("v")
	w.line("local function %s(a, b)", f)
	ints := len(w.ints)
	w.ints = append(w.ints, "a", "b")
	w.line("  if %s then return a, %s end", w.cond(1), w.num(1))
	w.line("  return %s, b", w.num(1))
	w.line("end")
	w.ints = w.ints[:ints]
	w.line("local %s, %sx = %s(%s, %s)", v, v, f, w.num(1), w.num(1))
	w.ints = append(w.ints, v, v+"x")
}

func writeObject(w *writer) {
	o, v := w.name("o"), w.name("v")
	w.line("local %s = { n = %s, add = function(self, x) self.n = self.n + x return self.n end }", o, w.num(1))
	w.line("%s:add(%s)", o, w.num(1))
	w.line("if %s then %s.n = %s end", w.cond(1), o, w.num(1))
	w.line("local %s = %s:add(%s)", v, o, w.num(1))
	w.ints = append(w.ints, v)
}

func writeRecord(w *writer) {
	r := w.name("r")
	w.line("local %s = { a = %s, b = %s }", r, w.num(1), w.num(1))
	ints := len(w.ints)
	w.ints = append(w.ints, r+".a", r+".b")
	if w.r.IntN(2) == 0 {
		w.line("if %s then %s = { a = %s, b = %s } end", w.cond(1), r, w.num(1), w.num(1))
	}
	if w.loops == 0 && !w.before(5, 13) && w.r.IntN(2) == 0 {
		w.line("for i = 1, %s do %s.a = %s.a + i end", w.pick("4", "n0 & 15"), r, r)
	}
	v := w.name("v")
	w.line("local %s = %s.a - %s.b", v, r, r)
	w.ints = append(w.ints[:ints], v)
}

func writeMeta(w *writer) {
	c, v := w.name("C"), w.name("v")
	w.line("local %s = { twice = function(self) return self.x * 2 end }", c)
	w.line("%s.__index = %s", c, c)
	w.line("local %s = setmetatable({ x = %s }, %s):twice()", v, w.num(1), c)
	w.ints = append(w.ints, v)
}

func writeError(w *writer) {
	ok, v := w.name("ok"), w.name("v")
	arg := w.int()
	w.line("local %s, %s = pcall(function(x)", ok, v)
	ints := len(w.ints)
	w.ints = append(w.ints, "x")
	w.body()
	w.line("  if %s then error(%s) end", w.cond(1), w.pick("'odd'", "x"))
	w.line("  if %s then error('even') end", w.cond(1))
	w.line("  return %s", w.num(1))
	w.line("end, %s)", arg)
	w.ints = w.ints[:ints]
	w.line("if not %s then %s = %s end", ok, v, w.pick("1", v+" == 'odd' and 2 or 3", v+" == 'packet too short' and 4 or 5"))
	w.ints = append(w.ints, v)
}

func writeReturn(w *writer) { w.line("if %s then return %s & 1 end", w.cond(2), w.num(1)) }

func writeTailCall(w *writer) {
	if w.loops > 0 || w.depth > 2 {
		writeAssign(w)
		return
	}
	i := w.pick("1", "0", w.int(), w.int()+" & 3")
	if w.r.IntN(3) == 0 {
		w.line("if %s then return progs[%s](ctx) end", w.cond(1), i)
		return
	}
	w.line("if %s then bpf.tail_call(progs, %s) end", w.cond(1), i)
}

func writeSub(w *writer) {
	v := w.name("v")
	w.line("local %s = bpf.noinline(function(r, y) if r.a > y then return pkt[%s] end return r.a + r.b end)({ a = %s, b = %s }, %s)",
		v, w.pick("3", "r.b & 15"), w.num(1), w.num(1), w.int())
	w.ints = append(w.ints, v)
}

func writeCloser(w *writer) {
	w.line("do")
	w.line("  local c <close> = setmetatable({}, { __close = function(_, err) %s = %s + 1 end })", w.ints[0], w.ints[0])
	w.body()
	w.line("end")
}

func writePairs(w *writer) {
	v := w.name("v")
	w.line("local %s = 0", v)
	if w.r.IntN(2) == 0 {
		w.line("for k, x in ipairs(T) do if %s == k then %s = x end end", w.int(), v)
	} else {
		w.line("for k, x in pairs({ a = %s, b = %s }) do %s = %s %s x end", w.num(1), w.leaf(), v, v, w.pick("+", "~", "*"))
	}
	w.ints = append(w.ints, v)
}

func writeSwap(w *writer) {
	a, b := w.int(), w.int()
	if a == b || strings.Contains(a+b, ".") {
		writeAssign(w)
		return
	}
	w.line("%s, %s = %s, %s", a, b, w.pick(b, w.num(1)), w.pick(a, w.num(1)))
}

// progs is the declaration of programs to tail-call.
func (w *writer) progs() string {
	return fmt.Sprintf("local progs = bpf.map('prog_array', 4)\nprogs[1] = %s return 1 end, { name = 'one' })\n", w.kind.open)
}
