package script

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The calls that declare programs. Each is a name for a kind, or for a choice
// of kinds by its arguments: leading arguments that say what the program is
// for, the function, what may follow it, and the options.

// declaration is such a call.
type declaration struct {
	name string // behind bpf.
	kind *kernel.ProgKind
	// lead reads the arguments in front of the function, the first of which is
	// argument 1, into the program and returns the index of the function.
	lead func(st *Stage, L *lua.LState, p *Program) int
	// behind are the options that may be given in order behind the function.
	behind []string
	usage  string
}

// declarations returns the calls, by name: the language's own, and one for
// every other kind of program.
var declarations = sync.OnceValue(func() []declaration {
	probe := []string{"ret", "pid", "cpu"}
	own := []declaration{
		{name: "program", lead: leadSection, usage: "bpf.program(section, fn)"},
		{name: "func", lead: leadPrototype, usage: "bpf.func('int f(void *ctx)', fn)"},
		{name: "cgroup", lead: leadCgroup, usage: "bpf.cgroup([path,] hook, fn)"},
		{name: "socket", lead: leadInterface, usage: "bpf.socket([iface or fd,] fn)"},
		{name: "xdp", lead: leadInterface, usage: "bpf.xdp([iface,] fn)"},
		{name: "tc", lead: leadDirection, usage: "bpf.tc([iface, 'ingress' or 'egress',] fn)"},
		{name: "tracepoint", lead: leadTarget, behind: []string{"pid", "cpu"}, usage: "bpf.tracepoint('category/name', fn)"},
		{name: "kprobe", lead: leadProbe, behind: probe, usage: "bpf.kprobe('function', fn)"},
		{name: "kretprobe", lead: leadProbe, behind: probe[1:], usage: "bpf.kretprobe('function', fn)"},
		{name: "uprobe", lead: leadTarget, behind: probe, usage: "bpf.uprobe('path:symbol', fn)"},
		{name: "uretprobe", lead: leadTarget, behind: probe[1:], usage: "bpf.uretprobe('path:symbol', fn)"},
		{name: "usdt", lead: leadUSDT, behind: probe[1:], usage: "bpf.usdt(path, provider, name, fn)"},
		{name: "struct_ops", usage: "bpf.struct_ops('struct', { member = fn })"}, // structops.go
		{name: "netfilter", lead: leadNetfilter, usage: "bpf.netfilter([family, hook [, priority],] fn)"},
		{name: "perf_event", lead: leadPerf, usage: "bpf.perf_event({ freq = n, type = n, config = n }, fn)"},
	}
	for i := range own {
		own[i].kind, _ = kernel.ProgKindByName(own[i].name)
	}
	for _, k := range kernel.ProgKinds {
		has := func(d declaration) bool { return d.name == k.Name }
		if slices.ContainsFunc(own, has) || strings.HasPrefix(k.Name, "cgroup") {
			continue
		}
		d := declaration{name: k.Name, kind: k, lead: leadNone, usage: "bpf." + k.Name + "(fn)"}
		switch {
		case k.Target != kernel.NoTarget:
			d.lead, d.usage = leadTarget, "bpf."+k.Name+"('target', fn)"
		case strings.HasPrefix(k.Name, "lwt_"):
			d.lead, d.usage = leadInterface, "bpf."+k.Name+"(['prefix dev iface',] fn)"
		case k.Origin == kernel.Link:
			d.lead, d.usage = leadInterface, "bpf."+k.Name+"([iface,] fn)"
		}
		own = append(own, d)
	}
	return own
})

// isDeclaring reports whether bpf.NAME declares a map, a variable or a program.
func isDeclaring(name string) bool {
	return name == "map" || name == "global" || name == "const" || slices.ContainsFunc(declarations(), func(d declaration) bool { return d.name == name })
}

func leadNone(*Stage, *lua.LState, *Program) int { return 1 }

// leadInterface reads [iface or fd].
func leadInterface(_ *Stage, L *lua.LState, p *Program) int {
	switch v := L.Get(1).(type) {
	case lua.LString:
		p.Target = string(v)
		return 2
	case lua.LNumber:
		p.Target = formatNumber(v)
		return 2
	case *lua.LNilType:
		if L.GetTop() > 1 {
			return 2
		}
	}
	return 1
}

// leadDirection reads [iface, direction].
func leadDirection(st *Stage, L *lua.LState, p *Program) int {
	i := leadInterface(st, L, p)
	if s, ok := L.Get(i).(lua.LString); ok && i == 2 {
		if s != "ingress" && s != "egress" {
			st.failOn(L, s, diag.BadDeclaration, "the direction of a tc program is 'ingress' or 'egress', not '%s'", string(s))
		}
		p.Attach.Direction = string(s)
		return 3
	}
	return i
}

