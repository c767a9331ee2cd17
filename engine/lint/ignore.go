package lint

import (
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

var ignoreComment = lazyregexp.New(`(?:#|;|//|--)\s*svp-lint:\s*(.*)$`)

var ignoreForm = lazyregexp.New(`^ignore\s+((?:SVP|SC)\d+)\s+(\S.*)$`)

// ignore is a comment that silences findings.
type ignore struct {
	code string
	at   place
	used bool
}

// silence takes out the findings that comments are about, and adds those about
// the comments. A comment is about its line and the next one; what is about no
// line is silenced anywhere in its file, or in servicepack.yaml.
func (c *checker) silence() (kept []Finding, ignored int) {
	var comments []*ignore
	for _, s := range c.sources {
		if !isDocument(s.path) {
			comments = append(comments, c.ignores(s)...)
		}
	}
	for _, finding := range c.findings {
		silent := false
		for _, comment := range comments {
			if comment.covers(finding) {
				comment.used, silent = true, true
			}
		}
		if silent {
			ignored++
		} else {
			kept = append(kept, finding)
		}
	}
	before := len(c.findings)
	for _, comment := range comments {
		if !comment.used && !strings.HasPrefix(comment.code, "SC") {
			c.find(codeIgnore, comment.at, "there is no "+comment.code+" here")
		}
	}
	return sorted(append(kept, c.findings[before:]...)), ignored
}

// ignores reads the comments of a file.
func (c *checker) ignores(s *source) []*ignore {
	if !strings.Contains(s.content, "svp-lint:") {
		return nil
	}
	var comments []*ignore
	for i, line := range s.lines() {
		found := ignoreComment().FindStringSubmatchIndex(line)
		if found == nil {
			continue
		}
		at := place{s.path, i + 1, found[0] + 1}
		form := ignoreForm().FindStringSubmatch(strings.TrimSpace(line[found[2]:found[3]]))
		if form == nil {
			c.find(codeIgnore, at, "the comment names no code, or no reason")
			continue
		}
		comments = append(comments, &ignore{code: form[1], at: at})
	}
	return comments
}

func (i *ignore) covers(finding Finding) bool {
	if finding.Code != i.code {
		return false
	}
	if finding.Line == 0 {
		return i.at.file == finding.File || i.at.file == manifest
	}
	return i.at.file == finding.File && (i.at.line == finding.Line || i.at.line == finding.Line-1)
}
