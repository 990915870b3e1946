package ctype

import (
	"errors"
	"strings"
	"testing"
)

// TestErrors declares what is wrong: the message, and its line and column in
// the C text.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text      string
		line, col int
		msg       string
	}{
		// words and signs
		{"int a b;", 1, 7, "expected ';', not 'b'"},
		{"int a[3;", 1, 8, "expected ']', not ';'"},
		{"struct s {\n\tint a\n};", 3, 1, "expected ';', not '}'"},
		{"struct s { int a;", 1, 18, "expected '}', not the end of the text"},
		{"struct { int a; } int;", 1, 19, "expected a name, not 'int'"},
		{"int 5;", 1, 5, "expected a name, not '5'"},
		{"int a; @", 1, 8, "unexpected character '@'"},
		{"/* open", 1, 1, "this comment has no end"},
		{"enum { A = 'ab' };", 1, 12, "a character constant has one character"},
		{"enum { A = 'a };", 1, 12, "this quote is never closed"},
		{"enum { A = 0x };", 1, 12, "'0x' is no integer constant"},
		{"enum { A = 089 };", 1, 12, "'089' is no integer constant"},
		{"enum { A = 1.5 };", 1, 12, "'1.5' is no integer constant"},
		{"enum { A = 1ulu };", 1, 12, "'1ulu' is no integer constant"},
		{"typedef struct $ x;", 1, 16, "types can't be put in for '$'"},
		{"#define N 5\nint a[N];", 1, 1, "write 'enum { N = ... };' instead of #define"},
		{"int a;\n  #include <linux/ip.h>", 2, 3, "copy the declarations you need"},
		{"#pragma pack(1)", 1, 1, "there is no preprocessor here"},
		{"int f(void) { return 1; }", 1, 13, "functions can't be written in C here, only declared"},
		{"typedef static int a;", 1, 9, "'typedef' and 'static' in one declaration"},
		// names
		{"uint33_t a;", 1, 1, "unknown type 'uint33_t' (did you mean 'uint32_t'?)"},
		{"struct s { iphdr h; };", 1, 12, "unknown type 'iphdr' (did you mean 'struct iphdr'?)"},
		{"struct s { struct iphrd h; };", 1, 25, "'struct iphrd' is not declared (did you mean 'struct iphdr'?)"},
		{"unsigned float a;", 1, 1, "'unsigned float' is no type of C"},
		{"enum { ONE = 1 }; int a[ONEE];", 1, 25, "undefined constant 'ONEE' in a C declaration (did you mean 'ONE'?)"},
		{"struct s { int a; }; union s b;", 1, 28, "'s' is a struct, not a union"},
		// declared twice
		{"struct s { int a; }; struct s { long a; };", 1, 29, "'struct s' was declared differently before"},
		{"struct s { int a; }; struct s { int b; };", 1, 29, "'struct s' was declared differently before"},
		{"typedef int a; typedef long a;", 1, 29, "'a' was declared differently before, as 'int'"},
		{"typedef int uint32_t;", 1, 13, "'uint32_t' was declared differently before, as 'unsigned int'"},
		{"int f(void); long f(void);", 1, 19, "'f' was declared differently before, as 'int (void)'"},
		{"enum { A = 1 }; enum { A = 2 };", 1, 24, "'A' was declared differently before"},
		{"enum e { A }; enum e { A, B };", 1, 20, "'enum e' was declared differently before"},
		{"struct s { int a, a; };", 1, 19, "member 'a' is declared twice"},
		{"struct s { int a; struct { int b, a; }; };", 1, 19, "member 'a' is declared twice"},
		// what cannot be
		{"struct s { struct s a; };", 1, 21, "'struct s' can't contain itself; a pointer to it can"},
		{"struct s { struct s a[2]; };", 1, 22, "'struct s' can't contain itself"},
		{"struct s { void a; };", 1, 17, "a member can't be void"},
		{"struct s { int f(int); };", 1, 16, "a member can't be a function, only a pointer to one"},
		{"struct s { int; };", 1, 12, "this member has no name"},
		{"struct s { static int a; };", 1, 19, "a member can't be 'static'"},
		{"struct s { char a[]; int b; };", 1, 17, "only the last member of a struct may be of open length"},
		{"int a[2][];", 1, 6, "only the outermost array may be of open length"},
		{"int a[-1];", 1, 7, "an array of -1 elements is not possible"},
		{"int a[1 << 28];", 1, 6, "this type is too large: at most 256 MiB are possible"},
		{"int a[1LL << 40];", 1, 7, "this type is too large"},
		{"struct s { char a[200 << 20], b[200 << 20]; };", 1, 31, "this type is too large"},
		{"int a[3](void);", 1, 6, "there are no arrays of functions, only of pointers to them"},
		{"int f(void)[3];", 1, 6, "a function can't return a function or an array"},
		{"int f(void a);", 1, 12, "a parameter can't be void"},
		{"typedef int v __attribute__((aligned(16))); v a[2];", 1, 48, "there can't be arrays of it"},
		{"int " + strings.Repeat("*", 60) + "a;", 1, 65, "more than 24 levels"},
		{"int a" + strings.Repeat("[1]", 60) + ";", 1, 5, "more than 24 levels"},
		{"int a[" + strings.Repeat("(", 300) + "1", 1, 73, "nested too deep"},
		{strings.Repeat("struct { ", 300), 1, 0, "nested too deep"},
		// bit-fields
		{"struct s { int a : 33; };", 1, 20, "'int' has 32 bits: a bit-field of 33 does not fit"},
		{"struct s { bool a : 2; };", 1, 21, "'bool' has 1 bits: a bit-field of 2 does not fit"},
		{"struct s { int a : 0; };", 1, 16, "a bit-field of no bits has no name"},
		{"struct s { int a : -1; };", 1, 20, "a bit-field can't have -1 bits"},
		{"struct s { int *a : 3; };", 1, 17, "a bit-field is an integer, not 'int *'"},
		{"struct s { float a : 3; };", 1, 18, "a bit-field is an integer, not 'float'"},
		{"struct s { char a[3 << 20]; int b : 1; };", 1, 8, "a struct with bit-fields can't be larger than 2 MiB"},
		// attributes
		{"struct s { int a; } __attribute__((pakced));", 1, 36, "unknown attribute 'pakced' (did you mean 'packed'?)"},
		{"struct s { int a; } __attribute__((aligned(3)));", 1, 36, "an alignment is a power of two"},
		{"struct s { int a; } __aligned(8192);", 1, 21, "an alignment of more than 4096 bytes is not possible"},
		{"typedef struct { int a; } s __attribute__((packed));", 1, 44, "'packed' belongs to a struct, union or enum"},
		{"struct s { int a; } __attribute__((btf_type_tag(user)));", 1, 49, "expected a string, not 'user'"},
		// constants
		{"enum { A = 1 / 0 };", 1, 14, "division by zero"},
		{"enum { A = 1 << 32 };", 1, 14, "a 32-bit number can't be shifted by that much"},
		{"enum { A = sizeof(struct nope) };", 1, 12, "'struct nope' is not declared"},
		{"enum { A = offsetof(struct iphdr, ttls) };", 1, 35, "'struct iphdr' has no member 'ttls'"},
		{"enum { A = offsetof(struct iphdr, ihl) };", 1, 35, "with an offset in bytes"},
		{"enum { A = 0xffffffffffffffff, B };", 1, 32, "the value of 'B' does not fit 64 bits"},
		{"enum { A = -1, B = 0xffffffffffffffff };", 1, 39, "no integer type holds all values of this enum"},
		{"static int a;", 1, 12, "'static const int a = ...;'"},
		{"int a = 5;", 1, 7, "only 'static const' integers have a value here"},
		{"_Static_assert(sizeof(int) == 8, \"wide\");", 1, 16, "_Static_assert fails: wide"},
		{"typedef struct { int a; };", 1, 9, "this typedef has no name"},
	} {
		err := NewScope(false).Declare(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", c.text)
			continue
		}
		if !strings.Contains(e.Msg, c.msg) || e.Line != c.line || c.col != 0 && e.Column != c.col {
			t.Errorf("%s: %d:%d: %s; want %d:%d: %s", c.text, e.Line, e.Column, e.Msg, c.line, c.col, c.msg)
		}
	}
}

