package gcp

import (
	"fmt"
	"strings"
)

// at is a field by its path, "a.b" or "`a-b`".
func at(fields map[string]value, path string) (value, bool) {
	parts, err := fieldPath(path)
	if err != nil {
		return value{}, false
	}
	for i, name := range parts {
		v, ok := fields[name]
		if !ok || i == len(parts)-1 {
			return v, ok
		}
		if fields, ok = v.v.(map[string]value); !ok {
			return value{}, false
		}
	}
	return value{}, false
}

// fieldPath splits a path at its dots. A name that is no plain one stands in backquotes.
func fieldPath(path string) ([]string, error) {
	var parts []string
	for rest := path; ; {
		var name string
		if quoted, ok := strings.CutPrefix(rest, "`"); ok {
			end := strings.Index(quoted, "`")
			if end <= 0 {
				return nil, fmt.Errorf("invalid property path %q", path)
			}
			name, rest = quoted[:end], quoted[end+1:]
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			name, rest = rest[:end], rest[end:]
			if !plainName(name) {
				return nil, fmt.Errorf("invalid property path %q. Unquoted property names must match regex ([a-zA-Z_][a-zA-Z_0-9]*)", path)
			}
		}
		if parts = append(parts, name); rest == "" {
			return parts, nil
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "."); !ok {
			return nil, fmt.Errorf("invalid property path %q", path)
		}
	}
}

func plainName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
