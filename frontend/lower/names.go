package lower

import (
	"maps"
	"slices"
)

// What functions compiled for the kernel can name, for editors.

// Call is a function or a method.
type Call struct {
	Name  string // bit.band, time; of a method its own
	Usage string // "" if its name says all
	Max   int    // arguments; -1: any number; 0 may mean that it is not known
}

// Calls returns the functions of the kernel stage, sorted.
func Calls() (list []Call) {
	rows := builtinTable()
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		list = append(list, Call{name, r.usage, r.max})
	}
	return list
}

// MapMethods returns the methods of maps.
func MapMethods() (list []Call) {
	for _, m := range mapMethodTable() {
		list = append(list, Call{m.name, m.usage, m.max})
	}
	return append(list, Call{"each", "m:each()", 0})
}

// PacketMethods returns the methods of packet pointers, sorted.
func PacketMethods() (list []Call) {
	rows := packetMethods()
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, Call{name, rows[name].usage, rows[name].max})
	}
	return list
}

// KernelNames returns the names that functions compiled for the kernel know besides
// those of the script stage.
func KernelNames() []string { return slices.Clone(kernelGlobalNames) }
