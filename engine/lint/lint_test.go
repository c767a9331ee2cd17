package lint_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/lint"
	"github.com/servicepack/svp/engine/pack"
)

// clean is a pack without a fault.
var clean = map[string]string{
	"bin/query": `#!/bin/sh
case $1 in
version) echo 1 ;;
os) echo debian/12 ;;
secrets) echo DB_PASSWORD ;;
env) echo 'DB_HOST=%IP' ;;
ports) echo 5000 ;;
volumes) echo /var/lib/db ;;
esac
`,
	"bin/build": "#!/bin/sh\n",
	"bin/run": `#!/bin/bash
printf %s "$DB_PASSWORD" > /run/db.password
exec setpriv --reuid=db dbd --password-file=/run/db.password
`,
	"bin/health":       "#!/bin/sh\n",
	"servicepack.yaml": "group: org.example\nname: db\nversion: 1.0.0\n",
}

// with is the clean pack with other files in place of some.
func with(files ...string) map[string]string {
	changed := maps.Clone(clean)
	for i := 0; i < len(files); i += 2 {
		changed[files[i]] = files[i+1]
	}
	return changed
}

// query is the clean pack whose bin/query has other answers.
func query(keysAndCommands ...string) map[string]string {
	text := clean["bin/query"]
	for i := 0; i < len(keysAndCommands); i += 2 {
		var lines []string
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, keysAndCommands[i]+")") {
				lines = append(lines, line)
			}
		}
		last := len(lines) - 1
		lines = append(lines[:last:last], keysAndCommands[i]+") "+keysAndCommands[i+1]+" ;;\n", lines[last])
		text = strings.Join(lines, "")
	}
	return with("bin/query", text)
}

func writePack(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(file), 0o755))
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		check(t, os.WriteFile(file, []byte(content), mode))
	}
	return dir
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func lintFolder(t *testing.T, dir string, o lint.Options) lint.Report {
	t.Helper()
	d, faults, err := pack.OpenFaulty(dir)
	check(t, err)
	report, err := lint.Check(t.Context(), lint.Pack{Dir: d, Faults: faults}, o)
	check(t, err)
	return report
}

