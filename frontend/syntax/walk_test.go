package syntax

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir/diag"
)

// children returns a node's parts in the order in which they stand in the text.
func children(n Node) []Node {
	var c []Node
	exprs := func(es []Expr) {
		for _, e := range es {
			c = append(c, e)
		}
	}
	switch n := n.(type) {
	case *Function:
		for _, l := range n.Params {
			c = append(c, l)
		}
		c = append(c, n.Body)
	case *Block:
		for _, s := range n.Stmts {
			c = append(c, s)
		}
	case *LocalStmt:
		for _, l := range n.Names {
			c = append(c, l)
		}
		exprs(n.Exprs)
	case *AssignStmt:
		exprs(n.Targets)
		exprs(n.Exprs)
	case *CallStmt:
		c = append(c, n.Call)
	case *DoStmt:
		c = append(c, n.Body)
	case *WhileStmt:
		c = append(c, n.Cond, n.Body)
	case *RepeatStmt:
		c = append(c, n.Body, n.Cond)
	case *IfStmt:
		for _, k := range n.Clauses {
			c = append(c, k)
		}
		if n.Else != nil {
			c = append(c, n.Else)
		}
	case *IfClause:
		c = append(c, n.Cond, n.Body)
	case *NumForStmt:
		c = append(c, n.Var, n.From, n.To)
		if n.Step != nil {
			c = append(c, n.Step)
		}
		c = append(c, n.Body)
	case *GenForStmt:
		for _, l := range n.Vars {
			c = append(c, l)
		}
		exprs(n.Exprs)
		c = append(c, n.Body)
	case *FunctionStmt:
		c = append(c, n.Target, n.Func)
	case *LocalFunctionStmt:
		c = append(c, n.Local, n.Func)
	case *ReturnStmt:
		exprs(n.Exprs)
	case *FunctionExpr:
		c = append(c, n.Func)
	case *Index:
		c = append(c, n.Obj, n.Key)
	case *Call:
		c = append(c, n.Fn)
		exprs(n.Args)
	case *MethodCall:
		c = append(c, n.Recv, n.NameRange)
		exprs(n.Args)
	case *Binary:
		c = append(c, n.L, n.OpRange, n.R)
	case *Unary:
		c = append(c, n.X)
	case *Paren:
		c = append(c, n.X)
	case *TableExpr:
		for _, f := range n.Fields {
			c = append(c, f)
		}
	case *Field:
		if n.Key != nil {
			c = append(c, n.Key)
		}
		c = append(c, n.Value)
	}
	return c
}

// Bounds on a bare Range makes operators and method names children.
var _ Node = Range{}

// walk calls f for n and all below it.
func walk(n Node, f func(Node)) {
	f(n)
	for _, c := range children(n) {
		walk(c, f)
	}
}

// checkRanges returns what is wrong with a tree's ranges: one outside its
// parent, or, where ordered, parts that overlap. A function and the target it is
// assigned to do overlap.
func checkRanges(file *diag.File, n Node, ordered bool) error {
	b := n.Bounds()
	if b.Start < 0 || b.Start > b.End || b.End > len(file.Text) {
		return fmt.Errorf("%T: range %v is outside the file", n, b)
	}
	overlaps := false
	switch n.(type) {
	case *FunctionStmt, *LocalFunctionStmt:
		overlaps = true
	}
	last := b.Start
	for _, c := range children(n) {
		r := c.Bounds()
		if r.Start < b.Start || r.End > b.End {
			return fmt.Errorf("%T %v is not within %T %v", c, r, n, b)
		}
		if ordered && !overlaps && r.Start < last {
			return fmt.Errorf("%T %v in %T begins before the end of the part in front of it", c, r, n)
		}
		last = r.End
		if err := checkRanges(file, c, ordered); err != nil {
			return err
		}
	}
	return nil
}

// checkBinding returns what is wrong with a tree's names: a local that belongs
// to no function of the tree, or flags that its uses contradict.
func checkBinding(c *Chunk) error {
	var err error
	funcs := map[*Function]bool{}
	walk(c.Func, func(n Node) {
		if f, ok := n.(*Function); ok {
			funcs[f] = true
			if f.Parent == nil && f != c.Func || f.Parent != nil && !funcs[f.Parent] {
				err = fmt.Errorf("function %q: wrong parent", f.Name)
			}
		}
	})
	walk(c.Func, func(n Node) {
		switch n := n.(type) {
		case *Local:
			if !funcs[n.Func] {
				err = fmt.Errorf("local %s belongs to no function", n.Name)
			}
		case *Name:
			if l := n.Local; l != nil && (l.Name != n.Name || !funcs[l.Func] || l.Start > n.Start) {
				err = fmt.Errorf("name %s is bound to %+v", n.Name, l)
			}
		}
	})
	return err
}
