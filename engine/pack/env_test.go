package pack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
)

const password = `s3cr'et"pa ss$word%20#:/@ü\`

// secretSet makes the secrets of a pack without their package, which is not
// for this one.
func secretSet(t *testing.T, name, value string) envvar.Set {
	t.Helper()
	secret, err := envvar.ParseNamed(name+"="+value, nil)
	check(t, err)
	return envvar.Set{secret}
}

func TestEnv(t *testing.T) {
	dir := newPack(t, `#!/bin/sh
case "$1" in
os) echo debian/12 ;;
secrets) echo PW ;;
env) printf 'URL=demo://app:%s@%%IP:5432/app\n\nQUOTED="a b" \r\nEMPTY=\nLAST=%%%%' "$PW" ;;
esac
`, nil)
	d := open(t, dir)
	desc, err := d.Describe(t.Context())
	check(t, err)
	set, err := d.Env(t.Context(), desc, secretSet(t, "PW", password))
	check(t, err)
	want := []string{"URL=demo://app:" + password + "@%IP:5432/app", "QUOTED=a b", "EMPTY=", "LAST=%%"}
	if diff := cmp.Diff(want, set.Environ()); diff != "" {
		t.Errorf("the environment differs (-want +got):\n%s", diff)
	}

	_, err = d.Env(t.Context(), desc, nil)
	wantError(t, dir, err, "pack demo: query env: the secret PW has no value")
}

func TestEnvRefuses(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"no =", `echo A=1; echo; echo "$PW"`, `pack demo: bin/query env, line 3: ` + envvar.ErrNoEquals.Error()},
		{"an empty name", `echo "=$PW"`, `pack demo: bin/query env, line 1: ` + envvar.ErrEmptyName.Error()},
		{"an invalid name", `echo "A-B=$PW"`, `pack demo: bin/query env, line 1: ` + envvar.ErrInvalidName.Error()},
		{"a secret as a name", `echo "$PW=1"`, `pack demo: bin/query env, line 1: ` + envvar.ErrInvalidName.Error()},
		{"a piece of a secret as a name", `echo ssword=1; echo ssword=2`, `pack demo: bin/query env, line 2: the name is used twice`},
		{"a name twice", `echo A=1; echo "A=$PW"`, `pack demo: bin/query env, line 2: A: ` + envvar.ErrDuplicate.Error()},
		{"NUL", `printf 'A=1\nB=\000%s' "$PW"`, `pack demo: bin/query env, line 2: binary data: it holds a NUL byte`},
		{"status", `echo "no template" >&2; exit 4`, `pack demo: bin/query env: exit status 4: no template`},
		{"status and the secret", `echo "bad: $PW" >&2; exit 4`, `pack demo: bin/query env: exit status 4: (its messages are not shown, because they hold a secret)`},
		{"status and a piece of the secret", `echo "bad: word%2520%23" >&2; exit 4`, `pack demo: bin/query env: exit status 4: (its messages are not shown, because they hold a secret)`},
		{
			"the secret in a line that is cut", `for i in {1..100}; do printf %s "$PW"; done >&2; printf '\nlast line\n' >&2; exit 4`,
			`pack demo: bin/query env: exit status 4: last line`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := newPack(t, "#!/bin/bash\n[ $1 = os ] && echo debian/12\n[ $1 = env ] || exit 0\n"+test.script+"\n", nil)
			d := open(t, dir)
			desc, err := d.Describe(t.Context())
			check(t, err)
			_, err = d.Env(t.Context(), desc, secretSet(t, "PW", password))
			wantInvalid(t, dir, err, test.want)
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, password) || strings.Contains(text, "word%20") {
					t.Errorf("the error holds the secret: %s", text)
				}
			}
		})
	}
}

// What shells and the program loader obey would break every script.
func TestVariablesThatSteerScripts(t *testing.T) {
	for _, name := range []string{
		"PATH", "IFS", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH",
		"PWD", "OLDPWD", "OPTIND", "PPID", "UID", "EUID", "SHELLOPTS", "BASHOPTS", "_",
	} {
		const because = `: the variable decides how every script runs; choose another name`
		dir := newPack(t, answers("secrets", name), nil)
		_, err := open(t, dir).Describe(t.Context())
		wantInvalid(t, dir, err, `pack demo: bin/query secrets, line 1: "`+name+`" cannot be a secret`+because)

		dir = newPack(t, answers("env", `A=1\n\n`+name+`=/opt/demo\n`), nil)
		_, err = open(t, dir).Env(t.Context(), pack.Descriptor{}, nil)
		wantInvalid(t, dir, err, `pack demo: bin/query env, line 3: `+name+because)
	}
}

// Names that only look alike are a pack's own, and so is the HOME of a service.
func TestVariablesThatPacksUse(t *testing.T) {
	dir := newPack(t, answers("secrets", `DEMO_PATH\nSVPN\nENVIRONMENT\n`), nil)
	_, err := open(t, dir).Describe(t.Context())
	check(t, err)
	want := []string{"HOME=/var/lib/demo", "DEMO_PATH=/a", "path=/b", "PLAN_NAME=small"}
	dir = newPack(t, answers("env", strings.Join(want, `\n`)), nil)
	set, err := open(t, dir).Env(t.Context(), pack.Descriptor{}, nil)
	check(t, err)
	if diff := cmp.Diff(want, set.Environ()); diff != "" {
		t.Errorf("the environment differs (-want +got):\n%s", diff)
	}
}

// A secret that could be a name is not shown where a name is.
func TestEnvSecretAsName(t *testing.T) {
	dir := newPack(t, "#!/bin/sh\n[ $1 != os ] || echo debian/12\n[ $1 != env ] || { echo $PW=1; echo $PW=2; }\n", nil)
	_, err := open(t, dir).Env(t.Context(), pack.Descriptor{}, secretSet(t, "PW", "hunter2hunter2"))
	wantInvalid(t, dir, err, `pack demo: bin/query env, line 2: the name is used twice`)
}

func TestEnvCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := newPack(t, plainQuery, nil)
	_, err := open(t, dir).Env(ctx, pack.Descriptor{}, nil)
	wantError(t, dir, err, "pack demo: query env: context canceled")
}
