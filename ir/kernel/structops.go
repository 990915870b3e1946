package kernel

// OpsStruct is what the kernel wants of a structure of functions that programs
// implement (struct_ops), besides what its type says. Structures that are not
// here have their type only.
type OpsStruct struct {
	Name string // of the structure
	// Required are lists of members, of each of which the kernel wants one at least.
	Required [][]string
	// Refused are members that are functions of the kernel's own only.
	Refused []string
	// Title is the member with the name that the structure is registered under, which
	// consists of letters, digits, '_' and '.'; "" if it has none.
	Title string
	// Argument is the tag of the structure that functions are handed a pointer to and
	// that the verifier takes for the first of Is; the others begin it.
	Argument string
	Is       []string
	// Writable are the members of those that programs may write.
	Writable []StructMember
}

// StructOpsLinks is the first kernel that a structure of functions is attached to by a
// link; before, it is by writing the map of it.
var StructOpsLinks = Version{6, 4}

// StructMember is a member of a structure.
type StructMember struct{ Struct, Member string }

var structOps = []*OpsStruct{
	{
		Name:     "tcp_congestion_ops",
		Required: [][]string{{"name"}, {"ssthresh"}, {"undo_cwnd"}, {"cong_avoid", "cong_control"}},
		Refused:  []string{"get_info"},
		Title:    "name",
		Argument: "sock",
		Is:       []string{"tcp_sock", "inet_connection_sock", "inet_sock", "sock"},
		Writable: []StructMember{
			{"sock", "sk_pacing_rate"}, {"sock", "sk_pacing_status"},
			{"inet_connection_sock", "icsk_ca_priv"}, {"inet_connection_sock", "icsk_ack"},
			{"tcp_sock", "snd_cwnd"}, {"tcp_sock", "snd_cwnd_cnt"}, {"tcp_sock", "snd_cwnd_stamp"},
			{"tcp_sock", "snd_ssthresh"}, {"tcp_sock", "ecn_flags"}, {"tcp_sock", "app_limited"},
		},
	},
	{Name: "sched_ext_ops", Required: [][]string{{"name"}}, Title: "name"},
}

// OpsStructByName returns what is known of a structure of functions, nil for nothing.
func OpsStructByName(name string) *OpsStruct {
	for _, o := range structOps {
		if o.Name == name {
			return o
		}
	}
	return nil
}
