// Package ir is the compiler's intermediate representation: functions in
// static single assignment form, the table of ops, a builder, the text form
// and its parser, and the verifier that is the specification of it all.
//
// It must not know Lua, C types, BPF registers or ELF. What the kernel offers
// comes from ir/kernel, places in the source from ir/diag.
//
// # Shape
//
// A Module has Funcs and Maps. A Func has Blocks, the first of which is its
// entry. A Block has Values, phis first, whose order is the order of effects,
// and ends as its Kind says: BlockJump, BlockIf on a Bool, BlockRet of an I64.
// Edges carry the index of their reverse edge. A Value has an Op, a Type,
// arguments, AuxInt and Aux; what they must be is one row of the op table.
//
// # Memory
//
// There is no memory value. Memory is split into regions that BPF keeps apart
// for us (Region); every load, store and helper row says which it touches, and
// a pass moves a value only past values whose regions do not conflict.
//
// # Values that may leave
//
// A packet check may leave the function: when the bytes it names are not all
// in the packet, control goes to Func.Short, whose parameters are the entry
// block's values only. Such values observe every region but the stack. They
// stay values, not blocks, until the pass "checks" splits them, so that
// redundancy elimination sees straight lines. A packet load takes its check as
// an argument, so nothing moves above its proof.
//
// # Invariants, which Verify checks
//
//   - Names of maps, variables and functions are there and differ; sizes are not 0, keys
//     of arrays have 4 bytes, initial entries the sizes declared; functions do
//     not call each other in a circle.
//   - A program has one parameter, a Ptr, a section, and returns an I64. All
//     returns of a function return an I64, or none does. Slots have dense IDs,
//     1 to 512 bytes and an alignment of 1, 2, 4 or 8. A callback names its frame, a Ptr;
//     a subprogram the Ptr that is its context, if any.
//   - Every value's arguments, AuxInt, Aux and type are those of its row. A phi
//     is of I64, Ptr or Bool; only a copy takes a Gen or a Check as it is.
//   - A definition dominates each of its uses; a phi has one argument for each
//     predecessor, which dominates that predecessor's end. Func.Short counts as
//     a successor of the entry block: only entry values reach it, and of these
//     only those in front of the first that may leave (Dom.Available).
//   - Phis come first; Short, which has one predecessor more than edges, has
//     none. Dense IDs, Block back pointers, Uses counts and both ends of each
//     edge agree.
//   - The entry block has no predecessors. Every block but Func.Short and what
//     it leads to is reachable from the entry.
//   - Loads and stores are of 1, 2, 4 or 8 bytes; a Ptr has 8 (4 in a context).
//     Only packet bytes are big-endian. An address known to be a slot's is used
//     within the slot, aligned, and as RegionStack. A packet load lies within
//     its check where both have one base.
//   - What a ptradd adds is constant or has a bound that the kernel's verifier
//     sees (EvidentMax): a bound, a mask, a narrow load.
//   - A call has the arguments of its helper's row: a map is an OpMapRef, a
//     callback an OpFuncRef of a function with the helper's parameters.
//   - After a late pass has run, the ops it removes do not occur (Phase), and
//     there is no Short.
//
// # Text form
//
// String prints it, Parse reads it; printing what was parsed from a printed
// text gives that text. Values and blocks keep their numbers; values without a
// result have none in the text. Lines end statements, # starts a comment.
//
//	module = { "file" string | "license" string | "bigendian" | map | global | kfunc | func } .
//	map    = "map" name maptype [ pos ] [ "{" { hex ":" hex | slotof } "}" ] .
//	maptype = type "key" int "value" int "entries" int [ "flags" int ] [ "pinned" ]
//	         [ "node" int ] [ "extra" int ] [ "inner" maptype ] .
//	global = "global" name size "align" int [ "const" ] [ "static" ] [ "extern" ] [ "in" string ]
//	         [ "=" hex ] { "func" int name } [ pos ] .
//	kfunc  = "kfunc" name "(" [ argkind [ size ] { "," argkind [ size ] } ] ")" retkind
//	         [ "weak" ] [ "sleeps" ] [ "releases" ] [ "release" name ] [ pos ] .
//	slotof = "slot" int ( "map" name | "func" name ) .
//	func   = "func" name "(" [ name type { "," name type } ] ")"
//	         [ "kind" kind ] [ "section" string ]
//	         [ "callback" kind "frame" int "ctx" int ] [ "sub" kind "ctx" int ] [ "linkable" ] [ "low" ]
//	         [ "short" block ] [ pos ] "{" { slot } { body } "}" .
//	slot   = "slot" sN size "align" int [ string ] [ pos ] .
//	body   = bN ":" [ "<-" pred { "," pred } ]
//	         [ "loop" name [ "limit" int ] [ "budget" ] [ pos ] ]
//	         { value } end .
//	pred   = bN [ ".0" | ".1" ] .           both edges of one branch come here
//	value  = [ vN "=" ] op [ "." type ] operands [ pos ] .
//	end    = ( "jump" bN | "if" vN "," bN "," bN | "ret" [ vN ] ) [ pos ] .
//	pos    = "@" [ file ":" ] line ":" column .
//
// Predecessors are in the order of phi arguments; without a list they come in
// the order of the blocks. The type stands behind the op where the op's row
// does not fix it and it is not i64. A section that is the kind's own is left
// out. Operands are the arguments, separated by commas, and, as the row says,
//
//	const 5, arg 0                 a number
//	zext v1, 32                    a width
//	bound v1, 9                    the largest number that stays
//	load v1, map+8 u32             region, offset, type: u or s, bits, be
//	pktcheck v1, v2, packet+0 34   the size of a check is in bytes
//	slot s0, map counts, global g, func body a name, in front
//	core offset "struct sock" sk_family 16   of the kernel's types, and here
//	call.ptr map_lookup_elem(v1, v2)
//	callfunc body(v1)
//
// For example:
//
//	license "GPL"
//	map counts array key 4 value 8 entries 256
//
//	func filter(ctx ptr) kind socket short b2 {
//		slot s0 4 align 4 "key"
//	b0:
//		v0 = const 0
//		v1 = pktgen
//		v2 = pktcheck v1, v0, packet+23 1
//		v3 = pktload v2, v0, packet+23 u8
//		v4 = slot s0
//		store v4, v3, stack+0 u32
//		v5 = map counts
//		v6 = call.ptr map_lookup_elem(v5, v4)
//		v7 = const.ptr 0
//		v8 = eq v6, v7
//		if v8, b2, b1
//	b1: <- b0
//		v9 = nonnull v6
//		v10 = const 1
//		atomicadd v9, v10, map+0 u64
//		jump b2
//	b2: <- b0, b1
//		v11 = const 0
//		ret v11
//	}
//
// # Adding an op
//
// A constant and a row in ops.go, its arithmetic in eval.go if it is one of
// numbers, its own rules in verifyop.go, its case in ir/interp, its lowering in
// codegen. The tests name what is missing.
package ir
