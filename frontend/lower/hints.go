package lower

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What a message proposes beside what it says: the words of other languages and
// of C's headers with the ones of this language, and what the kernel stage has
// for functions that only the script stage or user space has.

// foreignNames are words that people bring along, with what they mean here.
var foreignNames = map[string]string{
	"null": "nil", "NULL": "nil", "None": "nil", "nullptr": "nil", "undefined": "nil",
	"True": "true", "TRUE": "true", "False": "false", "FALSE": "false",
	"printf": "print", "printk": "print", "bpf_printk": "print", "bpf_trace_printk": "print",
	"ktime": "time", "now": "time", "packet": "pkt", "self": "ctx", "this": "ctx", "context": "ctx", "xdp": "ctx",
	"switch": "if ... elseif", "try": "pcall", "throw": "error", "len": "#",
	"bpf_ntohs": "ntoh16", "bpf_ntohl": "ntoh32", "bpf_htons": "hton16", "bpf_htonl": "hton32",
	"ntohs": "ntoh16", "ntohl": "ntoh32", "htons": "hton16", "htonl": "hton32",
	"bpf_map_lookup_elem": "m[k]", "bpf_map_update_elem": "m[k] = v", "bpf_map_delete_elem": "m[k] = nil",
	"bpf_get_current_comm": "comm", "bpf_get_current_pid_tgid": "pid_tgid", "bpf_get_prandom_u32": "rand",
	"bpf_ktime_get_ns": "time", "bpf_get_smp_processor_id": "cpu",
}

// kernelInstead says what the kernel stage has for a library function that
// works in the script stage or user space only.
var kernelInstead = map[string]string{
	"os.time": "the time is time(), in nanoseconds", "os.clock": "the time is time(), in nanoseconds", "os.date": "the time is time(), in nanoseconds",
	"io.write": "print writes to the kernel's trace log", "io.stdout": "print writes to the kernel's trace log", "io.stderr": "print writes to the kernel's trace log",
	"math.random": "a random number is rand()", "math.randomseed": "a random number is rand()",
	"math.floor": "the kernel's numbers are integers: x // y divides and rounds down", "math.ceil": "the kernel's numbers are integers: (x + y - 1) // y divides and rounds up",
	"math.fmod": "the remainder is x % y", "math.pow": "the kernel multiplies integers only",
	"string.format": "print formats numbers and strings itself", "tostring": "print formats numbers and strings itself",
	"string.len": "the length of a buffer is #buf", "string.sub": "a part of a buffer is buf(i, j), the bytes i to j-1",
	"string.find":  "compare a part of the buffer: buf(i, i + 4) == 'GET '",
	"table.concat": "print takes several values", "next": "go through a table by pairs, through a map by m:each()",
	"table.remove": "use a map of type 'queue' or 'stack'", "table.sort": "sort tables in the script, before the program is declared",
	"os.exit": "'return' ends the program",
}

// mapWords are names that other languages give what Lua writes otherwise.
var mapWords = map[string]string{
	"lookup": "m[k]", "get": "m[k]", "find": "m[k]", "read": "m[k]", "contains": "m[k] ~= nil", "has": "m[k] ~= nil",
	"delete": "m[k] = nil", "remove": "m[k] = nil", "erase": "m[k] = nil", "del": "m[k] = nil",
	"set": "m[k] = v", "put": "m[k] = v", "insert": "m[k] = v", "write": "m[k] = v",
	"increment": "m:add(k, 1)", "incr": "m:add(k, 1)", "inc": "m:add(k, 1)",
	"len": "#m", "size": "#m", "iter": "for k, v in m:each() do", "items": "for k, v in m:each() do", "ipairs": "for k, v in m:each() do",
	"enqueue": "m:push(v)", "dequeue": "m:pop()", "top": "m:peek()", "send": "m:output(v)", "submit": "m:output(v)", "perf_submit": "m:output(v)",
}

