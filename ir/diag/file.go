package diag

import (
	"sort"
	"strings"
	"sync"
)

// File is one source text. It is immutable once made.
type File struct {
	Name string // as the user named it; never made absolute
	Text string

	once  sync.Once
	lines []int // byte offset of each line's first byte
}

// NewFile returns a file of the given name and text.
func NewFile(name, text string) *File { return &File{Name: name, Text: text} }

func (f *File) starts() []int {
	f.once.Do(func() {
		f.lines = append(f.lines, 0)
		for i := 0; i < len(f.Text); i++ {
			if f.Text[i] == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	})
	return f.lines
}

// Position converts a byte offset to a line and a column, both counted from 1.
// Columns count bytes. An offset outside the file is clamped.
func (f *File) Position(offset int) (line, col int) {
	offset = max(0, min(offset, len(f.Text)))
	s := f.starts()
	line = sort.SearchInts(s, offset+1)
	return line, offset - s[line-1] + 1
}

// Line returns the text of line n (counted from 1) without its line end, or
// "" when there is no such line.
func (f *File) Line(n int) string {
	s := f.starts()
	if n < 1 || n > len(s) {
		return ""
	}
	end := len(f.Text)
	if n < len(s) {
		end = s[n] - 1
	}
	return strings.TrimSuffix(f.Text[s[n-1]:end], "\r")
}

// Span is the half-open byte range [Start, End) of a file. The zero Span
// names no place.
type Span struct {
	File       *File
	Start, End int
}

// IsZero reports whether s names no place.
func (s Span) IsZero() bool { return s.File == nil }

// Position returns the line and column of the span's start, 0, 0 for the zero Span.
func (s Span) Position() (line, col int) {
	if s.File == nil {
		return 0, 0
	}
	return s.File.Position(s.Start)
}

// Text returns what the span covers.
func (s Span) Text() string {
	if s.File == nil || s.Start < 0 || s.End > len(s.File.Text) || s.Start > s.End {
		return ""
	}
	return s.File.Text[s.Start:s.End]
}

// Offset converts a line and a column, counted from 1, to a byte offset; a
// place outside the file is clamped.
func (f *File) Offset(line, col int) int {
	s := f.starts()
	line = max(1, min(line, len(s)))
	return min(s[line-1]+max(col-1, 0), len(f.Text))
}
