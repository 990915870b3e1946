package diag

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine is how many characters of a source line Human shows.
const maxLine = 120

// Human renders l for a person: each diagnostic with its source line, the span
// underlined, and its notes. Errors beyond MaxErrors are only counted.
func Human(l List) string {
	var b strings.Builder
	shown, hidden := 0, 0
	for _, d := range l {
		if d.Severity == Error {
			if shown == MaxErrors {
				hidden++
				continue
			}
			shown++
		}
		writeHuman(&b, d)
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "%d more %s not shown\n", hidden, plural(hidden, "error is", "errors are"))
	}
	return b.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func writeHuman(b *strings.Builder, d *Diagnostic) {
	b.WriteString(printable(d.String()))
	b.WriteByte('\n')
	writeSource(b, d.Span)
	for _, n := range d.Notes {
		if line, _ := n.Span.Position(); line > 0 {
			fmt.Fprintf(b, "%s:%d: ", printable(n.Span.File.Name), line)
		}
		fmt.Fprintf(b, "note: %s\n", printable(n.Message))
	}
}

// writeSource writes the line that sp begins on and underlines the part of sp
// that lies on it. Tabs are kept in both lines, so that they stay aligned
// whatever a tab's width. A long line is cut to a window round the span.
func writeSource(b *strings.Builder, sp Span) {
	line, col := sp.Position()
	if line == 0 {
		return
	}
	text := sp.File.Line(line)
	start := min(col-1, len(text))
	end := min(start+max(sp.End-sp.Start, 1), len(text))
	before, under, after := []rune(text[:start]), []rune(text[start:max(start, end)]), []rune(text[max(start, end):])
	if strings.TrimSpace(text) == "" {
		return
	}
	lead, trail := "", ""
	if over := len(before) + len(under) + len(after) - maxLine; over > 0 {
		keep := max(maxLine-len(under), maxLine/2) / 2
		if len(before) > keep {
			before, lead = before[len(before)-keep:], "..."
		}
		if len(under) > maxLine {
			under, after = under[:maxLine], nil
			trail = "..."
		}
		if len(after) > keep {
			after, trail = after[:keep], "..."
		}
	}
	fmt.Fprintf(b, "    %s%s%s%s%s\n    ", lead, clean(before), clean(under), clean(after), trail)
	b.WriteString(strings.Repeat(" ", len(lead)))
	for _, r := range before {
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	if len(under) > 1 {
		b.WriteString(strings.Repeat("~", len(under)-1))
	}
	b.WriteByte('\n')
}

// clean replaces what would move a terminal's cursor, except tabs.
func clean(rs []rune) string {
	out := make([]rune, len(rs))
	for i, r := range rs {
		if r != '\t' && (unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r)) {
			r = '?'
		}
		out[i] = r
	}
	return string(out)
}

// printable is clean for text that came with a message; a line end in it would
// look like a second message.
func printable(s string) string { return clean([]rune(strings.ReplaceAll(s, "\t", " "))) }

// jsonPlace and jsonDiagnostic are the machine-readable form. Fields are only
// ever added.
type jsonPlace struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"end_line,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
}

type jsonNote struct {
	jsonPlace
	Message string `json:"message"`
}

type jsonDiagnostic struct {
	jsonPlace
	Severity string     `json:"severity"`
	Code     Code       `json:"code,omitempty"`
	Message  string     `json:"message"`
	Notes    []jsonNote `json:"notes,omitempty"`
}

func place(sp Span) (p jsonPlace) {
	if sp.File == nil {
		return p
	}
	p.File = sp.File.Name
	p.Line, p.Column = sp.File.Position(sp.Start)
	p.EndLine, p.EndColumn = sp.File.Position(max(sp.Start, sp.End))
	return p
}

// JSON renders l for a program: one object a line, all of them. Lines and
// columns count from 1, columns in bytes; the end is the column behind the
// last byte.
func JSON(l List) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, d := range l {
		j := jsonDiagnostic{jsonPlace: place(d.Span), Severity: d.Severity.String(), Code: d.Code, Message: d.Message}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote{place(n.Span), n.Message})
		}
		// Strings and integers only: Encode cannot fail on them.
		_ = enc.Encode(j)
	}
	return b.String()
}
