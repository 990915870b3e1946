package luabpfc_test

import (
	"fmt"
	"slices"
)

// productions are what scripts of TestAccepted consist of.
var productions = slices.Concat(basicProductions, flowProductions, byteProductions)

var basicProductions = []*production{
	{"local", 8, writeLocal}, {"assign", 8, writeAssign}, {"if", 8, writeIf}, {"for", 5, writeFor}, {"while", 2, writeWhile},
	{"map", 6, writeMap}, {"struct entry", 9, writeEntry}, {"struct value", 4, writeValue}, {"struct key", 5, writeKey},
	{"stack struct", 7, writeStack}, {"buffer", 5, writeBuffer}, {"text", 3, writeText}, {"ring buffer", 4, writeRing}, {"perf", 2, writePerf},
	{"atomic", 4, writeAtomic}, {"global", 4, writeGlobal}, {"packet", 6, writePacket}, {"packet write", 4, writePacketStore},
	{"context write", 2, writeContext}, {"function", 3, writeCall}, {"pcall", 2, writePcall}, {"map methods", 4, writeMethods},
	{"each", 1, writeEach}, {"queue", 2, writeQueue}, {"helper", 2, writeHelper}, {"header", 4, writeHeader}, {"slice", 3, writeSlice},
	{"close", 1, writeClose}, {"noinline", 2, writeNoinline},
}

func writeLocal(w *writer) {
	v := w.name("v")
	w.line("local %s = %s", v, w.num(3))
	w.ints = append(w.ints, v)
}

func writeAssign(w *writer) {
	if len(w.structs) > 0 && w.r.IntN(2) == 0 {
		w.line("%s = %s", w.member(), w.num(2))
		return
	}
	w.line("%s = %s", w.ints[w.r.IntN(len(w.ints))], w.num(3))
}

func writeIf(w *writer) {
	w.line("if %s then", w.cond(2))
	w.body()
	if w.r.IntN(2) == 0 {
		w.line("else")
		w.body()
	}
	w.line("end")
}

// tooDeep reports whether one more loop could nest too deeply to be called.
func (w *writer) tooDeep() bool { return w.loops >= 2 || w.straight }

func writeFor(w *writer) {
	if w.tooDeep() {
		writeAssign(w)
		return
	}
	w.loops++
	defer func() { w.loops-- }()
	i, how := w.name("i"), w.r.IntN(4)
	if w.before(5, 13) {
		how = 0
	}
	switch how {
	case 0:
		w.line("for %s = 0, %d do", i, w.r.IntN(12))
	case 1:
		w.line("for %s = 1, %s & %d do", i, w.leaf(), w.r.IntN(40))
	case 2:
		w.line("for %s = %s, %s, %s do", i, w.leaf(), w.leaf(), w.pick("1", "2", "-3"))
	default:
		w.line("for %s = 0, %s do", i, map[bool]string{true: "n0 & 63", false: "#pkt - 1"}[w.fixed])
	}
	w.ints = append(w.ints, i)
	at := len(w.ints)
	w.body()
	if w.r.IntN(3) == 0 {
		w.line("  if %s then break end", w.cond(1))
	}
	w.line("end")
	w.ints = w.ints[:at-1]
}

func writeWhile(w *writer) {
	w.loop(func() {
		v := w.name("w")
		w.line("local %s = %s", v, w.leaf())
		w.ints = append(w.ints, v)
		w.line("while %s ~= 0 do", v)
		w.body()
		w.line("  %s = %s %s", v, v, w.pick("/ 3", ">> 5", "& 7 >> 1"))
		w.line("end")
	})
}

func writeMap(w *writer) {
	m := w.pick("h64", "a64", "a8")
	switch w.r.IntN(4) {
	case 0:
		w.line("%s[%s] = %s", m, w.num(1), w.num(2))
	case 1:
		w.line("xadd(%s[%s], %s)", w.pick("h64", "a64"), w.num(1), w.num(1))
	case 2:
		w.line("h64[%s] = nil", w.num(1))
	default:
		v := w.name("m")
		w.line("local %s = %s[%s]", v, m, w.num(1))
		w.line("if %s then %s[%s] = %s + 1 end", v, m, w.num(1), v)
	}
}

