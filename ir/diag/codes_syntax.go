package diag

import "strings"

// Codes of the scanner and the parser.
const (
	UnexpectedToken      Code = "UnexpectedToken"
	UnexpectedCharacter  Code = "UnexpectedCharacter"
	UnfinishedString     Code = "UnfinishedString"
	UnfinishedComment    Code = "UnfinishedComment"
	InvalidEscape        Code = "InvalidEscape"
	MalformedNumber      Code = "MalformedNumber"
	NumberTooLarge       Code = "NumberTooLarge"
	ForeignOperator      Code = "ForeignOperator"
	CompoundAssign       Code = "CompoundAssign"
	AssignInCondition    Code = "AssignInCondition"
	NoContinue           Code = "NoContinue"
	ExpressionStatement  Code = "ExpressionStatement"
	StatementAfterReturn Code = "StatementAfterReturn"
	InvalidTarget        Code = "InvalidTarget"
	UnclosedBlock        Code = "UnclosedBlock"
	UnclosedBracket      Code = "UnclosedBracket"
	UnexpectedEnd        Code = "UnexpectedEnd"
	UnknownAttribute     Code = "UnknownAttribute"
	MultipleClose        Code = "MultipleClose"
	AssignToConst        Code = "AssignToConst"
	BreakOutsideLoop     Code = "BreakOutsideLoop"
	VarargOutside        Code = "VarargOutside"
	UndefinedLabel       Code = "UndefinedLabel"
	DuplicateLabel       Code = "DuplicateLabel"
	GotoIntoScope        Code = "GotoIntoScope"
	TooDeep              Code = "TooDeep"
)

