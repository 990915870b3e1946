package userspace

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/loader"
)

// tree takes a value of the script apart.
func (h *host) tree(v lua.LValue) loader.Value {
	if c, ok := script.ToCData(v); ok {
		s := c.String()
		if n := strings.TrimRight(s, "UL"); n != s {
			return json.Number(n)
		}
		return number(s)
	}
	if r, ok := script.ToRef(v); ok {
		return h.treeOf(r)
	}
	switch v := v.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return number(v.String())
	case lua.LString:
		return string(v)
	case *lua.LTable: // a stack
		list := []loader.Value{}
		for i := 1; i <= v.Len(); i++ {
			list = append(list, h.tree(v.RawGetInt(i)))
		}
		return list
	}
	return nil
}

func (h *host) treeOf(r *script.Ref) loader.Value {
	if ctype.IsArray(r.Type) {
		if e := ctype.Element(r.Type); ctype.Name(e) == "char" {
			s, _ := script.Text(h.st.Value(r.Type, r.Bytes()))
			return s
		}
		list := []loader.Value{}
		for i := range ctype.Length(r.Type) {
			v, err := h.st.Index(r, lua.LNumber(i))
			if err != nil {
				return nil
			}
			list = append(list, h.tree(v))
		}
		return list
	}
	members := loader.Members{}
	for _, name := range ctype.MemberNames(r.Type) {
		v, err := h.st.Index(r, lua.LString(name))
		if err != nil {
			return nil
		}
		members = append(members, loader.Member{Name: name, Value: h.tree(v)})
	}
	return members
}

// number is s as JSON has it: a number, or text if JSON has no such number.
func number(s string) loader.Value {
	if f, err := strconv.ParseFloat(s, 64); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return s
	}
	return json.Number(s)
}

// asJSON writes a tree as JSON.
func asJSON(v loader.Value) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// treeNumber is a tree that is a number.
func treeNumber(v loader.Value) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}
