package packages

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/repository"
)

func TestInstallAndUninstall(t *testing.T) {
	from := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	s := newStore(t, from)
	there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	if err != nil || there.Existed {
		t.Fatalf("%+v, %v", there, err)
	}
	if want := filepath.Join(s.config.Dir, "org/cloudname/timber/1.2.3"); there.Folder != want {
		t.Errorf("it is installed in %s", there.Folder)
	}
	original, err := pack.Open(folderOf(t, "1.2.3", nil))
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := original.Digest(); err != nil || digest != there.PackDigest {
		t.Errorf("the digest is %s, not that of the folder, %s, %v", there.PackDigest, digest, err)
	}
	requireReadOnly(t, there.Folder)
	again, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	if err != nil || !again.Existed || again.Record != there.Record {
		t.Errorf("once more: %+v, %v", again, err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0] != again {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if err := s.Uninstall(t.Context(), parsed(t, "org.cloudname:timber:1.2.3")); err != nil {
		t.Fatal(err)
	}
	requireNothing(t, s.config.Dir)
	if err := s.Uninstall(t.Context(), parsed(t, "org.cloudname:timber:1.2.3")); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("uninstalled twice: %v", err)
	}
}

func requireReadOnly(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(name)
		want := fs.FileMode(0o444)
		if info.IsDir() || strings.HasPrefix(name, filepath.Join(folder, "bin")) || strings.HasSuffix(name, "start.sh") || strings.HasSuffix(name, "stop.sh") {
			want = 0o555
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVersionsArePickedFromTheFirstRepositoryThatHasOne(t *testing.T) {
	first := repositoryWith(t, map[string]string{
		"org.cloudname:timber:8.0.9": packageOf(t, "8.0.9", nil), "org.cloudname:timber:8.0.10": packageOf(t, "8.0.10", nil),
		"org.cloudname:timber:8.1.0-rc.1": packageOf(t, "8.1.0-rc.1", nil),
	})
	second := repositoryWith(t, map[string]string{"org.cloudname:timber:9.0.0": packageOf(t, "9.0.0", nil)})
	for text, want := range map[string]string{"8.0.+": "8.0.10", "latest": "8.0.10", "9.+": "9.0.0", "9.0.0": "9.0.0", "8.1.+": "8.1.0-rc.1"} {
		s := newStore(t, first, second)
		there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:"+text), InstallOptions{})
		if err != nil || there.Coordinate != "org.cloudname:timber:"+want {
			t.Errorf("%s: %+v, %v", text, there, err)
		}
	}
	for _, text := range []string{"7.+", "1.0.0"} {
		s := newStore(t, first, second)
		if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:"+text), InstallOptions{}); !errors.Is(err, ErrNowhere) {
			t.Errorf("%s: %v", text, err)
		}
		requireNothing(t, s.config.Dir)
	}
	if _, err := newStore(t).Install(t.Context(), pattern(t, "org.cloudname:timber:latest"), InstallOptions{}); !errors.Is(err, ErrNoRepository) {
		t.Errorf("without a repository: %v", err)
	}
}

func TestListIsSorted(t *testing.T) {
	packages := map[string]string{}
	for _, version := range []string{"10.0.0", "9.0.0", "9.0.0-rc.1"} {
		packages["org.cloudname:timber:"+version] = packageOf(t, version, nil)
	}
	s := newStore(t, repositoryWith(t, packages))
	for text := range packages {
		if _, err := s.Install(t.Context(), pattern(t, text), InstallOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	var got []string
	for _, there := range list {
		got = append(got, strings.TrimPrefix(there.Coordinate, "org.cloudname:timber:"))
	}
	if diff := cmp.Diff([]string{"9.0.0-rc.1", "9.0.0", "10.0.0"}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if list, err := newStore(t).List(); err != nil || len(list) != 0 {
		t.Errorf("of nothing: %v, %v", list, err)
	}
}

// Whatever is wrong, it is told, and nothing is left behind.
func TestABadPackageIsNotInstalled(t *testing.T) {
	good := packageOf(t, "1.2.3", nil)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"servicepack.yaml": "group: org.evil\nname: timber\nversion: 1.2.3\n"}
	for name, test := range map[string]struct {
		file string
		want error
	}{
		"another coordinate": {packageOf(t, "1.2.3", other), ErrOtherContents},
		"another version":    {packageOf(t, "1.2.4", nil), ErrOtherContents},
		"cut off":            {writeFile(t, "cut.zip", whole[:len(whole)/2]), archive.ErrDamaged},
		"no zip":             {writeFile(t, "text.zip", []byte("hello")), archive.ErrDamaged},
		"empty":              {writeFile(t, "empty.zip", nil), archive.ErrDamaged},
		"outside":            {zipOf(t, "outside.zip", "bin/query", "../../escaped"), archive.ErrUnsafe},
		"absolute":           {zipOf(t, "absolute.zip", "/tmp/escaped"), archive.ErrUnsafe},
		"twice":              {zipOf(t, "twice.zip", "bin/query", "bin/query"), archive.ErrUnsafe},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": test.file}))
			_, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), "timber") {
				t.Errorf("the error is %v", err)
			}
			requireNothing(t, s.config.Dir)
		})
	}
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": zipOf(t, "none.zip", "README")}))
	_, err = s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	var invalid *pack.Error
	if !errors.As(err, &invalid) || invalid.Pack != "timber-1.2.3-copkg.zip" {
		t.Errorf("a zip file without a pack: %v", err)
	}
	requireNothing(t, s.config.Dir)
}