// leadTarget reads the target that the section names.
func leadTarget(st *Stage, L *lua.LState, p *Program) int {
	p.Target = st.leadString(L, 1, targetOf(p.Kind))
	if p.Kind.Type == kernel.Tracepoint && !strings.Contains(p.Target, "/") {
		st.failOn(L, L.Get(1), diag.NeedsTarget, "a tracepoint is named 'category/name', as in 'syscalls/sys_enter_openat'; '%s' has no category", p.Target)
	}
	return 2
}

// targetOf says what the target of a kind of program is.
func targetOf(k *kernel.ProgKind) string {
	switch k.Type {
	case kernel.Tracepoint:
		return "which tracepoint, as in 'syscalls/sys_enter_openat'"
	case kernel.RawTracepoint:
		return "which tracepoint, by its name"
	case kernel.Kprobe:
		if strings.HasPrefix(k.Name, "u") {
			return "which function, as in '/bin/bash:readline'"
		}
		return "which function of the kernel"
	}
	return "what " + k.Phrase() + " is for"
}

// leadString reads a leading argument that must be a string.
func (st *Stage) leadString(L *lua.LState, i int, what string) string {
	s, ok := L.Get(i).(lua.LString)
	if !ok || s == "" {
		st.failOn(L, L.Get(i), diag.BadDeclaration, "argument %d must be a string that says %s, not %s", i, what, article(argType(L, i)))
	}
	return st.written(L, s, string(s))
}

// written returns s, the text of v, which goes into the object as a C string.
func (st *Stage) written(L *lua.LState, v lua.LValue, s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		st.failOn(L, v, diag.BadDeclaration, "%q holds a zero byte, where the kernel and loaders end a name; leave it out", s)
	}
	return s
}

// leadProbe reads '[name:]function'.
func leadProbe(st *Stage, L *lua.LState, p *Program) int {
	leadTarget(st, L, p)
	if name, sym, ok := strings.Cut(p.Target, ":"); ok {
		p.given, p.Target = name, sym
	}
	return 2
}

// leadUSDT reads the path, the provider and the name of a probe.
func leadUSDT(st *Stage, L *lua.LState, p *Program) int {
	path := st.leadString(L, 1, "the path of the binary")
	p.Target = path + ":" + st.leadString(L, 2, "the probe's provider") + ":" + st.leadString(L, 3, "the probe's name")
	return 4
}

// Families of protocols and hooks of netfilter.
var (
	netfilterFamilies = []string{"ipv4", "ipv6"}
	netfilterHooks    = []string{"prerouting", "local_in", "forward", "local_out", "postrouting"}
)

// leadNetfilter reads [family, hook [, priority]] as 'family/hook/priority'.
func leadNetfilter(st *Stage, L *lua.LState, p *Program) int {
	if _, named := L.Get(1).(lua.LString); !named {
		return 1
	}
	for i, list := range [][]string{netfilterFamilies, netfilterHooks} {
		s := st.leadString(L, i+1, "one of "+strings.Join(list, ", "))
		if !slices.Contains(list, s) {
			st.failOn(L, L.Get(i+1), diag.BadDeclaration, "'%s' is none of %s%s", s, strings.Join(list, ", "), diag.DidYouMean(s, list))
		}
		p.Target += s + "/"
	}
	n, ok := L.Get(3).(lua.LNumber)
	if !ok {
		p.Target += "0"
		return 3
	}
	if float64(n) != math.Trunc(float64(n)) || n <= math.MinInt32 || n >= math.MaxInt32 {
		st.failOn(L, n, diag.BadDeclaration, "the priority is an integer between %d and %d, not %s", math.MinInt32, math.MaxInt32, asText(n))
	}
	p.Target += formatNumber(n)
	return 4
}

// perfFields are the members that describe a perf event.
var perfFields = map[string]bool{"freq": true, "period": true, "type": true, "config": true, "pid": true, "cpu": true}

// leadPerf reads the description of the event.
func leadPerf(st *Stage, L *lua.LState, p *Program) int {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		return 1
	}
	p.Attach.Perf = map[string]int64{}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		st.checkOption(L, k.String(), perfFields)
		n := st.numberOption(L, k.String(), v)
		switch k.String() {
		case "pid":
			p.Attach.PID = &n
		case "cpu":
			p.Attach.CPU = &n
		default:
			p.Attach.Perf[k.String()] = n
		}
	}
	return 2
}

