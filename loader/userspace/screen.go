package userspace

import (
	"fmt"
	"io"
	"strings"
)

// On a terminal a picture takes the place of the one before: it is written over it,
// line by line, so that nothing flickers. What does not fit on the screen is left
// out, except of the last one, which stays.

// Control sequences of ECMA-48, as all terminals have them.
const (
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K" // behind the cursor
	clearBelow  = "\x1b[J"
	noWrap      = "\x1b[?7l"
	wrap        = "\x1b[?7h"
	clearScreen = toTop + "\x1b[2J"
)

// screen is a terminal with pictures.
type screen struct {
	out   io.Writer
	size  func() (rows int) // 0 if it is not known
	drawn bool
}

// draw shows a picture; the last one is shown as a whole.
func (s *screen) draw(text string, last bool) error {
	var b strings.Builder
	if !s.drawn {
		b.WriteString(clearScreen)
	}
	s.drawn = true
	lines := strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	rows := 0
	if s.size != nil {
		rows = s.size()
	}
	if last || rows <= 2 {
		b.WriteString(toTop + clearBelow + strings.Join(lines, ""))
		_, err := io.WriteString(s.out, b.String())
		return err
	}
	more := 0
	if len(lines) > rows-1 { // the cursor stands on a line of its own
		more = len(lines) - (rows - 2)
		lines = lines[:rows-2]
	}
	b.WriteString(toTop + noWrap)
	for _, l := range lines {
		b.WriteString(strings.TrimSuffix(l, "\n") + clearLine + "\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "(%d more lines)%s\n", more, clearLine)
	}
	b.WriteString(clearBelow + wrap)
	_, err := io.WriteString(s.out, b.String())
	return err
}