func TestAWrongChecksumIsRefused(t *testing.T) {
	from := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	file := filepath.Join(from, "org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(content) / 2, len(content) - 1} {
		content[at] ^= 1
		if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, content, 0o600)); err != nil {
			t.Fatal(err)
		}
		s := newStore(t, from)
		_, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
		if !errors.Is(err, repository.ErrChecksum) || !strings.Contains(err.Error(), "timber-1.2.3-copkg.zip") {
			t.Errorf("byte %d: %v", at, err)
		}
		requireNothing(t, s.config.Dir)
		content[at] ^= 1
	}
}

func TestARepositoryThatFailsIsNotPassedOver(t *testing.T) {
	good := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer broken.Close()
	s := newStore(t, broken.URL, good)
	for _, text := range []string{"1.2.3", "latest"} {
		if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:"+text), InstallOptions{}); !errors.Is(err, repository.ErrUnauthorized) {
			t.Errorf("%s: %v", text, err)
		}
	}
	requireNothing(t, s.config.Dir)
}

func TestTheSameCoordinateWithOtherContentsIsRefused(t *testing.T) {
	one := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	two := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", map[string]string{"etc/other": "x"})})
	s := newStore(t, one)
	there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.config.Repositories = newStore(t, two).config.Repositories
	if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); !errors.Is(err, ErrOtherContents) {
		t.Errorf("from another repository: %v", err)
	}
	if still, err := s.Find(parsed(t, "org.cloudname:timber:1.2.3")); err != nil || still.Record != there.Record {
		t.Errorf("afterwards: %+v, %v", still, err)
	}
}

// An installed package is of use where its repository cannot be reached.
func TestWhatIsInstalledNeedsNoRepository(t *testing.T) {
	from := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	s := newStore(t, from)
	if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(from); err != nil {
		t.Fatal(err)
	}
	var notes []string
	s.config.Note = func(text string) { notes = append(notes, text) }
	if there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); err != nil || !there.Existed || len(notes) != 2 {
		t.Errorf("%+v, %v, %q", there, err, notes)
	}
	if _, _, err := s.Locate(t.Context(), "org.cloudname:timber:1.+"); err != nil {
		t.Error(err)
	}
}

func TestTwoInstallsAtOnceGiveOne(t *testing.T) {
	from := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	s := newStore(t, from)
	const commands = 8
	var made sync.Map
	var group sync.WaitGroup
	for i := range commands {
		group.Go(func() {
			// As another process would.
			other := New(s.config)
			there, err := other.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
			if err != nil {
				t.Error(err)
			}
			if !there.Existed {
				made.Store(i, true)
			}
		})
	}
	group.Wait()
	winners := 0
	made.Range(func(any, any) bool { winners++; return true })
	if winners != 1 {
		t.Errorf("%d commands say that they installed it", winners)
	}
	want := []string{"org/cloudname/timber/.1.2.3.json"}
	for _, name := range []string{"bin/build", "bin/query", "bin/run", "etc/timber.conf", "lib/copkg.json", "script.d/runtime.sh", "script.d/start.sh", "script.d/stop.sh", "servicepack.yaml"} {
		want = append(want, "org/cloudname/timber/1.2.3/"+name)
	}
	if diff := cmp.Diff(want, holding(t, s.config.Dir)); diff != "" {
		t.Error(diff)
	}
}

