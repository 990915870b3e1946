package ctype

import "strings"

// uapiTag splits 'struct x'.
func uapiTag(key string) (kind, name string) {
	kind, name, _ = strings.Cut(key, " ")
	return kind, name
}

// load declares a tag of our table; false if it is not there.
func (sc *Scope) load(name string) bool {
	for _, kind := range []string{"struct", "union", "enum"} {
		text, ok := uapi[kind+" "+name]
		if big, differs := uapiBig[kind+" "+name]; differs && sc.big {
			text = big
		}
		if !ok {
			continue
		}
		was := sc.loading
		sc.loading = true
		err := sc.Declare(kind + " " + name + " {" + text + "};")
		sc.loading = was
		return err == nil
	}
	return false
}
