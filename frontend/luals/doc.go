// Package luals writes what lua-language-server has to know of scripts: a library of
// declarations (---@meta) of the modules bpf and ffi, of packets, helpers, kinds of
// programs, maps and constants, and of kernel structures, so that editors complete
// names and show what they are.
//
// All of it comes from the compiler's tables: what is added to them is in the library
// by itself. The types are wide where Lua has no word for what the compiler checks: it
// is the compiler that decides what compiles.
package luals
