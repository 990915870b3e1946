package diag

// Code names a kind of diagnostic. Codes never change their meaning.
type Code string

// Info documents one code.
type Info struct {
	Code     Code
	Severity Severity
	Summary  string // one line
	Help     string // a paragraph: why, and what to do
	Example  string // a script that gives exactly this code
}