// headerWords are the names that C's headers give packet headers and their
// fields.
var headerWords = map[string]string{
	"dport": "dst_port", "sport": "src_port", "dest": "dst", "source": "src", "dest_port": "dst_port", "source_port": "src_port",
	"destination": "dst", "daddr": "dst", "saddr": "src", "h_dest": "dst", "h_source": "src", "h_proto": "type", "ethertype": "type",
	"protocol": "proto", "nexthdr": "next_header", "hop_limt": "hop_limit", "version": "ver", "ihl": "hlen", "tot_len": "tlen", "length": "tlen",
	"id": "identification", "check": "hchecksum", "checksum": "hchecksum", "frag_off": "frag", "ipv4": "ip", "ip4": "ip", "ipv6": "ip6", "vlan": "dot1q",
	"seq": "seq_num", "ack_seq": "ack_num", "ack": "flag_ack", "syn": "flag_syn", "fin": "flag_fin", "rst": "flag_rst", "psh": "flag_psh", "urg": "flag_urg",
	"window": "rcv_wnd", "doff": "offset", "flags": "flag_syn", "len": "length", "vni": "key", "payload": "data", "icmpv6": "icmp6", "mac": "src",
}

// undefined reports a name that has no value.
func (lw *lowerer) undefined(n *syntax.Name) Value {
	if lw.unmade[n.Name] {
		return Bad{} // reported where it was assigned to
	}
	return lw.errorf(n, diag.UndefinedName, "undefined name '%s'%s", n.Name, lw.nameMeant(n))
}

// nameMeant proposes what an unknown name was probably meant to be.
func (lw *lowerer) nameMeant(n *syntax.Name) string {
	name := n.Name
	if s, ok := foreignNames[name]; ok {
		return " (did you mean '" + s + "'?)"
	}
	if kernel.HelperByName(strings.TrimPrefix(name, "bpf_")) != nil {
		return "; the kernel's helper is called as bpf.helper." + strings.TrimPrefix(name, "bpf_")
	}
	near := lw.stage.GlobalNames()
	near = append(near, kernelGlobalNames...)
	near = append(near, lw.stage.LocalNames(lw.file, n.Start)...)
	if slices.Contains(lw.stage.BPFNames(), name) {
		return " (did you mean 'bpf." + name + "'?)"
	}
	return diag.DidYouMean(name, near)
}

// notAFunction reports a call of what is none.
func (lw *lowerer) notAFunction(e *syntax.Call, fn Value) Value {
	name, hint := exprName(e.Fn), ""
	if name == "" {
		name = "this"
	} else {
		name = "'" + name + "'"
	}
	if x, ok := e.Fn.(*syntax.Index); ok && x.Dot {
		switch {
		case isNil(fn):
			hint = lw.stage.LibraryMeant(x)
		case len(e.Args) == 0:
			hint = "; write it without '()'"
		}
	}
	return lw.errorf(e.Fn, diag.NotAFunction, "%s is %s, not a function%s", name, describe(fn), hint)
}

// noMethod reports a method call on what has none.
func (lw *lowerer) noMethod(e *syntax.MethodCall, recv Value) Value {
	hint := ""
	if _, ok := recv.(Context); ok && slices.Contains(lw.layout().Names(), e.Name) {
		hint = "; its member is read with a dot: " + exprName(e.Recv) + "." + e.Name
	}
	return lw.errorf(e, diag.UnknownMethod, "%s has no method '%s'%s", describe(recv), e.Name, hint)
}

// atMember is the place of the name behind the last dot of n.
func atMember(n syntax.Node) syntax.Node {
	switch e := n.(type) {
	case *syntax.Index:
		if e.Dot {
			return e.Key
		}
	case *syntax.MethodCall:
		return &syntax.NilExpr{Range: e.NameRange}
	}
	return n
}

// notConstant reports an argument of a function that runs when compiling only.
func (lw *lowerer) notConstant(n syntax.Node, function string, v Value) Value {
	if s, ok := kernelInstead[function]; ok {
		return lw.errorf(n, diag.NeedsConstant, "'%s' runs when compiling, and this is known only when the program runs; %s", function, s)
	}
	if lib, _, _ := strings.Cut(function, "."); lib == "coroutine" {
		return lw.errorf(n, diag.NeedsConstant, "there are no coroutines in the kernel")
	}
	return lw.errorf(n, diag.NeedsConstant, "'%s' runs when compiling: its arguments must be known then, and this is %s", function, describe(v))
}

