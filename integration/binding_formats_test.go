package integration

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// testFormats reads the binding in each format as its readers do. All have the
// same values.
func (c consumer) testFormats(t *testing.T) {
	file := filepath.Join(t.TempDir(), "binding")
	written := func(format string) []byte {
		t.Helper()
		svp(t, "bind", c.name, c.id, "--format", format, "-o", file).Require(t, 0)
		c.requirePrivate(t, file)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	c.requireValues(t, "docker", lines(string(written("docker"))))
	for _, format := range []string{"shell", "dotenv"} {
		written(format)
		c.requireValues(t, format, inShell(t, `eval "$(cat "$0")"`, file))
	}
	var values map[string]string
	c.parse(t, written("json"), &values)
	c.requireValues(t, "json", values)
	c.testVCAP(t, written("vcap"))
	c.testServiceBinding(t)
}

func (c consumer) parse(t *testing.T, document []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(document, value); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
}

// testVCAP reads VCAP_SERVICES as an application on Cloud Foundry does.
func (c consumer) testVCAP(t *testing.T, document []byte) {
	t.Helper()
	var services map[string][]struct {
		Name, Label, Plan string
		Tags              []string
		Credentials       map[string]string
	}
	c.parse(t, document, &services)
	entries := services[c.service.pack]
	if len(services) != 1 || len(entries) != 1 {
		t.Fatalf("VCAP_SERVICES has not one entry of %s: %s", c.service.pack, document)
	}
	entry := entries[0]
	if entry.Name != c.name || entry.Label != c.service.pack || entry.Plan == "" || len(entry.Tags) == 0 {
		t.Errorf("the service in VCAP_SERVICES is %+v", entry)
	}
	c.requireValues(t, "vcap", entry.Credentials)
	c.requireCredentials(t, "vcap", entry.Credentials)
}

// testServiceBinding reads a folder as the Service Binding specification has it,
// and wants a foreign file left alone.
func (c consumer) testServiceBinding(t *testing.T) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "binding")
	arguments := []string{"bind", c.name, c.id, "--format", "servicebinding", "-o", folder}
	svp(t, arguments...).Require(t, 0)
	values := c.files(t, folder)
	if values["type"] != c.service.pack || values["provider"] == "" {
		t.Errorf("the folder's type is %q, and its provider %q", values["type"], values["provider"])
	}
	c.requireValues(t, "servicebinding", values)
	c.requireCredentials(t, "servicebinding", values)
	svp(t, arguments...).Require(t, 0)

	foreign := filepath.Join(folder, "password")
	change(t, os.WriteFile(foreign, []byte("somebody else's"), 0o600))
	complaint(t, svp(t, arguments...), 1, "password")
	if content, err := os.ReadFile(foreign); err != nil || string(content) != "somebody else's" {
		t.Errorf("a foreign file became %q, %v", content, err)
	}
}

// files reads a folder's files, which nobody else may.
func (c consumer) files(t *testing.T, folder string) map[string]string {
	t.Helper()
	values := map[string]string{}
	entries, err := os.ReadDir(folder)
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		c.requirePrivate(t, path)
		content, readErr := os.ReadFile(path)
		values[entry.Name()], err = string(content), errors.Join(err, readErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func (c consumer) requirePrivate(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%s is for others, too: %v, %v", path, info, err)
	}
}

func (c consumer) requireValues(t *testing.T, format string, got map[string]string) {
	t.Helper()
	for name, want := range c.env {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s: %s is %q (there: %t), want %q", format, name, value, there, want)
		}
	}
}

// requireCredentials wants the names that every service has alike.
func (c consumer) requireCredentials(t *testing.T, format string, got map[string]string) {
	t.Helper()
	for name, want := range map[string]string{
		"uri": c.env[c.service.url], "username": "bind_" + c.id, "password": c.password(),
	} {
		if got[name] != want {
			t.Errorf("%s: %s is %q, want %q", format, name, got[name], want)
		}
	}
	if got["host"] == "" || got["port"] == "" {
		t.Errorf("%s: the host is %q, and the port %q", format, got["host"], got["port"])
	}
}
