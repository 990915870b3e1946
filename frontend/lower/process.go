package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// onlyProcess makes a program leave in processes other than the one that option pid
// names, where the kernel runs it in all of them.
func (lw *lowerer) onlyProcess() {
	pid, ok := script.ComparesProcess(lw.prog)
	if !ok {
		return
	}
	h := kernel.HelperByName("get_current_pid_tgid")
	id := high(lw, lw.b.Call(h, ir.I64))
	mine, other := lw.b.Func.NewBlock(ir.BlockJump), lw.b.Func.NewBlock(ir.BlockRet)
	lw.b.If(lw.b.Op(ir.OpEq, id, lw.b.Const(pid)), mine, other)
	lw.b.Block = other
	lw.b.Ret(lw.b.Const(lw.prog.Kind.Default))
	lw.b.Block = mine
}
