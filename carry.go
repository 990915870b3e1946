package luabpfc

import (
	"strings"

	"github.com/luabpfc/luabpfc/elfwriter/manifest"
	"github.com/luabpfc/luabpfc/frontend"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir"
)

// carry returns what the object is to say to luabpfc's own loader, nil if that is
// nothing.
func carry(mod *ir.Module, programs []*frontend.Program) ([]byte, error) {
	m := &manifest.Manifest{}
	for _, x := range mod.Maps {
		if len(x.Contents) > 0 {
			e := manifest.Map{Name: x.Name, Key: int(x.KeySize), Value: int(x.ValueSize)}
			for _, c := range x.Contents {
				e.Entries = append(e.Entries, manifest.Entry{Key: c.Key, Value: c.Value})
			}
			m.Maps = append(m.Maps, e)
		}
		if s, ok := x.Source.(*script.Map); ok && s.Hist != nil {
			m.Histograms = append(m.Histograms, manifest.Histogram{Map: x.Name, Step: s.Hist.Step})
		}
	}
	for _, p := range programs {
		if p.Kind == nil {
			continue
		}
		a := p.Attach
		if _, own := script.ComparesProcess(p.Program); own {
			a.PID = nil
		}
		c := manifest.Program{Name: p.Func.Name, Target: p.Target, Direction: a.Direction, Path: a.Path, PID: a.PID, CPU: a.CPU, Flags: a.Flags, Perf: a.Perf}
		if _, rest, _ := strings.Cut(p.Func.Section, "/"); rest == c.Target {
			c.Target = ""
		}
		if !c.Empty() {
			m.Programs = append(m.Programs, c)
		}
	}
	if m.Empty() {
		return nil, nil
	}
	return m.Marshal()
}
