package syntax

import "github.com/luabpfc/luabpfc/ir/diag"

// Range is the half-open byte range a node covers in its file.
type Range struct{ Start, End int }

// Bounds returns r; embedding Range gives every node this method.
func (r Range) Bounds() Range { return r }

// In returns r as a span of file f.
func (r Range) In(f *diag.File) diag.Span { return diag.Span{File: f, Start: r.Start, End: r.End} }

// Node is any part of the tree.
type Node interface{ Bounds() Range }

// Chunk is a parsed file. Func is the vararg main function.
type Chunk struct {
	File *diag.File
	Func *Function
}

// Function is a function body: a function expression, or the chunk itself.
type Function struct {
	Range
	File   *diag.File
	Name   string // how diagnostics name it: "f", "t.f", "t:m", "" when anonymous
	Params []*Local
	Vararg bool
	Method bool // declared with ':'; Params[0] is the implicit self
	Body   *Block
	Parent *Function // the enclosing function, nil for a chunk
}

// Attrib is what stands in <> behind a local's name.
type Attrib uint8

const (
	AttribNone Attrib = iota
	AttribConst
	AttribClose
)

// Local is the declaration of a local variable, a parameter or a loop variable.
type Local struct {
	Range    // the name
	Name     string
	Attrib   Attrib
	Func     *Function // the function it belongs to
	Assigned bool      // assigned after its declaration, in any function
	Captured bool      // used by an inner function
}

