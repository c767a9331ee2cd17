package packages

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheLockFilePins(t *testing.T) {
	one := repositoryWith(t, map[string]string{
		"org.cloudname:timber:1.2.3": packageOf(t, "1.2.3", nil), "org.cloudname:timber:1.2.4": packageOf(t, "1.2.4", nil),
	})
	s := newStore(t, one)
	s.config.LockFile = filepath.Join(t.TempDir(), LockFileName)
	install := func(s *Store, text string, o InstallOptions) (Installed, error) {
		return s.Install(t.Context(), pattern(t, "org.cloudname:timber:"+text), o)
	}
	if _, err := install(s, "1.2.3", InstallOptions{Locked: true}); !errors.Is(err, ErrNotLocked) {
		t.Errorf("without a lock file: %v", err)
	}
	requireNothing(t, s.config.Dir)
	there, err := install(s, "1.2.3", InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.config.LockFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(s.config.LockFile); err != nil || !bytes.Equal(before, after) {
		t.Errorf("pinned twice it becomes %s, %v", after, err)
	}
	// The pattern stands for what is pinned, not for what is newer.
	if locked, err := install(s, "latest", InstallOptions{Locked: true}); err != nil || locked.Coordinate != there.Coordinate {
		t.Errorf("latest, locked: %+v, %v", locked, err)
	}
	if _, err := install(s, "1.2.4", InstallOptions{Locked: true}); !errors.Is(err, ErrNotLocked) {
		t.Errorf("another version, locked: %v", err)
	}
	if list, err := s.Locked(); err != nil || len(list) != 1 || list[0].String() != there.Coordinate {
		t.Errorf("the lock file has %v, %v", list, err)
	}
	requirePinned(t, s.config.LockFile, there)
}

// requirePinned makes sure that other contents are taken nowhere.
func requirePinned(t *testing.T, lock string, there Installed) {
	t.Helper()
	other := repositoryWith(t, map[string]string{there.Coordinate: packageOf(t, "1.2.3", map[string]string{"etc/other": "x"})})
	s := newStore(t, other)
	s.config.LockFile = lock
	_, err := s.Install(t.Context(), pattern(t, there.Coordinate), InstallOptions{})
	_, _, locateErr := s.Locate(t.Context(), there.Coordinate)
	for _, err := range []error{err, locateErr} {
		if !errors.Is(err, ErrOtherContents) || !strings.Contains(err.Error(), LockFileName) {
			t.Errorf("from another repository: %v", err)
		}
	}
	requireNothing(t, s.config.Dir)
	s.config.LockFile = ""
	changed, err := s.Install(t.Context(), pattern(t, there.Coordinate), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.config.LockFile = lock
	if _, _, err := s.Locate(t.Context(), there.Coordinate); !errors.Is(err, ErrOtherContents) {
		t.Errorf("installed before the lock file was there: %v", err)
	}
	if err := s.Pin(t.Context(), changed); !errors.Is(err, ErrOtherContents) {
		t.Errorf("pinned over: %v", err)
	}
}

func TestPinsAtOnceAreAllKept(t *testing.T) {
	lock := filepath.Join(t.TempDir(), LockFileName)
	var group sync.WaitGroup
	var want []string
	for i := range 20 {
		there := Installed{Record: Record{
			Coordinate: "org.cloudname:timber:1." + string(rune('a'+i)), SHA256: strings.Repeat("0", 64), PackDigest: "sha256:" + strings.Repeat("0", 64),
		}}
		want = append(want, there.Coordinate)
		group.Go(func() {
			if err := New(Config{LockFile: lock}).Pin(t.Context(), there); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := New(Config{LockFile: lock}).Locked()
	var got []string
	for _, pattern := range list {
		got = append(got, pattern.String())
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestAKilledPinLeavesNothing(t *testing.T) {
	lock := filepath.Join(t.TempDir(), LockFileName)
	if err := os.WriteFile(filepath.Join(filepath.Dir(lock), ".svp.lock.svp-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	there := Installed{Record: Record{Coordinate: "a:b:1", SHA256: strings.Repeat("0", 64), PackDigest: "sha256:" + strings.Repeat("0", 64)}}
	if err := New(Config{LockFile: lock}).Pin(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	if got := holding(t, filepath.Dir(lock)); len(got) != 1 || got[0] != LockFileName {
		t.Errorf("beside the lock file: %q", got)
	}
}

func TestABadLockFileIsRefused(t *testing.T) {
	pin := `{"sha256":"` + strings.Repeat("0", 64) + `","pack_digest":"sha256:` + strings.Repeat("0", 64) + `","repository":""}`
	for content, word := range map[string]string{
		"":                                     "EOF",
		"{}":                                   "version is 0",
		`{"version":2,"packages":{}}`:          "version is 2",
		`{"version":1,"packages":{},"more":1}`: "more",
		`{"version":1,"packages":{"../../etc:x:1":` + pin + `}}`:                  "../../etc",
		`{"version":1,"packages":{"a:b:1":{}}}`:                                   "digest",
		`{"version":1,"packages":{"a:b:1":` + strings.ToUpper("{}") + `}}`:        "digest",
		`{"version":1,"packages":{}} {"version":1}`:                               "follows",
		`{"version":1,"packages":{"a:b:1":{"sha256":"0","pack_digest":"sha256"}}`: "unexpected",
	} {
		name := writeFile(t, LockFileName, []byte(content))
		if _, err := ReadLock(name); err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(`{"version":1,"packages":{"a:b:1":{"sha256":"` + strings.Repeat("0", 64) + `","pack_digest":"sha256:` + strings.Repeat("0", 64) + `","repository":"x"}}}`))
	f.Add([]byte(`{"version":1,"packages":{"../a:b:1":{}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		lock, err := parseLock(content)
		if err != nil {
			return
		}
		for c, pin := range lock.pins {
			if _, err := ParseCoordinate(c.String()); err != nil || len(pin.SHA256) != 64 || len(pin.PackDigest) != 71 {
				t.Errorf("%q is read as %v %v", content, c, pin)
			}
		}
	})
}
