package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Loans: what the kernel gives a program and wants back before it ends. A ring
// buffer's record is submitted or discarded; a reference to an object of the kernel
// is released.
//
// Whether something is on loan is the value of a cell, so that joins and loops
// carry it like a variable's: on loan, nil, or a conflict where it is on some paths
// only. A path on which the kernel gave nothing has nothing on loan. An error that
// leaves the script's hands (a packet read past the end) gives back what is on
// loan; that the script itself keeps it is an error.

// loan is one thing that was lent.
type loan struct {
	m *script.Map // whose record it is; nil for a reference
	// from and release are the kfunc or helper that a reference is from, and the one
	// that gives it back.
	from, release string
	pos           ir.Pos
	ref           Ref
	state         *cell // onLoan, or nil
	open          *cell // the same as a boolean, for <close> where paths differ
	// dynptr is set on a record that a dynptr on the stack stands for.
	dynptr bool
	// giveBack calls what gives it back unused, where it is there.
	giveBack func(*loan)
}

// onLoan is the state of what has not been given back.
type onLoan struct{ l *loan }

func (onLoan) kind() string { return "loan" }

// String names what is on loan in a message.
func (l *loan) String() string {
	if l.m == nil {
		return "this reference from '" + l.from + "'"
	}
	return "this record of '" + l.m.Name + "'"
}

// gone is the code of a use after it was given back, returned the word for that.
func (l *loan) gone() diag.Code {
	if l.m == nil {
		return diag.ReferenceGone
	}
	return diag.RecordGone
}

func (l *loan) returned() string {
	if l.m == nil {
		return "given back"
	}
	return "submitted or discarded"
}

// lend notes a loan; its ref is set next, and lent says that it begins.
func (lw *lowerer) lend(l *loan) *loan {
	l.state = lw.newCell(Nil)
	l.state.field = true
	l.open = lw.newCell(constBool(false))
	l.open.field = true
	lw.loans = append(lw.loans, l)
	return l
}

func (lw *lowerer) lent(l *loan) {
	lw.set(l.state, onLoan{l})
	lw.set(l.open, constBool(true))
}

// finish ends a loan by what does it where there is something on loan.
func (lw *lowerer) finish(l *loan, how func(*loan)) {
	lw.reach(l.ref, func(Ref) Value {
		how(l)
		return Nil
	}, nothing)
	if lw.b.Block != nil {
		lw.finished(l)
	}
}

func (lw *lowerer) finished(l *loan) {
	lw.set(l.state, Nil)
	lw.set(l.open, constBool(false))
}

// loanLive reports whether what is on loan may be used; if not, that is reported.
func (lw *lowerer) loanLive(n syntax.Node, rec *loan) bool {
	switch rec.state.get().(type) {
	case onLoan:
		return true
	case Bad:
		return false // reported
	case *Conflict:
		lw.set(rec.state, Bad{})
		lw.errorf(n, rec.gone(), "%s was %s on some of the paths that lead here", rec, rec.returned())
	default:
		if truth, known := lw.knownPresent(rec.ref); known && !truth {
			return true // there is none
		}
		d := lw.r.Errorf(rec.gone(), n.Bounds().In(lw.file), "%s was %s before", rec, rec.returned())
		if rec.state.pos.Line > 0 {
			d.Note(lw.span(rec.state.pos), "this is where")
		}
	}
	return false
}

// isOpen reports whether something is on loan here, on some path at least.
func (lw *lowerer) isOpen(rec *loan) bool {
	switch rec.state.val.(type) {
	case onLoan:
		truth, known := lw.knownPresent(rec.ref)
		return truth || !known
	case *Conflict:
		return true
	}
	return false
}

// giveBackOpen gives back what is on loan from the n-th on: an error leaves it.
func (lw *lowerer) giveBackOpen(n int) {
	for i := len(lw.loans) - 1; i >= n && lw.b.Block != nil; i-- {
		rec := lw.loans[i]
		if !lw.isOpen(rec) {
			continue
		}
		if _, some := rec.state.val.(*Conflict); some {
			lw.openSomewhere(rec, "here")
			continue
		}
		lw.finish(rec, rec.giveBack)
	}
}

// noneOpen reports what is still on loan, from the n-th on, where a path ends; where
// names that end.
func (lw *lowerer) noneOpen(n int, where string) {
	for _, rec := range lw.loans[min(n, len(lw.loans)):] {
		if lw.isOpen(rec) {
			lw.openSomewhere(rec, where)
			lw.set(rec.state, Bad{}) // once
		}
	}
}

func (lw *lowerer) openSomewhere(rec *loan, where string) {
	some := ""
	if _, ok := rec.state.val.(*Conflict); ok {
		some = " on some of the paths that lead there"
	}
	code, what, open := diag.RecordLeftOpen, "neither submitted nor discarded", "open"
	if rec.m == nil {
		code, what, open = diag.ReferenceHeld, "not given back by '"+rec.release+"'", "still held"
	}
	d := lw.r.Errorf(code, lw.span(rec.pos), "%s is %s where %s%s", rec, what, where, some)
	d.Note(lw.span(lw.b.Pos), "it is %s here", open)
}

// closeLoan is the __close of what is on loan: it gives it back.
func (lw *lowerer) closeLoan(rec *loan) {
	discard := func() { lw.finish(rec, rec.giveBack) }
	_, some := rec.state.val.(*Conflict)
	switch {
	case !some && lw.isOpen(rec):
		discard()
	case some:
		flag, _ := lw.asBool(lw.resolve(rec.open.get()))
		mark := lw.mark()
		yes, no := lw.branch(flag, mark)
		if yes.block != nil {
			lw.open(yes)
			discard()
			yes = lw.leave(mark)
		}
		lw.join([]edge{yes, no})
		lw.set(rec.state, Nil)
	}
}

// decided reports what is on loan on some of the paths only that lead to n, which
// may end the program: then it would not be known what to give back.
func (lw *lowerer) decided(where string) {
	for _, rec := range lw.loans {
		if _, some := rec.state.val.(*Conflict); some || rec.dynptr && lw.isOpen(rec) {
			lw.openSomewhere(rec, where)
			lw.set(rec.state, Bad{})
		}
	}
}
