package luabpfc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// mapsFor declare the map that a helper wants; the others take a hash.
var mapsFor = map[string]string{
	"perf_event_read": "'perf_event_array'", "perf_event_output": "'perf_event_array'", "perf_event_read_value": "'perf_event_array'",
	"get_stackid": "'stack_trace', 16", "skb_under_cgroup": "'cgroup_array', 4", "current_task_under_cgroup": "'cgroup_array', 4",
	"redirect_map": "'devmap', 4", "sk_redirect_map": "'sockmap', 4", "sock_map_update": "'sockmap', 4", "msg_redirect_map": "'sockmap', 4",
	"sock_hash_update": "'sockhash', 4", "msg_redirect_hash": "'sockhash', 4", "sk_redirect_hash": "'sockhash', 4",
	"sk_select_reuseport": "'reuseport_sockarray', 4", "map_push_elem": "'queue', 4, nil, 'uint64_t'", "map_pop_elem": "'queue', 4, nil, 'uint64_t'",
	"map_peek_elem": "'queue', 4, nil, 'uint64_t'", "sk_storage_get": "'sk_storage', 0", "sk_storage_delete": "'sk_storage', 0",
	"ringbuf_output": "'ringbuf', 4096", "ringbuf_query": "'ringbuf', 4096", "get_local_storage": "'cgroup_storage', 0, nil, 'uint64_t'",
	"map_lookup_percpu_elem": "'percpu_array', 4", "task_storage_get": "'task_storage', 0", "task_storage_delete": "'task_storage', 0",
	"tail_call": "'prog_array', 4",
}

// notByName are helpers that the test does not call, and why.
var notByName = map[string]string{
	"spin_lock": "a field of a map's value: testdata/run/helper_callbacks", "spin_unlock": "a field of a map's value: testdata/run/helper_callbacks", "timer_init": "a field of a map's value: testdata/run/helper_callbacks",
	"timer_set_callback": "a field of a map's value: testdata/run/helper_callbacks", "timer_start": "a field of a map's value: testdata/run/helper_callbacks", "timer_cancel": "a field of a map's value: testdata/run/helper_callbacks",
	"kptr_xchg": "a field of a map's value", "for_each_map_elem": "a callback: testdata/run/helper_callbacks", "loop": "a callback: testdata/run/helper_callbacks", "find_vma": "a callback: testdata/run/helper_callbacks",
	"user_ringbuf_drain": "a callback: testdata/run/helper_callbacks", "snprintf": "a string in read-only data", "strncmp": "a string in read-only data",
	"dynptr_from_mem": "a dynptr: testdata/run/helper_callbacks", "ringbuf_reserve_dynptr": "a dynptr: testdata/run/helper_callbacks", "ringbuf_submit_dynptr": "a dynptr: testdata/run/helper_callbacks", "ringbuf_discard_dynptr": "a dynptr: testdata/run/helper_callbacks",
	"dynptr_read": "a dynptr: testdata/run/helper_callbacks", "dynptr_write": "a dynptr: testdata/run/helper_callbacks", "dynptr_data": "a dynptr: testdata/run/helper_callbacks", "ringbuf_submit": "a record: testdata/run/helper_callbacks", "ringbuf_discard": "a record: testdata/run/helper_callbacks",
	"ringbuf_reserve": "a record must be submitted", "skb_output": "a kernel's skb", "xdp_output": "a kernel's xdp_buff", "tcp_send_ack": "a struct_ops program",
	"seq_printf": "a seq_file of an iterator", "seq_write": "a seq_file of an iterator", "seq_printf_btf": "a seq_file of an iterator",
	"inode_storage_get": "an inode", "inode_storage_delete": "an inode", "d_path": "a path", "per_cpu_ptr": "a per-CPU variable",
	"this_cpu_ptr": "a per-CPU variable", "bprm_opts_set": "a linux_binprm", "ima_inode_hash": "an inode", "ima_file_hash": "a file",
	"sock_from_file": "a file", "cgrp_storage_get": "a cgroup", "cgrp_storage_delete": "a cgroup", "get_func_arg": "a traced function",
	"get_func_ret": "a traced function", "get_func_arg_cnt": "a traced function", "override_return": "CONFIG_BPF_KPROBE_OVERRIDE is off",
	"probe_write_user": "lockdown", "rc_repeat": "CONFIG_BPF_LIRC_MODE2 is off", "rc_keydown": "CONFIG_BPF_LIRC_MODE2 is off",
	"rc_pointer_rel": "CONFIG_BPF_LIRC_MODE2 is off", "tail_call": "a verifier log without end", "copy_from_user_task": "a task",
	"sk_assign": "a socket that is held", "get_task_stack": "a task", "task_pt_regs": "a task",
	"task_storage_get": "a task", "task_storage_delete": "a task", "skc_to_unix_sock": "a kernel's socket", "skc_to_mptcp_sock": "a kernel's socket",
	"tcp_raw_gen_syncookie_ipv4": "GPL only in XDP", "get_local_storage": "one map of its type a program",
}

