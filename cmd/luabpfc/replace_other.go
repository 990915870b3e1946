//go:build !linux

package main

// replaceFile makes data the contents of the file with that name, as a whole or not
// at all.
func replaceFile(name string, data []byte) error { return replaceNamed(name, data) }
