// Package netlink speaks to the kernel's network configuration (netlink(7),
// rtnetlink(7)): what the loader needs of it where tools like tc need not be
// installed.
//
// It must not know BPF. A Message has the fixed part of its kind, such as
// TrafficControl or Link, and attributes behind that.
//
//	queue := netlink.TrafficControl{Index: 1, Handle: 0xffff0000, Parent: 0xfffffff1}
//	_, err := netlink.Message{Kind: unix.RTM_NEWQDISC, Flags: unix.NLM_F_CREATE,
//		Body: queue.With(netlink.Text(unix.TCA_KIND, "clsact"))}.Request()
package netlink
