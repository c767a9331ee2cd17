// Package envvar holds the environment of an instance: ordered variables,
// the answers that they are parsed from, the placeholders in them, and the
// formats that they are written in.
//
// Every value is a [secrets.Value], those of a pack's `env` answer too: they
// may contain secrets, so that none of them prints itself. Values leave
// through [Write], [WriteServiceBinding] and [Set.Environ] only.
package envvar

import (
	"slices"

	"github.com/servicepack/svp/engine/secrets"
)

// Var is one variable.
type Var struct {
	Name  string
	Value secrets.Value
	// Secret says that the value is a generated or given secret, and not an
	// answer of the pack. Placeholders in a secret are left alone.
	Secret bool
}

// Set is a list of variables with different names, in the order in which they
// are shown. Its methods change no operand.
type Set []Var

// Lookup returns the value of the variable called name, and whether there is one.
func (s Set) Lookup(name string) (secrets.Value, bool) {
	if i := s.index(name); i >= 0 {
		return s[i].Value, true
	}
	return secrets.Value{}, false
}

// Names returns the names, in order.
func (s Set) Names() []string {
	names := make([]string, len(s))
	for i, v := range s {
		names[i] = v.Name
	}
	return names
}

// Merge returns s with the variables of other: one that s has too is replaced
// at its place in s, the rest are appended.
func (s Set) Merge(other Set) Set {
	merged := slices.Clone(s)
	for _, v := range other {
		if i := merged.index(v.Name); i >= 0 {
			merged[i] = v
		} else {
			merged = append(merged, v)
		}
	}
	return merged
}

// MarkSecret returns s with Secret set on exactly the variables called names.
// It restores what a file format cannot hold, as after [ParseShell].
func (s Set) MarkSecret(names ...string) Set {
	marked := slices.Clone(s)
	for i := range marked {
		marked[i].Secret = slices.Contains(names, marked[i].Name)
	}
	return marked
}

// Environ returns the variables as NAME=VALUE, for the environment of a
// process. It reveals every value.
func (s Set) Environ() []string {
	environ := make([]string, len(s))
	for i, v := range s {
		environ[i] = v.Name + "=" + v.Value.Reveal()
	}
	return environ
}

func (s Set) index(name string) int {
	return slices.IndexFunc(s, func(v Var) bool { return v.Name == name })
}

// ValidName reports whether name can be the name of a variable:
// [A-Za-z_][A-Za-z0-9_]*.
func ValidName(name string) bool {
	if name == "" || isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if !isWord(name[i]) {
			return false
		}
	}
	return true
}

// isWord reports whether c may stand in a name.
func isWord(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
