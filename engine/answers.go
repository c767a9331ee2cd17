package engine

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/servicepack/svp/engine/pack"
)

// largestAnswers bounds what is remembered of packs' answers, in bytes.
const largestAnswers = 8 << 20

// answers remembers what packs said to questions that depend on no secret. Its
// zero value is empty.
type answers struct {
	mu    sync.Mutex
	known map[string][]pack.Reply
	keys  []string // oldest first
	size  int
}

// answersKey identifies questions to a pack, which is the same as long as its
// digest is; ok is false for those that are asked with secrets.
func answersKey(digest, os string, questions []pack.Question) (key string, ok bool) {
	parts := []string{digest, os}
	for _, question := range questions {
		if len(question.Secrets) > 0 {
			return "", false
		}
		parts = append(parts, question.Key)
	}
	return strings.Join(parts, " "), true
}

func (a *answers) get(key string) ([]pack.Reply, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	replies, ok := a.known[key]
	return slices.Clone(replies), ok
}

// put remembers the replies unless one of them may turn out otherwise another
// time, and forgets the oldest.
func (a *answers) put(key string, replies []pack.Reply) {
	size := sizeOf(replies)
	if size > largestAnswers || slices.ContainsFunc(replies, isPassing) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.known[key]; there {
		return
	}
	if a.known == nil {
		a.known = map[string][]pack.Reply{}
	}
	a.known[key] = slices.Clone(replies)
	a.keys = append(a.keys, key)
	a.size += size
	for a.size > largestAnswers {
		oldest := a.keys[0]
		a.size -= sizeOf(a.known[oldest])
		delete(a.known, oldest)
		a.keys = a.keys[1:]
	}
}

// isPassing tells that the same pack may say something else the next time.
func isPassing(reply pack.Reply) bool {
	var exit *pack.ExitError
	return reply.Err != nil && !errors.As(reply.Err, &exit)
}

// sizeOf is about what the replies take in memory.
func sizeOf(replies []pack.Reply) int {
	size := 1 << 10
	for _, reply := range replies {
		size += len(reply.Answer)
		var exit *pack.ExitError
		if errors.As(reply.Err, &exit) {
			size += len(exit.Stderr)
		}
	}
	return size
}