// short shows findings as CODE FILE:LINE:COLUMN.
func short(findings []lint.Finding) []string {
	var lines []string
	for _, f := range findings {
		line := f.Code + " " + f.File
		if f.Line > 0 {
			line += fmt.Sprintf(":%d:%d", f.Line, f.Column)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing": {clean, nil},

		"scripts that are missing":      {map[string]string{"bin/query": clean["bin/query"]}, []string{"SVP001 bin/build", "SVP023 bin/query", "SVP017 bin/query:5:15", "SVP001 bin/run", "SVP031 servicepack.yaml"}},
		"no program":                    {with("bin/health", "exit 0\n"), []string{"SVP003 bin/health"}},
		"Windows":                       {with("bin/health", "#!/bin/sh\r\nexit 0\r\n"), []string{"SVP004 bin/health"}},
		"Windows below":                 {with("lib/db.sh", "a=1\r\n"), []string{"SVP004 lib/db.sh:1:4"}},
		"no such interpreter":           {with("bin/build", "#!/usr/bin/python3\n"), []string{"SVP005 bin/build:1:1"}},
		"interpreter not installed":     {with("bin/health", "#!/usr/bin/python3\n"), []string{"SVP005 bin/health:1:1"}},
		"interpreter installed":         {with("bin/health", "#!/usr/bin/python3\n", "bin/build", "#!/bin/sh\napt-get install -y python3-minimal\n"), nil},
		"interpreter is relative":       {with("bin/health", "#!sh\n"), []string{"SVP005 bin/health:1:1"}},
		"env with an option":            {with("bin/health", "#!/usr/bin/env bash -e\n"), []string{"SVP005 bin/health:1:1"}},
		"env":                           {with("bin/health", "#!/usr/bin/env bash\n"), nil},
		"perl":                          {with("bin/health", "#!/usr/bin/perl\n"), nil},
		"name in Windows":               {with("etc/a:b", ""), []string{"SVP010 etc/a:b"}},
		"names alike":                   {with("etc/Conf", "", "etc/conf", ""), []string{"SVP010 etc/conf"}},
		"field of the manifest":         {with("servicepack.yaml", "name: db\ntitle: x\n"), []string{"SVP007 servicepack.yaml:2:1"}},
		"values of the manifest":        {with("servicepack.yaml", "name: DB\nversion: '-'\n"), []string{"SVP007 servicepack.yaml:1:7", "SVP007 servicepack.yaml:2:10"}},
		"no coordinate":                 {with("servicepack.yaml", "name: db\n"), []string{"SVP031 servicepack.yaml"}},
		"answers":                       {query("os", "echo Debian", "ports", "echo http", "secrets", "printf 'DB_PASSWORD\\nPATH\\n'"), []string{"SVP008 bin/query", "SVP008 bin/query", "SVP008 bin/query"}},
		"nested too deeply":             {with("bin/health", "#!/bin/sh\n"+strings.Repeat("(", 200_000)), []string{"SVP042 bin/health"}},
		"too long":                      {with("bin/health", "#!/bin/sh\n"+strings.Repeat("if true\n", 100_000)), []string{"SVP042 bin/health"}},
		"helper that is not executable": {with("bin/health", "#!/bin/sh\n. lib/a\nexec lib/a now\n", "lib/a", "echo hello\n"), []string{"SVP002 bin/health:3:1"}},
		"no shell":                      {with("bin/health", "#!/bin/sh\nif true; then\n"), []string{"SVP009 bin/health:2:1"}},
		"bash in sh":                    {with("bin/health", "#!/bin/sh\na=(1 2)\n"), []string{"SVP009 bin/health:2:3"}},
		"secret as argument":            {with("bin/client", "#!/bin/sh\nexec db --user=app --password=\"$DB_PASSWORD\" \"$@\"\n"), []string{"SVP011 bin/client:2:32"}},
		"secret as attached option":     {with("bin/client", "#!/bin/sh\nexec db -p\"${DB_PASSWORD}\"\n"), []string{"SVP011 bin/client:2:12"}},
		"secret by another name":        {with("bin/client", "#!/bin/sh\np=$DB_PASSWORD\nsed \"s/@/$p/\" x\n"), []string{"SVP011 bin/client:3:10"}},
		"secret in the arguments of env": {
			with("bin/client", "#!/bin/sh\nexec env P=\"$DB_PASSWORD\" db\n"), []string{"SVP011 bin/client:2:13"},
		},
		"secret of a consumer": {with("bin/client", "#!/bin/sh\nread -r password < x\ndb -a \"$password\" --file=\"$password_file\"\n"), []string{"SVP011 bin/client:3:8"}},
		"slip of the pen":      {with("bin/restor", "#!/bin/sh\n", "bin/helper", "#!/bin/sh\n", "bin/health", "#!/bin/sh\nexec bin/helper\n"), []string{"SVP027 bin/restor"}},
		"query of an interpreter": {
			with("bin/query", "#!/usr/bin/env no-such-interpreter\n"),
			[]string{"SVP008 bin/query", "SVP008 bin/query", "SVP008 bin/query", "SVP008 bin/query", "SVP005 bin/query:1:1"},
		},
		"password in a setting that a script writes": {
			with("lib/x.sh", "echo \"requirepass hunter2hunter2\"\necho \"ALTER USER app IDENTIFIED BY 'hunter2'\"\necho \"requirepass $x\"\n"),
			[]string{"SVP013 lib/x.sh:1:7", "SVP013 lib/x.sh:2:22"},
		},
		"old secret":                {with("bin/rotate", "#!/bin/sh\ndb -p \"$OLD_DB_PASSWORD\"\n"), []string{"SVP011 bin/rotate:2:8"}},
		"secret in the environment": {with("bin/client", "#!/bin/sh\nDBPASS=$DB_PASSWORD exec db \"$@\"\n"), nil},
		"secret of a builtin":       {with("bin/client", "#!/bin/sh\nprintf %s \"$DB_PASSWORD\" | db --stdin\n[ -n \"$DB_PASSWORD\" ]\n"), nil},
		"secret of a function":      {with("bin/client", "#!/bin/sh\n. lib/f.sh\nlogin \"$DB_PASSWORD\"\n", "lib/f.sh", "login() { echo \"$1\"; }\n"), nil},
		"length of a secret":        {with("bin/client", "#!/bin/sh\ndb --length=\"${#DB_PASSWORD}\" --has=\"${DB_PASSWORD:+yes}\"\n"), nil},
		"digest of a secret":        {with("bin/client", "#!/bin/sh\nd=$(printf %s \"$DB_PASSWORD\" | sha256sum)\ndb --digest=\"$d\"\n"), nil},
		"secret in a here-document": {with("bin/client", "#!/bin/sh\ndb << END\nAUTH $DB_PASSWORD\nEND\n"), nil},
		"secret without quotes":     {with("bin/client", "#!/bin/sh\necho $DB_PASSWORD > x\n"), []string{"SVP014 bin/client:2:6"}},
		"tracing":                   {with("bin/client", "#!/bin/sh -x\nset -eux\n"), []string{"SVP018 bin/client:1:1", "SVP018 bin/client:2:1"}},

		"private key":         {with("README.md", "a\n\n -----BEGIN OPENSSH PRIVATE KEY-----\n"), []string{"SVP012 README.md:3:2"}},
		"token":               {with("etc/x", "t AKIA"+"ABCDEFGHIJKLMNOP\n"), []string{"SVP012 etc/x:1:3"}},
		"password in a file":  {with("etc/db.conf", "# password = nothing1\nrequirepass s3cret99\n"), []string{"SVP013 etc/db.conf:2:13"}},
		"password in a URL":   {with("lib/x.sh", "u=redis://app:s3cret99@db/0\n"), []string{"SVP013 lib/x.sh:1:15"}},
		"password in a shell": {with("lib/x.sh", "export ADMIN_PASSWORD='s3cret99'\nDB_PASSWORD=$x\n"), []string{"SVP013 lib/x.sh:1:24"}},
		"method, no password": {with("etc/db.conf", "password_encryption = scram-sha-256\nauth_file_password = /etc/x/secret\n"), nil},

		"URL not encoded": {query("env", `echo "DB_URL=db://app:$DB_PASSWORD@%IP:%PORT_5000/"`), []string{"SVP015 bin/query:8:12"}},
		"URL encoded": {
			query("env", `echo "DB_URL=db://app:$(perl -pe 's/([^A-Za-z0-9])/sprintf "%%%02X", ord $1/ge' << END
$DB_PASSWORD
END
)@%IP/"`), nil,
		},
		"unknown secret": {query("env", `echo "DB_PASS=$DB_PASWORD"`), []string{"SVP016 bin/query:8:20"}},
		"unknown secret in a script of the query": {
			with("bin/query", query("env", "exec lib/env")["bin/query"], "lib/env", "#!/bin/sh\necho \"A=$PLAN_SIZE\" \"B=${C:-5}\" \"D=${PWD}\"\n"),
			[]string{"SVP016 lib/env:2:9"},
		},
		"unused secret": {query("secrets", "printf '%s\\n' DB_PASSWORD ADMIN_PASSWORD"), []string{"SVP017 bin/query:8:36"}},

		"no exec":             {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\ndbd --foreground\n"), []string{"SVP021 bin/run:3:1"}},
		"in the background":   {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\ndbd &\n"), []string{"SVP021 bin/run:3:1"}},
		"a loop":              {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\ndbd &\nwhile :; do sleep 1; done\n"), []string{"SVP021 bin/run:4:1"}},
		"a supervisor":        {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\ndbd &\ntrap 'kill $!' TERM\nwait $!\n"), nil},
		"a pipeline":          {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\ndbd | cat\n"), []string{"SVP021 bin/run:3:1"}},
		"exec in a function":  {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\nserve() { exec dbd; }\nserve\n"), nil},
		"no exec in a branch": {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\nif true; then exec dbd; else dbd; fi\n"), []string{"SVP021 bin/run:3:30"}},
		"no exec in a file":   {with("bin/run", "#!/bin/sh\n: \"$DB_PASSWORD\"\n. lib/serve.sh\n", "lib/serve.sh", "dbd\n"), []string{"SVP021 lib/serve.sh:1:1"}},

		"ports without health":    {without("bin/health"), []string{"SVP023 bin/query"}},
		"backup without restore":  {with("bin/backup", "#!/bin/sh\n"), []string{"SVP024 bin/backup"}},
		"bind without unbind":     {with("bin/bind", "#!/bin/sh\n"), []string{"SVP025 bin/bind"}},
		"backup without a volume": {with("bin/query", query("volumes", ":")["bin/query"], "bin/backup", "#!/bin/sh\n", "bin/restore", "#!/bin/sh\n"), []string{"SVP026 bin/backup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := lintFolder(t, writePack(t, c.files), lint.Options{})
			if diff := cmp.Diff(c.want, short(report.Findings)); diff != "" {
				t.Errorf("the findings differ (-want +got):\n%s\n%+v", diff, report.Findings)
			}
		})
	}
}

func without(name string) map[string]string {
	files := maps.Clone(clean)
	delete(files, name)
	return files
}

func TestModesAndLinks(t *testing.T) {
	t.Parallel()
	dir := writePack(t, clean)
	check(t, os.Chmod(filepath.Join(dir, "bin", "health"), 0o644))
	check(t, os.Symlink("bin/query", filepath.Join(dir, "ask")))
	check(t, os.Symlink("/etc/passwd", filepath.Join(dir, "users")))
	want := []string{"SVP010 ask", "SVP002 bin/health", "SVP006 users"}
	if diff := cmp.Diff(want, short(lintFolder(t, dir, lint.Options{}).Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestComponents(t *testing.T) {
	t.Parallel()
	for run, want := range map[string][]string{
		"case $1 in\ndb) exec dbd ;;\n*) exit 2 ;;\nesac\n":                    {"SVP022 bin/run"},
		"case $1 in\ndb) exec dbd ;;\nweb) exec webd ;;\n*) exit 2 ;;\nesac\n": nil,
		"case $1 in\ndb) exec dbd ;;\n*) exec webd ;;\nesac\n":                 nil,
		"exec \"lib/$1\"\n": nil,
	} {
		files := query("components", `printf '%s\n' db web`)
		files["bin/run"] = "#!/bin/sh\n: \"$DB_PASSWORD\"\n" + run
		if diff := cmp.Diff(want, short(lintFolder(t, writePack(t, files), lint.Options{}).Findings)); diff != "" {
			t.Errorf("%s: %s", run, diff)
		}
	}
}

func TestOpenServices(t *testing.T) {
	t.Parallel()
	const run = "bin/run"
	for name, c := range map[string]struct {
		file, content, want string
	}{
		"redis":                 {"etc/redis.conf", "port 6379\nprotected-mode no\n", "SVP019 etc/redis.conf:2:1"},
		"redis, with password":  {"etc/redis.conf", "protected-mode no\naclfile /etc/redis/users.acl\n", ""},
		"redis-server":          {run, "exec redis-server --port 6379\n", "SVP019 bin/run:3:1"},
		"PostgreSQL":            {"etc/pg_hba.conf", "local all all peer\nhost all all 0.0.0.0/0 trust\n", "SVP019 etc/pg_hba.conf:2:1"},
		"PostgreSQL, comment":   {"etc/pg_hba.conf", "# host all all all trust\nhost all all all scram-sha-256\n", ""},
		"PostgreSQL, script":    {"lib/x.sh", "echo 'host all all all trust' > pg_hba.conf\n", "SVP019 lib/x.sh:1:7"},
		"mongod":                {run, "exec mongod --bind_ip_all\n", "SVP019 bin/run:3:1"},
		"mongod --auth":         {run, "exec mongod --bind_ip_all --auth\n", ""},
		"mongod, configuration": {run, "cat > x << END\nsecurity:\n  authorization: enabled\nEND\nexec setpriv --reuid=m mongod -f x\n", ""},
		"mysqld":                {run, "exec mysqld --skip-grant-tables\n", "SVP019 bin/run:3:1"},
		"mysqld, unreachable":   {run, "mysqld --skip-grant-tables --skip-networking &\nexec mysqld\n", ""},
		"mysqld, configuration": {"etc/my.cnf", "[mysqld]\nskip-grant-tables\n", "SVP019 etc/my.cnf:2:1"},
		"memcached":             {run, "exec setpriv --reuid=memcache memcached -m 64\n", "SVP019 bin/run:3:1"},
		"memcached -S":          {run, "exec memcached -S -m 64\n", ""},
		"memcached, asked":      {run, "memcached --version\nexec dbd\n", ""},
		"RabbitMQ":              {"etc/rabbitmq.conf", "loopback_users = none\n", "SVP019 etc/rabbitmq.conf:1:1"},
		"NATS":                  {run, "exec nats-server -p 4222\n", "SVP019 bin/run:3:1"},
		"NATS, with users":      {run, "echo 'authorization { user: a }' > x\nexec nats-server -c x\n", ""},
		"MQTT":                  {"etc/mqtt.conf", "listener 1883\nallow_anonymous true\n", "SVP019 etc/mqtt.conf:2:1"},
		"its package":           {"bin/build", "#!/bin/sh\napt-get install memcached redis-server\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.file == run {
				c.content = "#!/bin/sh\n: \"$DB_PASSWORD\"\n" + c.content
			}
			got := strings.Join(short(lintFolder(t, writePack(t, with(c.file, c.content)), lint.Options{}).Findings), ", ")
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestCommentsSilence(t *testing.T) {
	t.Parallel()
	run := "#!/bin/sh\n: \"$DB_PASSWORD\"\n# svp-lint: ignore SVP021 it forks by itself\ndbd\n"
	report := lintFolder(t, writePack(t, with("bin/run", run)), lint.Options{})
	if len(report.Findings) > 0 || report.Ignored != 1 {
		t.Errorf("%+v", report)
	}

	files := without("bin/health")
	files["servicepack.yaml"] += "# svp-lint: ignore SVP023 it has no login\n# svp-lint: ignore SVP024 for nothing\n# svp-lint: ignore SVP025\n"
	report = lintFolder(t, writePack(t, files), lint.Options{})
	if diff := cmp.Diff([]string{"SVP041 servicepack.yaml:5:1", "SVP041 servicepack.yaml:6:1"}, short(report.Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsRevealNoSecret(t *testing.T) {
	t.Parallel()
	files := query("env", `echo "DB_URL=db://app:$DB_PASSWORD@%IP/"; echo "1$DB_PASSWORD=x"; echo "$DB_PASSWORD" >&2; exit 3`)
	for _, finding := range lintFolder(t, writePack(t, files), lint.Options{}).Findings {
		if strings.Contains(finding.Reason+finding.Mend, "e?f") {
			t.Errorf("the finding holds what a secret holds: %+v", finding)
		}
	}
}

// What shellcheck finds is shown with its own code. The program is one of the
// test's, which prints what shellcheck prints.
func TestShellcheck(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "shellcheck")
	check(t, os.WriteFile(program, []byte(`#!/bin/sh
case $* in
--version) printf 'ShellCheck\nversion: 1.2.3\n' ;;
*./bin/health*) echo '{"comments":[{"file":"./bin/health","line":2,"column":6,"level":"info","code":2086,"message":"Double quote"}]}'; exit 1 ;;
esac
`), 0o755))
	dir := writePack(t, with("bin/health", "#!/bin/sh\necho $1\n"))
	report := lintFolder(t, dir, lint.Options{Shellcheck: program})
	want := []lint.Finding{{
		Code: "SC2086", Severity: lint.Note, File: "bin/health", Line: 2, Column: 6, Reason: "Double quote", Mend: "https://www.shellcheck.net/wiki/SC2086",
	}}
	if diff := cmp.Diff(want, report.Findings); diff != "" || report.Shellcheck != "1.2.3" {
		t.Errorf("version %q: %s", report.Shellcheck, diff)
	}
	report = lintFolder(t, dir, lint.Options{Shellcheck: filepath.Join(dir, "none")})
	if len(report.Findings) > 0 || report.Shellcheck != "" {
		t.Errorf("without shellcheck: %+v", report)
	}
}

func TestReferencePacksAreClean(t *testing.T) {
	t.Parallel()
	queries, err := filepath.Glob("../../packs/*/bin/query")
	if err != nil || len(queries) < 8 {
		t.Fatalf("%q, %v", queries, err)
	}
	examples, err := filepath.Glob("../../examples/*/bin/query")
	check(t, err)
	for _, query := range append(append(queries, examples...), "../scaffold/tinykv/bin/query") {
		dir := filepath.Dir(filepath.Dir(query))
		for _, finding := range lintFolder(t, dir, lint.Options{}).Findings {
			t.Errorf("%s: %+v", dir, finding)
		}
	}
}

func TestRulesAreComplete(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	check(t, err)
	seen := map[string]bool{}
	for _, rule := range lint.Rules() {
		if seen[rule.Code] || rule.Title == "" || rule.Why == "" {
			t.Errorf("the rule is there twice, or says too little: %+v", rule)
		}
		seen[rule.Code] = true
		if row := fmt.Sprintf("//\t%s  %-7s  %s\n", rule.Code, rule.Severity, rule.Title); !strings.Contains(string(doc), row) {
			t.Errorf("the documentation of the package lacks the row %q", row)
		}
	}
}

// canned answers as the clean pack does, without starting anything.
type canned struct{}

func (canned) Query(_ context.Context, questions []pack.Question) []pack.Reply {
	answers := map[string]string{
		"version": "1", "os": "debian/12", "secrets": "DB_PASSWORD", "components": "db\nweb", "ports": "5000", "volumes": "/var/lib/db",
	}
	replies := make([]pack.Reply, len(questions))
	for i, question := range questions {
		replies[i].Answer = []byte(answers[question.Key])
		if secret, ok := question.Secrets.Lookup("DB_PASSWORD"); ok {
			replies[i].Answer = []byte("DB_URL=db://" + secret.Reveal())
		}
	}
	return replies
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"exec dbd\n", "case $1 in a) b ;; esac\n", "f() { f; }\nf\n", "${x", "a=(b c)\n", "<< E\n$DB_PASSWORD\n", ". ./lib/x.sh\n", "env -- \"$@\"\n",
		"# svp-lint: ignore SVP001\n", "for DB_PASSWORD in $DB_PASSWORD; do exec env \"$DB_PASSWORD\"; done\n", "!\n", "\xff", "exec\n", "a | b &\n",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, script, config string) {
		files := with("bin/run", "#!/bin/bash\n"+script, "lib/x.sh", script, "etc/x.conf", config)
		d, faults, err := pack.OpenFaulty(writePack(t, files), pack.WithQuerier(canned{}))
		check(t, err)
		report, err := lint.Check(t.Context(), lint.Pack{Dir: d, Faults: faults}, lint.Options{})
		check(t, err)
		for _, finding := range report.Findings {
			if _, known := lint.Explain(finding.Code); !known || finding.Reason == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
