package pack

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/servicepack/svp/engine/envvar"
)

// fixedQuerier gives one answer to one key, and an OS.
type fixedQuerier struct {
	key    string
	answer []byte
}

func (q fixedQuerier) Query(_ context.Context, questions []Question) []Reply {
	replies := make([]Reply, len(questions))
	for i, question := range questions {
		switch question.Key {
		case q.key:
			replies[i].Answer = q.answer
		case keyOS:
			replies[i].Answer = []byte("debian/12")
		}
	}
	return replies
}

// checkMessage fails if err would do harm on a terminal or cannot be matched.
func checkMessage(t *testing.T, err error) {
	t.Helper()
	var invalid *Error
	if !errors.As(err, &invalid) {
		t.Fatalf("%v is a %T", err, err)
	}
	if text := err.Error(); strings.ContainsFunc(text, unicode.IsControl) || len(text) > 2000 {
		t.Errorf("the message is not a short line: %q", text)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"1", "debian/12\r\n", "A\n\n B \nA", "5432\n53/udp", "/a\n/a/b", "256m", "../x", "\x00", "\xff", "a\x1b[2J", "65536/tcp", "0x10", "1e9g",
	} {
		for key := range uint(7) {
			f.Add(key, []byte(answer))
		}
	}
	keys := []string{keyVersion, keyOS, keySecrets, keyComponents, keyPorts, keyVolumes, keyShm}
	f.Fuzz(func(t *testing.T, key uint, answer []byte) {
		d := &Dir{given: "demo", querier: fixedQuerier{key: keys[key%uint(len(keys))], answer: answer}}
		d.digest = func() (string, error) { return "sha256:0", nil }
		desc, err := d.Describe(t.Context())
		if err != nil {
			checkMessage(t, err)
			return
		}
		checkDescriptor(t, desc)
	})
}

// checkDescriptor states what others rely on.
func checkDescriptor(t *testing.T, d Descriptor) {
	t.Helper()
	if d.Contract < MinContract || d.Contract > MaxContract || d.ShmBytes < 0 {
		t.Errorf("contract %d, shm %d", d.Contract, d.ShmBytes)
	}
	if again, err := ParseOS(d.OS.String()); err != nil || again != d.OS || strings.ContainsAny(d.OS.Image(), " ;$`/") {
		t.Errorf("OS %v", d.OS)
	}
	for _, port := range d.Ports {
		if again, err := ParsePort(port.String()); err != nil || again != port || port.Number < 1 || port.Number > 65535 {
			t.Errorf("port %v", port)
		}
	}
	for _, name := range d.Secrets {
		if !envvar.ValidName(name) {
			t.Errorf("secret %q", name)
		}
	}
	for _, name := range d.Components {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || name == "" {
			t.Errorf("component %q", name)
		}
	}
	for i, volume := range d.Volumes {
		if volume == "/" || !path.IsAbs(volume) || path.Clean(volume) != volume {
			t.Errorf("volume %q", volume)
		}
		for _, other := range slices.Delete(slices.Clone(d.Volumes), i, i+1) {
			if strings.HasPrefix(volume+"/", other+"/") {
				t.Errorf("volume %q in %q", volume, other)
			}
		}
	}
}

func FuzzEnvAnswer(f *testing.F) {
	const secret = "s3cretOfTheInstance"
	for _, answer := range []string{"A=1\n", "A=%s", "%s", "%s=1\n%s=2", "=%s", "A=\x00", "A='%s'\nA=", "\r\n \nB"} {
		f.Add([]byte(strings.ReplaceAll(answer, "%s", secret)))
	}
	variable, err := envvar.ParseNamed("PW="+secret, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		d := &Dir{given: "demo", querier: fixedQuerier{key: keyEnv, answer: answer}}
		set, err := d.Env(t.Context(), Descriptor{}, envvar.Set{variable})
		if err != nil {
			checkMessage(t, err)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the message holds the secret: %v", err)
			}
			return
		}
		for _, v := range set {
			if !envvar.ValidName(v.Name) || strings.ContainsAny(v.Value.Reveal(), "\n\x00") {
				t.Errorf("variable %q", v.Name)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	for _, content := range []string{
		"", "name: demo\nversion: 1.0\n", "title: demo", "- a", "plans:\n- {name: a, limits: {memory: 1g, cpus: 0.5}, parameters: {a: 1, A: 2}}",
		"plans:\n- free: maybe", "exclude: ['../x', '[']", "dependencies: [{uri: 'http://x'}]", "a: &a [*a]", "name: !!binary aGk=", "<<: {name: x}",
		"catalog: {image_url: 'data:image/x'}", "name: x\n---\n", "\xff", "? {a: b}\n: c", "*" + strings.Repeat("x", 5000), strings.Repeat("x", 5000) + ": 1", "tags: [a, a]", "name: {", "\"\\e\": 1",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, faults := parseManifest(content)
		d, more := m.describe()
		faults = append(faults, more...)
		for _, fault := range faults {
			checkMessage(t, fault.in("demo"))
		}
		if len(faults) > 0 {
			return
		}
		if len(d.Plans) == 0 {
			t.Error("no plan")
		}
		for _, plan := range d.Plans {
			if plan.Name == "" || plan.Limits.MemoryBytes < 0 || plan.Limits.CPUs < 0 {
				t.Errorf("plan %+v", plan)
			}
			variables := make(map[string]bool)
			for name := range plan.Parameters {
				variables[strings.ToUpper(name)] = true
			}
			if len(variables) != len(plan.Parameters) {
				t.Errorf("parameters that look alike: %v", fmt.Sprint(plan.Parameters))
			}
		}
	})
}

func FuzzPackageFile(f *testing.F) {
	for _, content := range []string{
		"", "{}", `{"format":1,"added":[]}`, `{"format":1,"added":["etc","script.d/start.sh","lib/dependencies/x"]}`,
		`{"format":1,"added":["bin/build"]}`, `{"format":2}`, `{"format":1,"added":["script.d/../bin/run"]}`, `{"format":1}x`,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		added, fault := parsePackageFile(content)
		if fault != nil {
			checkMessage(t, fault.in("demo"))
			return
		}
		for name := range added {
			if name != PackageFile && name != "etc" && name != "lib" && name != "script.d" && name != "lib/dependencies" &&
				!strings.HasPrefix(name, "script.d/") && !strings.HasPrefix(name, "lib/dependencies/") {
				t.Errorf("%q can be added", name)
			}
		}
	})
}