// leadCgroup reads [path,] hook: what follows cgroup/ in the section, or
// skb/ingress and skb/egress.
func leadCgroup(st *Stage, L *lua.LState, p *Program) int {
	i := 1
	if _, two := L.Get(2).(lua.LString); two {
		p.Attach.Path = st.leadString(L, 1, "the path of the cgroup")
		i = 2
	}
	hook := st.leadString(L, i, "the hook, such as 'connect4'")
	section := "cgroup/" + hook
	if dir, ok := strings.CutPrefix(hook, "skb/"); ok {
		section = "cgroup_skb/" + dir
	}
	s, ok := kernel.ParseSection(section)
	if !ok {
		var hooks []string
		for _, k := range kernel.ProgKinds {
			if h, ok := strings.CutPrefix(k.Section, "cgroup/"); ok {
				hooks = append(hooks, h)
			}
		}
		st.unknownSection(L, "cgroup hook", hook, append(hooks, "skb/ingress", "skb/egress"))
	}
	p.Kind, p.Section = s.Kind, section
	return i + 1
}

// leadSection reads a section as libbpf names it.
func leadSection(st *Stage, L *lua.LState, p *Program) int {
	section := st.leadString(L, 1, "the section")
	s, ok := kernel.ParseSection(section)
	if !ok {
		var names []string
		for _, k := range kernel.ProgKinds {
			names = append(names, k.Sections()...)
		}
		base, target, has := strings.Cut(section, "/")
		if near := diag.Closest(base, names); has && near != "" && diag.Closest(section, names) == "" {
			st.failOn(L, lua.LString(section), diag.UnknownSection, "there is no section '%s' (did you mean '%s/%s'?)", section, near, target)
		}
		st.unknownSection(L, "section", section, names)
	}
	if s.Kind.Target == kernel.NeedsTarget && s.Target == "" {
		st.failOn(L, lua.LString(section), diag.NeedsTarget, "section '%s' needs a target: '%s/NAME'", section, section)
	}
	p.Kind, p.Section, p.Target, p.Sleepable = s.Kind, section, s.Target, s.Sleepable
	return 2
}

func (st *Stage) unknownSection(L *lua.LState, what, name string, known []string) {
	hint := ""
	if near := diag.Closest(name, known); near != "" {
		hint = " (did you mean '" + near + "'?)"
	}
	st.failOn(L, lua.LString(strings.TrimPrefix(name, "cgroup/")), diag.UnknownSection, "there is no %s '%s'%s", what, name, hint)
}

// bpfDeclare runs a declaring call.
func (st *Stage) bpfDeclare(L *lua.LState, d declaration) int {
	p := &Program{Kind: d.kind, Span: firstLine(st.caller(L)), OnShort: lua.LNil, License: st.license, LoopLimit: st.loopLimit}
	i := d.lead(st, L, p)
	var from *Program
	if q, ok := ToProgram(L.Get(i)); ok {
		from = q
		from.used = true
		p.Func, p.OnShort, p.License, p.LoopLimit = q.Func, q.OnShort, q.License, q.LoopLimit
		if q.given != "" {
			p.given = q.given
		}
	} else {
		p.Func = st.progFunction(L, i, "bpf."+d.name)
	}
	for _, name := range d.behind {
		if _, opts := L.Get(i + 1).(*lua.LTable); opts || i == L.GetTop() {
			break
		}
		i++
		if v := L.Get(i); v != lua.LNil {
			st.setOption(L, name, v, p)
		}
	}
	st.readOptions(L, i+1, p)
	st.noMore(L, i+1, "bpf."+d.name)
	if p.Section == "" {
		st.makeSection(p)
	}
	p.Name = st.uniqueName(st.programName(L, p, from), p.Span)
	st.programs = append(st.programs, p)
	st.declare(L, func() { st.host.DeclareProgram(st, p) })
	L.Push(st.userdata(p, st.programMeta))
	return 1
}

// makeSection names the section of a program whose call did not.
func (st *Stage) makeSection(p *Program) {
	target := ""
	if p.Kind.Target != kernel.NoTarget {
		target = p.Target
	}
	p.Section = p.Kind.SectionFor(target, p.Sleepable)
}

// progOptions are the options that a declaring call may take.
var progOptions = map[string]bool{"name": true, "on_short": true, "license": true,
	"sleepable": true, "flags": true, "ret": true, "pid": true, "cpu": true, "iface": true, "record": true}

// readOptions takes opts at index i into p.
func (st *Stage) readOptions(L *lua.LState, i int, p *Program) {
	if L.Get(i) == lua.LNil {
		return
	}
	t, ok := L.Get(i).(*lua.LTable)
	if !ok {
		st.failOn(L, L.Get(i), diag.BadDeclaration, "the options of a program must be a table, not %s", article(typeName(L.Get(i))))
	}
	given := map[string]lua.LValue{}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		st.checkOption(L, k.String(), progOptions)
		given[k.String()] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		st.setOption(L, name, given[name], p)
	}
}

// replace makes p a program like those that it takes the place of, which are
// told by their context.
func (st *Stage) replace(L *lua.LState, v lua.LValue, p *Program) {
	name := st.stringOption(L, "record", v)
	k, ok := kernel.Replacing("struct " + strings.TrimPrefix(name, "struct "))
	if !ok {
		st.failOn(L, v, diag.BadDeclaration, "'record' names the context of the programs to replace, such as 'struct xdp_md', not '%s'", name)
	}
	p.Kind = k
	if p.Section != "" {
		st.makeSection(p)
	}
}

