package ctype

import (
	"errors"
	"testing"
)

// FuzzDeclare looks for texts on which the parser panics, hangs, or makes a
// type that is not sound.
func FuzzDeclare(f *testing.F) {
	decls, _ := generate(1, 40)
	for _, d := range decls {
		f.Add(prelude+d, "struct s0 *[2]")
	}
	for _, text := range uapi {
		f.Add("struct x {"+text+"};", "struct x")
	}
	f.Add("enum { A, B = A ? sizeof(int[2]) : -1 << 3 }; static const int N = ~0; _Static_assert(N < 0, \"x\");", "char [N + B]")
	f.Add("int (*(*f(void))[3])(char *, ...); extern long x[]; struct a; union a2 { struct a *p; };", "struct { char x[?]; }")
	f.Add("typedef char __user *user __attribute__((btf_type_tag(\"rcu\"), aligned(8)));", "const user *const")
	f.Add("struct f___x { int a; } __attribute__((preserve_access_index)); /* */ // \n", "struct f___x")
	f.Fuzz(func(t *testing.T, text, decl string) {
		if len(text)+len(decl) > 1<<12 {
			return
		}
		sc := NewScope(len(text)%2 == 0)
		if err := sc.Declare(text); err == nil {
			if err := sc.Declare(text); err != nil {
				t.Errorf("the same again: %v", err)
			}
		} else {
			checkError(t, err, text)
		}
		for _, ty := range sc.tags {
			checkType(t, sc, ty)
		}
		ty, err := sc.Type(decl)
		if err != nil {
			checkError(t, err, decl)
			return
		}
		checkType(t, sc, ty)
	})
}

func checkError(t *testing.T, err error, text string) {
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %T", err)
	}
	if e.Offset < 0 || e.Offset > len(text) || e.Line < 1 || e.Column < 1 || e.Msg == "" || e.Code == "" {
		t.Errorf("%+v", e)
	}
}

// checkType checks that members lie inside their records, and that names lead
// back to the types.
func checkType(t *testing.T, sc *Scope, ty Type) {
	if Size(ty) > maxSize || sc.Alignof(ty) > maxAlign || sc.nesting(ty) > maxNesting {
		t.Errorf("%s: %d bytes, alignment %d, %d levels", Name(ty), Size(ty), sc.Alignof(ty), sc.nesting(ty))
	}
	for _, name := range MemberNames(ty) {
		m, ok := FindMember(ty, name)
		if !ok || m.BitOffset+max(m.Bits, 8*Size(m.Type)*truthInt(m.Bits == 0)) > 8*Size(ty) {
			t.Errorf("%s: member %s is outside", Name(ty), name)
		}
		if m.Bits == 0 {
			continue
		}
		place := 0
		units := m.Units(Size(ty), sc.BigEndian())
		for _, u := range units {
			if place += u.Bits; u.Offset < 0 || u.Offset+u.Size > Size(ty) || u.Shift < 0 || u.Shift+u.Bits > 8*u.Size || u.Place+u.Bits > m.Bits {
				t.Errorf("%s: member %s: unit %+v", Name(ty), name, u)
			}
		}
		if place != m.Bits {
			t.Errorf("%s: member %s: units %+v of %d bits", Name(ty), name, units, m.Bits)
		}
	}
	if again, err := sc.Type(Name(ty)); err == nil && Size(again) != Size(ty) && !sc.Variable(ty) {
		t.Errorf("%s has %d bytes, read again %d", Name(ty), Size(ty), Size(again))
	}
}

func truthInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
