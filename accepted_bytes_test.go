package luabpfc_test

import "fmt"

// byteProductions are packets, bytes, casts, maps of all kinds and helpers in
// scripts of TestAccepted.
var byteProductions = []*production{
	{"move", 2, writeMove}, {"checksum", 1, writeChecksum}, {"cast packet", 3, writeCast}, {"cast struct", 2, writeCastStruct},
	{"pointer", 3, writePointer}, {"has", 1, writeHas}, {"set", 2, writeSet}, {"array value", 4, writeArrays}, {"characters", 3, writeChars},
	{"copy", 3, writeCopy}, {"grid", 2, writeGrid}, {"volatile", 1, writeVolatile}, {"inner map", 1, writeInner}, {"bloom", 1, writeBloom},
	{"lpm", 1, writeLPM}, {"stack map", 1, writeStackMap}, {"struct queue", 1, writeStructQueue}, {"load bytes", 2, writeLoadBytes},
	{"csum helper", 1, writeCsum}, {"comm", 1, writeComm}, {"print", 1, writePrint}, {"functions", 3, writeFunctions}, {"optional", 3, writeOptional},
	{"entry copy", 2, writeEntryCopy},
}

func writeMove(w *writer) {
	switch w.kind.ctx {
	case "xdp":
		w.line("if pkt:%s ~= 0 then return 1 end", w.pick("adjust_head(-8)", "adjust_head(4)", "adjust_tail(-2)", "adjust_tail(4)", "adjust_head("+w.int()+")",
			"pull(30)"))
	case "tc":
		w.line("if pkt:%s ~= 0 then return 1 end", w.pick("pull(40)", "pull(skb.len)", "adjust_head(-14)", "adjust_tail(2)"))
	default:
		writePacket(w)
	}
}

func writeChecksum(w *writer) {
	if !w.kind.packet {
		v := w.name("v")
		w.line("local %s = bpf.csum_fold(%s)", v, w.num(1))
		w.ints = append(w.ints, v)
		return
	}
	w.line("if pkt.ip then")
	w.line("  pkt.ip.%s = %s", w.pick("ttl", "tlen", "src"), w.num(1))
	w.line("  pkt.ip:checksum()")
	w.line("end")
}

func writeCast(w *writer) {
	v, p := w.name("v"), w.name("p")
	iphdr := w.r.IntN(2) == 0
	w.line("local %s = ffi.cast('%s *', pkt + %s)", p, map[bool]string{true: "struct iphdr", false: "struct rec"}[iphdr], w.pick("14", w.index(), "0"))
	w.line("local %s = 0", v)
	for range 1 + w.r.IntN(2) {
		f := w.pick("kind", "port", "neg", "hi", "tail[2]")
		if iphdr {
			f = w.pick("ttl", "daddr", "ihl", "tot_len", "version")
		}
		w.line("%s = %s + %s.%s", v, v, p, f)
		if w.kind.packet && w.r.IntN(3) == 0 {
			w.line("%s.%s = %s", p, f, w.num(1))
		}
	}
	w.ints = append(w.ints, v)
}

func writeCastStruct(w *writer) {
	if len(w.structs) == 0 {
		writeStack(w)
		return
	}
	s, v := w.structs[w.r.IntN(len(w.structs))], w.name("v")
	w.line("local %s = ffi.cast('%s *', %s)[%s]", v, w.pick("uint8_t", "uint32_t", "uint16_t", "int64_t"), s, w.index())
	w.ints = append(w.ints, v)
}

func writePointer(w *writer) {
	p, v := w.name("p"), w.name("v")
	w.line("local %s = pkt + %s", p, w.index())
	if w.r.IntN(2) == 0 {
		w.line("if %s then %s = %s + %s end", w.cond(1), p, p, w.index())
	}
	w.line("local %s = %s", v, w.pick(p+"[2]", p+":u16()", p+":u48(1)", p+"(0, 4)", p+" - pkt", p+":ip().ttl", p+"["+w.index()+"]"))
	w.ints = append(w.ints, v)
}

func writeHas(w *writer) {
	w.line("if %s then %s = %s end", w.pick("pkt:has(40)", "pkt.ip:has()", "(pkt + "+w.index()+"):has(4)", "pkt:has("+w.int()+")"), w.int(), w.num(1))
}

func writeSet(w *writer) {
	if !w.kind.packet {
		writeSlice(w)
		return
	}
	w.line("pkt:set(%s, %s)", w.pick("0", w.index()), w.pick("'abcdef'", "pkt(6, 12)", "pkt(2, 15)", "pkt("+"n0"+", n0 + 9)"))
}

