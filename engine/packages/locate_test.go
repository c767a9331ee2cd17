package packages

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/registry"
	"github.com/servicepack/svp/engine/registry/registrytest"
	"github.com/servicepack/svp/engine/servicearchive"
)

// archiveOf makes a Service Archive of a pack.
func archiveOf(t *testing.T, folder string) string {
	t.Helper()
	var content bytes.Buffer
	err := servicearchive.Create(t.Context(), &content, servicearchive.Contents{Folder: folder, Group: "org.cloudname", Name: "timber", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "timber-1.2.3-servicearchive.tar.gz", content.Bytes())
}

// withRegistry gives a store a registry, and returns its address.
func withRegistry(t *testing.T, s *Store) (fake *registrytest.Registry, address string) {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	fake = &registrytest.Registry{}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	s.config.Registry = func() (*registry.Client, error) { return registry.New(registry.Options{}) }
	return fake, registry.Scheme + server.Listener.Addr().String()
}

func reference(t *testing.T, text string) registry.Reference {
	t.Helper()
	ref, err := registry.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// In whatever form a pack comes, it is the same pack.
func TestEveryFormHasTheSameDigest(t *testing.T) {
	folder, zip := folderOf(t, "1.2.3", nil), packageOf(t, "1.2.3", nil)
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": zip}))
	_, address := withRegistry(t, s)
	if _, err := s.Push(t.Context(), zip, reference(t, address+"/timber:1.2.3")); err != nil {
		t.Fatal(err)
	}
	original, err := pack.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	want, err := original.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for text, wantOrigin := range map[string]string{
		zip: originArchive, archiveOf(t, folder): originArchive, "org.cloudname:timber:1.2.3": originPackage,
		"org.cloudname:timber:latest": originPackage, address + "/timber:1.2.3": originRegistry,
	} {
		for _, time := range []string{"first", "second"} {
			located, origin, err := s.Locate(t.Context(), text)
			if err != nil || origin != wantOrigin || !Knows(text) || !s.Fetched(located) || !s.Fetched(filepath.Join(located, "bin")) {
				t.Fatalf("%s, the %s time: %s, %s, %v", text, time, located, origin, err)
			}
			opened, err := pack.Open(located)
			if err != nil {
				t.Fatal(err)
			}
			if digest, err := opened.Digest(); err != nil || digest != want || opened.Name() != "timber" {
				t.Errorf("%s, the %s time: %s, %s, %v; want %s", text, time, opened.Name(), digest, err, want)
			}
		}
	}
	if s.Fetched(folder) || s.Fetched(filepath.Dir(zip)) || s.Fetched(filepath.Join(folder, "none")) {
		t.Error("a folder of the user's counts as a package")
	}
}

func TestWhatIsKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"a:b:1": true, "a:b:latest": true, "../../etc:x:1": true, "a:b:c:d": true, "oci://a/b": true, "x.zip": true, "d/x.tgz": true, "x-servicearchive.tar.gz": true,
		"redis": false, "./redis": false, "a:b": false, "x.tar": false, "": false, "zip": false,
	} {
		if Knows(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	s := newStore(t)
	for text, want := range map[string]error{
		"../../etc:x:1": ErrName, "a:b:../../../tmp/evil": ErrName, "a:b:c:d": ErrName, "a::1": ErrName, "::": ErrName,
		"a:b:1": ErrNotInstalled, "a:b:latest": ErrNotInstalled, "oci://a/b": registry.ErrReference, "none.zip": fs.ErrNotExist, "none.tar.gz": fs.ErrNotExist,
	} {
		if folder, _, err := s.Locate(t.Context(), text); !errors.Is(err, want) || folder != "" {
			t.Errorf("%q: %q, %v", text, folder, err)
		}
	}
	requireNothing(t, s.config.Dir)
	requireNothing(t, s.config.Cache)
}

func TestABadArchiveIsRefused(t *testing.T) {
	zip := packageOf(t, "1.2.3", nil)
	whole, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	foreign := new(servicearchive.Error)
	invalid := new(pack.Error)
	for name, test := range map[string]struct {
		file string
		want func(error) bool
	}{
		"a zip that is cut off": {writeFile(t, "a.zip", whole[:len(whole)-10]), func(err error) bool { return errors.Is(err, archive.ErrDamaged) }},
		"a zip that leads out":  {zipOf(t, "b.zip", "../x"), func(err error) bool { return errors.Is(err, archive.ErrUnsafe) }},
		"a zip without a pack":  {zipOf(t, "c.zip", "x"), func(err error) bool { return errors.As(err, &invalid) && strings.HasSuffix(invalid.Pack, "c.zip") }},
		"a zip called tar.gz":   {writeFile(t, "d.tar.gz", whole), func(err error) bool { return errors.Is(err, archive.ErrDamaged) || errors.As(err, &foreign) }},
		"an empty file":         {writeFile(t, "e.zip", nil), func(err error) bool { return errors.Is(err, archive.ErrDamaged) }},
	} {
		s := newStore(t)
		_, _, err := s.Locate(t.Context(), test.file)
		if err == nil || !test.want(err) || !strings.Contains(err.Error(), filepath.Base(test.file)) {
			t.Errorf("%s: %v", name, err)
		}
		requireNothing(t, s.config.Cache)
	}
}

// What is only looked at stays nowhere.
func TestACheckedArchiveIsNotKept(t *testing.T) {
	zip := packageOf(t, "1.2.3", nil)
	for name, valid := range map[string]bool{zip: true, zipOf(t, "x.zip", "bin/run"): false} {
		s := newStore(t)
		found, err := s.Check(t.Context(), name)
		if valid && (err != nil || found.Coordinate != "org.cloudname:timber:1.2.3") || !valid && err == nil {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		requireNothing(t, s.config.Cache)
	}
}

// Somebody else's work in the cache is not in the way, and what was changed in it is
// made anew.
func TestTheCacheMendsItself(t *testing.T) {
	s, zip := newStore(t), packageOf(t, "1.2.3", nil)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, _, err := New(s.config).Locate(t.Context(), zip); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	folder, _, err := s.Locate(t.Context(), zip)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "bin", "run")
	if err := errors.Join(os.Chmod(file, 0o755), os.WriteFile(file, []byte("#!/bin/sh\nevil\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	again, _, err := s.Locate(t.Context(), zip)
	if err != nil || again != folder {
		t.Fatalf("%s, %v", again, err)
	}
	if content, err := os.ReadFile(file); err != nil || strings.Contains(string(content), "evil") {
		t.Errorf("bin/run is %q, %v", content, err)
	}
}

func TestAReferenceIsAskedForOnce(t *testing.T) {
	s := newStore(t)
	fake, address := withRegistry(t, s)
	ref := reference(t, address+"/packs/timber:1")
	pushed, err := s.Push(t.Context(), folderOf(t, "1.2.3", nil), ref)
	if err != nil || pushed.Coordinate != "org.cloudname:timber:1.2.3" || pushed.Existed {
		t.Fatalf("%+v, %v", pushed, err)
	}
	if again, err := s.Push(t.Context(), packageOf(t, "1.2.3", nil), ref); err != nil || !again.Existed || again.Digest != pushed.Digest {
		t.Errorf("the zip file of the same pack: %+v, %v", again, err)
	}
	if _, err := s.Push(t.Context(), packageOf(t, "1.2.4", nil), ref); !errors.Is(err, registry.ErrOther) {
		t.Errorf("another pack: %v", err)
	}
	other := newStore(t)
	other.config.Registry = s.config.Registry
	if _, _, err := other.Locate(t.Context(), ref.String()); err != nil {
		t.Fatal(err)
	}
	fake.Answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }
	if _, _, err := other.Locate(t.Context(), ref.String()); err != nil {
		t.Errorf("without the registry: %v", err)
	}
	if _, err := other.Pull(t.Context(), ref); !errors.Is(err, registry.ErrUnauthorized) {
		t.Errorf("asked anew: %v", err)
	}
}

func TestHereIsWhatWasFetchedBefore(t *testing.T) {
	const text = "org.cloudname:timber:1.2.3"
	zip := packageOf(t, "1.2.3", nil)
	s := newStore(t, repositoryWith(t, map[string]string{text: zip}))
	fake, address := withRegistry(t, s)
	ref := reference(t, address+"/timber:1")
	if _, err := s.Push(t.Context(), zip, ref); err != nil {
		t.Fatal(err)
	}
	fake.Answer = func(http.ResponseWriter, *http.Request) bool { t.Error("the registry is asked"); return false }
	names := []string{text, "org.cloudname:timber:latest", ref.String()}
	for _, name := range names {
		if folder, _, err := s.LocateHere(t.Context(), name); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), name) || folder != "" {
			t.Errorf("%s: %q, %v", name, folder, err)
		}
	}
	requireNothing(t, s.config.Dir)
	fake.Answer = nil
	for _, name := range names {
		fetched, _, err := s.Locate(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if here, _, err := s.LocateHere(t.Context(), name); err != nil || here != fetched {
			t.Errorf("%s: %s, not %s, %v", name, here, fetched, err)
		}
	}
	if _, _, err := s.LocateHere(t.Context(), zip); err != nil {
		t.Errorf("a file: %v", err)
	}
}

// A registry can say of a package what is not so.
func TestAManifestThatLiesIsRefused(t *testing.T) {
	zip := packageOf(t, "1.2.3", nil)
	content, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.TrimPrefix(registrytest.Digest(content), "sha256:")
	for name, upload := range map[string]registry.Upload{
		"coordinate":  {Coordinate: "org.cloudname:timber:9.9.9"},
		"pack digest": {PackDigest: "sha256:" + strings.Repeat("0", 64)},
		"signature":   {Signature: "nonsense"},
	} {
		s := newStore(t)
		_, address := withRegistry(t, s)
		ref := reference(t, address+"/timber:1")
		client, err := s.config.Registry()
		if err != nil {
			t.Fatal(err)
		}
		upload.Name, upload.Content, upload.Size, upload.SHA256 = "x.zip", bytes.NewReader(content), int64(len(content)), sum
		if _, _, err := client.Push(t.Context(), ref, upload); err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		_, _, locateErr := s.Locate(t.Context(), ref.String())
		_, saveErr := s.Save(t.Context(), ref, folder)
		for _, err := range []error{locateErr, saveErr} {
			if err == nil || !strings.Contains(err.Error(), ref.String()) {
				t.Errorf("a wrong %s: %v", name, err)
			}
		}
		requireNothing(t, s.config.Cache)
		requireNothing(t, folder)
	}
}

func TestSave(t *testing.T) {
	s := newStore(t)
	_, address := withRegistry(t, s)
	ref := reference(t, address+"/timber:1")
	zip := packageOf(t, "1.2.3", nil)
	if _, err := s.Push(t.Context(), zip, ref); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for range 2 {
		name, err := s.Save(t.Context(), ref, folder)
		if err != nil || name != filepath.Join(folder, "timber-1.2.3-copkg.zip") {
			t.Fatalf("%s, %v", name, err)
		}
		got, gotErr := os.ReadFile(name)
		want, wantErr := os.ReadFile(zip)
		if !bytes.Equal(got, want) || gotErr != nil || wantErr != nil {
			t.Errorf("the file is another one: %v, %v", gotErr, wantErr)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "timber-1.2.3-copkg.zip"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), ref, folder); !errors.Is(err, ErrOtherContents) {
		t.Errorf("over another file: %v", err)
	}
	if got := holding(t, folder); len(got) != 1 {
		t.Errorf("in the folder: %q", got)
	}
}
