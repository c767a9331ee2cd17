// Package lazyregexp makes regular expressions that are compiled when they are first
// used: a command waits for none but those that it needs.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function that returns the regular expression of that text, in the
// syntax of package regexp. Several goroutines may call it at the same time. Where
// the text is no regular expression, it panics, as [regexp.MustCompile] does.
func New(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
