package lint

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first used: no
// command that checks no pack waits for it.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
