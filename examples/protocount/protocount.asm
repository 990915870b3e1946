socket: protocount, 18 instructions, 8 bytes of stack
; local protocount = bpf.socket('lo', function() (protocount.lua:4)
     0: r6 = r1
; if pkt.ip then (protocount.lua:5)
     1: r0 = *(u16 *)skb[12]
     2: if r0 == 0x800 goto pc+3
; elseif pkt.ip6 then (protocount.lua:7)
     3: if r0 != 0x86dd goto pc+12
; xadd(counts[pkt.ip6.next_header], 1) (protocount.lua:8)
     4: r0 = *(u8 *)skb[20]
     5: goto pc+1
; xadd(counts[pkt.ip.proto], 1) (protocount.lua:6)
     6: r0 = *(u8 *)skb[23]
; xadd(counts[pkt.ip6.next_header], 1) (protocount.lua:8)
     7: *(u32 *)(r10 -4) = r0
     8: r2 = r10
     9: r2 += -4
    10: r1 = map[counts]
    12: call bpf_map_lookup_elem#1
    13: if r0 == 0x0 goto pc+2
    14: r1 = 1
    15: lock *(u64 *)(r0 +0) += r1
; end) (protocount.lua:10)
    16: r0 = 0
    17: exit
