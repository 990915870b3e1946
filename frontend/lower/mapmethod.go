package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// can reports whether programs can do op with maps like m; if not, that is
// reported: they can't be done so.
func (lw *lowerer) can(n syntax.Node, m *script.Map, op kernel.MapOp, done string) bool {
	if m.Type.Can(op) {
		return true
	}
	hint := ""
	switch {
	case m.Type.Can(kernel.MapPush) && op&(kernel.MapLookup|kernel.MapUpdate) != 0:
		hint = "; use its methods push, pop and peek"
	case m.Type.Can(kernel.MapOutput) && op&(kernel.MapLookup|kernel.MapUpdate) != 0:
		hint = "; send records by its method output"
	}
	lw.errorf(n, diag.BadMapOperation, "'%s' can't be %s: it is of type '%s'%s", m.Name, done, m.Type.Name, hint)
	return false
}
