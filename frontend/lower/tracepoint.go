package lower

import (
	"strings"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Records of tracepoints: struct trace_event_raw_NAME, where NAME is that of the
// event or of the class that it belongs to. A member declared __data_loc holds
// where a string or an array is behind the record: the low half is the offset,
// the high half the length. System calls have one record for all; their own
// arguments' names are from a table.

// tracepointArg is the record that a tracepoint program is called with.
func (lw *lowerer) tracepointArg(fn *syntax.Function, n int) []Value {
	category, event, _ := strings.Cut(lw.prog.Target, "/")
	if n == 0 {
		return nil
	}
	tag := "trace_event_raw_" + event
	var call *kernel.SystemCall
	if category == "syscalls" {
		side, name, ok := cutSyscall(event)
		if ok {
			tag = "trace_event_raw_" + side
			if call, ok = kernel.SyscallByName(name); !ok {
				lw.unknownSyscall(fn, name)
				return bads(n)
			}
		}
		if ok && side == "sys_exit" {
			call = &kernel.SystemCall{Name: name}
		}
	}
	if lw.prog.Record != "" {
		tag = lw.prog.Record
	}
	t, ok := lw.stage.Types().Tag("struct", tag)
	if !ok {
		return []Value{Context{lw.prog.Kind}} // whose members are errors
	}
	r := lw.ctxRecord(t)
	v := *r.view
	v.call = call
	r.view = &v
	return []Value{r}
}

// noRecord says why an event's record is not known.
func (lw *lowerer) noRecord() string {
	scope := lw.stage.Types()
	if lw.prog.Kind.Name == "tracepoint" && scope.Kernel != nil && scope.KernelError == nil {
		return "BTF has no structure of its name; if the event shares one with others, name it by the option 'record'"
	}
	return lw.noBTF()
}

// cutSyscall splits sys_enter_NAME.
func cutSyscall(event string) (side, name string, ok bool) {
	for _, side := range []string{"sys_enter", "sys_exit"} {
		if name, ok := strings.CutPrefix(event, side+"_"); ok {
			return side, name, true
		}
	}
	return event, "", false
}

// recordMember finds a member that the record has under another name.
func (lw *lowerer) recordMember(n syntax.Node, r Ref, name string) (Value, bool) {
	if r.Region != ir.RegionCtx {
		return nil, false
	}
	if call := r.view.call; call != nil {
		for i, a := range call.Args {
			if a.Name == name {
				return lw.syscallArg(n, r, i, a.Type), true
			}
		}
	}
	for _, prefix := range []string{"__data_loc_", "__rel_loc_"} {
		if m, ok := ctype.FindMember(r.Type, prefix+name); ok {
			return lw.dataLocation(n, r, m, prefix == "__rel_loc_"), true
		}
	}
	return nil, false
}

// argNames are the names of a system call's arguments, in the record that all
// system calls share.
func (v *view) argNames() (l []string) {
	if v != nil && v.call != nil {
		for _, a := range v.call.Args {
			l = append(l, a.Name)
		}
	}
	return l
}

// syscallNumber reads the number of a system call: BTF has a long there, the
// kernel writes an int.
func (lw *lowerer) syscallNumber(n syntax.Node, r Ref) Value {
	r.view = &view{by: r.view.by, root: r.view.root}
	id, ok := lw.loadOf(n, lw.viewMember(n, r, "id")).(Int)
	if !ok {
		return Bad{}
	}
	if lw.mod.BigEndian {
		return Int{V: lw.b.Op(ir.OpAShr, id.V, lw.b.Const(32))}
	}
	return Int{V: lw.b.OpBits(ir.OpSext, 32, id.V)}
}

// syscallArg reads argument i of a system call's record.
func (lw *lowerer) syscallArg(n syntax.Node, r Ref, i int, text string) Value {
	args, ok := lw.viewMember(n, r, "args").(Ref)
	if !ok {
		return Bad{}
	}
	x, ok := lw.loadOf(n, lw.viewIndex(n, n, args, Int{V: lw.b.Const(int64(i))})).(Int)
	if !ok {
		return Bad{}
	}
	return lw.typedWord(n, x.V, lw.syscallType(text), byUser)
}

// dataLocation is the string behind a record that a member locates.
func (lw *lowerer) dataLocation(n syntax.Node, r Ref, m ctype.Member, relative bool) Value {
	loc, ok := lw.loadOf(n, lw.viewMember(n, r, m.Name)).(Int)
	if !ok {
		return Bad{}
	}
	off := lw.b.Op(ir.OpAnd, loc.V, lw.b.Const(0xffff))
	if relative {
		off = lw.b.Op(ir.OpAdd, off, lw.b.Const(int64(m.Offset)+4))
	}
	at := lw.b.Op(ir.OpAdd, lw.b.PtrNum(r.Addr), off)
	char, _ := ctype.Scalar("char")
	out := lw.viewOf(lw.b.NumPtr(at), char, byKernel)
	out.Present = nil
	return out
}
