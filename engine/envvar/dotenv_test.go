package envvar_test

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/joho/godotenv"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// readDotenv returns what a dotenv reader makes of text.
func readDotenv(t *testing.T, text string, set envvar.Set) []string {
	t.Helper()
	read, err := godotenv.Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != len(set) {
		t.Errorf("a dotenv reader finds %d variables, want %d", len(read), len(set))
	}
	values := make([]string, len(set))
	for i, v := range set {
		value, ok := read[v.Name]
		if !ok {
			t.Errorf("a dotenv reader does not find %s", v.Name)
		}
		values[i] = value
	}
	return values
}

func TestDotenvIsExactInRealShells(t *testing.T) {
	set := hostileSet()
	shells(t, write(t, envvar.Dotenv, set), set.Names(), func(t *testing.T, values []string) {
		expectValues(t, set, values)
	})
}

func TestDotenvIsExactInDotenvReader(t *testing.T) {
	set := hostileSet()
	expectValues(t, set, readDotenv(t, write(t, envvar.Dotenv, set), set))
}

func TestDotenvIsALineAVariable(t *testing.T) {
	set := hostileSet()
	lines := strings.Split(strings.TrimSuffix(write(t, envvar.Dotenv, set), "\n"), "\n")
	if len(lines) != len(set) {
		t.Fatalf("got %d lines, want %d", len(lines), len(set))
	}
	for i, v := range set {
		if !strings.HasPrefix(lines[i], v.Name+"=") {
			t.Errorf("line %d does not begin with %s=: %q", i+1, v.Name, lines[i])
		}
	}
}

func TestDotenvGolden(t *testing.T) {
	for value, want := range map[string]string{
		"":                                 `K=`,
		"Zm9vYmFy9w==":                     `K=Zm9vYmFy9w==`,
		"postgres://app:pw@%IP:5432/app":   `K=postgres://app:pw@%IP:5432/app`,
		"a_b,c+d.e/f-g":                    `K=a_b,c+d.e/f-g`,
		"=zsh":                             `K='=zsh'`,
		"a:=zsh":                           `K='a:=zsh'`,
		"a b":                              `K='a b'`,
		"x?a=1&b=2":                        `K='x?a=1&b=2'`,
		"$HOME":                            `K='$HOME'`,
		"~":                                `K='~'`,
		"#1":                               `K='#1'`,
		`a\b`:                              `K='a\b'`,
		`"a"`:                              `K='"a"'`,
		"ü":                                `K='ü'`,
		"\xff\r":                           "K='\xff\r'",
		"it's":                             `K="it's"`,
		"'$A' `b` \\ \"c\"!":               `K="'\$A' ` + "\\`b\\`" + ` \\ \"c\"!"`,
		`a\`:                               `K="a\\""#"# K='a\'`,
		`it's "it"`:                        `K="it's \"it\"${0}"# K='it'\''s "it"'`,
		`it's\`:                            `K="it's\\""#"# K='it'\''s\'`,
		"postgres://u:p'w@h/d?opt=\"a b\"": `K="postgres://u:p'w@h/d?opt=\"a b\"${0}"# K='postgres://u:p'\''w@h/d?opt="a b"'`,
	} {
		if got := write(t, envvar.Dotenv, vars("K", value)); got != want+"\n" {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

// FuzzDotenv reads every value with a dotenv reader, and a sample of them,
// which has all seeds in it, with real shells.
func FuzzDotenv(f *testing.F) {
	seeds := []string{"", "plain", `'`, `"`, `\`, `it's\`, `it's"`, "$A", "${A}", "a #", "\r", "\xff", `\n'`}
	for _, seed := range seeds {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if secrets.Validate(a) != nil || secrets.Validate(b) != nil {
			return
		}
		// The second value meets the first one as a variable that it may name.
		set := vars("A", a, "lower", b, "B", b, "C", a+b)
		text := write(t, envvar.Dotenv, set)
		expectValues(t, set, readDotenv(t, text, set))
		if a == b || sampled(a+b) {
			shells(t, text, set.Names(), func(t *testing.T, values []string) { expectValues(t, set, values) })
		}
	})
}

// sampled picks one value in 256, always the same ones.
func sampled(s string) bool {
	h := fnv.New32a()
	fmt.Fprint(h, s)
	return h.Sum32()%256 == 0
}