// callFailed reports an error of a function that ran when compiling.
func (lw *lowerer) callFailed(e syntax.Node, function string, err error) Value {
	if s, ok := kernelInstead[function]; ok {
		return lw.errorf(e, diag.CallFailed, "%v; %s", err, s)
	}
	return lw.errorf(e, diag.CallFailed, "%v", err)
}

// headerMeant proposes a member of h for a name that it has not: one of C's
// headers, one below another header, or one that is nearly the same.
func headerMeant(h *header, name string) string {
	known := h.members()
	if h.name == "l3" {
		known = slices.Concat(headers()["ip"].members(), headers()["ip6"].members(), headers()["arp"].members())
	}
	if s, ok := headerWords[name]; ok && slices.Contains(known, s) {
		return " (did you mean '" + s + "'?)"
	}
	for _, c := range h.children {
		if below, ok := headers()[c.to]; ok && slices.Contains(below.members(), name) {
			return "; it is below '" + c.name + "': write ." + c.name + "." + name
		}
	}
	return diag.DidYouMean(name, known)
}

var looksLikeMAC = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$`) })

// addressMeant proposes how to write an address that stands in a string.
func addressMeant(s string) string {
	if looksLikeMAC().MatchString(s) {
		return "; the address is bpf.mac('" + s + "')"
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "; the address is bpf.ip('" + s + "')"
	}
	return ""
}

// warnNeverEqual warns of a number compared with what is none: one side is
// known when compiling, the other a number at run time.
func (lw *lowerer) warnNeverEqual(e *syntax.Binary, x Int, c Value) {
	k, ok := c.(Const)
	if _, known := x.V.IsConst(); known || !ok || e.Op != syntax.OpEq && e.Op != syntax.OpNe {
		return
	}
	hint := ""
	switch c := k.V.(type) {
	case lua.LString:
		if hint = addressMeant(string(c)); hint == "" {
			if _, err := parseNumber(string(c)); err == nil {
				hint = "; write " + string(c) + " without quotes"
			}
		}
	case lua.LBool:
		hint = "; compare with 1 or 0"
	case lua.LNumber:
		lw.r.Warnf(diag.NeverEqual, e.Bounds().In(lw.file), "an integer never equals %s", c)
		return
	}
	lw.r.Warnf(diag.NeverEqual, e.Bounds().In(lw.file), "a number never equals %s%s", describe(c), hint)
}

// counted is a number of arguments in a message.
func counted(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

// notAnInteger reports a number of the script that the kernel can't compute with.
func (lw *lowerer) notAnInteger(n syntax.Node, x float64) {
	switch {
	case x != x || math.IsInf(x, 0):
		lw.errorf(n, diag.NotAnInteger, "%s is not an integer, and the kernel has no other numbers", formatFloat(x))
	case x != math.Trunc(x):
		lw.errorf(n, diag.NotAnInteger, "%s is not an integer, and the kernel has no other numbers; multiply first and divide then: x * 15 // 10", formatFloat(x))
	default:
		lw.errorf(n, diag.NotAnInteger, "%s is not an integer that a number of Lua holds exactly; beyond 2^53 write LL or ULL behind it", formatFloat(x))
	}
}

// formatFloat writes a number as Lua does.
func formatFloat(x float64) string { return lua.LNumber(x).String() }

// numberPlace says how the number at a place is read, which has no members.
func numberPlace(r Ref) string {
	if _, ok := scalarOf(r.Type); ok && !r.Pointer {
		return "; it is read and written as [0]"
	}
	return ""
}

// text is a constant string as a value.
func text(s string) Const { return Const{lua.LString(s)} }

// forOnly reports pairs and ipairs outside a 'for'.
func forOnly(lw *lowerer, e *syntax.Call) Value {
	return lw.errorf(e, diag.OutsideFor, "'%s' stands in a 'for' only: for k, v in %s(t) do", exprName(e.Fn), exprName(e.Fn))
}
