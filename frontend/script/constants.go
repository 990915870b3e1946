package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// namedConst is a predefined constant.
type namedConst struct {
	name  string
	value int64
}

// The tables c.eth and c.ip of luajit-bpf's scripts; IP protocols are
// added to c.ip as proto_NAME.
var (
	ethConsts = []namedConst{{"ip", 0x0800}, {"ip6", 0x86dd}, {"arp", 0x0806}, {"revarp", 0x8035}, {"vlan", 0x8100}}
	ipConsts  = []namedConst{
		{"addr_any", 0}, {"addr_broadcast", 0xffffffff}, {"addr_loopback", 0x7f000001},
		{"addr_mcast_all", 0xe0000001}, {"addr_mcast_local", 0xe00000ff},
		{"tos_default", 0}, {"tos_lowdelay", 0x10}, {"tos_throughput", 0x08}, {"tos_reliability", 0x04},
		{"tos_lowcost", 0x02}, {"tos_ect", 0x02}, {"tos_ce", 0x01},
		{"rf", 0x8000}, {"df", 0x4000}, {"mf", 0x2000}, {"offmask", 0x1fff},
		{"ttl_default", 64}, {"ttl_max", 255},
	}
	// protocols are IANA's protocol numbers from 0; "" where there is no short
	// name.
	protocols = `hopopt icmp igmp ggp ipip st tcp cbt egp igp bbn_rcc nvp pup argus emcon xnet chaos
		udp mux dcn_meas hmp prm xns_idp trunk1 trunk2 leaf1 leaf2 rdp irtp iso_tp4 netblt mfe_nsp merit_inp dccp
		3pc idpr xtp ddp idpr_cmtp tppp il ip6 sdrp ip6_route ip6_frag idrp rsvp gre dsr bna esp ah i_nlsp swipe narp
		mobile tlsp skip icmp6 ip6_nonxt ip6_opts host_internal cftp local_net sat_expak kryptolan rvd ippc
		distributed_fs sat_mon visa ipcv cpnx cphb wsn pvp br_sat_mon sun_nd wb_mon wb_expak iso_ip vmtp secure_vmtp
		vines ttp nsfnet_igp dgp tcf eigrp ospf sprite_rpc larp mtp ax25 ipip_old micp scc_sp etherip encap
		private_encryption gmtp ifmp pnni pim aris scps qnx an ipcomp snp compaq_peer ipx_in_ip vrrp pgm zero_hop l2tp
		ddx iatp stp srp uti smp sm ptp isis fire crtp crudp sscopmce iplt sps pipe sctp fc rsvp_e2e_ignore`
)

// openConstants makes the predefined constants globals. What the script assigns
// replaces them.
func (st *Stage) openConstants() {
	g := st.vm.G.Global
	eachConstant(func(c namedConst) {
		if !st.library.constants[c.name] {
			g.RawSetString(c.name, lua.LNumber(c.value))
		}
	})
}

// openFlags makes BPF.F_NAME for BPF_F_NAME.
func (st *Stage) openFlags() {
	flags := st.vm.NewTable()
	eachConstant(func(c namedConst) {
		if rest, ok := strings.CutPrefix(c.name, "BPF_"); ok && strings.HasPrefix(rest, "F_") {
			flags.RawSetString(rest, lua.LNumber(c.value))
		}
	})
	st.close(flags, "BPF")
	st.vm.G.Global.RawSetString("BPF", flags)
}

// openHeaders makes c.eth and c.ip.
func (st *Stage) openHeaders() {
	table := func(name string, cs []namedConst) *lua.LTable {
		t := st.vm.NewTable()
		st.close(t, name)
		for _, c := range cs {
			t.RawSetString(c.name, lua.LNumber(c.value))
		}
		return t
	}
	ip := table("c.ip", ipConsts)
	i := 0
	for name := range strings.FieldsSeq(protocols) {
		ip.RawSetString("proto_"+name, lua.LNumber(i))
		i++
	}
	ip.RawSetString("proto_raw", lua.LNumber(255))
	c := st.vm.NewTable()
	c.RawSetString("eth", table("c.eth", ethConsts))
	c.RawSetString("ip", ip)
	st.close(c, "c")
	st.vm.G.Global.RawSetString("c", c)
}
