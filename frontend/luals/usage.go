package luals

import (
	"slices"
	"strings"
	"unicode"
)

// param is a parameter of a function.
type param struct {
	name     string
	optional bool
}

// paramsOf reads how a function is called, "bpf.tc([iface, 'ingress' or 'egress',]
// fn)": brackets hold what may be left out, quotes an example.
func paramsOf(usage string) (list []param) {
	open, end := strings.IndexByte(usage, '('), strings.LastIndexByte(usage, ')')
	if open < 0 || end < open {
		return nil
	}
	depth, word := 0, ""
	flush := func() {
		if n := paramName(word); n != "" {
			list = append(list, param{uniqueParam(list, n), depth > 0})
		}
		word = ""
	}
	quoted, braces := false, 0
	for i, r := range usage[open+1 : end] {
		switch {
		case r == '\'':
			quoted = !quoted
			word += string(r)
		case r == '{', r == '}':
			braces += map[rune]int{'{': 1, '}': -1}[r]
			word += string(r)
		case quoted || braces > 0:
			word += string(r)
		case r == '[' && i > 0 && isWord(rune(usage[open+i])): // m[k]
			word += "_at_"
		case r == ']' && strings.Contains(word, "_at_"):
		case r == '[':
			flush()
			depth++
		case r == ']':
			flush()
			depth--
		case r == ',':
			flush()
		default:
			word += string(r)
		}
	}
	flush()
	return list
}

// examples are names for what usages show by an example.
var examples = map[string]string{"category/name": "name", "path:symbol": "place", "target": "target", "int f(void *ctx)": "prototype", "struct x": "ctype",
	"enum x": "ctype", "NAME": "name", "CONFIG_X": "name", "name": "name", "ingress": "direction", "function": "func", "field": "field", "member": "member"}

// paramName is the name of a parameter that a usage spells so.
func paramName(word string) string {
	word = strings.TrimSpace(word)
	switch {
	case word == "":
		return ""
	case word == "...":
		return word
	case strings.HasPrefix(word, "{"):
		return "settings"
	case strings.HasPrefix(word, "'"):
		word, _, _ = strings.Cut(word[1:], "'")
		if n := examples[word]; n != "" {
			return n
		}
		word = "name"
	case strings.Contains(word, "_at_"):
		return "place"
	}
	word = strings.Fields(word)[0] // "iface or fd"
	return nameOf(word)
}

// keywords can't be names of parameters.
var keywords = []string{"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while"}

// nameOf is word as Lua may name a parameter.
func nameOf(word string) string {
	word = strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return '_'
	}, word)
	if slices.Contains(keywords, word) || word == "" || unicode.IsDigit(rune(word[0])) {
		word += "_"
	}
	return word
}

func isWord(r rune) bool { return r == '_' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

func uniqueParam(list []param, name string) string {
	for slices.ContainsFunc(list, func(p param) bool { return p.name == name && name != "..." }) {
		name += "_"
	}
	return name
}
