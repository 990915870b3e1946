package kernel

// MapType is a kind of map.
type MapType struct {
	Name  string // as the language and bpftool write it
	ID    int    // enum bpf_map_type
	First Version
	// PerCPU: a program sees its CPU's copy of each value.
	PerCPU bool
	// Array: keys are uint32_t indices below max_entries; entries always exist
	// and can't be deleted.
	Array bool
	// Flags that the kernel requires for the type.
	Flags uint32
}

// MapTypes are the map types with keys and values of their own. Source: UAPI
// enum bpf_map_type.
var MapTypes = []*MapType{
	{Name: "hash", ID: 1, First: Version{3, 19}},
	{Name: "array", ID: 2, First: Version{3, 19}, Array: true},
	{Name: "percpu_hash", ID: 5, First: Version{4, 6}, PerCPU: true},
	{Name: "percpu_array", ID: 6, First: Version{4, 6}, PerCPU: true, Array: true},
	{Name: "lru_hash", ID: 9, First: Version{4, 10}},
	{Name: "lru_percpu_hash", ID: 10, First: Version{4, 10}, PerCPU: true},
}

// MapTypeByName returns the type called name.
func MapTypeByName(name string) (*MapType, bool) {
	for _, t := range MapTypes {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}
