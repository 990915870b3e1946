package userspace

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
)

// A value of a map or a record as a tree of what JSON has: numbers, strings,
// lists, and members in the order of their declaration.

// field is a member of a struct.
type field struct {
	name  string
	value any
}

// tree takes a value of the script apart.
func (h *host) tree(v lua.LValue) any {
	if c, ok := script.ToCData(v); ok {
		s := c.String()
		if n := strings.TrimRight(s, "UL"); n != s {
			return json.Number(n)
		}
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return json.Number(s)
		}
		return s
	}
	if r, ok := script.ToRef(v); ok {
		return h.treeOf(r)
	}
	switch v := v.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return json.Number(v.String())
	case lua.LString:
		return string(v)
	case *lua.LTable: // a stack
		list := []any{}
		for i := 1; i <= v.Len(); i++ {
			list = append(list, h.tree(v.RawGetInt(i)))
		}
		return list
	}
	return nil
}

func (h *host) treeOf(r *script.Ref) any {
	if ctype.IsArray(r.Type) {
		if e := ctype.Element(r.Type); ctype.Name(e) == "char" {
			s, _ := script.Text(h.st.Value(r.Type, r.Bytes()))
			return s
		}
		list := []any{}
		for i := range ctype.Length(r.Type) {
			v, err := h.st.Index(r, lua.LNumber(i))
			if err != nil {
				return nil
			}
			list = append(list, h.tree(v))
		}
		return list
	}
	members := []field{}
	for _, name := range ctype.MemberNames(r.Type) {
		v, err := h.st.Index(r, lua.LString(name))
		if err != nil {
			return nil
		}
		members = append(members, field{name, h.tree(v)})
	}
	return members
}

// plain writes a tree for people: numbers and strings as they are, members as
// name=value.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = plain(e)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case []field:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = m.name + "=" + plain(m.value)
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}

// asJSON writes a tree as JSON.
func asJSON(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = asJSON(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case []field:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = asJSON(m.name) + ":" + asJSON(m.value)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// treeNumber is a tree that is a number.
func treeNumber(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}
