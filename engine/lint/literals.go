package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// tokens are what keys and access tokens look like.
var tokens = []struct {
	what string
	form func() *regexp.Regexp
}{
	{"a private key", lazyregexp.New(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----`)},
	{"a secret key of minisign", lazyregexp.New(`untrusted comment: [^\n]*(secret|encrypted) key`)},
	{"an access key of AWS", lazyregexp.New(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a token of GitHub", lazyregexp.New(`\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})`)},
	{"a token of GitLab", lazyregexp.New(`\bglpat-[A-Za-z0-9_-]{20,}`)},
	{"a token of Slack", lazyregexp.New(`\bxox[abprs]-[A-Za-z0-9-]{10,}`)},
	{"a key of Stripe", lazyregexp.New(`\b[rs]k_live_[A-Za-z0-9]{16,}`)},
	{"an API key of Google", lazyregexp.New(`\bAIza[A-Za-z0-9_-]{35}\b`)},
	{"a token of npm", lazyregexp.New(`\bnpm_[A-Za-z0-9]{36}\b`)},
}

// literalPassword is a setting whose name tells that its value is a password, and
// whose value is written out. What is filled in has a dollar, a brace, an angle
// bracket, an at sign or a percent sign.
var literalPassword = lazyregexp.New(
	`(?i)^\s*(?:export\s+|set\s+|-\s+)?["']?([a-z0-9_.-]*(?:password|passwd|passphrase|secret|api_?key|access_?token|auth_?token|requirepass|masterauth))["']?` +
		`(?:\s*[:=]\s*|\s+)["']?([^\s"'$<>{}@%()|&;*]{6,})["']?\s*[,;]?\s*(?:#.*)?$`)

// credentials are a user and a password in a URL.
var credentials = lazyregexp.New(`\b[a-z][a-z0-9+.-]*://[^\s/:@"'$<>{}%]+:([^\s/@"'$<>{}%]+)@[A-Za-z0-9]`)

// writtenPassword is a setting in the middle of a line, as scripts write them.
var writtenPassword = lazyregexp.New(
	`(?i)(?:\b(?:requirepass|masterauth)\s+([^\s"'$<>{}@%\\]{6,})|\b(?:identified\s+by|password)\s+'([^'$<>{}@%\\]{4,})')`)

// fillers are values that are no passwords: what is to be replaced, names of
// methods, and words of configuration languages.
var fillers = []string{
	"password", "changeme", "required", "optional", "scram-sha-256", "password_file", "disabled", "enabled", "default", "example", "placeholder",
}

// checkLiterals looks for secrets that are written into files.
func (c *checker) checkLiterals() {
	for _, s := range c.sources {
		for _, token := range tokens {
			if found := token.form().FindStringIndex(s.content); found != nil {
				c.find(codeKey, s.offset(found[0]), token.what)
			}
		}
		if isDocument(s.path) {
			continue
		}
		for i, line := range s.lines() {
			c.checkPassword(s, i, line)
		}
	}
}

func (c *checker) checkPassword(s *source, i int, line string) {
	if isComment(line) {
		return
	}
	if found := credentials().FindStringSubmatchIndex(line); found != nil {
		c.find(codePassword, place{s.path, i + 1, found[2] + 1}, "a URL with a password")
		return
	}
	if !s.holdsSettings() {
		return
	}
	found := literalPassword().FindStringSubmatchIndex(line)
	if found == nil {
		if written := writtenPassword().FindStringIndex(line); written != nil {
			c.find(codePassword, place{s.path, i + 1, written[0] + 1}, "a password is written out")
		}
		return
	}
	name, value := line[found[2]:found[3]], line[found[4]:found[5]]
	if slices.Contains(fillers, strings.ToLower(value)) || strings.HasPrefix(value, "/") {
		return
	}
	c.find(codePassword, place{s.path, i + 1, found[4] + 1}, name+" has a value that is written out")
}

// holdsSettings tells whether the file is one of settings, or a script of a shell,
// and not one of a language with expressions of its own.
func (s *source) holdsSettings() bool {
	if s.shell != nil || strings.HasPrefix(s.path, "etc/") {
		return true
	}
	return slices.Contains([]string{".conf", ".cnf", ".ini", ".yaml", ".yml", ".json", ".toml", ".properties", ".env", ".cfg"}, path.Ext(s.path))
}

// isComment tells whether the line is one in most languages of configuration.
func isComment(line string) bool {
	text := strings.TrimLeft(line, " \t")
	return strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") || strings.HasPrefix(text, "//")
}

// offset is the place of a byte of the file.
func (s *source) offset(at int) place {
	before := s.content[:at]
	return place{s.path, 1 + strings.Count(before, "\n"), at - strings.LastIndex(before, "\n")}
}