// structs writes a use of a struct behind a variable.
func (w *writer) uses(ref string) {
	w.structs = append(w.structs, ref)
	w.body()
	w.structs = w.structs[:len(w.structs)-1]
}

func writeEntry(w *writer) {
	r, m := w.name("r"), w.pick("hs", "as", "ps")
	key := w.num(1)
	if w.r.IntN(5) == 0 {
		w.line("%s = %s", w.of(fmt.Sprintf("%s[%s]", m, key)), w.num(1))
		return
	}
	w.line("local %s = %s[%s]", r, m, key)
	if w.r.IntN(4) == 0 { // through what may be nil
		w.line("do")
	} else {
		w.line("if %s then", r)
	}
	saved := w.left
	w.left = min(w.left, 0) // nothing but assignments: another lookup may end the entry's time
	w.uses(r)
	w.left = saved
	w.line("end")
}

func (w *writer) literal() string {
	return fmt.Sprintf("{ a = %s, d = %s, c = %s }", w.num(1), w.num(2), w.num(1))
}

func writeValue(w *writer) {
	w.line("%s[%s] = %s", w.pick("hs", "as", "ps"), w.num(1), w.literal())
}

func writeKey(w *writer) {
	key := fmt.Sprintf("{ a = %s, b = %s }", w.num(1), w.num(1))
	switch w.r.IntN(5) {
	case 0:
		w.line("hk[%s] = %s", key, w.num(2))
	case 1:
		w.line("xadd(hk[%s], %s)", key, w.num(1))
	case 2:
		k, v := w.name("k"), w.name("v")
		w.line("local %s = ffi.new('struct k')", k)
		w.line("%s.%s = %s", k, w.pick("a", "b", "c"), w.num(1))
		w.line("local %s = hk[%s] or 0", v, k)
		w.ints = append(w.ints, v)
	case 3:
		w.line("lk[%s] = %s", key, w.literal())
	default:
		w.line("hk[%s] = nil", key)
	}
}

func writeStack(w *writer) {
	s := w.name("s")
	switch w.r.IntN(3) {
	case 0:
		w.line("local %s = ffi.new('struct s')", s)
	case 1:
		w.line("local %s = ffi.new('struct s', %s)", s, w.literal())
	default:
		w.line("local %s = ffi.new('struct s', { d = %s })", s, w.num(1))
	}
	w.structs = append(w.structs, s)
	for range 1 + w.r.IntN(3) {
		w.line("%s = %s", w.of(s), w.num(2))
	}
	switch w.r.IntN(4) {
	case 0:
		w.line("hs[%s] = %s", w.num(1), s)
	case 1:
		w.line("ffi.fill(%s, %s)", s, w.pick("ffi.sizeof('struct s')", "4", "n0 & 31"))
	}
}

func writeBuffer(w *writer) {
	b, v := w.name("b"), w.name("v")
	n := 4 + w.r.IntN(60)
	w.line("local %s = ffi.new('%s [%d]')", b, w.pick("uint8_t", "int16_t", "uint32_t", "uint64_t"), n/4)
	for range 1 + w.r.IntN(3) {
		w.line("%s[%s] = %s", b, w.index(), w.num(1))
	}
	w.line("local %s = %s[%s]", v, b, w.index())
	w.ints = append(w.ints, v)
}

func writeText(w *writer) {
	b, v := w.name("b"), w.name("v")
	w.line("local %s = ffi.new('char [%d]'%s)", b, 8+8*w.r.IntN(3), w.pick("", ", 'abc'"))
	if w.r.IntN(2) == 0 {
		w.line("%s[%s] = %s", b, w.index(), w.num(1))
	}
	w.line("local %s = %s == '%s' and 1 or 0", v, b, w.pick("abc", "GET /ind", "x", ""))
	w.ints = append(w.ints, v)
}

