package luabpfc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

const languagePath = "docs/language.md"

var (
	sentenceID = regexp.MustCompile(`\[([a-z0-9]+(?:-[a-z0-9]+)+)\]`)
	showsLine  = regexp.MustCompile(`(?m)^# shows (.+)$`)
	fence      = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```\n")
)

// TestLanguage holds docs/language.md and the cases together: each sentence with
// a name has a case with the line "# shows NAME ..." in its NAME.run (or, of the
// command, in testdata/cli), and no case shows a sentence that is not there.
func TestLanguage(t *testing.T) {
	text, err := os.ReadFile(languagePath)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]string{} // cases by sentence
	for _, pattern := range []string{"testdata/run/*.txtar", "testdata/cli/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := readShows(f, shown); err != nil {
				t.Fatal(err)
			}
		}
	}
	sentences := map[string]bool{}
	for _, m := range sentenceID.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
		if sentences[m[1]] {
			t.Errorf("%s: two sentences [%s]", languagePath, m[1])
		}
		sentences[m[1]] = true
		if len(shown[m[1]]) == 0 {
			t.Errorf("%s: no case shows [%s]", languagePath, m[1])
		}
	}
	var names []string
	for id, cases := range shown {
		if !sentences[id] {
			names = append(names, fmt.Sprintf("%s has no sentence [%s], which %s shows", languagePath, id, cases[0]))
		}
	}
	slices.Sort(names)
	for _, n := range names {
		t.Error(n)
	}
	t.Logf("%d sentences", len(sentences))
}

// readShows adds what the sections of a file show.
func readShows(file string, shown map[string][]string) error {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		return err
	}
	ar.Files = append(ar.Files, txtar.File{Name: "script", Data: ar.Comment})
	for _, f := range ar.Files {
		for _, m := range showsLine.FindAllStringSubmatch(string(f.Data), -1) {
			for _, id := range strings.Fields(m[1]) {
				shown[id] = append(shown[id], file+":"+f.Name)
			}
		}
	}
	return nil
}

// TestLanguageExamples compiles the examples of docs/language.md. A block "lua"
// is a script; the block after it may be "run", steps as in testdata/run, or
// "text", what compiling says.
func TestLanguageExamples(t *testing.T) {
	if update {
		t.Skip("the reference is not rewritten")
	}
	text, err := os.ReadFile(languagePath)
	if err != nil {
		t.Fatal(err)
	}
	blocks := fence.FindAllStringSubmatchIndex(string(text), -1)
	n, ran := 0, 0
	for i, b := range blocks {
		kind, body := string(text[b[2]:b[3]]), string(text[b[4]:b[5]])
		if kind != "lua" {
			continue
		}
		n++
		line := 1 + strings.Count(string(text[:b[0]]), "\n")
		c := &testCase{name: fmt.Sprintf("language:line%d", line), file: languagePath, script: body, opts: caseOptions()}
		if i+1 < len(blocks) {
			next := blocks[i+1]
			adjoins := strings.TrimSpace(string(text[b[1]:next[0]])) == ""
			switch after := string(text[next[4]:next[5]]); {
			case adjoins && string(text[next[2]:next[3]]) == "run":
				for j, l := range strings.Split(after, "\n") {
					if err := c.parseLine(j, strings.TrimSpace(l)); err != nil {
						t.Fatalf("line %d: %v", line, err)
					}
				}
				ran++
			case adjoins && string(text[next[2]:next[3]]) == "text":
				c.name, c.hasDiag, c.diag = "language:prog", true, after
			}
		}
		t.Run(c.name, func(t *testing.T) { runCase(t, c) })
	}
	t.Logf("%d examples, %d of them run", n, ran)
}