func writeArrays(w *writer) {
	a, b, v := w.name("a"), w.name("b"), w.name("v")
	n := []int{3, 5, 6, 7, 9, 12}[w.r.IntN(6)] // a slice of 2, 4 or 8 bytes is a number too
	w.line("local %s = ffi.new('uint8_t [%d]', %s, 2)", a, n, w.num(1))
	w.line("local %s = ffi.new('uint8_t [%d]')", b, n)
	switch w.r.IntN(4) {
	case 0:
		w.line("%s = %s", b, a)
	case 1:
		w.line("%s = pkt(%s, %s + %d)", b, "n0", "n0", n)
	case 2:
		w.line("if %s then %s, %s = %s, %s end", w.cond(1), a, b, b, a)
	default:
		w.line("%s[1] = %s", b, w.num(1))
	}
	w.line("%s[%s] = %s", a, w.pick("0", "1", "n0"), w.num(1))
	w.line("local %s = (%s == %s) and %s[1] or %s[n0]", v, a, b, a, b)
	w.ints = append(w.ints, v)
}

func writeChars(w *writer) {
	if len(w.structs) == 0 {
		writeText(w)
		return
	}
	s, v := w.structs[w.r.IntN(len(w.structs))], w.name("v")
	switch w.r.IntN(4) {
	case 0:
		w.line("%s.name = %s", s, w.pick("'abc'", "'a longer name'", "''"))
	case 1:
		w.line("ffi.copy(%s.name, %s)", s, w.pick("'GET '", "pkt(0, 9)", "pkt(n0, n0 + 16)"))
	case 2:
		w.line("%s.name[%s] = %s", s, w.index(), w.num(1))
	}
	w.line("local %s = %s and 1 or %s.name[%s]", v, w.pick(s+".name == 'abc'", s+".name(0, 4) == 'GET '", s+".name(1, 9) == pkt(0, 8)"), s, w.index())
	w.ints = append(w.ints, v)
}

func writeCopy(w *writer) {
	b, v := w.name("b"), w.name("v")
	w.line("local %s = ffi.new('uint8_t [%d]')", b, 8+w.r.IntN(16))
	switch w.r.IntN(4) {
	case 0:
		w.line("ffi.copy(%s, pkt(%s, %s + 7))", b, "n0", "n0")
	case 1:
		w.line("ffi.copy(%s + 2, 'abcd', %s)", b, w.pick("3", w.int(), w.int()+" & 3"))
	case 2:
		w.line("ffi.fill(%s, %s, %s)", b, w.pick("5", w.int(), w.int()+" & 7"), w.num(1))
	default:
		if len(w.structs) > 0 {
			w.line("ffi.copy(%s, %s, %s)", b, w.structs[w.r.IntN(len(w.structs))], w.pick("4", w.int()))
		}
	}
	w.line("local %s = %s[%s]", v, b, w.index())
	w.ints = append(w.ints, v)
}

func writeGrid(w *writer) {
	g, v := w.name("g"), w.name("v")
	if w.r.IntN(2) == 0 {
		w.line("local %s = ffi.new('uint16_t [3][4]')", g)
	} else {
		w.line("local %s = grids[%s]", g, w.pick("1", w.int()))
	}
	w.line("%s[%s][%s] = %s", g, w.pick("1", w.int()), w.pick("2", w.int()+" & 3"), w.num(1))
	w.line("local %s = %s[%s][%s] + 0", v, g, w.pick("0", w.int()), w.pick("3", w.int()))
	w.ints = append(w.ints, v)
}

func writeVolatile(w *writer) {
	if w.r.IntN(2) == 0 {
		w.line("bpf.volatile(a64[%s], %s)", w.pick("0", "n0"), w.num(1))
		return
	}
	v := w.name("v")
	w.line("local %s = bpf.volatile(a64[%s])", v, w.pick("0", "3"))
	w.ints = append(w.ints, v)
}

func writeInner(w *writer) {
	v := w.name("v")
	w.line("local %s = %s[%s]", v, w.pick("outer", "byhash"), w.pick("2", w.int()))
	w.line("if %s then", v)
	switch w.r.IntN(3) {
	case 0:
		w.line("  %s[%s] = %s", v, w.num(1), w.num(1))
	case 1:
		w.line("  xadd(%s[%s], 1)", v, w.int())
	default:
		w.line("  %s = %s[%s]", w.int(), v, w.pick("1", w.int()))
	}
	w.line("end")
}

func writeBloom(w *writer) {
	if w.before(5, 16) {
		writeStackMap(w)
		return
	}
	if w.r.IntN(2) == 0 {
		w.line("bloom:push(%s)", w.num(1))
		return
	}
	w.line("if bloom:peek(%s) then %s = %s end", w.num(1), w.int(), w.num(1))
}

func writeLPM(w *writer) {
	v := w.name("v")
	w.line("local %s = lpm[{ len = %s, addr = %s }] or 7", v, w.pick("32", w.int()), w.num(1))
	w.ints = append(w.ints, v)
}