// setOption sets one option; "ret" comes before "sleepable".
func (st *Stage) setOption(L *lua.LState, name string, v lua.LValue, p *Program) {
	switch name {
	case "name":
		p.given = st.stringOption(L, "name", v)
	case "license":
		p.License = st.stringOption(L, "license", v)
	case "on_short":
		p.OnShort = st.onShort(L, v)
	case "iface":
		st.onlyFor(L, name, p, p.Kind == nil || p.Kind.Origin == kernel.Link)
		p.Target = st.stringOption(L, "iface", v)
	case "record":
		if p.Kind != nil && p.Kind.Name == "freplace" {
			st.replace(L, v, p)
			break
		}
		st.onlyFor(L, name, p, p.Kind != nil && p.Kind.Name == "tracepoint")
		p.Record = strings.TrimPrefix(st.stringOption(L, name, v), "struct ")
	case "flags":
		p.Attach.Flags = uint32(st.numberOption(L, name, v))
	case "pid", "cpu":
		st.onlyFor(L, name, p, p.Kind != nil && followsProcess(p.Kind.Type))
		n := st.numberOption(L, name, v)
		if name == "pid" {
			p.Attach.PID = &n
		} else {
			p.Attach.CPU = &n
		}
	case "ret":
		if lua.LVAsBool(v) {
			k, ok := returnKind(p.Kind)
			st.onlyFor(L, name, p, ok)
			p.Kind = k
			if p.Section != "" {
				st.makeSection(p)
			}
		}
	case "sleepable":
		if lua.LVAsBool(v) && !p.Sleepable {
			st.onlyFor(L, name, p, p.Kind != nil && p.Kind.Sleepable != (kernel.Version{}))
			p.Sleepable = true
			if p.Section != "" {
				st.makeSection(p)
			}
		}
	}
}

func (st *Stage) onlyFor(L *lua.LState, name string, p *Program, ok bool) {
	if ok {
		return
	}
	kind := "bpf(fn)"
	if p.Kind != nil {
		kind = p.Kind.Phrase()
	}
	st.failKey(L, name, diag.BadDeclaration, "option '%s' is not for %s", name, kind)
}

// followsProcess reports whether programs of a type attach to events of processes.
func followsProcess(t kernel.ProgType) bool {
	return t == kernel.Kprobe || t == kernel.Tracepoint || t == kernel.PerfEvent
}

// ComparesProcess returns the process that option pid of a program names, if the
// program has to compare it itself: the kernel runs those of kprobes and tracepoints
// in every process, whatever they were attached with. It keeps others apart.
func ComparesProcess(p *Program) (pid int64, ok bool) {
	if p.Attach.PID == nil || *p.Attach.PID <= 0 || p.Kind == nil {
		return 0, false
	}
	switch {
	case p.Kind.Type == kernel.Tracepoint:
	case p.Kind.Type == kernel.Kprobe && strings.HasPrefix(p.Kind.Section, "k"):
	default:
		return 0, false
	}
	return *p.Attach.PID, true
}

// returnKind is the kind of probe that fires when the function returns.
func returnKind(k *kernel.ProgKind) (*kernel.ProgKind, bool) {
	if k == nil {
		return nil, false
	}
	switch k.Name {
	case "kretprobe", "uretprobe":
		return k, true
	case "kprobe", "uprobe":
		return kernel.ProgKindByName(k.Name[:1] + "ret" + k.Name[1:])
	}
	return nil, false
}

// numberOption is an option that must be an integer.
func (st *Stage) numberOption(L *lua.LState, name string, v lua.LValue) int64 {
	n, ok := v.(lua.LNumber)
	if !ok || float64(n) != float64(int64(n)) {
		st.failOn(L, v, diag.BadDeclaration, "option '%s' must be an integer, not %s", name, asText(v))
	}
	return int64(n)
}

// Usages returns how programs of each kind are declared, by the kind's name, for
// the language's reference. Kinds that have no call are left out.
func Usages() map[string]string {
	all := map[string]string{}
	for _, d := range declarations() {
		if d.kind != nil {
			all[d.kind.Name] = d.usage
		}
	}
	for _, k := range kernel.ProgKinds {
		if hook, ok := strings.CutPrefix(k.Section, "cgroup/"); ok {
			all[k.Name] = "bpf.cgroup([path,] '" + hook + "', fn)"
		} else if dir, ok := strings.CutPrefix(k.Section, "cgroup_skb/"); ok {
			all[k.Name] = "bpf.cgroup([path,] 'skb/" + dir + "', fn)"
		}
	}
	return all
}
