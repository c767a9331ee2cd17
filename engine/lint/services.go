package lint

import (
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// openSetting is a line with which a known service serves everybody.
type openSetting struct {
	form func() *regexp.Regexp
	// unless is found anywhere in the pack where the service asks for a password
	// all the same; nil means never.
	unless       func() *regexp.Regexp
	reason, mend string
}

var openSettings = []openSetting{
	{
		lazyregexp.New(`^\s*(?:--)?protected-mode\s+["']?no\b`),
		lazyregexp.New(`requirepass|aclfile|ACL SETUSER|user default`),
		"redis serves everybody: protected-mode is off, and nothing sets a password",
		"set requirepass, or aclfile, from the secret",
	},
	{
		lazyregexp.New(`\bhost(?:ssl|nossl|gssenc|nogssenc)?\s+\S+\s+\S+\s+(?:all|samenet|0\.0\.0\.0|::|[0-9a-fA-F.:]+)\S*\s+(?:[0-9.]+\s+)?trust\b`), nil,
		"PostgreSQL trusts everybody who comes over the network", "write scram-sha-256 in place of trust",
	},
	{
		lazyregexp.New(`\binitdb\b.*(?:--auth(?:-host)?[= ]trust|-A\s*trust)`),
		lazyregexp.New(`scram-sha-256|hba_file`),
		"initdb lets everybody in", "write --auth=scram-sha-256",
	},
	{
		lazyregexp.New(`POSTGRES_HOST_AUTH_METHOD=trust`), nil,
		"PostgreSQL trusts everybody who comes over the network", "leave it out",
	},
	{
		lazyregexp.New(`loopback_users(?:\.guest)?\s*=\s*(?:none|false)|\{\s*loopback_users\s*,\s*\[\s*\]\s*\}`),
		lazyregexp.New(`delete_user\s+guest|default_pass|load_definitions|change_password\s+guest`),
		"RabbitMQ's user guest, whose password everybody knows, may come over the network",
		"remove guest, or give it the secret as its password",
	},
	{
		lazyregexp.New(`^\s*allow_anonymous\s+true\b`), nil,
		"the MQTT broker lets anybody in", "write allow_anonymous false, and a password_file",
	},
	{
		lazyregexp.New(`^\s*xpack\.security\.enabled\s*:\s*false\b`), nil,
		"Elasticsearch serves everybody", "leave the security on",
	},
	{
		lazyregexp.New(`\bAllowAllAuthenticator\b`), nil,
		"Cassandra lets anybody in", "use PasswordAuthenticator",
	},
	{
		lazyregexp.New(`^\s*auth-enabled\s*=\s*false\b`), nil,
		"InfluxDB serves everybody", "write auth-enabled = true",
	},
}

// openProgram is a program that serves everybody unless it is told not to.
type openProgram struct {
	name string
	// closed is found in the call, or, where anywhere is set, in any file of the
	// pack, when the service asks for a password or listens to nobody.
	closed       func() *regexp.Regexp
	anywhere     bool
	reason, mend string
}

var openPrograms = []openProgram{
	{
		"redis-server", lazyregexp.New(`requirepass|aclfile|ACL SETUSER|user default`), true,
		"redis gets no password: nothing in the pack sets requirepass or users", "set requirepass, or aclfile, from the secret",
	},
	{
		"mongod", lazyregexp.New(`--auth\b|--keyFile\b|authorization\s*:\s*["']?enabled`), true,
		"mongod serves everybody without --auth", "add --auth, and make the user in bin/build setup",
	},
	{
		"memcached", lazyregexp.New(`(?:^|\s)-S\b|--enable-sasl|--auth-file|(?:^|\s)-Y\b|(?:-l|--listen)[= ]?127\.`), false,
		"memcached serves everybody without -S", "add -S (--enable-sasl), or -Y with a file of users",
	},
	{
		"nats-server", lazyregexp.New(`authorization|accounts\s*[:{]|--auth\b|--pass\b|operator\s*:`), true,
		"nats-server serves everybody: nothing in the pack sets an authorization", "write authorization { … } into its configuration",
	},
	{
		"etcd", lazyregexp.New(`auth\s+enable|--client-cert-auth`), true,
		"etcd serves everybody: nothing in the pack enables its authentication", "run etcdctl auth enable",
	},
}

// skipGrants is how MariaDB and MySQL let everybody do everything, which is fine
// for a moment that nobody can reach.
var (
	skipGrants = lazyregexp.New(`skip[-_]grant[-_]tables`)
	unreached  = lazyregexp.New(`skip[-_]networking|--bootstrap|bind-address=127\.`)
)

// checkServices looks for services that serve everybody.
func (c *checker) checkServices() {
	all := c.allText()
	for _, s := range c.sources {
		if isDocument(s.path) {
			continue
		}
		for i, line := range s.lines() {
			c.checkSetting(place{s.path, i + 1, 1}, line, all)
		}
		if s.shell != nil {
			s.eachNode(func(s *source, node syntax.Node) {
				if call, ok := node.(*syntax.CallExpr); ok {
					c.checkService(s, call, all)
				}
			})
		}
	}
}

// allText is what all files of the pack say, without comments and documents.
func (c *checker) allText() string {
	var all strings.Builder
	for _, s := range c.sources {
		if isDocument(s.path) {
			continue
		}
		for line := range strings.Lines(s.content) {
			if !isComment(line) {
				all.WriteString(line)
			}
		}
		all.WriteString("\n")
	}
	return all.String()
}

func (c *checker) checkSetting(at place, line, all string) {
	if isComment(line) {
		return
	}
	for _, setting := range openSettings {
		found := setting.form().FindStringIndex(line)
		if found == nil || setting.unless != nil && setting.unless().MatchString(all) {
			continue
		}
		at.column = found[0] + 1 + len(line[found[0]:]) - len(strings.TrimLeft(line[found[0]:], " \t"))
		c.findMend(codeOpen, at, setting.reason, setting.mend)
	}
	// An option of a program is looked at with the whole call.
	if found := skipGrants().FindStringIndex(line); found != nil && !strings.Contains(line, "--skip") && !unreached().MatchString(all) {
		at.column = found[0] + 1
		c.findMend(codeOpen, at, "the database lets everybody do everything", "leave it out")
	}
}

func (c *checker) checkService(s *source, call *syntax.CallExpr, all string) {
	name := started(call)
	if name == "" {
		return
	}
	start, end := call.Pos().Offset(), call.End().Offset()
	text := s.content
	if !strings.Contains(text, "\r") {
		text = text[start:end]
	}
	if skipGrants().MatchString(text) && !unreached().MatchString(text) {
		c.findMend(codeOpen, s.at(call.Pos()), name+" lets everybody do everything",
			"leave --skip-grant-tables out, or add --skip-networking for a moment of maintenance")
	}
	for _, program := range openPrograms {
		where := text
		if program.anywhere {
			where = all
		}
		if name == program.name && !program.closed().MatchString(where) && !onlyAsks(call) {
			c.findMend(codeOpen, s.at(call.Pos()), program.reason, program.mend)
		}
	}
}

// onlyAsks tells whether a program is only asked about itself.
func onlyAsks(call *syntax.CallExpr) bool {
	for _, word := range call.Args {
		switch text, _ := literal(word); text {
		case "--version", "-v", "-V", "--help", "-h":
			return true
		}
	}
	return false
}