func writeStackMap(w *writer) {
	if w.r.IntN(2) == 0 {
		w.line("table.insert(st, %s)", w.num(1))
		return
	}
	v := w.name("v")
	w.line("local %s = st:%s() or %s", v, w.pick("pop", "peek"), w.leaf())
	w.ints = append(w.ints, v)
}

func writeStructQueue(w *writer) {
	if w.r.IntN(2) == 0 {
		w.line("qs:push({ a = %s, b = %s })", w.num(1), w.num(1))
		return
	}
	e, v := w.name("e"), w.name("v")
	w.line("local %s = qs:pop()", e)
	w.line("local %s = %s and %s.b + %s.c or %s", v, e, e, e, w.leaf())
	w.ints = append(w.ints, v)
}

func writeLoadBytes(w *writer) {
	b, v := w.name("b"), w.name("v")
	how := "skb_load_bytes"
	if w.kind.ctx == "xdp" && w.before(5, 18) {
		writePacket(w)
		return
	} else if w.kind.ctx == "xdp" {
		how = "xdp_load_bytes"
	}
	w.line("local %s = ffi.new('uint8_t [%d]')", b, 1+w.r.IntN(12))
	w.line("local %s = bpf.helper.%s(%s, %s)", v, how, w.pick("0", "14", w.int()), b)
	w.line("if %s == 0 then %s = %s[0] end", v, v, b)
	w.ints = append(w.ints, v)
}

func writeCsum(w *writer) {
	if !w.kind.packet {
		writeChecksum(w)
		return
	}
	b, v := w.name("b"), w.name("v")
	w.line("local %s = ffi.new('uint32_t [2]', %s, %s)", b, w.num(1), w.num(1))
	w.line("local %s = bpf.helper.csum_diff(nil, %s, %s)", v, b, w.pick("0", w.int()))
	w.ints = append(w.ints, v)
}

func writeComm(w *writer) {
	v := w.name("v")
	if w.kind.ctx != "cgroup" { // which needs 6.16
		writeHas(w)
		return
	}
	w.line("local %s = comm() == '%s' and 1 or %s", v, w.pick("bash", "x"), w.leaf())
	w.ints = append(w.ints, v)
}

func writePrint(w *writer) { w.line("print('%%d %%s', %s, '%s')", w.int(), w.pick("a", "text")) }

func writeFunctions(w *writer) {
	v := w.name("v")
	a, b := w.num(1), w.num(1)
	w.line("local %s = %s", v, w.pick(
		fmt.Sprintf("math.min(%s, %s)", a, b), fmt.Sprintf("math.max(%s, %s, 5)", a, b), fmt.Sprintf("math.abs(%s)", a), fmt.Sprintf("math.log2(%s)", a),
		fmt.Sprintf("bit.rol(%s, %s)", a, b), fmt.Sprintf("bit.arshift(%s, %s)", a, b), fmt.Sprintf("bit.bswap(%s)", a), fmt.Sprintf("bit.band(%s, %s, 255)", a, b),
		fmt.Sprintf("hton32(%s)", a), fmt.Sprintf("bpf.clamp(%s, 1, 100)", a), fmt.Sprintf("bpf.u64(%s) / %s", a, b), fmt.Sprintf("%s %% (%s | 1)", a, b),
		fmt.Sprintf("(bpf.u64(%s) > %s) and 1 or 2", a, b), fmt.Sprintf("ffi.cast('int16_t', %s)", a)))
	w.ints = append(w.ints, v)
}

// writeOptional writes variables that are nil on some paths.
func writeOptional(w *writer) {
	o, v := w.name("o"), w.name("v")
	w.line("local %s = %s", o, w.pick("nil", "h64["+w.int()+"]", w.int()))
	w.line("if %s then %s = %s end", w.cond(1), o, w.pick("nil", w.num(1), "h64["+w.int()+"]"))
	if w.loops == 0 && !w.before(5, 13) && w.r.IntN(3) == 0 {
		w.line("for i = 1, n0 & 7 do if i == 3 then %s = %s end end", o, w.pick("nil", "i"))
	}
	w.line("local %s = %s", v, w.pick(o+" or 3", o+" + 1", "("+o+" == nil) and 1 or 2", "("+o+" == "+w.int()+") and 1 or 2"))
	w.ints = append(w.ints, v)
}

func writeEntryCopy(w *writer) {
	s := w.name("s")
	switch w.r.IntN(3) {
	case 0:
		w.line("local %s = ffi.new('struct s', as[%s])", s, w.pick("1", "3"))
	case 1:
		w.line("local %s = ffi.new('struct s')", s)
		w.line("ffi.copy(%s, as[2])", s)
	default:
		w.line("local %s = ffi.new('struct s')", s)
		w.line("if %s then %s.d = 5 end", w.cond(1), s)
		w.line("as[%s] = %s", w.pick("1", w.int()), s)
	}
	w.structs = append(w.structs, s)
}