// TestTypeErrors reads types that are none.
func TestTypeErrors(t *testing.T) {
	for _, c := range []struct{ decl, msg string }{
		{"int a", "'a' does not belong to a type"}, {"static int", "'static' has no meaning in a type"}, {"int;", "expected the end of the type, not ';'"},
		{"", "expected a type, not the end of the text"}, {"struct", "expected a tag or '{', not the end of the text"}, {"*", "expected a type, not '*'"},
		{"char [?][2", "expected ']'"}, {"struct nope [2]", "'struct nope' is not declared"}, {"void [2]", "can't be void"},
	} {
		if ty, err := NewScope(false).Type(c.decl); err == nil || !strings.Contains(err.Error(), c.msg) {
			t.Errorf("%s: %v, %v; want %s", c.decl, ty, err, c.msg)
		}
	}
}

// TestDeclareAgain: the same declaration may come twice, in other words too.
func TestDeclareAgain(t *testing.T) {
	sc := NewScope(false)
	for _, text := range []string{
		"struct s { int a; struct s *next; union { u8 b; u16 c; }; struct in { int x; } in; enum { X, Y } e; };",
		"typedef unsigned long size_t; typedef unsigned long long uint64_t; typedef unsigned long uint64_t; typedef struct s s_t;",
		"int getpid(void); extern int list[]; static const int N = 7; enum { M = 7 }; struct later; struct later *make(const char *, ...);",
	} {
		for range 2 {
			if err := sc.Declare(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	before, err := sc.Type("struct later *")
	if err != nil || !sc.Incomplete(Element(before)) {
		t.Fatal(before, err)
	}
	if err := sc.Declare("struct later { int x; };"); err != nil {
		t.Fatal(err)
	}
	if m, ok := FindMember(Element(before), "x"); !ok || m.Offset != 0 {
		t.Error("a pointer does not see its struct completed")
	}
}

// TestConstants evaluates constant expressions as C does.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		expr string
		want int64
	}{
		{"1 + 2 * 3", 7}, {"(1 + 2) * 3", 9}, {"7 / -2", -3}, {"-7 % 3", -1}, {"1 << 4 | 3", 19}, {"-1 >> 1", -1}, {"-1U >> 28", 15}, {"~0", -1}, {"~0U", 1<<32 - 1},
		{"!5", 0}, {"1 ? 2 : 3", 2}, {"0 ? 2 : 0 ? 3 : 4", 4}, {"1 == 1 && 2 > 1", 1}, {"0 || 0", 0}, {"5 & 3 ^ 1", 0}, {"'a'", 97}, {"'\\n'", 10}, {"'\\x41'", 65}, {"'\\101'", 65}, {"'\\xff'", -1},
		{"0x10", 16}, {"010", 8}, {"0b101", 5}, {"10UL", 10}, {"sizeof(int)", 4}, {"sizeof(struct { char c; long l; })", 16}, {"_Alignof(long)", 8}, {"offsetof(struct iphdr, saddr)", 12},
		{"(char)300", 44}, {"(unsigned char)-1", 255}, {"(int)0xffffffff", -1}, {"-1 < 0U", 0}, {"-1L < 0U", 1}, {"0x80000000", 1 << 31}, {"2147483647 + 0L + 1", 1 << 31}, {"(sizeof(int) - 5) > 0", 1}, {"1U - 2", 1<<32 - 1},
	} {
		sc := NewScope(false)
		if err := sc.Declare("enum { A = " + c.expr + " };"); err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if e, _ := sc.Enumerator("A"); int64(e.Bits) != c.want {
			t.Errorf("%s: %d, want %d", c.expr, int64(e.Bits), c.want)
		}
	}
}

// TestEnums checks sizes and signs of enums.
func TestEnums(t *testing.T) {
	for _, c := range []struct {
		body   string
		size   int
		signed bool
	}{
		{"{ A }", 4, false}, {"{ A = -1 }", 4, true}, {"{ A = 0xffffffff }", 4, false}, {"{ A = 0x100000000 }", 8, false}, {"{ A = -1, B = 0xffffffff }", 8, true},
		{"__attribute__((packed)) { A = 255 }", 1, false}, {"__attribute__((packed)) { A = -1, B = 255 }", 2, true}, {"{ A = 5, B, C } __packed", 1, false}, {"{ A = 1L << 40, B, }", 8, false},
	} {
		ty, err := NewScope(false).Type("enum " + c.body)
		if err != nil || Size(ty) != c.size || Signed(ty) != c.signed {
			t.Errorf("%s: %v, %d bytes, signed %v", c.body, err, Size(ty), Signed(ty))
		}
	}
}

// TestNameOf reads types and writes them again.
func TestNameOf(t *testing.T) {
	sc := NewScope(false)
	if err := sc.Declare("struct s { int a; }; typedef int (*handler)(struct s *, int); typedef char text[4];"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"int", "unsigned long long", "const char *", "char *const", "const char *const *", "struct s *", "char [16]", "int [2][3]", "int (*)[3]", "int *[3]",
		"int (*)(void)", "void (*(*)(int, ...))(char *)", "char __user *", "handler", "text *", "volatile int *", "struct {...} *", "union {...} [2]", "enum {...}"} {
		decl := strings.NewReplacer("struct {...}", "struct { int a; }", "union {...}", "union { int a; }", "enum {...}", "enum { Z }").Replace(name)
		ty, err := sc.Type(decl)
		if err != nil || Name(ty) != name {
			t.Errorf("%s: %v, %v", name, err, ty)
			continue
		}
		if again, err := sc.Type(decl); err != nil || !sc.same(ty, again) || !Copies(ty, ty) {
			t.Errorf("%s is not the same as %s", Name(again), name)
		}
	}
}

// TestPreserved: what CO-RE needs to know is kept beside a struct.
func TestPreserved(t *testing.T) {
	sc := NewScope(false)
	err := sc.Declare("struct task___old { int pid; } __attribute__((preserve_access_index)); struct plain { int pid; };")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := sc.Tag("struct", "task___old")
	b, _ := sc.Tag("struct", "plain")
	if !sc.Preserved(a) || sc.Preserved(b) || Essential("task___old") != "task" || Essential("plain") != "plain" || Essential("___x") != "___x" {
		t.Error(sc.Preserved(a), sc.Preserved(b), Essential("task___old"))
	}
}
