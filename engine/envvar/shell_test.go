package envvar_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// write returns set in a format.
func write(t *testing.T, f envvar.Format, set envvar.Set) string {
	t.Helper()
	var b bytes.Buffer
	if err := envvar.Write(&b, f, set, envvar.Service{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// readings are the ways in which users have a shell read variables from $FILE.
var readings = []string{
	`. "$FILE"`,
	`eval "$(cat "$FILE")"`,
}

// shells runs check with what each kind of real shell makes of text: the
// values of the variables called names. Every variable is unset before, and
// an unset one is fatal, as under set -u in the script of a user.
func shells(t *testing.T, text string, names []string, check func(t *testing.T, values []string)) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"dash", "bash"} {
		for _, locale := range []string{"C", "C.UTF-8"} {
			for _, reading := range readings {
				t.Run(fmt.Sprintf("%s %s %s", shell, locale, reading), func(t *testing.T) {
					check(t, runShell(t, shell, locale, file, reading, names))
				})
			}
		}
	}
}

func runShell(t *testing.T, shell, locale, file, reading string, names []string) []string {
	t.Helper()
	var script strings.Builder
	fmt.Fprintf(&script, "set -eu\n%s\n", reading)
	for _, name := range names {
		fmt.Fprintf(&script, "printf '%%s\\000' \"$%s\"\n", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-s")
	cmd.Stdin = strings.NewReader(script.String())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=" + locale, "FILE=" + file}
	cmd.Dir = t.TempDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v: %s", shell, err, stderr.String())
	}
	if entries, err := os.ReadDir(cmd.Dir); err != nil || len(entries) > 0 {
		t.Fatalf("%s made files: %v, %v", shell, entries, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// expectValues compares what a reader made of a set with the set.
func expectValues(t *testing.T, set envvar.Set, values []string) {
	t.Helper()
	if len(values) != len(set) {
		t.Fatalf("got %d values, want %d", len(values), len(set))
	}
	for i, v := range set {
		if values[i] != v.Value.Reveal() {
			t.Errorf("%s: got %q, want %q", v.Name, values[i], v.Value.Reveal())
		}
	}
}

// hostileBytes are those that shells or dotenv readers treat specially, or
// that are a part of what they do.
var hostileBytes = []string{
	`'`, `"`, `\`, `$`, `#`, "`", `!`, ` `, "\t", "\r", `=`, `%`, `{`, `}`, `(`, `)`, `~`, `:`, `;`, `*`,
	`A`, `0`, `n`, "\xff", "\x81", "é", "\u00a0",
}

// hostileValues are all strings of up to three hostile bytes, every single
// byte but the impossible ones, and some of what users wrote.
func hostileValues() []string {
	values := []string{
		"", "plain", "postgres://app:pw@%IP:5432/app?sslmode=disable", "$(touch made)", "`touch made`",
		"${HOME}", "$HOME", "~/x", "a:~", "a b", " leading", "trailing ", "\ttab\t", "it's", `it's "it"`,
		`it's "$(it)" \`, `\\server\share\`, `C:\new\`, "# comment", "a #b", "a# b", "export A=1", "A=1 B=2",
		"-n", "--", "!!", "a!b", "'", "''", `""`, `"quoted"`, `'quoted'`, `'"`, `"'`, `'"\`, "Ünïcödé €", "日本語",
		"\xff\xfe", "bell\a", "\x1b[31m", "a\rb", "end\r", "\r", "$A", "${A}", "${A:-x}", `\$A`, `\\$A`, `\n`, `\\n`,
		"$0", "${0}", "a'$A\"", "a'b\" #", "\u00a0", "\u0085x\u0085", strings.Repeat(`'"\$`, 500),
	}
	for b := range 256 {
		if b != 0 && b != '\n' {
			values = append(values, string([]byte{byte(b)}), string([]byte{'a', byte(b), '\''}))
		}
	}
	for _, a := range hostileBytes {
		for _, b := range hostileBytes {
			values = append(values, a+b)
			for _, c := range hostileBytes {
				values = append(values, a+b+c)
			}
		}
	}
	return values
}

// hostileSet names the hostile values, behind variables that a reader which
// expands too much would find.
func hostileSet() envvar.Set {
	set := vars("A", "canary", "n", "canary", "n_", "canary")
	for i, value := range hostileValues() {
		set = append(set, envvar.Var{Name: fmt.Sprintf("V%d", i), Value: secrets.New(value)})
	}
	return set
}

func TestShellIsExactInRealShells(t *testing.T) {
	set := hostileSet()
	shells(t, write(t, envvar.Shell, set), set.Names(), func(t *testing.T, values []string) {
		expectValues(t, set, values)
	})
}

func TestShellGolden(t *testing.T) {
	set := append(secretVars("PW", `it's "$x" \`), vars("URL", "x://%IP", "EMPTY", "", "NAME", "ü\xff\r")...)
	want := `PW='it'\''s "$x" \'` + "\n" + `URL='x://%IP'` + "\n" + `EMPTY=''` + "\n" + "NAME='ü\xff\r'\n"
	if got := write(t, envvar.Shell, set); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestParseShellReadsBack(t *testing.T) {
	set := hostileSet()
	got, err := envvar.ParseShell(strings.NewReader(write(t, envvar.Shell, set)))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, set)
	if got, err := envvar.ParseShell(strings.NewReader("")); err != nil || len(got) != 0 {
		t.Errorf("empty file: got %v, %v", got.Names(), err)
	}
}

func TestParseShellRefuses(t *testing.T) {
	const secret = "correct-horse"
	for line, want := range map[string]error{
		secret:                       envvar.ErrNoEquals,
		"":                           envvar.ErrNoEquals,
		"# comment":                  envvar.ErrNoEquals,
		"='" + secret + "'":          envvar.ErrEmptyName,
		"export K='" + secret + "'":  envvar.ErrInvalidName,
		"K=" + secret:                envvar.ErrNotShell,
		"K=":                         envvar.ErrNotShell,
		"K='":                        envvar.ErrNotShell,
		`K="` + secret + `"`:         envvar.ErrNotShell,
		"K='" + secret:               envvar.ErrNotShell,
		"K='" + secret + "' ":        envvar.ErrNotShell,
		"K='" + secret + "'\r":       envvar.ErrNotShell,
		"K='a''" + secret + "'":      envvar.ErrNotShell,
		`K='a'\'`:                    envvar.ErrNotShell,
		"K='" + secret + "'; rm 'x'": envvar.ErrNotShell,
		"A='" + secret + "'":         envvar.ErrDuplicate,
		"K='" + secret + "\x00'":     secrets.ErrNUL,
	} {
		set, err := envvar.ParseShell(strings.NewReader("A='1'\n" + line + "\nB='2'\n"))
		var lineError *envvar.LineError
		if !errors.As(err, &lineError) || lineError.Line != 2 || !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v of line 2", line, err, want)
			continue
		}
		if set != nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v and the error %v", line, set.Names(), err)
		}
	}
	broken := errors.New("broken")
	if _, err := envvar.ParseShell(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("failing reader: got %v", err)
	}
}

func FuzzParseShell(f *testing.F) {
	for _, seed := range []string{"", "A='1'\n", `A=''\'''` + "\nB=''", "A='", "A='\n'", "A=''''\n", "A='1'\nA='2'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := envvar.ParseShell(strings.NewReader(text))
		if err != nil {
			var lineError *envvar.LineError
			if !errors.As(err, &lineError) {
				t.Fatalf("not a LineError: %v", err)
			}
			return
		}
		// There is one way to write a set: what is accepted is what is written.
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if got := write(t, envvar.Shell, set); got != text {
			t.Errorf("%q is read, and written as %q", text, got)
		}
	})
}

func FuzzShellRoundTrip(f *testing.F) {
	for _, seed := range []string{"", "'", `'\''`, `\`, "\r", "\xff", "a b"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		set := vars("A", a, "B", b)
		var text bytes.Buffer
		err := envvar.Write(&text, envvar.Shell, set, envvar.Service{})
		if invalid := slices.ContainsFunc([]string{a, b}, func(s string) bool { return secrets.Validate(s) != nil }); invalid {
			if err == nil || text.Len() > 0 {
				t.Errorf("invalid values were written")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := envvar.ParseShell(&text)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, got, set)
	})
}
