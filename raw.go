package luabpfc

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/codegen"
)

// Raw returns the instructions of the script's one function of bpf.func as they are,
// to be put between those of another program; package codegen says by which contract.
// The error is a diag.List.
func (o *Object) Raw() ([]byte, error) { return codegen.Raw(o.mod, o.Code) }

// eventName is the variable whose type says what the function leaves in memory.
const eventName = "__ipft_event_struct"

// IpftScript returns a Lua script for the first generation of ipftrace2: emit returns
// the instructions that Raw does, dump makes a text of the 64 bytes that they leave,
// by the members of the variable __ipft_event_struct if the script declares one. The
// script runs on Lua 5.1 and all later ones.
func (o *Object) IpftScript(source string) (string, error) {
	code, err := o.Raw()
	if err != nil {
		return "", err
	}
	var fields []btf.EventField
	for _, g := range o.mod.Globals {
		if t, ok := g.Type.(btf.Type); ok && g.Name == eventName {
			if fields, err = btf.EventFields(t); err != nil {
				return "", fmt.Errorf("variable '%s': %w", eventName, err)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- Made by luabpfc from %s: a script for ipftrace2, of the generation whose emit()\n-- returns instructions.\n\nlocal code = table.concat {", source)
	for at := 0; at < len(code); at += 8 {
		b.WriteString("\n  \"")
		for _, c := range code[at:min(at+8, len(code))] {
			fmt.Fprintf(&b, "\\%03d", c)
		}
		b.WriteString("\",")
	}
	b.WriteString("\n}\n\nfunction emit()\n  return code\nend\n")
	b.WriteString(dumpText(fields, o.mod.BigEndian))
	return b.String(), nil
}

// dumpText is the function dump: the members' values by name, or all bytes.
func dumpText(fields []btf.EventField, bigEndian bool) string {
	if len(fields) == 0 {
		return `
function dump(data)
  return (string.gsub(data, ".", function(c) return string.format("%02x", string.byte(c)) end))
end
`
	}
	var b strings.Builder
	first, last, step := "size", "1", "-1"
	if bigEndian {
		first, last, step = "1", "size", "1"
	}
	fmt.Fprintf(&b, `
local function number(data, at, size, signed)
  local n = 0
  for i = %s, %s, %s do n = n * 256 + string.byte(data, at + i) end
  if signed and size < 8 and n >= 2 ^ (8 * size - 1) then n = n - 2 ^ (8 * size) end
  return string.format("%%d", n)
end

function dump(data)
  return table.concat({
`, first, last, step)
	for _, f := range fields {
		value := fmt.Sprintf("number(data, %d, %d, %t)", f.Offset, f.Size, f.Signed)
		switch {
		case f.Hex:
			value = fmt.Sprintf("string.format(\"0x%%x\", %s)", value)
		case f.Bool:
			value = fmt.Sprintf("(string.byte(data, %d) ~= 0 and \"true\" or \"false\")", f.Offset+1)
		}
		fmt.Fprintf(&b, "    \"%s: \" .. %s,\n", f.Name, value)
	}
	b.WriteString("  }, \" \")\nend\n")
	return b.String()
}