// Block is a list of statements with a scope of its own.
type Block struct {
	Range
	Stmts []Stmt
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

type (
	// LocalStmt is local a <const>, b = x, y.
	LocalStmt struct {
		Range
		Names []*Local
		Exprs []Expr
	}
	// AssignStmt is a, t[i] = x, y.
	AssignStmt struct {
		Range
		Targets []Expr // *Name or *Index
		Exprs   []Expr
	}
	// CallStmt is a call used as a statement.
	CallStmt struct {
		Range
		Call Expr // *Call or *MethodCall
	}
	// DoStmt is do ... end.
	DoStmt struct {
		Range
		Body *Block
	}
	// WhileStmt is while Cond do Body end.
	WhileStmt struct {
		Range
		Cond Expr
		Body *Block
	}
	// RepeatStmt is repeat Body until Cond; Cond sees the body's locals.
	RepeatStmt struct {
		Range
		Body *Block
		Cond Expr
	}
	// IfStmt is if/elseif/else. Else is nil when there is none.
	IfStmt struct {
		Range
		Clauses []*IfClause
		Else    *Block
	}
	// IfClause is one condition of an IfStmt and what it guards.
	IfClause struct {
		Range
		Cond Expr
		Body *Block
	}
	// NumForStmt is for Var = From, To, Step. Step is nil when not written.
	NumForStmt struct {
		Range
		Var            *Local
		From, To, Step Expr
		Body           *Block
	}
	// GenForStmt is for Vars in Exprs.
	GenForStmt struct {
		Range
		Vars  []*Local
		Exprs []Expr
		Body  *Block
	}
	// FunctionStmt is function a.b.c:m() ... end. Target is the *Name or *Index
	// assigned to.
	FunctionStmt struct {
		Range
		Target Expr
		Func   *FunctionExpr
	}
	// LocalFunctionStmt is local function f() ... end; the body sees f.
	LocalFunctionStmt struct {
		Range
		Local *Local
		Func  *FunctionExpr
	}
	// ReturnStmt is return, with its expressions.
	ReturnStmt struct {
		Range
		Exprs []Expr
	}
	// BreakStmt is break.
	BreakStmt struct{ Range }
	// GotoStmt is goto Name. Label is what it resolves to.
	GotoStmt struct {
		Range
		Name  string
		Label *LabelStmt
	}
	// LabelStmt is ::Name::.
	LabelStmt struct {
		Range
		Name string
	}
)

func (*LocalStmt) stmt()         {}
func (*AssignStmt) stmt()        {}
func (*CallStmt) stmt()          {}
func (*DoStmt) stmt()            {}
func (*WhileStmt) stmt()         {}
func (*RepeatStmt) stmt()        {}
func (*IfStmt) stmt()            {}
func (*NumForStmt) stmt()        {}
func (*GenForStmt) stmt()        {}
func (*FunctionStmt) stmt()      {}
func (*LocalFunctionStmt) stmt() {}
func (*ReturnStmt) stmt()        {}
func (*BreakStmt) stmt()         {}
func (*GotoStmt) stmt()          {}
func (*LabelStmt) stmt()         {}

// NumberKind says what a numeric literal is.
type NumberKind uint8

const (
	Int   NumberKind = iota // an integer in int64_t; Bits holds it
	Uint                    // written ULL, or above 2^63-1: uint64_t; Bits holds it
	Float                   // anything else; Float holds it
)

type (
	// NilExpr is nil.
	NilExpr struct{ Range }
	// BoolExpr is true or false.
	BoolExpr struct {
		Range
		Value bool
	}
	// NumberExpr is a numeric literal. All digits of an integer are kept in Bits.
	NumberExpr struct {
		Range
		Kind   NumberKind
		Bits   uint64
		Float  float64 // the literal as a double, whatever the kind
		Suffix bool    // written with LL or ULL: cdata in the script stage
	}
	// StringExpr is a string literal, escapes resolved.
	StringExpr struct {
		Range
		Value string
	}
	// VarargExpr is ...
	VarargExpr struct{ Range }
	// FunctionExpr is a function literal.
	FunctionExpr struct {
		Range
		Func *Function
	}
	// Name is a variable. Local is nil for a global.
	Name struct {
		Range
		Name  string
		Local *Local
	}
	// Index is Obj[Key] or Obj.name; for the latter Key is a *StringExpr and Dot is true.
	Index struct {
		Range
		Obj, Key Expr
		Dot      bool
	}
	// Call is Fn(Args...).
	Call struct {
		Range
		Fn   Expr
		Args []Expr
	}
	// MethodCall is Recv:Name(Args...). NameRange covers Name.
	MethodCall struct {
		Range
		Recv      Expr
		Name      string
		NameRange Range
		Args      []Expr
	}
	// Binary is L Op R, "and" and "or" included.
	Binary struct {
		Range
		Op      BinaryOp
		OpRange Range
		L, R    Expr
	}
	// Unary is Op X.
	Unary struct {
		Range
		Op UnaryOp
		X  Expr
	}
	// Paren is (X): it cuts a call or ... to one value.
	Paren struct {
		Range
		X Expr
	}
	// TableExpr is a table constructor.
	TableExpr struct {
		Range
		Fields []*Field
	}
	// Field is one field of a constructor. Key is nil for a positional one.
	Field struct {
		Range
		Key   Expr
		Value Expr
		Named bool // written name = value; Key is then a *StringExpr
	}
)

func (*NilExpr) expr()      {}
func (*BoolExpr) expr()     {}
func (*NumberExpr) expr()   {}
func (*StringExpr) expr()   {}
func (*VarargExpr) expr()   {}
func (*FunctionExpr) expr() {}
func (*Name) expr()         {}
func (*Index) expr()        {}
func (*Call) expr()         {}
func (*MethodCall) expr()   {}
func (*Binary) expr()       {}
func (*Unary) expr()        {}
func (*Paren) expr()        {}
func (*TableExpr) expr()    {}

// BinaryOp is a binary operator.
type BinaryOp uint8

const (
	OpAdd BinaryOp = iota
	OpSub
	OpMul
	OpDiv
	OpMod
	OpPow
	OpIDiv // //
	OpBAnd // &
	OpBOr  // |
	OpBXor // ~
	OpShl  // <<
	OpShr  // >>
	OpConcat
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	OpAnd
	OpOr
)

// UnaryOp is a unary operator.
type UnaryOp uint8

const (
	OpNeg UnaryOp = iota
	OpNot
	OpLen
	OpBNot // ~
)
