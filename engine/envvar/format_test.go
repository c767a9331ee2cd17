package envvar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// postgres is the service of the golden tests.
var postgres = envvar.Service{
	Name: "db", Label: "postgresql", Plan: "small", Tags: []string{"sql", "relational"}, Provider: "servicepack",
}

// golden is a usual set: a secret, and a URL with the secret percent-encoded.
func golden() envvar.Set {
	return append(
		secretVars("PG_PASSWORD", `p@ss<"&'`),
		vars("DATABASE_URL", "postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable", "EMPTY", "")...,
	)
}

func TestFormats(t *testing.T) {
	want := []string{"dotenv", "shell", "json", "docker", "vcap", "servicebinding"}
	if got := envvar.Formats(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, name := range want {
		if f, err := envvar.ParseFormat(name); err != nil || string(f) != name {
			t.Errorf("%s: got %q, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "JSON", "yaml", "dotenv "} {
		_, err := envvar.ParseFormat(name)
		if !errors.Is(err, envvar.ErrUnknownFormat) || !strings.Contains(err.Error(), strings.Join(want, ", ")) {
			t.Errorf("%q: got %v, want an error that lists the formats", name, err)
		}
	}
}

func TestWriteGolden(t *testing.T) {
	for _, c := range []struct {
		format envvar.Format
		want   string
	}{
		{envvar.Dotenv, `PG_PASSWORD="p@ss<\"&'"
DATABASE_URL='postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable'
EMPTY=
`},
		{envvar.Shell, `PG_PASSWORD='p@ss<"&'\'''
DATABASE_URL='postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable'
EMPTY=''
`},
		{envvar.Docker, `PG_PASSWORD=p@ss<"&'
DATABASE_URL=postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable
EMPTY=
`},
		{envvar.JSON, `{
  "PG_PASSWORD": "p@ss<\"&'",
  "DATABASE_URL": "postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable",
  "EMPTY": ""
}
`},
		{envvar.VCAP, `{
  "postgresql": [
    {
      "name": "db",
      "label": "postgresql",
      "tags": [
        "sql",
        "relational"
      ],
      "plan": "small",
      "credentials": {
        "uri": "postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable",
        "host": "172.18.0.2",
        "port": "5432",
        "username": "app",
        "password": "p@ss<\"&'",
        "database": "app/db",
        "PG_PASSWORD": "p@ss<\"&'",
        "DATABASE_URL": "postgres://app:p%40ss%3C%22%26%27@172.18.0.2:5432/app%2Fdb?sslmode=disable",
        "EMPTY": ""
      }
    }
  ]
}
`},
	} {
		t.Run(string(c.format), func(t *testing.T) {
			var b bytes.Buffer
			if err := envvar.Write(&b, c.format, golden(), postgres); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", b.String(), c.want)
			}
		})
	}
}

func TestWriteNothing(t *testing.T) {
	for format, want := range map[envvar.Format]string{
		envvar.Dotenv: "", envvar.Shell: "", envvar.Docker: "", envvar.JSON: "{}\n",
	} {
		if got := write(t, format, nil); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
	got := write(t, envvar.VCAP, nil)
	if !strings.Contains(got, `"tags": []`) || !strings.Contains(got, `"credentials": {}`) {
		t.Errorf("vcap: got %s", got)
	}
}

func TestWriteRefusesWhatAFormatCannotHold(t *testing.T) {
	const secret = "correct-horse"
	all := []envvar.Format{envvar.Dotenv, envvar.Shell, envvar.JSON, envvar.Docker, envvar.VCAP}
	utf8Only := []envvar.Format{envvar.JSON, envvar.Docker, envvar.VCAP}
	for _, c := range []struct {
		name    string
		set     envvar.Set
		bad     string
		want    error
		formats []envvar.Format
	}{
		{"newline", vars("A", "1", "K", secret+"\nB=2"), "K", secrets.ErrNewline, all},
		{"NUL", vars("A", "1", "K", secret+"\x00"), "K", secrets.ErrNUL, all},
		{"duplicate", vars("K", "1", "K", secret), "K", envvar.ErrDuplicate, all},
		{"invalid name", vars("A", "1", "x;rm", secret), "x;rm", nil, all},
		{"not UTF-8", vars("A", "1", "K", secret+"\xff"), "K", envvar.ErrInvalidUTF8, utf8Only},
		{"carriage return at the end", vars("A", "1", "K", secret+"\r"), "K", envvar.ErrTrailingCR, []envvar.Format{envvar.Docker}},
		{"long line", vars("A", "1", "K", strings.Repeat(secret, 6000)), "K", envvar.ErrTooLong, []envvar.Format{envvar.Docker}},
	} {
		for _, format := range all {
			t.Run(c.name+" "+string(format), func(t *testing.T) {
				var b bytes.Buffer
				err := envvar.Write(&b, format, c.set, envvar.Service{})
				if !slices.Contains(c.formats, format) {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				var varError *envvar.VarError
				if !errors.As(err, &varError) || varError.Name != c.bad || c.want != nil && !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v of %s", err, c.want, c.bad)
				}
				if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("the error holds the value, or not the name: %v", err)
				}
				if b.Len() > 0 {
					t.Errorf("%d bytes were written", b.Len())
				}
			})
		}
	}
}

func TestWriteErrors(t *testing.T) {
	var b bytes.Buffer
	if err := envvar.Write(&b, envvar.ServiceBinding, golden(), postgres); !errors.Is(err, envvar.ErrDirectory) {
		t.Errorf("servicebinding: got %v", err)
	}
	if err := envvar.Write(&b, "yaml", golden(), postgres); !errors.Is(err, envvar.ErrUnknownFormat) {
		t.Errorf("yaml: got %v", err)
	}
	if b.Len() > 0 {
		t.Errorf("%d bytes were written", b.Len())
	}
	if err := envvar.Write(fullDisk{}, envvar.JSON, golden(), postgres); !errors.Is(err, errFull) {
		t.Errorf("full disk: got %v", err)
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// credentials returns the credentials that VCAP tells of set.
func credentials(t *testing.T, set envvar.Set) map[string]string {
	t.Helper()
	var document map[string][]struct{ Credentials map[string]string }
	if err := json.Unmarshal([]byte(write(t, envvar.VCAP, set)), &document); err != nil {
		t.Fatal(err)
	}
	return document[""][0].Credentials
}

func TestCredentialsAreDerivedFromAURL(t *testing.T) {
	for url, want := range map[string]string{
		"redis://:p%25w@h:6379/0":        "uri host=h port=6379 password=p%w database=0",
		"amqp://u:p@h":                   "uri host=h username=u password=p",
		"http://h:80":                    "uri host=h port=80",
		"pg://u:p@[fd00::1]:5432/d":      "uri host=fd00::1 port=5432 username=u password=p database=d",
		"mysql://u%40x:p@h:1/a%20b?x=%2": "uri host=h port=1 username=u@x password=p database=a b",

		"postgres://u:p@%IP:5432/d":   "", // not filled
		"postgres://u:p@%%/d":         "",
		"mongodb://u:p@a:1,b:2/d":     "", // several hosts
		"app:pw":                      "",
		"jdbc:postgresql://h/d":       "",
		"/var/run/sock":               "",
		"h:5432":                      "",
		"x://":                        "",
		"postgres://u:12#34@h:5432/d": "", // not escaped: the parts are elsewhere
		"postgres://u:a@b/c@h:5432/d": "",
	} {
		set := vars("NOTE", "x", "URL", url)
		got := credentials(t, set)
		var derived []string
		for _, name := range []string{"uri", "host", "port", "username", "password", "database"} {
			value, ok := got[name]
			switch {
			case ok && name == "uri" && value == url:
				derived = append(derived, name)
			case ok:
				derived = append(derived, name+"="+value)
			}
		}
		if strings.Join(derived, " ") != want {
			t.Errorf("%s: got %q, want %q", url, derived, want)
		}
		if got["URL"] != url || got["NOTE"] != "x" || len(got) != len(derived)+2 {
			t.Errorf("%s: the variables are not all there: %q", url, got)
		}
	}
}

func TestCredentialsPreferTheURLWithAUser(t *testing.T) {
	got := credentials(t, vars("HOME_PAGE", "https://example.org/", "URL", "x://u:p@h:1/d", "OTHER", "x://o:o@o:2/o"))
	if got["host"] != "h" || got["username"] != "u" {
		t.Errorf("got %q", got)
	}
	got = credentials(t, vars("A", "http://a:1", "B", "http://b:2"))
	if got["host"] != "a" {
		t.Errorf("without a user: got %q", got)
	}
}

func TestCredentialsKeepVariablesOfConventionalNames(t *testing.T) {
	got := credentials(t, vars("URL", "x://u:p@h:1/d", "host", "mine", "password", ""))
	if got["host"] != "mine" || got["password"] != "" || got["port"] != "1" {
		t.Errorf("got %q", got)
	}
}

func FuzzWrite(f *testing.F) {
	for _, seed := range []string{"", "a b", `"\`, "é\u2028<>&", "\xff", "x://u:p@h:1/d", "x://u:%ff@h/", "\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		set := vars("K", value, "B", "x")
		var b bytes.Buffer
		if err := envvar.Write(&b, envvar.JSON, set, postgres); err == nil {
			var got map[string]string
			if err := json.Unmarshal(b.Bytes(), &got); err != nil || len(got) != 2 || got["K"] != value {
				t.Errorf("json: %q becomes %q, %v", value, got, err)
			}
		}
		b.Reset()
		if err := envvar.Write(&b, envvar.VCAP, set, envvar.Service{}); err == nil {
			var got map[string][]struct{ Credentials map[string]string }
			if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[""][0].Credentials["K"] != value {
				t.Errorf("vcap: %q becomes %q, %v", value, got, err)
			}
		}
		b.Reset()
		if err := envvar.Write(&b, envvar.Docker, set, postgres); err == nil && b.String() != "K="+value+"\nB=x\n" {
			t.Errorf("docker: %q becomes %q", value, b.String())
		}
	})
}
