// Package kernel is what the Linux kernel offers a BPF program, as data: the
// kinds of programs with their contexts, the types of maps, the helpers, each
// with the first version that has it.
//
// It must not know the IR, Lua or ELF. A new kind of program, map type or
// helper is a new row and nothing else; the tests name what a row forgot.
//
//	k, ok := kernel.ProgKindByName("xdp")
//	h := kernel.HelperByName("map_lookup_elem")
//	if err := h.Available(k, kernel.Version{6, 1}); err != nil { ... }
package kernel

import "fmt"

// Version is a kernel release, major and minor.
type Version struct{ Major, Minor int }

// Oldest is the oldest supported target; Default the one assumed.
var (
	Oldest  = Version{5, 10}
	Default = Version{6, 1}
)

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// String returns "6.1".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// ParseRelease returns the version of a release, "6.18.44-x" (uname(2)).
func ParseRelease(s string) (v Version, ok bool) {
	n, _ := fmt.Sscanf(s, "%d.%d", &v.Major, &v.Minor)
	if n != 2 {
		return Version{}, false
	}
	return v, true
}

// ParseVersion parses "6.1".
func ParseVersion(s string) (Version, error) {
	var v Version
	var rest string
	if n, _ := fmt.Sscanf(s, "%d.%d%s", &v.Major, &v.Minor, &rest); n != 2 || v.Major < 1 || v.Minor < 0 {
		return v, fmt.Errorf("kernel version %q is not of the form 6.1", s)
	}
	return v, nil
}