func writeRing(w *writer) {
	if w.r.IntN(3) == 0 {
		w.line("rb:output(%s)", w.literal())
		return
	}
	e := w.name("e")
	w.line("local %s = rb:reserve()", e)
	w.line("if %s then", e)
	saved := w.left
	w.left = min(w.left, 0)
	w.uses(e)
	w.left = saved
	switch w.r.IntN(3) {
	case 0:
		w.line("  %s:discard()", e)
	case 1:
		w.line("  if %s then %s:submit() else %s:discard() end", w.cond(1), e, e)
	default:
		w.line("  %s:submit()", e)
	}
	w.line("end")
}

func writePerf(w *writer) { w.line("perf_submit(pe, ffi.new('struct s', %s))", w.literal()) }

func writeAtomic(w *writer) {
	v := w.name("v")
	place := w.pick("hs[n0].d", "as[n0 & 3].d", "h64[n0]", "a64[n0 & 7]")
	how := w.r.IntN(3)
	if w.opts.CPU < 3 || w.before(5, 12) {
		how = 2
	}
	switch how {
	case 0:
		w.line("local %s = bpf.atomic.%s(%s, %s)", v, w.pick("add", "and_", "or_", "xor", "xchg"), place, w.num(1))
	case 1:
		w.line("local %s = bpf.atomic.cmpxchg(%s, %s, %s)", v, place, w.num(1), w.num(1))
	default:
		w.line("xadd(%s, %s)", place, w.num(1))
		return
	}
	w.ints = append(w.ints, v)
}

func writeGlobal(w *writer) {
	switch w.r.IntN(6) {
	case 0:
		w.line("g64[0] = g64[0] + %s", w.num(1))
	case 1:
		w.line("%s = %s", w.of("gs"), w.num(2))
	case 2:
		w.line("xadd(%s, %s)", w.pick("g64[0]", "gs.d"), w.num(1))
	case 3:
		w.line("rb:output(gs)")
	case 4:
		w.line("hs[n0] = gs")
	default:
		v := w.name("v")
		w.line("local %s = %s", v, w.of("gs"))
		w.ints = append(w.ints, v)
	}
}

func writePacket(w *writer) {
	v := w.name("v")
	at := w.index()
	w.line("local %s = %s", v, w.pick("pkt[14]", "pkt["+at+"]", "pkt(2, 6)", w.pick("pkt(2, 8) == 'abcdef' and 1 or 2", "pkt("+at+" + 1, "+at+" + 5)"),
		"(pkt + "+at+")[3]", "pkt:u16("+at+")", "pkt:u32(20)"))
	w.ints = append(w.ints, v)
}

func writePacketStore(w *writer) {
	if !w.kind.packet {
		writePacket(w)
		return
	}
	at := w.index()
	switch w.r.IntN(6) {
	case 0:
		w.line("pkt[%s] = %s", at, w.num(1))
	case 1:
		w.line("pkt:%s(%s, %s)", w.pick("u8", "u16", "u32", "u64"), at, w.num(1))
	case 2:
		w.line("pkt.dst, pkt.src = pkt.src, pkt.dst")
	case 3:
		w.line("if pkt.ip then pkt.ip.ttl = pkt.ip.ttl - 1 end")
	case 4:
		w.line("if pkt.ip and pkt.ip.tcp then pkt.ip.tcp.%s = %s end", w.pick("dst_port", "rcv_wnd", "seq_num"), w.num(1))
	default:
		w.line("if pkt.ip then pkt.ip:replace('%s', %s) end", w.pick("src", "dst", "ttl"), w.num(1))
	}
}

func writeContext(w *writer) {
	if len(w.kind.writable) == 0 {
		writeAssign(w)
		return
	}
	w.line("ctx.%s = %s", w.kind.writable[w.r.IntN(len(w.kind.writable))], w.num(2))
}

func writeCall(w *writer) {
	v := w.name("v")
	if len(w.structs) > 0 && w.r.IntN(2) == 0 {
		w.line("local %s = touch(%s, %s)", v, w.structs[w.r.IntN(len(w.structs))], w.num(1))
	} else {
		w.line("local %s = big(%s, n0)", v, w.num(2))
	}
	w.ints = append(w.ints, v)
}

