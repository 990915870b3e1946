package lower

import (
	"strings"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// insteads says what programs do with maps that can do some op, NAME standing for
// the map's name; the first that a map's type can do is what a message proposes.
var insteads = []struct {
	can  kernel.MapOp
	text string
}{
	{kernel.MapPop, "it has no keys; use NAME:push(v), NAME:pop() and NAME:peek()"},
	{kernel.MapPeek, "it has no keys; use NAME:push(v) and NAME:peek(v)"},
	{kernel.MapReserve, "send records by NAME:output(v) or NAME:reserve()"},
	{kernel.MapOutput, "send records by NAME:output(v)"},
	{kernel.MapStack, "stack_id(NAME, flags) fills it, and user space reads it"},
	{kernel.MapTailCall, "it holds programs; call one by 'return NAME[i](ctx)'"},
	{kernel.MapInner, "it holds maps; write NAME[i][k]"},
	{kernel.MapLookup, "it has keys; write NAME[k]"},
}

// byType is the same for maps that are used by helpers of their own.
var byType = map[string]string{
	"devmap":                "bpf.helper.redirect_map(NAME, k, flags)",
	"devmap_hash":           "bpf.helper.redirect_map(NAME, k, flags)",
	"cpumap":                "bpf.helper.redirect_map(NAME, k, flags)",
	"xskmap":                "bpf.helper.redirect_map(NAME, k, flags)",
	"sockmap":               "bpf.helper.sk_redirect_map(NAME, k, flags)",
	"sockhash":              "bpf.helper.sk_redirect_hash(NAME, k, flags)",
	"reuseport_sockarray":   "bpf.helper.sk_select_reuseport(NAME, k, flags)",
	"cgroup_array":          "bpf.helper.skb_under_cgroup(NAME, i)",
	"cgroup_storage":        "NAME:init(), the entry of the program's cgroup",
	"percpu_cgroup_storage": "NAME:init(), the entry of the program's cgroup",
	"sk_storage":            "NAME[sk] and NAME:init(sk)",
	"inode_storage":         "NAME[inode] and NAME:init(inode)",
	"task_storage":          "NAME[task()] and NAME:init(task())",
	"cgrp_storage":          "NAME[cgroup] and NAME:init(cgroup)",
}

// insteadOf proposes what to do with m in the place of op.
func insteadOf(m *script.Map, op kernel.MapOp) string {
	text := ""
	if use, ok := byType[m.Type.Name]; ok {
		text = "use it by " + use
	} else {
		for _, x := range insteads {
			if m.Type.Can(x.can) && x.can != op {
				text = x.text
				break
			}
		}
	}
	if text == "" {
		return ""
	}
	return "; " + strings.ReplaceAll(text, "NAME", m.Name)
}
