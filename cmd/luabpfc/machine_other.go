//go:build !linux

package main

import "github.com/luabpfc/luabpfc/ir/kernel"

func runningKernel() (v kernel.Version, ok bool) { return v, false }

func bigEndian() bool { return false }
