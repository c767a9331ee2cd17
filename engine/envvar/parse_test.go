package envvar_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

func TestParseLinesTakesValuesLiterally(t *testing.T) {
	for line, want := range map[string]string{
		`K=v`:                      "v",
		`K=`:                       "",
		`K=a=b==`:                  "a=b==",
		`K=$HOME #no comment \n %`: `$HOME #no comment \n %`,
		`K= v`:                     " v",
		`K="v"`:                    "v",
		`K='v'`:                    "v",
		`K=" v "`:                  " v ",
		`K=""v""`:                  `"v"`,
		`K='"v"'`:                  `"v"`,
		`K="'v'"`:                  `'v'`,
		`K="v'`:                    `"v'`,
		`K="`:                      `"`,
		`K=""`:                     "",
		`K="a\"b"`:                 `a\"b`,
		`K=it's`:                   "it's",
		"K=v\r":                    "v\r",
		"K=\xff\x80":               "\xff\x80",
	} {
		set, err := envvar.ParseLines([]string{line})
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		expect(t, set, vars("K", want))
	}
}

func TestParseLinesKeepsOrderAndSkipsBlankLines(t *testing.T) {
	set, err := envvar.ParseLines([]string{"B=1", "", " \t\r", "A=2"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, set, vars("B", "1", "A", "2"))
	if set, err := envvar.ParseLines(nil); err != nil || len(set) != 0 {
		t.Errorf("no lines: got %v, %v", set.Names(), err)
	}
}

func TestParseLinesRefuses(t *testing.T) {
	const secret = "correct-horse"
	for _, c := range []struct {
		name string
		line string
		key  string
		want error
	}{
		{"no equals sign", secret, "", envvar.ErrNoEquals},
		{"empty key", "=" + secret, "", envvar.ErrEmptyName},
		{"digit first", "1K=" + secret, "", envvar.ErrInvalidName},
		{"export", "export K=" + secret, "", envvar.ErrInvalidName},
		{"blank first", " K=" + secret, "", envvar.ErrInvalidName},
		{"rest of a secret", secret + "==", "", envvar.ErrInvalidName},
		{"duplicate", "FIRST=" + secret, "FIRST", envvar.ErrDuplicate},
		{"newline", "K=" + secret + "\n", "K", secrets.ErrNewline},
		{"NUL", "K=" + secret + "\x00", "K", secrets.ErrNUL},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := envvar.ParseLines([]string{"FIRST=1", "", c.line})
			var lineError *envvar.LineError
			if !errors.As(err, &lineError) {
				t.Fatalf("got %v, want a LineError", err)
			}
			if lineError.Line != 3 || lineError.Key != c.key || lineError.Reason == "" {
				t.Errorf("got line %d, key %q, reason %q; want line 3, key %q", lineError.Line, lineError.Key, lineError.Reason, c.key)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if set != nil {
				t.Error("got variables beside the error")
			}
			if text := fmt.Sprintf("%v %+v %#v", err, lineError, *lineError); strings.Contains(text, secret) {
				t.Errorf("the error holds the value: %s", text)
			}
			if !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), c.key) {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	}
}

func TestParseNamed(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for arg, want := range map[string]string{
		"PW=v":                              "v",
		"PW=":                               "",
		"PW=a=b@c":                          "a=b@c",
		`PW="quoted"`:                       `"quoted"`,
		"PW=@" + file("plain", "v"):         "v",
		"PW=@" + file("newline", "v\n"):     "v",
		"PW=@" + file("crlf", "v\r\n"):      "v\r",
		"PW=@" + file("at", "@v"):           "@v",
		"PW=@" + file("blank", " v \t"):     " v \t",
		"PW=@" + file("empty", ""):          "",
		"PW=@" + file("lone newline", "\n"): "",
	} {
		v, err := envvar.ParseNamed(arg, os.ReadFile)
		if err != nil {
			t.Errorf("%q: %v", arg, err)
			continue
		}
		expect(t, envvar.Set{v}, secretVars("PW", want))
	}
}

func TestParseNamedRefuses(t *testing.T) {
	const secret = "correct-horse"
	read := func(content string, err error) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(content), err }
	}
	for _, c := range []struct {
		name     string
		arg      string
		readFile func(string) ([]byte, error)
		key      string
		want     error
	}{
		{"no equals sign", secret, nil, "", envvar.ErrNoEquals},
		{"empty name", "=" + secret, nil, "", envvar.ErrEmptyName},
		{"invalid name", secret + "=" + secret, nil, "", envvar.ErrInvalidName},
		{"newline", "PW=" + secret + "\n" + secret, nil, "PW", secrets.ErrNewline},
		{"NUL", "PW=" + secret + "\x00", nil, "PW", secrets.ErrNUL},
		{"missing file", "PW=@" + secret, os.ReadFile, "PW", fs.ErrNotExist},
		{"unreadable file", "PW=@f", read("", fs.ErrPermission), "PW", fs.ErrPermission},
		{"two lines in a file", "PW=@f", read(secret+"\n\n", nil), "PW", secrets.ErrNewline},
		{"NUL in a file", "PW=@f", read(secret+"\x00", nil), "PW", secrets.ErrNUL},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := envvar.ParseNamed(c.arg, c.readFile)
			var argError *envvar.ArgError
			if !errors.As(err, &argError) {
				t.Fatalf("got %v, want an ArgError", err)
			}
			if !errors.Is(err, c.want) || argError.Name != c.key {
				t.Errorf("got %v of %q, want %v of %q", err, argError.Name, c.want, c.key)
			}
			if !v.Value.IsZero() {
				t.Error("got a value beside the error")
			}
			if text := fmt.Sprintf("%v %+v %#v", err, argError, *argError); strings.Contains(text, secret) {
				t.Errorf("the error holds the value: %s", text)
			}
		})
	}
}

