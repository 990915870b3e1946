socket: protocount, 27 instructions, 8 bytes of stack
; if pkt.ip then (protocount.lua:5)
     0: r6 = r1
     1: r0 = *(u16 *)skb[12]
     2: if r0 == 0x800 goto pc+12
; elseif pkt.ip6 then (protocount.lua:7)
     3: if r0 != 0x86dd goto pc+21
; xadd(counts[pkt.ip6.next_header], 1) (protocount.lua:8)
     4: r0 = *(u8 *)skb[20]
     5: *(u32 *)(r10 -4) = r0
     6: r2 = r10
     7: r2 += -4
     8: r1 = map[counts]
    10: call bpf_map_lookup_elem#1
    11: if r0 == 0x0 goto pc+13
    12: r1 = 1
    13: lock *(u64 *)(r0 +0) += r1
    14: goto pc+10
; xadd(counts[pkt.ip.proto], 1) (protocount.lua:6)
    15: r0 = *(u8 *)skb[23]
    16: *(u32 *)(r10 -4) = r0
    17: r2 = r10
    18: r2 += -4
    19: r1 = map[counts]
    21: call bpf_map_lookup_elem#1
    22: if r0 == 0x0 goto pc+2
    23: r1 = 1
    24: lock *(u64 *)(r0 +0) += r1
; end) (protocount.lua:10)
    25: r0 = 0
    26: exit
