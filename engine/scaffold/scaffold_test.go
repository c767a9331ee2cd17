package scaffold_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/scaffold"
	"github.com/servicepack/svp/packs"
)

func write(t *testing.T, o scaffold.Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := scaffold.Write(root, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func describe(t *testing.T, dir string) pack.Descriptor {
	t.Helper()
	d, err := pack.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := d.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func TestNewPackHasEveryScript(t *testing.T) {
	t.Parallel()
	dir := write(t, scaffold.Options{Name: "shop"})
	desc := describe(t, dir)
	for _, script := range []string{
		"client", "backup", "restore", "health", "extra", "bind", "unbind", "rotate", "usage", "fingerprint",
	} {
		if !desc.Scripts[script] {
			t.Errorf("there is no bin/%s", script)
		}
	}
	if desc.Contract != 1 || desc.Name != "shop" || desc.OS.String() != "debian/12" || !slices.Equal(desc.Secrets, []string{"SHOP_PASSWORD"}) {
		t.Errorf("%+v", desc)
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if strings.Contains(strings.ToLower(string(content)), "tinykv") {
			t.Errorf("%s has the name of the template", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"shop": "SHOP", "my-db.2": "MY_DB_2", "9p": "PACK_9P", "svp-x": "PACK_SVP_X", "plan": "PACK_PLAN", "old_db": "PACK_OLD_DB", "a--b_": "A_B",
	} {
		if got := scaffold.Variable(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if secrets := describe(t, write(t, scaffold.Options{Name: name})).Secrets; secrets[0] != want+"_PASSWORD" {
			t.Errorf("%s has the secrets %q", name, secrets)
		}
	}
}

func TestOptionsChangeThePack(t *testing.T) {
	t.Parallel()
	dir := write(t, scaffold.Options{Name: "shop", OS: "ubuntu/24.04", Components: []string{"db", "web"}, Package: "nats-server"})
	desc := describe(t, dir)
	if desc.OS.String() != "ubuntu/24.04" || !slices.Equal(desc.Components, []string{"db", "web"}) || len(desc.Ports) != 2 {
		t.Errorf("%+v", desc)
	}
	for file, want := range map[string]string{
		"bin/build":        "install_packages nats-server\n",
		"bin/run":          "web) serve 7001 ;;\n",
		"bin/health":       "web) port=7001 ;;\n",
		"servicepack.yaml": "nats-server of Debian",
	} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s lacks %q: %v\n%s", file, want, err, content)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []scaffold.Options{
		{}, {Name: "Shop"}, {Name: "../shop"}, {Name: strings.Repeat("a", 64)}, {Name: "shop", OS: "debian"}, {Name: "shop", OS: "alpine/3"},
		{Name: "shop", Components: []string{""}}, {Name: "shop", Components: []string{"a", "a"}}, {Name: "shop", Components: []string{"a;b"}},
		{Name: "shop", Package: "-o"}, {Name: "shop", Package: "a b"}, {Name: "shop", Package: "$(a)"},
	} {
		if o.Check() == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// What the template, and the example that was made from it, have in common with the
// reference packs is a copy.
func TestCopiesAreThoseOfTheReferencePacks(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"tinykv", "../../examples/nats-pack"} {
		for _, file := range []string{"lib/bindings.sh", "lib/packages.sh", "lib/percent.sh"} {
			ours, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := fs.ReadFile(packs.FS, "redis/"+file)
			if err != nil {
				t.Fatal(err)
			}
			if string(ours) != string(theirs) {
				t.Errorf("%s of %s differs from that of redis, of which it is a copy", file, folder)
			}
		}
	}
}
