package loader

import "time"

// System is what BPF does on this machine: everybody's programs, maps and what
// attaches them.
type System struct {
	Programs []RunningProgram `json:"programs"`
	Maps     []RunningMap     `json:"maps"`
	// Filters are ours that stayed when the process was killed that made them.
	Filters []Filter `json:"left_filters,omitempty"`
}

// RunningProgram is a program in the kernel.
type RunningProgram struct {
	ID       uint32       `json:"id"`
	Type     string       `json:"type"`
	Name     string       `json:"name"`
	Tag      string       `json:"tag"`
	Loaded   time.Time    `json:"loaded,omitzero"`
	UID      *uint32      `json:"uid,omitempty"`
	Maps     []uint32     `json:"maps"`
	Attached []Attachment `json:"attached"`
	Pins     []string     `json:"pins"`
	Held     []Process    `json:"processes"`
}

// Attachment is what runs a program.
type Attachment struct {
	Kind  string   `json:"kind"`            // xdp, tcx, kprobe
	Where string   `json:"where,omitempty"` // "lo ingress", a function
	Link  uint32   `json:"link,omitempty"`  // 0: there is none
	Pins  []string `json:"pins,omitempty"`
}

// Process is one that holds a program, a map or a link.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// RunningMap is a map in the kernel.
type RunningMap struct {
	ID         uint32    `json:"id"`
	Type       string    `json:"type"`
	Name       string    `json:"name"`
	KeySize    uint32    `json:"key_size"`
	ValueSize  uint32    `json:"value_size"`
	MaxEntries uint32    `json:"max_entries"`
	Pins       []string  `json:"pins"`
	Held       []Process `json:"processes"`
}

// Filter is a filter of a clsact queue.
type Filter struct {
	Interface string `json:"interface"`
	Direction string `json:"direction"`
	Name      string `json:"name"`
	Program   uint32 `json:"program"`

	at filterPlace
}

// Content is an entry of a map in the kernel.
type Content struct {
	Key    Value   `json:"key"`
	Value  Value   `json:"value,omitempty"`
	Values []Value `json:"values,omitempty"` // of each CPU
}
