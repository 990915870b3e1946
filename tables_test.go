package luabpfc_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/frontend/lower"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// TestLanguageTables holds the tables of docs/language.md, each between the lines
// "<!-- NAME -->" and "<!-- end -->", to the compiler's own.
// LUABPFC_UPDATE=1 go test -run TestLanguageTables . writes them.
func TestLanguageTables(t *testing.T) {
	text, err := os.ReadFile(languagePath)
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for name, table := range map[string]string{"headers": headerRows(), "kinds": kindRows(), "map types": mapTypeRows()} {
		begin := "<!-- " + name + " -->\n"
		front, rest, ok1 := strings.Cut(out, begin)
		old, behind, ok2 := strings.Cut(rest, "<!-- end -->")
		switch {
		case !ok1 || !ok2:
			t.Fatalf("%s has no table %q", languagePath, name)
		case old != table && !update:
			t.Errorf("%s: the table %q is not the compiler's: LUABPFC_UPDATE=1 go test -run TestLanguageTables .", languagePath, name)
		}
		out = front + begin + table + "<!-- end -->" + behind
	}
	if update {
		if err := os.WriteFile(languagePath, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// codeList writes names as a list of Markdown.
func codeList(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "` `") + "`"
}

func headerRows() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| header | fields | what may follow |\n| --- | --- | --- |\n")
	for _, h := range lower.HeaderTable() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", h.Name, codeList(h.Fields), codeList(h.Members))
	}
	return b.String()
}

func kindRows() string {
	usages := script.Usages()
	var b strings.Builder
	fmt.Fprintf(&b, "| call | section | context | default verdict | results | since |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, k := range kernel.ProgKinds {
		usage, ok := usages[k.Name]
		if !ok {
			usage = "bpf.program('" + k.Section + "', fn)"
		}
		results := "any"
		switch {
		case k.Ret.Fixed():
			results = fmt.Sprint(k.Ret.Min)
		case k.Ret != nil:
			results = fmt.Sprintf("%d to %d", k.Ret.Min, k.Ret.Max)
		}
		section := k.Section
		if k.Target != kernel.NoTarget {
			section += "/..."
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | `%s` | %s | %s |\n", usage, section, k.Ctx.Name, k.DefaultName, results, k.First)
	}
	return b.String()
}

// mapOps are what programs do with maps, as the table writes it.
var mapOps = []struct {
	op   kernel.MapOp
	text string
}{
	{kernel.MapLookup, "`m[k]`"}, {kernel.MapUpdate, "`m[k] = v`"}, {kernel.MapDelete, "`m[k] = nil`"},
	{kernel.MapEach, "`m:each()`"}, {kernel.MapPush, "`m:push(v)`"}, {kernel.MapPop, "`m:pop()`"}, {kernel.MapPeek, "`m:peek()`"},
	{kernel.MapOutput, "`m:output(v)`"}, {kernel.MapReserve, "`m:reserve()`"},
	{kernel.MapStack, "`stack_id(m)`"}, {kernel.MapTailCall, "`m[i](ctx)`"},
	{kernel.MapStorage, "`m[object]` `m:init(object)`"},
}

func mapTypeRows() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| type | key | value | in programs | since |\n| --- | --- | --- | --- | --- |\n")
	size := func(s kernel.Sizes) string {
		if s.None() {
			return "none"
		}
		return s.String()
	}
	for _, m := range kernel.MapTypes {
		var ops []string
		for _, o := range mapOps {
			if m.Can(o.op) {
				text := o.text
				if o.op == kernel.MapStorage && strings.HasSuffix(m.Name, "cgroup_storage") {
					text = "`m:init()`"
				}
				ops = append(ops, text)
			}
		}
		if len(ops) == 0 {
			ops = []string{"by helpers"}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, size(m.Key), size(m.Value), strings.Join(ops, " "), m.First)
	}
	return b.String()
}
