package lower

import (
	"strings"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Storage maps: entries that belong to objects of the kernel. s[sk], s[task()]
// and the like are the object's entry, and what hashes do by keys they do by
// objects. The storage of a cgroup that a program is attached to has no key:
// s:init() is its entry.

// storageCreate is BPF_LOCAL_STORAGE_GET_F_CREATE.
const storageCreate = 1

// isStorage reports whether m's keys are objects of the kernel.
func isStorage(m *script.Map) bool { return m.Type.Can(kernel.MapStorage) }

// ofCgroup reports whether m's entries belong to the cgroup that the program is
// attached to.
func ofCgroup(m *script.Map) bool { return strings.HasSuffix(m.Type.Name, "cgroup_storage") }

// storageOwners are whose entries those of each type are.
var storageOwners = map[string]string{
	"sk_storage": "sockets, such as skb.sk", "task_storage": "tasks, such as task()", "inode_storage": "inodes", "cgrp_storage": "cgroups",
}

// storageCall calls one of m's helpers for an object.
func (lw *lowerer) storageCall(n syntax.Node, m *script.Map, what string, args ...Value) Value {
	h := kernel.HelperByName(m.Type.Name + "_" + what)
	if ofCgroup(m) {
		return lw.errorf(n, diag.BadMapOperation, "'%s' has one entry, that of the cgroup the program is attached to: write %s:init()", m.Name, m.Name)
	}
	if !lw.mayCall(n, h) || lw.b.Block == nil {
		return Bad{}
	}
	if _, own := args[0].(Context); own && lw.layout().Name == "struct bpf_sock" {
		args[0] = lw.objectRef(lw.ctx, "bpf_sock", false)
	}
	if r, ok := args[0].(Ref); !ok || r.Region != ir.RegionKernel {
		return lw.errorf(n, diag.BadKey, "the entries of '%s' belong to %s, and this is %s", m.Name, storageOwners[m.Type.Name], describe(args[0]))
	}
	lw.flush()
	call := &helperArgs{lw: lw, e: &syntax.Call{Range: n.Bounds()}, h: h, m: m, args: args}
	for range args {
		call.nodes = append(call.nodes, n)
	}
	return call.arg(1, 0, []*ir.Value{lw.mapRef(m)})
}

// storageGet is the entry of an object: made if there is none, or nil.
func (lw *lowerer) storageGet(n syntax.Node, m *script.Map, obj, init Value, flags int64) Value {
	v := lw.storageCall(n, m, "get", lw.object(obj), init, Int{V: lw.b.Const(flags)})
	return lw.storageEntry(m, v)
}

// object frees a key of an entry that it may be.
func (lw *lowerer) object(v Value) Value { return lw.resolve(lw.settled(v)) }

// storageEntry makes a helper's result an entry of m.
func (lw *lowerer) storageEntry(m *script.Map, v Value) Value {
	r, ok := lw.resolve(v).(Ref)
	if !ok || isAggregate(m.Value) {
		r.entry = true
		if ok {
			return r
		}
		return v
	}
	e := &Entry{Map: m, Ptr: r.Addr, Present: r.Present, Key: Int{}, num: lw.newCell(nil)}
	if e.Present == nil {
		e.Present, e.sure = lw.b.Bool(true), true
	}
	e.num.entry = e
	return e
}

// storageInit is s:init(object [, v]), and s:init() of a cgroup's storage.
func (lw *lowerer) storageInit(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	if ofCgroup(m) {
		if len(args) > 0 {
			return lw.errorf(e, diag.WrongArguments, "'init' is called with %s; of a cgroup's storage it is %s:init()", counted(len(args)), m.Name)
		}
		h := kernel.HelperByName("get_local_storage")
		if !lw.mayCall(e, h) {
			return Bad{}
		}
		p := lw.b.Call(h, ir.Ptr, lw.mapRef(m), lw.b.Const(0))
		return lw.storageEntry(m, Ref{Addr: p, Region: ir.RegionMap, Type: m.Value, Map: m, epoch: lw.epochOf(m).get(), Hi: int64(ctype.Size(m.Value))})
	}
	if len(args) == 0 {
		return lw.errorf(e, diag.WrongArguments, "'init' is called without an object; it is %s:init(object [, v])", m.Name)
	}
	init := Value(Nil)
	if len(args) > 1 {
		v, ok := lw.stored(methodArg(e, 1), args[1])
		if !ok {
			return Bad{}
		}
		init = v
	}
	return lw.storageGet(e, m, args[0], init, storageCreate)
}

// storageSet is s[object] = v.
func (lw *lowerer) storageSet(n syntax.Node, m *script.Map, obj, v Value) {
	v = lw.object(v)
	if isNil(v) {
		lw.storageCall(n, m, "delete", lw.object(obj))
		lw.mapWritten(m)
		return
	}
	v, ok := lw.stored(n, v)
	if !ok || lw.b.Block == nil {
		return
	}
	switch entry := lw.storageGet(n, m, obj, Nil, storageCreate).(type) {
	case *Entry:
		lw.storeEntry(n, entry, v)
	case Ref:
		lw.storeInit(n, entry, v)
	}
}

// storageAt is s[object].
func (lw *lowerer) storageAt(n syntax.Node, m *script.Map, obj Value) Value {
	if obj = lw.object(obj); isNil(obj) {
		return Nil // as with any object that is not there
	}
	return lw.storageGet(n, m, obj, Nil, 0)
}
