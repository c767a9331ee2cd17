package servicearchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
)

// file is a file of an archive that another program made.
type file struct{ name, content string }

// tarGz makes an archive as tar does: a name that ends with a slash is a folder.
func tarGz(t testing.TB, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	stream := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.content)), Mode: 0o640}
		if strings.HasSuffix(f.name, "/") {
			header.Typeflag, header.Mode = tar.TypeDir, 0o700
		}
		if err := stream.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stream, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(stream.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// example is the archive that the specification describes, with made-up files.
func example(t testing.TB, more ...file) []byte {
	t.Helper()
	profile, err := os.ReadFile("testdata/is-registry.xml")
	if err != nil {
		t.Fatal(err)
	}
	return tarGz(t, append([]file{
		{"./", ""},
		{"./IS-Registry-stubs/", ""},
		{"./IS-Registry-stubs/org.gcube.informationsystem.registry.stubs.jar", "stubs"},
		{"./IS-Registry-service/org.gcube.informationsystem.registry.gar", "service"},
		{"./profile.xml", string(profile)},
	}, more...)...)
}

func openRoot(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestTheArchiveOfTheSpecificationIsVerifiedListedAndExtracted(t *testing.T) {
	whole := example(t)
	if _, err := Verify(t.Context(), bytes.NewReader(whole)); err != nil {
		t.Error(err)
	}
	listed, err := List(t.Context(), bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]archive.Entry{
		"IS-Registry-stubs":   {{Path: "org.gcube.informationsystem.registry.stubs.jar", Mode: 0o644, Size: 5}},
		"IS-Registry-service": {{Path: "org.gcube.informationsystem.registry.gar", Mode: 0o644, Size: 7}},
	}
	if diff := cmp.Diff(want, listed.Files()); diff != "" {
		t.Error(diff)
	}
	root := openRoot(t)
	if _, err := Extract(t.Context(), bytes.NewReader(whole), root); err != nil {
		t.Fatal(err)
	}
	content, err := root.ReadFile("IS-Registry-service/org.gcube.informationsystem.registry.gar")
	if err != nil || string(content) != "service" {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := ExtractPack(t.Context(), bytes.NewReader(whole), openRoot(t)); err == nil ||
		err.Error() != "the Service Archive holds no pack: none of its packages has bin/query" {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatTheProfileAndTheArchiveDoNotShareIsNamed(t *testing.T) {
	two := file{"profile.xml", profileOf(software("a", "<Files><File>x</File><File>y/z</File></Files>") + software("b", "<URI>http://x</URI>"))}
	x, z := file{"a/x", ""}, file{"a/y/z", ""}
	for name, c := range map[string]struct {
		files []file
		want  string
	}{
		"nothing is amiss":    {[]file{two, x, z}, ""},
		"an empty folder":     {[]file{two, x, z, {"a/more/", ""}, {"b/", ""}}, ""},
		"a file is missing":   {[]file{two, x}, "a/y/z: declared by profile.xml, and not in the archive"},
		"all are missing":     {[]file{two}, "a/x: declared by profile.xml, and not in the archive\na/y/z: declared by profile.xml, and not in the archive"},
		"a file is a folder":  {[]file{two, z, {"a/x/", ""}}, "a/x: declared as a file by profile.xml, and a folder in the archive"},
		"a folder too many":   {[]file{two, x, z, {"c/1", ""}, {"c/2", ""}}, "c/: profile.xml declares no package of that name"},
		"an empty one":        {[]file{two, x, z, {"c/", ""}}, "c/: profile.xml declares no package of that name"},
		"a file too many":     {[]file{two, x, z, {"a/y/w", ""}}, "a/y/w: in the archive, and not declared by profile.xml"},
		"a file at the root":  {[]file{two, x, z, {"README", ""}}, "README: stands beside profile.xml and belongs to no package"},
		"a package is a file": {[]file{two, x, z, {"b", ""}}, "b: declared as a package by profile.xml, and no folder in the archive"},
		"no profile":          {[]file{x, z}, "profile.xml: a Service Archive has this file at its root, and the archive has none"},
		"a profile elsewhere": {[]file{{"a/profile.xml", ""}}, "profile.xml: a Service Archive has this file at its root, and the archive has none"},
		"a profile as folder": {[]file{{"profile.xml/", ""}}, "profile.xml: a Service Archive has this file at its root, and the archive has none"},
		"a profile in pieces": {[]file{{"profile.xml", "<Resource>"}}, "profile.xml, line 1: not XML: unexpected EOF"},
		"an odd name":         {[]file{two, x, z, {"é\u202e/1", ""}}, `"é\u202e/": profile.xml declares no package of that name`},
	} {
		whole := tarGz(t, c.files...)
		_, listErr := List(t.Context(), bytes.NewReader(whole))
		_, verifyErr := Verify(t.Context(), bytes.NewReader(whole))
		_, extractErr := Extract(t.Context(), bytes.NewReader(whole), openRoot(t))
		for _, err := range []error{listErr, verifyErr, extractErr} {
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s: %s\nwant %s", name, got, c.want)
			}
		}
	}
}

func TestConfigurationsMayBeInTheFolderOrInTheGAR(t *testing.T) {
	profile := `<Resource><ID/><Type>Service</Type><Profile><Class>C</Class><Name>N</Name><Version>1</Version>
		<Configuration><Static><Configs><Config default="true"><File>etc/small.xml</File><Description/><Label/></Config></Configs></Static></Configuration>
		<Packages><Main><Name>m</Name><Version>1</Version><GARArchive>m.gar</GARArchive><PortType><Name>p</Name><WSDL/></PortType></Main></Packages></Profile></Resource>`
	for _, files := range [][]file{
		{{"profile.xml", profile}, {"m/m.gar", ""}},
		{{"profile.xml", profile}, {"m/m.gar", ""}, {"m/etc/small.xml", ""}},
	} {
		if _, err := Verify(t.Context(), bytes.NewReader(tarGz(t, files...))); err != nil {
			t.Error(err)
		}
	}
}

func TestArchivesThatAreBroken(t *testing.T) {
	whole := example(t)
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty": nil, "no archive": []byte("hello"), "cut off": whole[:len(whole)-9], "changed": flipped,
	} {
		_, listErr := List(t.Context(), bytes.NewReader(content))
		_, extractErr := Extract(t.Context(), bytes.NewReader(content), openRoot(t))
		if !errors.Is(listErr, archive.ErrDamaged) || !errors.Is(extractErr, archive.ErrDamaged) {
			t.Errorf("%s: %v, %v", name, listErr, extractErr)
		}
	}
	root := openRoot(t)
	_, err := Extract(t.Context(), bytes.NewReader(example(t, file{"../../escaped", "x"})), root)
	if !errors.Is(err, archive.ErrUnsafe) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(root.Name(), "..", "..", "escaped")); err == nil {
		t.Error("a file was written outside")
	}
}

func TestOnePackageIsThePack(t *testing.T) {
	files := "<Files><File>bin/query</File></Files>"
	holding := func(names ...string) []byte {
		all, declared := []file{}, ""
		for _, name := range names {
			all, declared = append(all, file{name + "/bin/query", "#!/bin/sh\n"}), declared+software(name, files)
		}
		return tarGz(t, append(all, file{"profile.xml", profileOf(declared)})...)
	}
	found, err := ExtractPack(t.Context(), bytes.NewReader(holding("shop-pack")), openRoot(t))
	if diff := cmp.Diff(Pack{Name: "shop", Folder: "shop-pack"}, found); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	_, err = ExtractPack(t.Context(), bytes.NewReader(holding("a", "b")), openRoot(t))
	if err == nil || err.Error() != "the Service Archive holds several packs: a and b" {
		t.Errorf("the error is %v", err)
	}
}

// An archive of a few bytes can hold zeros without end.
func TestAnArchiveThatIsLargerThanAnyPackIsRefused(t *testing.T) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	header := &tar.Header{Name: "a/x", Typeflag: tar.TypeReg, Size: pack.DefaultSizeLimit + 1}
	if err := errors.Join(tar.NewWriter(compressed).WriteHeader(header), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := ExtractPack(t.Context(), &out, openRoot(t)); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzList(f *testing.F) {
	f.Add(example(f))
	f.Add(tarGz(f, file{"profile.xml", profileOf(software("a", "<Files><File>x</File></Files>"))}, file{"a/x", "x"}))
	f.Add(tarGz(f, file{"profile.xml", "<"}, file{"a/../x", "x"}))
	f.Fuzz(func(t *testing.T, content []byte) {
		listed, err := Verify(t.Context(), bytes.NewReader(content))
		if err != nil {
			return
		}
		files := listed.Files()
		for _, declared := range listed.Profile.Packages {
			if len(files[declared.Name]) < len(declared.Files) {
				t.Errorf("package %q: %d files of %d", declared.Name, len(files[declared.Name]), len(declared.Files))
			}
		}
	})
}