func FuzzParseLines(f *testing.F) {
	for _, seed := range []string{"", "A=1\nB=2", "A='x'\r\nB=\"", "=", "A", "A=1\nA=2", "A=\x00", " = ", "é=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		set, err := envvar.ParseLines(lines)
		if err != nil {
			var lineError *envvar.LineError
			if !errors.As(err, &lineError) || lineError.Line < 1 || lineError.Line > len(lines) {
				t.Fatalf("not the error of a line: %v", err)
			}
			return
		}
		for _, v := range set {
			value := v.Value.Reveal()
			if !envvar.ValidName(v.Name) || secrets.Validate(value) != nil {
				t.Errorf("accepted %q = %q", v.Name, value)
			}
			found := false
			for _, form := range []string{value, `"` + value + `"`, "'" + value + "'"} {
				found = found || strings.Contains("\n"+text+"\n", "\n"+v.Name+"="+form+"\n")
			}
			if !found {
				t.Errorf("%q = %q is not in %q", v.Name, value, text)
			}
		}
	})
}

func FuzzParseNamed(f *testing.F) {
	for _, seed := range []string{"", "A=1", "A=@f", "A=@", "=@f", "A=\n", "A", "é=1"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, arg, content string) {
		v, err := envvar.ParseNamed(arg, func(string) ([]byte, error) { return []byte(content), nil })
		if err != nil {
			var argError *envvar.ArgError
			if !errors.As(err, &argError) {
				t.Fatalf("not an ArgError: %v", err)
			}
			return
		}
		if !v.Secret || !envvar.ValidName(v.Name) || secrets.Validate(v.Value.Reveal()) != nil {
			t.Errorf("accepted %q = %q", v.Name, v.Value.Reveal())
		}
		if strings.HasPrefix(arg, v.Name+"=@") {
			if got := v.Value.Reveal(); got != strings.TrimSuffix(content, "\n") {
				t.Errorf("got %q of the content %q", got, content)
			}
		} else if got := v.Name + "=" + v.Value.Reveal(); got != arg {
			t.Errorf("got %q of %q", got, arg)
		}
	})
}
