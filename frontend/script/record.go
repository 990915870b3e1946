package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// Record is the part of a compiling Host that concerns user space: what the
// script writes to maps is their initial contents, and the first operation
// that needs a running program ends the stage. Embed it and add the
// declarations.
type Record struct{}

// MapGet reads what the script itself has written. Once a program is declared
// only the running program knows the other entries: reading one ends the stage.
func (Record) MapGet(st *Stage, m *Map, key *CData, sp diag.Span) *CData { return nil }

// MapSet adds to m's initial contents.
func (Record) MapSet(st *Stage, m *Map, key, value *CData, sp diag.Span) error { return nil }

// UserSpace ends the stage.
func (Record) UserSpace(st *Stage, op Operation, args []lua.LValue) ([]lua.LValue, error) {
	return nil, nil
}
