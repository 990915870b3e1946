//go:build !linux

package main

import (
	"os"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

func runningKernel() (v kernel.Version, ok bool) { return v, false }

func bigEndian() bool { return false }

func readTypes(name string) ([]byte, error) { return os.ReadFile(name) }
