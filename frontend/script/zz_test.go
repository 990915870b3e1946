package script

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/luabpfc/luabpfc/ir/diag"
)

func TestZZ(t *testing.T) {
	fs, _ := filepath.Glob("/root/go/pkg/mod/github.com/yuin/gopher-lua@v1.1.2/_*-tests/*.lua")
	for _, f := range fs {
		b, _ := os.ReadFile(f)
		var out bytes.Buffer
		var r diag.Reporter
		st := Run(diag.NewFile(filepath.Base(f), string(b)), &recorder{}, Options{Output: &out, Reporter: &r})
		l, _ := diag.AsList(r.Err())
		o := out.String()
		if len(o) > 300 {
			o = o[len(o)-300:]
		}
		t.Logf("=== %s\n%s\n%sEnded %v", f, o, diag.Human(l), st.Ended())
	}
}
