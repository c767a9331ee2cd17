package servicearchive

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/pack"
)

// writePack makes a pack of two components with what a folder can hold.
func writePack(t *testing.T) Contents {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "shop")
	for name, mode := range map[string]fs.FileMode{
		"bin/query": 0o755, "bin/build": 0o700, "bin/run": 0o775, "etc/shop.conf": 0o600, "etc/a & <b>.txt": 0o644,
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+name+" \"$@\"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.Symlink("../etc/shop.conf", filepath.Join(folder, "bin", "conf")), os.Mkdir(filepath.Join(folder, "empty"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	return Contents{
		Folder: folder, Group: "org.example", Name: "shop", Version: "1.2.3", Description: "Sells <things> & more",
		Components: []string{"web", "db"},
	}
}

func create(t *testing.T, c Contents) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Create(t.Context(), &out, c); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAPackThatBecameAnArchiveIsGivenBack(t *testing.T) {
	c := writePack(t)
	whole := create(t, c)
	if !bytes.Equal(whole, create(t, c)) {
		t.Error("created twice, the archives differ")
	}
	if _, err := Verify(t.Context(), bytes.NewReader(whole)); err != nil {
		t.Error(err)
	}
	root := openRoot(t)
	found, err := ExtractPack(t.Context(), bytes.NewReader(whole), root)
	if diff := cmp.Diff(Pack{Name: "shop", Folder: "shop-pack"}, found); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	before, beforeDigest := openPack(t, c.Folder)
	after, afterDigest := openPack(t, filepath.Join(root.Name(), found.Folder))
	if diff := cmp.Diff(before, after); diff != "" || beforeDigest != afterDigest {
		t.Errorf("digests %s and %s\n%s", beforeDigest, afterDigest, diff)
	}
	// A component's package starts the pack beside it.
	output, err := exec.CommandContext(t.Context(), filepath.Join(root.Name(), "shop-db", "run")).CombinedOutput()
	if err != nil || string(output) != "bin/run db\n" {
		t.Errorf("%q, %v", output, err)
	}
}

func openPack(t *testing.T, folder string) ([]pack.File, string) {
	t.Helper()
	dir, err := pack.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := dir.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return dir.Files(), digest
}

func TestEachComponentIsAPackageThatDependsOnThePack(t *testing.T) {
	c := writePack(t)
	c.Maven = true
	listed, err := List(t.Context(), bytes.NewReader(create(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	needs := []Dependency{{Class: "org.example", Service: "shop", Package: "shop-pack", Version: "1.2.3"}}
	want := Profile{
		Class: "org.example", Name: "shop", Version: "1.2.3", Description: c.Description,
		Packages: []Package{
			{
				Kind: Software, Type: "application", Name: "shop-pack", Version: "1.2.3", Description: "The servicepack",
				Maven: &Maven{Group: "org.example", Artifact: "shop", Version: "1.2.3"},
				Files: []string{"bin/build", "bin/conf", "bin/query", "bin/run", "etc/a & <b>.txt", "etc/shop.conf"},
			},
			{
				Kind: Software, Type: "application", Name: "shop-web", Version: "1.2.3", Description: "The component web",
				Files: []string{"run"}, DependsOn: needs,
			},
			{
				Kind: Software, Type: "application", Name: "shop-db", Version: "1.2.3", Description: "The component db",
				Files: []string{"run"}, DependsOn: needs,
			},
		},
	}
	if diff := cmp.Diff(want, listed.Profile, sameProfile); diff != "" {
		t.Error(diff)
	}
}

func TestAPackWithoutComponentsOrManifestIsOnePackage(t *testing.T) {
	c := writePack(t)
	listed, err := List(t.Context(), bytes.NewReader(create(t, Contents{Folder: c.Folder})))
	if err != nil {
		t.Fatal(err)
	}
	profile := listed.Profile
	if len(profile.Packages) != 1 || profile.Packages[0].Name != "shop-pack" || profile.Class != "servicepack" || profile.Version != "0.0.0" {
		t.Errorf("%+v", profile)
	}
}

// The schema is a sequence for every element: what stands in the wrong order, or
// is there without contents, is invalid.
var schema = map[string][]string{
	"Resource":         {"ID", "Type", "Profile"},
	"Profile":          {"Description?", "Class", "Name", "Version", "Packages"},
	"Packages":         {"Software+"},
	"Software":         {"Description?", "Name", "Version", "Dependencies?", "Type", "Files"},
	"Dependencies":     {"Dependency+"},
	"Dependency":       {"Service", "Package", "Version", "Scope", "Optional"},
	"Service":          {"Class", "Name", "Version"},
	"Files":            {"File+"},
	"MavenCoordinates": {"groupId", "artifactId", "version"},
}

func TestTheProfileHasTheElementsOfTheSchemaInItsOrder(t *testing.T) {
	c := writePack(t)
	checkOrder(t, profileText(t, c))
	c.Components, c.Description = nil, ""
	checkOrder(t, profileText(t, c))
}

func profileText(t *testing.T, c Contents) []byte {
	t.Helper()
	root := openRoot(t)
	if _, err := Extract(t.Context(), bytes.NewReader(create(t, c)), root); err != nil {
		t.Fatal(err)
	}
	text, err := root.ReadFile(profileFile)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func checkOrder(t *testing.T, text []byte) {
	t.Helper()
	type element struct {
		name     string
		children []string
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	path := []*element{{}}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			parent := path[len(path)-1]
			parent.children = append(parent.children, token.Name.Local)
			path = append(path, &element{name: token.Name.Local})
		case xml.EndElement:
			ended := path[len(path)-1]
			path = path[:len(path)-1]
			if !fits(schema[ended.name], ended.children) {
				t.Errorf("%s has %v; the schema wants %v", ended.name, ended.children, schema[ended.name])
			}
		}
	}
}

// fits tells whether the children are those, of which "?" may be absent and "+"
// repeated.
func fits(wanted, children []string) bool {
	for _, want := range wanted {
		name := strings.TrimRight(want, "?+")
		count := slices.IndexFunc(append(slices.Clone(children), ""), func(child string) bool { return child != name })
		if count == 0 && !strings.HasSuffix(want, "?") || count > 1 && !strings.HasSuffix(want, "+") {
			return false
		}
		children = children[count:]
	}
	return len(children) == 0
}

func TestPacksThatCannotBecomeAnArchive(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, c *Contents)
		want   string
	}{
		"a component is named pack": {
			func(_ *testing.T, c *Contents) { c.Components = []string{"pack"} },
			"the component pack cannot be a package: shop-pack is that of the pack itself",
		},
		"a name that XML trims": {
			func(t *testing.T, c *Contents) {
				if err := os.WriteFile(filepath.Join(c.Folder, " blank"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			" blank: no Service Profile can declare a file of that name; rename it",
		},
		"a name that XML replaces": {
			func(t *testing.T, c *Contents) {
				if err := os.WriteFile(filepath.Join(c.Folder, "z\uffff"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			`"z\uffff": no Service Profile can declare a file of that name; rename it`,
		},
		"no coordinate": {
			func(_ *testing.T, c *Contents) { c.Maven, c.Group = true, "" },
			"the pack has no coordinate for MavenCoordinates: the group is empty",
		},
		"no pack": {func(_ *testing.T, c *Contents) { c.Folder += "/bin" }, "bin/query"},
	} {
		contents := writePack(t)
		c.change(t, &contents)
		var out bytes.Buffer
		if err := Create(t.Context(), &out, contents); err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
}
