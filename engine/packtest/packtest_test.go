package packtest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

var _ Engine = (*engine.Engine)(nil)

const secret = "s3cr3tS3cr3ts3cr3tS3cr3ts3cr3tS3"

func TestChecksNeedWhatComesBefore(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks {
		for _, needed := range c.needs {
			if !seen[needed] {
				t.Errorf("%s needs %s, which does not come before it", c.name, needed)
			}
		}
		if seen[c.name] {
			t.Errorf("%s is there twice", c.name)
		}
		seen[c.name] = true
	}
}

func TestChosenChecksBringWhatTheyNeed(t *testing.T) {
	chosen, err := choose([]string{"restore", "image-size"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range chosen {
		names = append(names, c.name)
	}
	want := []string{"queries", "base", "setup", "ready", "fingerprint", "backup", "restore", "image-size"}
	if !slices.Equal(names, want) {
		t.Errorf("chosen: %q, want %q", names, want)
	}
	var failed *engine.Error
	if _, err := choose([]string{"restor"}); !errors.As(err, &failed) || failed.Kind != engine.Usage || !strings.Contains(failed.Hint, "restore") {
		t.Errorf("a check that does not exist: %v", err)
	}
}

func TestWhoIsToBlame(t *testing.T) {
	hint := "do something"
	for name, test := range map[string]struct {
		err     error
		outcome Outcome // empty: svp is
	}{
		"nothing":         {nil, Passed},
		"a finding":       {found(hint, "%d things", 3), Failed},
		"an omission":     {omitted("no bin/x"), Skipped},
		"an invalid pack": {&engine.Error{Kind: engine.InvalidPack, Err: errors.New("x"), Hint: hint}, Failed},
		"a script":        {&engine.Error{Kind: engine.Failed, Err: &engine.ScriptError{Script: "bin/run", Status: 1}, Hint: hint}, Failed},
		"not ready":       {&engine.Error{Kind: engine.NotReady, Err: engine.ErrTimeout, Hint: hint}, Failed},
		"not running":     {&engine.Error{Kind: engine.Refused, Err: engine.ErrNotRunning, Hint: hint}, Failed},
		"no host":         {&engine.Error{Kind: engine.NoHost, Err: errors.New("x")}, ""},
		"no such pack":    {&engine.Error{Kind: engine.NotFound, Err: fs.ErrNotExist}, ""},
		"something else":  {errors.New("x"), ""},
		"interrupted":     {&engine.Error{Kind: engine.Interrupted, Err: context.Canceled}, ""},
	} {
		result, err := judge("name", "seen", test.err)
		switch {
		case (err != nil) != (test.outcome == ""):
			t.Errorf("%s: the error is %v", name, err)
		case err == nil && (result.Outcome != test.outcome || result.Seen == ""):
			t.Errorf("%s: %+v", name, result)
		case result.Outcome == Failed && result.Mend != hint:
			t.Errorf("%s: mend: %q", name, result.Mend)
		}
	}
}

func TestWhatNeedsAFailedCheckIsNotPerformed(t *testing.T) {
	performed := 0
	pass := func(context.Context, *trial) (string, error) { performed++; return "", nil }
	tr := &trial{options: Options{Now: time.Now, Events: func(engine.Event) {}}}
	results, err := tr.performAll(t.Context(), []check{
		{name: "one", run: func(context.Context, *trial) (string, error) { return "", found("mend", "seen") }},
		{name: "two", needs: []string{"one"}, run: pass},
		{name: "three", needs: []string{"two"}, run: pass},
		{name: "four", run: pass},
	})
	if err != nil || performed != 1 {
		t.Fatalf("%d were performed: %v", performed, err)
	}
	for i, want := range []Outcome{Failed, Skipped, Skipped, Passed} {
		if results[i].Outcome != want {
			t.Errorf("%s %s, want %s", results[i].Name, results[i].Outcome, want)
		}
	}
	if seen := results[2].Seen; !strings.Contains(seen, "because of one") {
		t.Errorf("three: %q", seen)
	}
}

func TestReportsHoldNoSecret(t *testing.T) {
	tr := &trial{}
	tr.hide(secrets.New("a b&c" + secret))
	for _, text := range []string{"a b&c" + secret, "x=a+b%26c" + secret, "x=a%20b&c" + secret} {
		if got := tr.redact(text); strings.Contains(got, secret) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestPortsThatListen(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   2: 00000000:1F90 0200007F:C3A4 01 00000000:00000000 00:00000000 00000000
   3: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0
   4: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 0
   5: 0100007F:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000
`
	for port, want := range map[string][2]bool{
		"6379": {true, false}, "5432": {true, true}, "8080": {false, false}, "80": {true, false}, "81": {true, true}, "82": {false, false},
	} {
		if open, toOthers := listening(table, port); open != want[0] || toOthers != want[1] {
			t.Errorf("port %s: open %t, to others %t, want %v", port, open, toOthers, want)
		}
	}
}

// archive makes a tar stream of files and folders, which end with a slash.
func archive(t *testing.T, files ...tar.Header) *bytes.Buffer {
	t.Helper()
	var stream bytes.Buffer
	w := tar.NewWriter(&stream)
	for _, header := range files {
		content := header.Linkname // carried in a field that is of no use here
		header.Linkname, header.Size = "", int64(len(content))
		header.Typeflag = tar.TypeReg
		if strings.HasSuffix(header.Name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &stream
}

func TestFilesThatEverybodyCanRead(t *testing.T) {
	wanted := searchFor(envvar.Set{{Name: "TOKEN", Value: secrets.New(secret), Secret: true}, {Name: "PLAIN", Value: secrets.New("plain")}})
	long := strings.Repeat("x", 100_000) + secret
	for name, test := range map[string]struct {
		files []tar.Header
		leak  string
		count int
	}{
		"none":             {[]tar.Header{{Name: "a", Mode: 0o644, Linkname: "plain"}}, "", 1},
		"one":              {[]tar.Header{{Name: "./etc/", Mode: 0o755}, {Name: "./etc/a", Mode: 0o644, Linkname: "x" + secret}}, "etc/a", 1},
		"of its owner":     {[]tar.Header{{Name: "a", Mode: 0o640, Linkname: secret}}, "", 0},
		"in a closed one":  {[]tar.Header{{Name: "/d/", Mode: 0o700}, {Name: "/d/e/", Mode: 0o755}, {Name: "/d/e/a", Mode: 0o644, Linkname: secret}}, "", 0},
		"far in the file":  {[]tar.Header{{Name: "a", Mode: 0o644, Linkname: long}}, "a", 1},
		"encoded as a URL": {[]tar.Header{{Name: "a", Mode: 0o644, Linkname: "x://" + secret + "@h"}}, "a", 1},
		"in base64": {
			[]tar.Header{{Name: "a", Mode: 0o644, Linkname: base64.StdEncoding.EncodeToString([]byte("user:" + secret + "!"))}}, "a", 1,
		},
	} {
		count, leak, err := findReadable(archive(t, test.files...), wanted)
		if err != nil || leak != test.leak || count != test.count {
			t.Errorf("%s: %d files, %q, %v; want %d, %q", name, count, leak, err, test.count, test.leak)
		}
	}
	if _, _, err := findReadable(strings.NewReader("no archive"), wanted); err == nil {
		t.Error("what is no archive is read")
	}
}

func TestKeysInTheBaseImage(t *testing.T) {
	for name, test := range map[string]struct{ file, content, want string }{
		"a key":            {"./etc/ssl/private/x.key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA", "etc/ssl/private/x.key"},
		"a key of OpenSSH": {"etc/ssh/ssh_host", "\n-----BEGIN OPENSSH PRIVATE KEY-----\r\nAAAA", "etc/ssh/ssh_host"},
		"a certificate":    {"etc/x.pem", "-----BEGIN CERTIFICATE-----\nAAAA", ""},
		"a program":        {"usr/bin/x", "\x7fELF -----BEGIN PRIVATE KEY-----", ""},
		"a cookie":         {"var/lib/rabbitmq/.erlang.cookie", "AAAA", "var/lib/rabbitmq/.erlang.cookie"},
		"no cookie":        {"var/lib/rabbitmq/.erlang.cookie", "", ""},
	} {
		files, found, err := findKeys(archive(t, tar.Header{Name: test.file, Mode: 0o600, Linkname: test.content}, tar.Header{Name: "last"}))
		if err != nil || found != test.want || files != 2 {
			t.Errorf("%s: %d files, %q, %v; want %q", name, files, found, err, test.want)
		}
	}
}

func TestWrongPasswordsAreEverywhere(t *testing.T) {
	env := envvar.Set{
		{Name: "ONE", Value: secrets.New("a/b c"), Secret: true}, {Name: "TWO", Value: secrets.New("other"), Secret: true},
		{Name: "URL", Value: secrets.New("x://app:a%2Fb%20c@h/?p=a%2Fb+c&q=other")}, {Name: "HOST", Value: secrets.New("h")},
	}
	got := map[string]string{}
	for _, variable := range withWrong(env, []string{"ONE"}) {
		got[variable.Name] = variable.Value.Reveal()
	}
	want := map[string]string{"ONE": wrongValue, "URL": "x://app:" + wrongValue + "@h/?p=" + wrongValue + "&q=other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is changed (-want +got):\n%s", diff)
	}
}

func TestCredentials(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"DB_PASSWORD", "x", "x"},
		{"api_key", "x", "x"},
		{"PASSWORD_FILE", "/etc/x", ""},
		{"URL", "x://app:p%40ss@h/", "p@ss"},
		{"URL", "x://h/", ""},
		{"URL", "x://%zz:y@h", ""},
		{"HOST", "h", ""},
	} {
		if got := credential(test.name, test.value); got != test.want {
			t.Errorf("%s=%s: %q, want %q", test.name, test.value, got, test.want)
		}
	}
}

func TestArguments(t *testing.T) {
	var w watch
	w.read(strings.NewReader("==> /proc/1/cmdline <==\nredis-server\x00*:6379\x00\n" +
		"==> /proc/10/cmdline <==\n\n==> /proc/12/cmdline <==\ncurl\x00-u\x00app:" + secret + "\x00a\nb"))
	wanted := searchFor(envvar.Set{{Name: "TOKEN", Value: secrets.New(secret), Secret: true}})
	if program := w.leak(wanted); program != "curl" {
		t.Errorf("%q has the secret among its arguments; seen: %v", program, w.seen)
	}
	if len(w.seen) != 3 || !w.seen["redis-server\x00*:6379\x00"] {
		t.Errorf("seen: %v", w.seen)
	}
}

func FuzzArguments(f *testing.F) {
	f.Add([]byte("==> /proc/1/cmdline <==\nsh\x00-c\x00\n==> /proc/2/cmdline <==\n"))
	f.Add([]byte("==> /proc/"))
	f.Add([]byte("\x00==> /proc/==> /proc/ <==\n"))
	f.Fuzz(func(t *testing.T, printed []byte) {
		var w watch
		w.read(bytes.NewReader(printed))
		for arguments := range w.seen {
			if !bytes.Contains(printed, []byte(arguments)) {
				t.Errorf("%q was not printed", arguments)
			}
		}
	})
}

func FuzzListening(f *testing.F) {
	f.Add("   0: 0100007F:18EB 00000000:0000 0A 0\n", "6379")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, table, port string) {
		if open, toOthers := listening(table, port); toOthers && !open {
			t.Error("a port that is not open is open to others")
		}
	})
}

func TestJUnit(t *testing.T) {
	report := Report{
		Pack: "redis", Started: time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC), Seconds: 12.3456, Passed: 1, Failed: 1, Skipped: 1,
		Checks: []Result{
			{Name: "base", Outcome: Passed, Seen: "built", Seconds: 1},
			{Name: "restore", Outcome: Failed, Seen: "<gone> \xff", Mend: "bring it back", Seconds: 0.5},
			{Name: "bind", Outcome: Skipped, Seen: "no bin/bind"},
		},
	}
	var got strings.Builder
	if err := report.WriteJUnit(&got); err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="svp pack test redis" tests="3" failures="1" errors="0" skipped="1" time="12.346" timestamp="2026-03-04T15:00:00Z">
    <testcase classname="svp.pack.redis" name="base" time="1.000">
      <system-out>built</system-out>
    </testcase>
    <testcase classname="svp.pack.redis" name="restore" time="0.500">
      <failure message="&lt;gone&gt; �">bring it back</failure>
    </testcase>
    <testcase classname="svp.pack.redis" name="bind" time="0.000">
      <skipped message="no bin/bind"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the document differs (-want +got):\n%s", diff)
	}
}
