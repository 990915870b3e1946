package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// series are the scripts whose compile time must grow in proportion to their
// length. Each has n parts; sizes double.
var series = []struct {
	what   string
	sizes  []int
	script func(n int) string
}{
	{"a usual script, lines", []int{100, 200}, lines},
	{"branches and map reads", []int{500, 1000, 2000}, branches},
	{"lines in one function", []int{1250, 2500, 5000}, lines},
	{"programs in one script", []int{125, 250, 500}, programs},
	{"entries of a constant table", []int{12500, 25000, 50000}, table},
}

// growth prints t(n)/t(n/2) for each series, and the most memory used. A ratio is
// one of least processor times, which other work on the machine disturbs least: the
// more so the more runs there are, of which these are short.
func growth(dir, bin string, runs int) error {
	fmt.Printf("%-36s %10s %10s %11s %10s\n", "growth", "least", "processor", "t(n)/t(n/2)", "memory")
	for _, s := range series {
		var cs []*contender
		for _, n := range s.sizes {
			name := filepath.Join(dir, fmt.Sprintf("n%d.lua", n))
			if err := os.WriteFile(name, []byte(s.script(n)), 0o644); err != nil {
				return err
			}
			cs = append(cs, &contender{name: fmt.Sprintf("%d %s", n, s.what), args: []string{bin, name, "-o", filepath.Join(dir, "n.o")}})
		}
		if err := alternate(3*runs, cs...); err != nil {
			return err
		}
		for i, c := range cs {
			r := ""
			if i > 0 {
				r = fmt.Sprintf("%.2f", float64(slices.Min(c.cpu))/float64(slices.Min(cs[i-1].cpu)))
			}
			fmt.Printf("%-36s %10s %10s %11s %6.1f MiB\n", c.name, ms(slices.Min(c.times)), ms(slices.Min(c.cpu)), r, float64(c.mem)/1024)
		}
	}
	return nil
}

const header = "local m = bpf.map('array', 4096, 'uint32_t', 'uint64_t')\n"

// branches is a program of n statements, each with a branch and a map access. No
// way through them is told by a constant, which the verifier could not follow.
func branches(n int) string {
	var b strings.Builder
	b.WriteString(header + "local prog = bpf.socket(function(skb)\n  local x = skb.len\n")
	for i := range n {
		fmt.Fprintf(&b, "  if x > m[%d] then x = x + skb.mark end\n", i%4096)
	}
	b.WriteString("  return x\nend)\n")
	return b.String()
}

// lines is a program of n lines of arithmetic, tests and map writes.
func lines(n int) string {
	forms := []string{"x = x * 3 + %d", "x = (x ~ (x >> 7)) + skb.mark + %d", "if x > %d then x = x - 1 end", "m[x & 4095] = x + %d"}
	var b strings.Builder
	b.WriteString(header + "local prog = bpf.socket(function(skb)\n  local x = skb.len\n")
	for i := range n {
		fmt.Fprintf(&b, "  "+forms[i%len(forms)]+"\n", i)
	}
	b.WriteString("  return x\nend)\n")
	return b.String()
}

// programs is a script of n small programs.
func programs(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "bpf.socket(function(skb) if skb.mark == %d then m[%d] = skb.len end return pkt.ip.proto end, { name = 'p%d' })\n", i, i%4096, i)
	}
	return b.String()
}

// table is a script with a constant table of n numbers.
func table(n int) string {
	var b strings.Builder
	b.WriteString("local t = {\n")
	for i := range n {
		fmt.Fprintf(&b, "  %d,\n", i*7%100003)
	}
	b.WriteString("}\nlocal sum = 0\nfor i = 1, #t do sum = sum + t[i] end\nbpf.socket(function(skb) return sum & 0xffff end)\n")
	return b.String()
}
