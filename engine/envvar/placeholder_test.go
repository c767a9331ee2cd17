package envvar_test

import (
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
)

// filled are the placeholders of the tests.
var filled = envvar.Placeholders{
	IP: "172.18.0.2", Hostname: "db", Name: "my-db",
	Port: func(containerPort int) (int, bool) { return containerPort + 10000, containerPort != 80 },
}

func expand(value string) string {
	v, _ := vars("K", value).Expand(filled).Lookup("K")
	return v.Reveal()
}

func TestExpand(t *testing.T) {
	for value, want := range map[string]string{
		"":                               "",
		"plain":                          "plain",
		"postgres://app:pw@%IP:5432/app": "postgres://app:pw@172.18.0.2:5432/app",
		"%IP":                            "172.18.0.2",
		"%IP%IP":                         "172.18.0.2172.18.0.2",
		"%HOSTNAME.%NAME":                "db.my-db",
		"%PORT_5432":                     "15432",
		"%PORT_5432/%PORT_1":             "15432/10001",
		"%PORT_80":                       "80", // unknown: its own number
		"%IP-%IP.":                       "172.18.0.2-172.18.0.2.",
		"%IPé":                           "172.18.0.2é", // names are ASCII

		"%IPS %IP_ %IP4 %IPa":                  "%IPS %IP_ %IP4 %IPa",
		"%NAMES %HOSTNAMES %HOST":              "%NAMES %HOSTNAMES %HOST",
		"%PORT %PORT_ %PORT_x %PORT_5432x":     "%PORT %PORT_ %PORT_x %PORT_5432x",
		"%PORT_5432_ %PORT_0 %PORT_65536":      "%PORT_5432_ %PORT_0 %PORT_65536",
		"%PORT_080 %PORT_99999999999999999999": "%PORT_080 %PORT_99999999999999999999",
		"%ip %20 %2F 100% % %":                 "%ip %20 %2F 100% % %",

		"%%":          "%",
		"100%%":       "100%",
		"%%IP":        "%IP",
		"%%a%%":       "%a%",
		"%%%IP":       "%172.18.0.2",
		"%%%%IP":      "%%IP",
		"%%%":         "%%",
		"%IP%%":       "172.18.0.2%",
		"%IP%20":      "172.18.0.2%20",
		"\xff%IP\xff": "\xff172.18.0.2\xff",
	} {
		if got := expand(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func TestExpandPutsNothingIntoValuesTwice(t *testing.T) {
	p := envvar.Placeholders{IP: "%NAME", Name: "%IP"}
	expect(t, vars("K", "%IP %NAME").Expand(p), vars("K", "%NAME %IP"))
}

func TestExpandWithoutPorts(t *testing.T) {
	expect(t, vars("K", "%PORT_5432").Expand(envvar.Placeholders{}), vars("K", "5432"))
}

func TestExpandLeavesSecretsAndOperandAlone(t *testing.T) {
	set := append(secretVars("PW", "%IP%%\xff"), vars("K", "%IP")...)
	expanded := set.Expand(filled)
	expect(t, expanded, append(secretVars("PW", "%IP%%\xff"), vars("K", "172.18.0.2")...))
	expect(t, set, append(secretVars("PW", "%IP%%\xff"), vars("K", "%IP")...))
}

func TestEscapeDoublesOnlyWhatExpandReplaces(t *testing.T) {
	for s, want := range map[string]string{
		"plain %20 100%": "plain %20 100%",
		"%IP":            "%%IP",
		"%IPS":           "%IPS",
		"%%":             "%%%%",
		"%%%IP":          "%%%%%%IP",
		"%PORT_1":        "%%PORT_1",
	} {
		if got := envvar.Escape(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestEscapeSecrets(t *testing.T) {
	for _, c := range []struct {
		name          string
		secret, value string
		want          string // after Expand
	}{
		{"no percent sign", "pw", "u:pw@%IP", "u:pw@172.18.0.2"},
		{"placeholder in it", "a%IP.b", "u:a%IP.b@%IP", "u:a%IP.b@172.18.0.2"},
		{"the pack doubled it", "a%IP.b", "u:a%%IP.b@%IP", "u:a%IP.b@172.18.0.2"},
		{"double percent in it", "a%%b", "u:a%%b@%IP", "u:a%%b@172.18.0.2"},
		{"double percent, doubled", "a%%b", "u:a%%%%b@%IP", "u:a%%b@172.18.0.2"},
		{"percent first", "%x", "u:%x@%IP", "u:%x@172.18.0.2"},
		{"percent first, doubled", "%x", "u:%%x@%IP", "u:%x@172.18.0.2"},
		{"percent last", "x%", "u:x%@%IP", "u:x%@172.18.0.2"},
		{"percent last, doubled", "x%", "u:x%%@%IP", "u:x%@172.18.0.2"},
		{"whole value", "%NAME", "%NAME", "%NAME"},
		{"twice", "%NAME", "%NAME,%NAME", "%NAME,%NAME"},
		{"harmless percent", "a%20b", "u:a%20b@%IP", "u:a%20b@172.18.0.2"},
		{"not in it", "a%IP", "%IP and a", "172.18.0.2 and a"},
		{"only a percent sign", "%", "u:%@%IP%%", "u:%@172.18.0.2%"},
		{"beginning of a placeholder", "%PORT_5", "%PORT_5432", "15432"},
		{"percent-encoded by the pack", "a%b", "u:a%25b@%IP", "u:a%25b@172.18.0.2"},
		{"not UTF-8", "\xff%IP", "u:\xff%IP@", "u:\xff%IP@"},
	} {
		t.Run(c.name, func(t *testing.T) {
			secret := secretVars("PW", c.secret)
			set := append(secretVars("PW", c.secret), vars("URL", c.value)...)
			got := set.EscapeSecrets(secret).Expand(filled)
			expect(t, got, append(secretVars("PW", c.secret), vars("URL", c.want)...))
			expect(t, set, append(secretVars("PW", c.secret), vars("URL", c.value)...))
		})
	}
}

func TestEscapeSecretsPrefersTheLongerSecret(t *testing.T) {
	secret := secretVars("SHORT", "a%IP", "LONG", "a%IP.%NAME")
	got := vars("URL", "a%IP.%NAME a%IP").EscapeSecrets(secret).Expand(filled)
	expect(t, got, vars("URL", "a%IP.%NAME a%IP"))
}

func TestUsesPort(t *testing.T) {
	set := append(secretVars("PW", "%PORT_1"), vars("URL", "x://h:%PORT_5432/", "NO", "%%PORT_2 %PORT_3x")...)
	for port, want := range map[int]bool{5432: true, 543: false, 1: false, 2: false, 3: false} {
		if got := set.UsesPort(port); got != want {
			t.Errorf("port %d: got %v, want %v", port, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "%", "%%", "%%%IP", "%IP", "%PORT_5432", "%PORT_", "%NAMEx", "\xff%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := expand(envvar.Escape(s)); got != s {
			t.Errorf("Expand(Escape(%q)) = %q", s, got)
		}
		if !strings.Contains(s, "%") && expand(s) != s {
			t.Errorf("Expand(%q) = %q", s, expand(s))
		}
	})
}

func FuzzEscapeSecrets(f *testing.F) {
	for _, seed := range []string{"", "pw", "%", "a%IP", "%%", "x%", "%PORT_1", "\xff%\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// What stands around the secret cannot be taken for a part of it.
		if strings.ContainsAny(text, "<>") {
			return
		}
		secret := secretVars("PW", text)
		for _, form := range []string{text, strings.ReplaceAll(text, "%", "%%")} {
			got := vars("URL", "<"+form+">").EscapeSecrets(secret).Expand(filled)
			expect(t, got, vars("URL", "<"+text+">"))
		}
	})
}
