package disasm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// Running returns the listing of a program in the kernel, as the kernel has
// rewritten it: calls and maps are numbers of its own.
func Running(insns asm.Instructions) string {
	var out strings.Builder
	var order binary.ByteOrder = binary.LittleEndian
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		order = binary.BigEndian
	}
	last := ""
	it := insns.Iterate()
	for it.Next() {
		if l, ok := it.Ins.Source().(*btf.Line); ok {
			if text := sourceLine(l); text != last {
				out.WriteString(text)
				last = text
			}
		}
		text := ""
		var code bytes.Buffer
		if _, err := it.Ins.Marshal(&code, order); err == nil {
			_, text = decode(code.Bytes(), order, func(*bpf.Inst) string { return "" })
		} else {
			text = fmt.Sprint(it.Ins)
		}
		fmt.Fprintf(&out, "%6d: %s\n", it.Offset, text)
	}
	return out.String()
}
