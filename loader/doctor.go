package loader

// State is what a finding means.
type State string

// The states: all is well, something is worth knowing, something can't be used.
const (
	OK      State = "ok"
	Note    State = "note"
	Missing State = "missing"
)

// Finding is something about this machine that programs depend on.
type Finding struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Value string `json:"value,omitempty"` // what was found
	// Effect is what is not possible because of it, Fix what to do about it.
	Effect string `json:"effect,omitempty"`
	Fix    string `json:"fix,omitempty"`
	// Required says that without it no program can be loaded.
	Required bool `json:"required,omitempty"`
}
