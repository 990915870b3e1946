package diag

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// MaxErrors is how many errors one run shows; the rest are counted.
const MaxErrors = 10

// Severity orders diagnostics by what they do to the run.
type Severity int

const (
	Error   Severity = iota // no object is written
	Warning                 // the object is written
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Note is a second place that explains a diagnostic.
type Note struct {
	Span    Span
	Message string
}

// Diagnostic is one message about one place of a script.
type Diagnostic struct {
	Severity Severity
	Code     Code
	Span     Span
	Message  string // lower case, no full stop; the user's terms
	Notes    []Note
}

// Note adds a place that explains d, and returns d.
func (d *Diagnostic) Note(sp Span, format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, Note{sp, fmt.Sprintf(format, args...)})
	return d
}

// String returns the diagnostic's first line: place, message, code.
func (d *Diagnostic) String() string {
	var b strings.Builder
	writePlace(&b, d.Span)
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if d.Code != "" {
		fmt.Fprintf(&b, " [%s]", d.Code)
	}
	return b.String()
}

func writePlace(b *strings.Builder, sp Span) {
	if line, col := sp.Position(); line > 0 {
		fmt.Fprintf(b, "%s:%d:%d: ", sp.File.Name, line, col)
	}
}

// List is a sorted list of diagnostics. As an error it holds at least one of
// severity Error.
type List []*Diagnostic

// Error returns the first error and how many there are.
func (l List) Error() string {
	n := 0
	var first *Diagnostic
	for _, d := range l {
		if d.Severity == Error {
			if n == 0 {
				first = d
			}
			n++
		}
	}
	switch n {
	case 0:
		return "no errors"
	case 1:
		return first.String()
	}
	return fmt.Sprintf("%s (and %d more)", first, n-1)
}

// Reporter collects diagnostics. The zero value is ready to use.
type Reporter struct {
	list   List
	errors int
	seen   map[string]bool
}

// Errorf records an error and returns it, so that notes can be added. The same
// message at the same place is recorded once.
func (r *Reporter) Errorf(code Code, sp Span, format string, args ...any) *Diagnostic {
	return r.add(&Diagnostic{Severity: Error, Code: code, Span: sp, Message: fmt.Sprintf(format, args...)})
}

// Warnf records a warning and returns it.
func (r *Reporter) Warnf(code Code, sp Span, format string, args ...any) *Diagnostic {
	return r.add(&Diagnostic{Severity: Warning, Code: code, Span: sp, Message: fmt.Sprintf(format, args...)})
}

func (r *Reporter) add(d *Diagnostic) *Diagnostic {
	key := d.String()
	if r.seen[key] {
		return d
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[key] = true
	r.list = append(r.list, d)
	if d.Severity == Error {
		r.errors++
	}
	return d
}

// Errors returns how many errors were recorded.
func (r *Reporter) Errors() int { return r.errors }

// Err returns everything recorded, sorted by file, place and severity, if
// there is an error among it; otherwise nil.
func (r *Reporter) Err() error {
	if r.errors == 0 {
		return nil
	}
	return r.sorted(nil)
}

// Warnings returns the warnings recorded, sorted.
func (r *Reporter) Warnings() List {
	w := Warning
	return r.sorted(&w)
}

func (r *Reporter) sorted(only *Severity) List {
	var l List
	for _, d := range r.list {
		if only == nil || d.Severity == *only {
			l = append(l, d)
		}
	}
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i], l[j]
		an, bn := fileName(a.Span), fileName(b.Span)
		if an != bn {
			return an < bn
		}
		if a.Span.Start != b.Span.Start {
			return a.Span.Start < b.Span.Start
		}
		return a.Severity < b.Severity
	})
	return l
}

func fileName(sp Span) string {
	if sp.File == nil {
		return ""
	}
	return sp.File.Name
}

// AsList returns the List that err is or wraps.
func AsList(err error) (List, bool) {
	var l List
	ok := errors.As(err, &l)
	return l, ok
}

// Mark returns a state that Reset goes back to.
func (r *Reporter) Mark() int { return len(r.list) }

// Reset forgets what was recorded since the mark: the front end lowers a loop
// a second time when it learns more about the loop's variables.
func (r *Reporter) Reset(mark int) {
	for _, d := range r.list[mark:] {
		delete(r.seen, d.String())
		if d.Severity == Error {
			r.errors--
		}
	}
	r.list = r.list[:mark]
}
