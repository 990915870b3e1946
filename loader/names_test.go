package loader

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamed finds functions among symbols as compilers of C++ and Rust make them.
func TestNamed(t *testing.T) {
	symbols := strings.Fields(`main add _Z3addii _Z4add2ii
		_ZN12kyotocabinet7StashDB6acceptEPKcmPNS_2DB7VisitorEb _ZNK12kyotocabinet7StashDB3getEv _ZN12kyotocabinet7StashDB7accept2Ev
		_ZN2ns1fEi _ZN2ns1fEd _ZN2ns1fEi.cold _ZN2ns1gEi.constprop.0 _ZN2ns1tIiEEvT_ _ZN2ns1tIdEEvT_ _ZN2ns3oneISt6vectorIiSaIiEEEET_S4_
		_ZN1AC1Ev _ZN1AC2Ev _ZN1AplERKS_ _ZSt9terminatev _ZN4core3fmt5write17h0123456789abcdefE`)
	var syms []elf.Symbol
	for i, s := range symbols {
		syms = append(syms, elf.Symbol{Name: s, Value: uint64(i + 1)})
	}
	syms = append(syms, elf.Symbol{Name: "_ZN1BC1Ev", Value: 100}, elf.Symbol{Name: "_ZN1BC2Ev", Value: 100})
	for _, tc := range []struct{ name, want string }{
		{"add(int)", ""}, {"accept", ""}, {"StashDB::accept", ""}, {"ns::f(char)", ""}, {"ns::f()", ""}, {"f(int)", ""}, {"s::f", ""}, {"", ""},
		{"add(int, int)", "_Z3addii"}, {"add(int,int)", "_Z3addii"}, {"add", "_Z3addii"},
		{"kyotocabinet::StashDB::accept", "_ZN12kyotocabinet7StashDB6acceptEPKcmPNS_2DB7VisitorEb"},
		{"kyotocabinet::StashDB::accept(char const*, unsigned long, kyotocabinet::DB::Visitor*, bool)", "_ZN12kyotocabinet7StashDB6acceptEPKcmPNS_2DB7VisitorEb"},
		{"kyotocabinet::StashDB::get", "_ZNK12kyotocabinet7StashDB3getEv"},
		{"kyotocabinet::StashDB::get()", "_ZNK12kyotocabinet7StashDB3getEv"},
		{"kyotocabinet::StashDB::get() const", "_ZNK12kyotocabinet7StashDB3getEv"},
		{"ns::f(int)", "_ZN2ns1fEi"}, {"ns::f(double)", "_ZN2ns1fEd"}, {"ns::f", "_ZN2ns1fEi _ZN2ns1fEd"}, {"ns::g", "_ZN2ns1gEi.constprop.0"}, {"ns::g(int)", "_ZN2ns1gEi.constprop.0"},
		{"ns::t<int>(int)", "_ZN2ns1tIiEEvT_"}, {"void ns::t<int>(int)", "_ZN2ns1tIiEEvT_"}, {"ns::t<double>", "_ZN2ns1tIdEEvT_"}, {"ns::t", "_ZN2ns1tIiEEvT_ _ZN2ns1tIdEEvT_"},
		{"ns::one", "_ZN2ns3oneISt6vectorIiSaIiEEEET_S4_"},
		{"A::A", "_ZN1AC1Ev _ZN1AC2Ev"}, {"B::B()", "_ZN1BC1Ev"}, {"A::operator+", "_ZN1AplERKS_"}, {"A::operator+(A const&)", "_ZN1AplERKS_"},
		{"std::terminate", "_ZSt9terminatev"}, {"core::fmt::write", "_ZN4core3fmt5write17h0123456789abcdefE"},
	} {
		var got []string
		for _, s := range named(tc.name, syms) {
			got = append(got, s.Name)
		}
		if g := strings.Join(got, " "); g != tc.want {
			t.Errorf("%s is %s, want %s", tc.name, g, tc.want)
		}
	}
}

// TestSymbolIn names functions of a real binary, whose symbols are those of C++.
func TestSymbolIn(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		if os.Getenv("LUABPFC_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	bin := filepath.Join(t.TempDir(), "bin")
	cmd := exec.Command(gcc, "-x", "c", "-o", bin, "-")
	cmd.Stdin = strings.NewReader("int _ZN2ns1fEi(int x) { return x; } int _ZN2ns1fEd(int x) { return x + 1; } int main(void) { return 0; }")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tc := range []struct{ name, want string }{
		{"main", "main"}, {"ns::f(int)", "_ZN2ns1fEi"}, {"_ZN2ns1fEd", "_ZN2ns1fEd"},
		{"ns::f", "error: '" + bin + "' has 2 functions 'ns::f': name one of ns::f(double), ns::f(int)"},
		{"ns::g(int)", "error: '" + bin + "' has no function 'ns::g(int)'"},
	} {
		got, err := symbolIn(bin, tc.name)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
