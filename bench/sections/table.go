package main

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// section is a row of libbpf's table.
type section struct {
	name  string
	kind  *kernel.ProgKind
	since kernel.Version
}

func sections() (l []section) {
	for _, k := range kernel.ProgKinds {
		for _, name := range k.Sections() {
			l = append(l, section{name, k, k.First})
		}
		if k.Sleepable != (kernel.Version{}) {
			l = append(l, section{k.Section + ".s", k, k.Sleepable})
		}
	}
	return l
}

// written is the section's name with what may or must follow it.
func (s *section) written() string {
	switch s.kind.Target {
	case kernel.OptionalTarget:
		return "`" + s.name + "[/…]`"
	case kernel.NeedsTarget:
		return "`" + s.name + "/…`"
	}
	return "`" + s.name + "`"
}

// refusal is a line of the second table: the kernels that said the same.
type refusal struct{ section, where, what, text string }

const preface = `# Sections

Made by ` + "`go run ./bench/sections`" + `; ` + "`TestSections`" + ` compares each row with what the running kernel does, on the kernels
below and on those of bench/matrix. A program of each section of libbpf's table is compiled, loaded by cilium/ebpf
and attached to what its kind is attached to (a ` + "`syscall`" + ` program is run). "Since" is the first kernel that has it.
"Consumer" is the oldest that knows the section: the libbpf of Debian 12, which ` + "`TestSectionsBpftool`" + ` loads it by, or
cilium/ebpf; what neither knows is loaded by the system call, as libbpf 1.8 does. Where a kernel refuses, what it says is in the second table: the error's number and the last line of
the verifier's log.

`

// markdown is docs/sections.md.
func (r *recordSet) markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	fmt.Fprintf(&b, "Here is %s. In QEMU, with Debian's packages:\n\n", r.here.release)
	for _, k := range r.guests {
		how := k.release
		if why := k.skipped(); why != "" {
			how = "skipped: " + why
		}
		fmt.Fprintf(&b, "- %s: %s\n", k.name, how)
	}
	b.WriteString("\n| section | type | since | consumer | compiles | loads here | loads in QEMU | attaches |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	var refusals []refusal
	counts := [4]int{}
	for _, s := range sections() {
		loads, attaches := r.yes(s.name, false), r.yes(s.name, true)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | yes | %s | %s | %s |\n", s.written(), s.kind.Type, s.since, r.consumer(s.name),
			yesNo(r.here.answers[s.name].load == ""), loads, attaches)
		counts[0]++
		if r.here.answers[s.name].load == "" {
			counts[1]++
		}
		if loads != "no" {
			counts[2]++
		}
		if attaches != "no" {
			counts[3]++
		}
		refusals = append(refusals, r.refusals(s)...)
	}
	fmt.Fprintf(&b, "\n%d sections: %d load here, %d in QEMU, %d attach somewhere.\n", counts[0], counts[1], counts[2], counts[3])
	b.WriteString("\n## Refusals\n\nOf kernels that have the section.\n\n| section | kernels | refused | answer |\n| --- | --- | --- | --- |\n")
	for _, f := range refusals {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.section, f.where, f.what, strings.ReplaceAll(f.text, "|", `\|`))
	}
	return b.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// yes names the kernels in QEMU that load a section; for attaching, here too.
func (r *recordSet) yes(name string, attach bool) string {
	var l []string
	ran := 0
	for _, k := range r.guests {
		if k.skipped() != "" {
			continue
		}
		ran++
		if a, ok := k.answers[name]; ok && a.load == "" && (!attach || a.attach == "") {
			l = append(l, k.name)
		}
	}
	s := strings.Join(l, " ")
	if len(l) == ran {
		s = "all"
	}
	if a := r.here.answers[name]; attach && a.load == "" && a.attach == "" {
		s = strings.TrimSpace("here " + s)
	}
	if s == "" {
		return "no"
	}
	return s
}

// refusals are what kernels that have a section refuse.
func (r *recordSet) refusals(s section) (l []refusal) {
	for _, k := range append([]*kernelRecord{r.here}, r.guests...) {
		a, ok := k.answers[s.name]
		if version, _ := kernel.ParseRelease(k.release); !ok || version.Before(s.since) || a == (answer{}) {
			continue
		}
		what, text := "loading", a.load
		if a.load == "" {
			what, text = "attaching", a.attach
		}
		same := false
		for i := range l {
			if l[i].what == what && l[i].text == text {
				l[i].where, same = l[i].where+" "+k.name, true
			}
		}
		if !same {
			l = append(l, refusal{s.name, k.name, what, text})
		}
	}
	return l
}