func TestInstallAndUninstallAtOnce(t *testing.T) {
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)}))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); err != nil && !errors.Is(err, ErrChangedSince) {
					t.Error(err)
				}
				if err := s.Uninstall(t.Context(), parsed(t, "org.cloudname:timber:1.2.3")); err != nil && !errors.Is(err, ErrNotInstalled) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	requireNothing(t, s.config.Dir)
}

// What a killed command leaves is removed by the next, and what a running one works
// on is not.
func TestLeftoversAreRemoved(t *testing.T) {
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)}))
	running, err := s.installed.stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer running.discard()
	leftovers := []string{".svp-unpack-1/x/bin", ".svp-remove-2/1.2.3/bin", "org/cloudname/timber/1.2.3---unpack/bin", "org/cloudname/timber/1.2.3---remove/bin"}
	for _, left := range leftovers {
		folder := filepath.Join(s.config.Dir, left)
		err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "run"), nil, 0o444), os.Chmod(folder, 0o555))
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, left := range leftovers {
		if _, err := os.Lstat(filepath.Join(s.config.Dir, left)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", left, err)
		}
	}
	if _, err := os.Stat(running.path); err != nil {
		t.Errorf("what another command works on is gone: %v", err)
	}
}

// Others' packages lie in folders that are called as what the first copkg leaves.
func TestPackagesAreNotTakenForLeftovers(t *testing.T) {
	packages := map[string]string{}
	add := func(group, name, version string) {
		manifest := fmt.Sprintf("group: %s\nname: %s\nversion: %s\n", group, name, version)
		packages[group+":"+name+":"+version] = packageOf(t, version, map[string]string{"servicepack.yaml": manifest})
	}
	add("org", "timber", "1---unpack")
	add("org.timber.1---remove", "other", "2")
	add("org", "timber", "1")
	s := newStore(t, repositoryWith(t, packages))
	for _, text := range []string{"org:timber:1---unpack", "org.timber.1---remove:other:2", "org:timber:1"} {
		if _, err := s.Install(t.Context(), pattern(t, text), InstallOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.List(); err != nil || len(list) != len(packages) {
		t.Errorf("installed are %+v, %v", list, err)
	}
}

// A record without its folder, or a folder without its record, comes of a kill
// between the two steps, or of somebody else.
func TestHalfOfAPackageIsNone(t *testing.T) {
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)}))
	there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := removeTree(there.Folder); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(parsed(t, there.Coordinate)); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("without its folder: %v", err)
	}
	if again, err := s.Install(t.Context(), pattern(t, there.Coordinate), InstallOptions{}); err != nil || again.Existed {
		t.Errorf("installed again: %+v, %v", again, err)
	}
	if err := os.Remove(recordFile(there.Folder)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install(t.Context(), pattern(t, there.Coordinate), InstallOptions{}); !errors.Is(err, ErrInTheWay) {
		t.Errorf("without its record: %v", err)
	}
}

func TestAChangedPackageIsNotUsed(t *testing.T) {
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)}))
	there, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// What packaging added is run, too, by whoever starts the package.
	for _, name := range []string{"bin/run", "script.d/start.sh", "script.d/runtime.sh"} {
		file := filepath.Join(there.Folder, name)
		before, err := os.ReadFile(file)
		info, statErr := os.Stat(file)
		_, _, unchangedErr := s.Locate(t.Context(), there.Coordinate)
		if err := errors.Join(err, statErr, unchangedErr); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(file, 0o755), os.WriteFile(file, append(before, '#'), 0o755), os.Chmod(file, info.Mode())); err != nil {
			t.Fatal(err)
		}
		_, _, locateErr := s.Locate(t.Context(), there.Coordinate)
		_, err = s.Install(t.Context(), pattern(t, there.Coordinate), InstallOptions{})
		if !errors.Is(err, ErrChangedSince) || !errors.Is(locateErr, ErrChangedSince) {
			t.Errorf("%s: the errors are %v, %v", name, err, locateErr)
		}
		if err := errors.Join(os.Chmod(file, 0o755), os.WriteFile(file, before, 0o755), os.Chmod(file, info.Mode())); err != nil {
			t.Fatal(err)
		}
	}
}