// syntaxCodes documents the codes above.
var syntaxCodes = []Info{
	{
		Code:    UnexpectedToken,
		Summary: "a word or sign stands where the language does not allow it",
		Help:    "The message names what is expected and what was found. Often something is missing just in front: a comma, a name, a value.",
		Example: "local x = * 2\n",
	},
	{
		Code:    UnexpectedCharacter,
		Summary: "a character that Lua has no use for",
		Help:    "Outside strings and comments Lua is written in ASCII. Typographic quotes and no-break spaces, often pasted from a document, are the usual cause.",
		Example: "local price = 3 $\n",
	},
	{
		Code:    UnfinishedString,
		Summary: "a string has no end",
		Help:    "A string in quotes ends on the line it begins on; write '\\n' for a line end in it, or a long string in [[ ]], which may have several lines and needs its ]].",
		Example: "local s = 'abc\n",
	},
	{
		Code:    UnfinishedComment,
		Summary: "a long comment has no end",
		Help:    "A comment that begins with --[[ reaches to the next ]]; with '=' between the brackets, to the same number of them.",
		Example: "--[[ from here on\nlocal x = 1\n",
	},
	{
		Code:    InvalidEscape,
		Summary: "an escape sequence in a string that means nothing",
		Help:    "\\ddd is a byte in decimal, at most 255; \\xXX one in hexadecimal; \\u{XXX} a code point in UTF-8.",
		Example: "local s = '\\300'\n",
	},
	{
		Code:    MalformedNumber,
		Summary: "something that begins as a number is none",
		Help:    "Numbers are written 10, 0x1F, 1.5, 1e9, 0x1p-4, and as 64-bit integers 42LL and 42ULL. Names do not begin with a digit.",
		Example: "local x = 3apples\n",
	},
	{
		Code:    NumberTooLarge,
		Summary: "an integer does not fit 64 bits",
		Help:    "A hexadecimal integer, and one with LL or ULL, has at most 64 bits. A decimal one without suffix beyond that is a float.",
		Example: "local x = 0x10000000000000000\n",
	},
	{
		Code:    ForeignOperator,
		Summary: "an operator of another language",
		Help:    "Lua writes '~=' for '!=', 'and' for '&&', 'or' for '||', 'not' for '!'.",
		Example: "if a != b then print(a) end\n",
	},
	{
		Code:    CompoundAssign,
		Summary: "'+=', '++' and the like, which Lua has not",
		Help:    "Write the variable twice: x = x + 1.",
		Example: "local x = 1\nx += 1\n",
	},
	{
		Code:    AssignInCondition,
		Summary: "'=' in a condition",
		Help:    "'=' assigns and is a statement. '==' compares.",
		Example: "if x = 1 then print(x) end\n",
	},
	{
		Code:    NoContinue,
		Summary: "'continue', which Lua has not",
		Help:    "Write 'goto continue' and put the label '::continue::' at the end of the loop's body.",
		Example: "for i = 1, 10 do\n  if i == 5 then continue end\n  print(i)\nend\n",
	},
	{
		Code:    ExpressionStatement,
		Summary: "an expression where a statement is expected",
		Help:    "Of expressions only a call is a statement. A value that is computed and dropped is mostly an assignment or a call that something is missing of.",
		Example: "local t = {}\nt.x\n",
	},
	{
		Code:    StatementAfterReturn,
		Summary: "a statement behind 'return'",
		Help:    "'return' ends its block, so that nothing can follow it there. For a test run write 'do return end'.",
		Example: "local x = 1\nreturn x;\nprint(x)\n",
	},
	{
		Code:    InvalidTarget,
		Summary: "an assignment to what is no variable",
		Help:    "Left of '=' stand names, fields t.x and elements t[i], without parentheses around them.",
		Example: "f() = 1\n",
	},
	{
		Code:    UnclosedBlock,
		Summary: "a block has no 'end'",
		Help:    "Every 'do', 'then', 'function' needs its 'end', every 'repeat' its 'until'. 'else if' begins a second 'if' with a second 'end'; 'elseif' does not. Notes point at the blocks whose indentation does not fit.",
		Example: "if x then\n  print(x)\n",
	},
	{
		Code:    UnclosedBracket,
		Summary: "a bracket is not closed",
		Help:    "The message names the bracket that is open and what was found in its closer's place.",
		Example: "print(1, 2\nlocal x = 1\n",
	},
	{
		Code:    UnexpectedEnd,
		Summary: "'end', 'else' or 'until' without a block that it closes",
		Help:    "There is one 'end' too many, or the line that began the block is missing.",
		Example: "print(1)\nend\n",
	},
	{
		Code:    UnknownAttribute,
		Summary: "an attribute of a local variable that does not exist",
		Help:    "There are <const> for a variable that is not assigned to again and <close> for one that is closed at the end of its scope.",
		Example: "local x <constant> = 1\n",
	},
	{
		Code:    MultipleClose,
		Summary: "two <close> variables in one 'local'",
		Help:    "Declare them in two statements, so that the order in which they are closed is visible.",
		Example: "local a <close>, b <close> = f()\n",
	},
	{
		Code:    AssignToConst,
		Summary: "an assignment to a <const> or <close> variable",
		Help:    "Leave the attribute out if the variable has to change.",
		Example: "local x <const> = 1\nx = 2\n",
	},
	{
		Code:    BreakOutsideLoop,
		Summary: "'break' outside a loop",
		Help:    "'break' leaves the innermost loop of its own function. To leave a function write 'return'.",
		Example: "if x then break end\n",
	},
	{
		Code:    VarargOutside,
		Summary: "'...' in a function that has no variable arguments",
		Help:    "Add '...' to the parameters. An inner function does not see its outer function's '...': assign it to locals, or to a table, first.",
		Example: "function f(a) print(...) end\n",
	},
	{
		Code:    UndefinedLabel,
		Summary: "'goto' to a label that is not visible",
		Help:    "A label is visible in the block that holds it and in blocks inside that block, not from outside and not from functions inside.",
		Example: "goto done\n",
	},
	{
		Code:    DuplicateLabel,
		Summary: "a block has the same label twice",
		Help:    "Rename one of them.",
		Example: "::again::\nprint(1)\n::again::\n",
	},
	{
		Code:    GotoIntoScope,
		Summary: "'goto' over the declaration of a local",
		Help:    "Behind the label the local would have no value. Declare it before the goto, or enclose its use in 'do' and 'end'. A label at the very end of a block is exempt.",
		Example: "goto skip\nlocal x = 1\n::skip::\nprint(x)\n",
	},
	{
		Code:    TooDeep,
		Summary: "blocks or expressions nest too deep",
		Help:    "There may be 200 levels of blocks, brackets and operators inside one another, and 4000 operators in a row. Split the expression, with local variables or a table.",
		Example: "x = " + strings.Repeat("(", 210) + "1" + strings.Repeat(")", 210) + "\n",
	},
}