// callOf is a call of a helper with an argument for each parameter, and what
// must stand in front of it.
func callOf(h *kernel.Helper) (before, call string) {
	var b strings.Builder
	var args []string
	for i, k := range h.Args {
		arg := ""
		switch info := k.Info(); {
		case k == kernel.ArgCtx || k.IsSize():
			continue
		case k == kernel.ArgMap:
			arg = "m"
		case k == kernel.ArgKey || info.Size == kernel.ValueSize && !info.Writes:
			arg = "1"
		case k == kernel.ArgScalar || k == kernel.ArgAny:
			arg = "0"
		case k == kernel.ArgObject && slices.Contains([]string{"sk_fullsock", "skc_to_tcp_sock", "skc_to_tcp6_sock", "skc_to_tcp_timewait_sock", "skc_to_tcp_request_sock", "skc_to_udp6_sock"}, h.Name):
			arg = "ctx.sk"
		case k == kernel.ArgObject && h.Name == "sk_release":
			b.WriteString("  local t = ffi.new('uint32_t[3]')\n  local sk = bpf.helper.sk_lookup_tcp(t, -1, 0)\n")
			arg = "sk"
		case k == kernel.ArgObject || k == kernel.ArgObjectOrNull:
			b.WriteString("  local sk = bpf.helper.sk_fullsock(ctx.sk)\n")
			arg = "sk"
			if h.Name == "get_listener_sock" || strings.Contains(h.Name, "syncookie") {
				b.WriteString("  sk = bpf.helper.get_listener_sock(sk)\n")
				if h.Name == "get_listener_sock" {
					b.Reset()
					b.WriteString("  local sk = bpf.helper.sk_fullsock(ctx.sk)\n")
				}
			}
		default:
			size := 64
			if k == kernel.ArgUintInOut {
				size = 4
			} else if h.Name == "get_ns_current_pid_tgid" {
				size = 8
			} else if h.Name == "perf_prog_read_value" || h.Name == "perf_event_read_value" {
				size = 24
			}
			arg = fmt.Sprintf("b%d", i)
			fmt.Fprintf(&b, "  local %s = ffi.new('uint64_t[%d]')\n", arg, (size+7)/8)
			if size == 4 {
				b.Reset()
				fmt.Fprintf(&b, "  local %s = ffi.new('uint32_t[1]')\n", arg)
			}
		}
		args = append(args, arg)
	}
	return b.String(), fmt.Sprintf("bpf.helper.%s(%s)", h.Name, strings.Join(args, ", "))
}

// TestHelpersByName calls each helper by its name in a program of the first kind
// that the running kernel lets do so.
func TestHelpersByName(t *testing.T) {
	needKernel(t)
	called := 0
	for _, h := range kernel.Helpers {
		if notByName[h.Name] != "" {
			continue
		}
		t.Run(h.Name, func(t *testing.T) {
			before, call := callOf(h)
			m, ok := mapsFor[h.Name]
			if !ok {
				m = "'hash', 16"
			}
			var failed []string
			for _, name := range h.Kinds() {
				k, _ := kernel.ProgKindByName(name)
				if h.Sleeps && k.Sleepable == (kernel.Version{}) || k.NeedsArch() && len(h.Args) > 0 && strings.Contains(before, "ctx.sk") || k.Target == kernel.NeedsTarget {
					continue
				}
				release := ""
				if slices.Contains([]string{"sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp"}, h.Name) {
					release = "  if r then bpf.helper.sk_release(r) end\n"
				}
				script := fmt.Sprintf("local ffi = require 'ffi'\nlocal m = bpf.map(%s)\nbpf.program('%s', function(ctx)\n%s  local r = %s\n%s  return %d\nend, { name = 'prog' })\n",
					m, k.SectionFor(targets[k.Name], h.Sleeps && k.Sleepable != (kernel.Version{})), before, call, release, k.Default)
				opts := luabpfc.DefaultOptions()
				opts.Kernel, opts.Arch, opts.Check = kernel.Version{Major: 7, Minor: 9}, "x86_64", true
				obj, err := luabpfc.Compile(luabpfc.Source{Name: h.Name + ".lua", Text: script}, opts)
				if err == nil {
					var text string
					if text = loadText(obj.ELF); text == "" {
						called++
						return
					}
					failed = append(failed, fmt.Sprintf("%s: %s\n%s", name, text, script))
				} else {
					failed = append(failed, fmt.Sprintf("%s: %v\n%s", name, err, script))
				}
				if len(failed) > 3 {
					break
				}
			}
			if len(failed) > 0 {
				t.Error(failed[0])
			} else {
				t.Error("no kind of program to call it from")
			}
		})
	}
	t.Logf("%d helpers called, %d not", called, len(notByName))
}