// Coordinates whose folders would lie in each other.
func TestNoPackageLiesInAnother(t *testing.T) {
	outer := map[string]string{"servicepack.yaml": "group: org\nname: cloudname\nversion: timber\n"}
	s := newStore(t, repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)}),
		repositoryWith(t, map[string]string{"org:cloudname:timber": packageOf(t, "timber", outer)}))
	for _, order := range [][]string{{"org:cloudname:timber", "org.cloudname:timber:1.2.3"}, {"org.cloudname:timber:1.2.3", "org:cloudname:timber"}} {
		if _, err := s.Install(t.Context(), pattern(t, order[0]), InstallOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Install(t.Context(), pattern(t, order[1]), InstallOptions{}); !errors.Is(err, ErrInTheWay) {
			t.Errorf("%s beside %s: %v", order[1], order[0], err)
		}
		if err := s.Uninstall(t.Context(), parsed(t, order[0])); err != nil {
			t.Fatal(err)
		}
		requireNothing(t, s.config.Dir)
	}
}

func TestResolve(t *testing.T) {
	one := repositoryWith(t, map[string]string{"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil)})
	two := repositoryWith(t, map[string]string{"org.cloudname:timber:2.0.0": packageOf(t, "2.0.0", nil)})
	s := newStore(t, one, two)
	if _, err := s.Install(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"), InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	for text, base := range map[string]string{"1.2.3": one, "2.0.0": two} {
		got, err := s.Resolve(t.Context(), pattern(t, "org.cloudname:timber:"+text))
		file := fmt.Sprintf("timber-%s-copkg.zip", text)
		want := Resolution{
			Coordinate: "org.cloudname:timber:" + text, InstallDir: filepath.Join(s.config.Dir, "org/cloudname/timber", text),
			DownloadURL:      s.config.Repositories[map[string]int{one: 0, two: 1}[base]].Location().String() + "/org/cloudname/timber/" + text + "/" + file,
			DownloadFilename: file, Installed: base == one,
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	s.config.Repositories = nil
	for _, text := range []string{"1.2.3", "latest"} {
		got, err := s.Resolve(t.Context(), pattern(t, "org.cloudname:timber:"+text))
		if err != nil || !got.Installed || !strings.HasPrefix(got.DownloadURL, one) {
			t.Errorf("%s, installed, without a repository: %+v, %v", text, got, err)
		}
	}
	if _, err := s.Resolve(t.Context(), pattern(t, "org.cloudname:timber:2.0.0")); !errors.Is(err, ErrNoRepository) {
		t.Errorf("without a repository: %v", err)
	}
	// copkg's own example; nobody has to answer there.
	alone := newStore(t, "http://packages.example.org/copkg/")
	got, err := alone.Resolve(t.Context(), pattern(t, "org.cloudname:timber:1.2.3"))
	if want := "http://packages.example.org/copkg/org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip"; err != nil || got.DownloadURL != want {
		t.Errorf("%s, %v", got.DownloadURL, err)
	}
}

// A record that is damaged, or that an earlier svp wrote, is no dead end: what is
// installed can be removed, and what is cached is unpacked anew.
func TestADamagedRecordIsNoDeadEnd(t *testing.T) {
	const text = "org.cloudname:timber:1.2.3"
	zip := packageOf(t, "1.2.3", nil)
	s := newStore(t, repositoryWith(t, map[string]string{text: zip}))
	opened, err := s.Open(t.Context(), zip)
	if err != nil {
		t.Fatal(err)
	}
	there, err := s.Install(t.Context(), pattern(t, text), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{opened.Folder, there.Folder} {
		if err := os.WriteFile(recordFile(folder), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := s.Open(t.Context(), zip); err != nil || again.PackDigest != opened.PackDigest {
		t.Errorf("opened again: %+v, %v", again, err)
	}
	if _, err := s.Install(t.Context(), pattern(t, text), InstallOptions{}); !errors.Is(err, ErrChangedSince) {
		t.Errorf("installed over it: %v", err)
	}
	requireOthersListed(t, s, recordFile(there.Folder))
	c, _ := pattern(t, text).Exact()
	if err := s.Uninstall(t.Context(), c); err != nil {
		t.Error(err)
	}
	if _, err := s.Install(t.Context(), pattern(t, text), InstallOptions{}); err != nil {
		t.Error(err)
	}
}
