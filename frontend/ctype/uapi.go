package ctype

import "strings"

// uapi are the structs that programs for packets and contexts take for granted,
// by tag. A script that declares one of them itself gets its own.
var uapi = map[string]string{}

// uapiTag splits 'struct x'.
func uapiTag(key string) (kind, name string) {
	kind, name, _ = strings.Cut(key, " ")
	return kind, name
}

// load declares a tag of our table; false if it is not there.
func (sc *Scope) load(name string) bool {
	for _, kind := range []string{"struct", "union", "enum"} {
		text, ok := uapi[kind+" "+name]
		if !ok {
			continue
		}
		was := sc.loading
		sc.loading = true
		err := sc.Declare(text)
		sc.loading = was
		return err == nil
	}
	return false
}
