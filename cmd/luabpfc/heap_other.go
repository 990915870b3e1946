//go:build !linux

package main

func prepareHeap() {}