func writeNoinline(w *writer) {
	v := w.name("v")
	w.line("local %s = bpf.noinline(big)(%s, n0)", v, w.num(2))
	w.ints = append(w.ints, v)
}

func writePcall(w *writer) {
	ok, v := w.name("ok"), w.name("v")
	w.line("local %s, %s = pcall(function() return pkt[%s] + %s end)", ok, v, w.index(), w.num(1))
	w.line("if not %s then %s = 9 end", ok, w.ints[w.r.IntN(len(w.ints))])
}

func writeMethods(w *writer) {
	switch w.r.IntN(4) {
	case 0:
		w.line("h64:add(%s, %s)", w.num(1), w.num(1))
	case 1:
		w.line("h64:update(%s, %s, %s)", w.num(1), w.num(1), w.pick("0", "BPF_NOEXIST", "BPF_EXIST"))
	case 2:
		r := w.name("r")
		w.line("local %s = hs:init(%s)", r, w.num(1))
		w.line("if %s then %s = %s end", r, w.of(r), w.ints[0])
	default:
		w.line("hs:add(%s, %s, 'd')", w.num(1), w.num(1))
	}
}

func writeEach(w *writer) {
	if w.tooDeep() {
		writeAssign(w)
		return
	}
	k, v := w.name("k"), w.name("v")
	w.line("for %s, %s in %s:each() do", k, v, w.pick("h64", "a64"))
	w.line("  %s = %s + 1", w.ints[0], w.ints[0])
	w.line("end")
}

func writeQueue(w *writer) {
	if w.r.IntN(2) == 0 {
		w.line("q:push(%s)", w.num(1))
		return
	}
	v := w.name("v")
	w.line("local %s = q:%s() or 0", v, w.pick("pop", "peek"))
	w.ints = append(w.ints, v)
}

func writeHelper(w *writer) {
	v := w.name("v")
	w.line("local %s = bpf.helper.%s()", v, w.pick("ktime_get_ns", "get_smp_processor_id", "get_prandom_u32", "jiffies64", "get_numa_node_id"))
	w.ints = append(w.ints, v)
}

func writeHeader(w *writer) {
	v := w.name("v")
	read := w.pick("pkt.ip.tcp and pkt.ip.tcp.dst_port", "pkt.ip.udp and pkt.ip.udp.length", "pkt.ip6 and pkt.ip6.hop_limit", "pkt.ip6.tcp and pkt.ip6.tcp.seq_num",
		"pkt.ip and pkt.ip.src", "pkt.ip.tcp and pkt.ip.tcp.data[2]", "pkt.ip.icmp and pkt.ip.icmp.type")
	if !w.kind.ip && w.r.IntN(3) == 0 {
		read = w.pick("pkt.dot1q and pkt.dot1q.vlanid", "pkt.l3 and pkt.l3.ttl", "pkt.arp and pkt.arp.oper", "pkt.dot1q.ip.udp and pkt.dot1q.ip.udp.dst_port")
	}
	w.line("local %s = %s or %s", v, read, w.leaf())
	w.ints = append(w.ints, v)
}

func writeSlice(w *writer) {
	v := w.name("v")
	w.line("local %s = %s and 1 or 0", v, w.pick("pkt(0, 6) == 'abcdef'", "pkt(n0, n0 + 3) == 'GET'", "pkt(0, 6) == pkt(6, 12)", "pkt(0, 12) == 'abcdefabcdef'"))
	w.ints = append(w.ints, v)
}

func writeClose(w *writer) {
	e := w.name("e")
	w.line("do")
	w.line("  local %s <close> = rb:reserve()", e)
	w.line("  if %s then", e)
	saved := w.left
	w.left = min(w.left, 0)
	w.indent++
	w.uses(e)
	w.indent--
	w.left = saved
	w.line("    if %s then %s:submit() end", w.cond(1), e)
	w.line("  end")
	w.line("end")
}
