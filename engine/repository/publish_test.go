package repository_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/repository"
)

func TestAPublishedPackageHasItsPlace(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new")
	signed := item(t, timber, contents)
	signed.Sign = signing
	published := publish(t, folder, signed)
	want := repository.Published{SHA256: sumOf(contents), Size: int64(len(contents)), Signed: true}
	if published != want {
		t.Errorf("published %+v, want %+v", published, want)
	}
	index := fmt.Sprintf(`{
 "format": 1,
 "packages": [
  {
   "group": "org.cloudname",
   "name": "timber",
   "versions": [
    {
     "version": "1.2.3",
     "sha256": %q,
     "size": 19,
     "signed": true
    }
   ]
  }
 ]
}
`, sumOf(contents))
	files := map[string]string{
		"index.json":            index,
		timberPath:              contents,
		timberPath + ".sha256":  sumOf(contents) + "  timber-1.2.3-copkg.zip\n",
		timberPath + ".minisig": "signed: " + contents,
	}
	if diff := cmp.Diff(files, tree(t, folder)); diff != "" {
		t.Errorf("the repository differs (-want +got):\n%s", diff)
	}
}

func TestTheSameContentsAgainChangeNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, item(t, timber, contents))
	before := tree(t, folder)
	if published := publish(t, folder, item(t, timber, contents)); !published.Unchanged || published.Signed {
		t.Errorf("published %+v", published)
	}
	if diff := cmp.Diff(before, tree(t, folder)); diff != "" {
		t.Errorf("the repository has changed:\n%s", diff)
	}
	signed := item(t, timber, contents)
	signed.Sign = signing
	if published := publish(t, folder, signed); !published.Unchanged || !published.Signed || !published.Added {
		t.Errorf("published %+v, with a signature where there was none", published)
	}
	signed.Sign = func(io.Reader) ([]byte, error) { return []byte("another"), nil }
	if published := publish(t, folder, signed); !published.Signed || published.Added {
		t.Errorf("published %+v, with another signature", published)
	}
	after := tree(t, folder)
	if after[timberPath+".minisig"] != "signed: "+contents || !strings.Contains(after["index.json"], `"signed": true`) {
		t.Errorf("signed later:\n%v", after)
	}
}

func TestOtherContentsAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, item(t, timber, contents))
	before := tree(t, folder)
	_, err := repository.Publish(t.Context(), folder, item(t, timber, contents+"!"))
	if !errors.Is(err, repository.ErrOther) || !strings.Contains(err.Error(), timber.String()) {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, folder)); diff != "" {
		t.Errorf("the repository has changed:\n%s", diff)
	}
}

// TestAFailureLeavesNothing lets publishing fail at what can fail.
func TestAFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("the key is broken")
	unsigned := item(t, timber, contents)
	unsigned.Sign = func(io.Reader) ([]byte, error) { return nil, broken }
	other := item(t, timber, contents)
	other.SHA256 = strings.Repeat("0", 64)
	again := other
	again.Coordinate = version("1")
	missing := repository.Item{Coordinate: timber, File: filepath.Join(t.TempDir(), "nosuch.zip")}
	ended, end := context.WithCancel(t.Context())
	end()
	for name, test := range map[string]struct {
		ended bool
		item  repository.Item
		want  error
	}{
		"signing":     {false, unsigned, broken},
		"no file":     {false, missing, os.ErrNotExist},
		"interrupted": {true, item(t, timber, contents), context.Canceled},
		"changed":     {false, other, repository.ErrChanged},
		"there":       {false, again, repository.ErrChanged},
	} {
		ctx := t.Context()
		if test.ended {
			ctx = ended
		}
		folder := t.TempDir()
		publish(t, folder, item(t, version("1"), contents))
		before := tree(t, folder)
		if _, err := repository.Publish(ctx, folder, test.item); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, tree(t, folder)); diff != "" {
			t.Errorf("%s: the repository has changed:\n%s", name, diff)
		}
	}
}

// TestManyPublishersAtOnce publish each the same package, and one of their own.
func TestManyPublishersAtOnce(t *testing.T) {
	t.Parallel()
	const publishers = 8
	folder := t.TempDir()
	errs := make([]error, publishers)
	var group sync.WaitGroup
	for i := range publishers {
		own := item(t, version(fmt.Sprint(i)), fmt.Sprint(i))
		contested := item(t, timber, fmt.Sprint(i))
		group.Go(func() {
			_, errs[i] = repository.Publish(t.Context(), folder, contested)
			if _, err := repository.Publish(t.Context(), folder, own); err != nil {
				errs[i] = err
			}
		})
	}
	group.Wait()
	won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
	for i, err := range errs {
		if i != won && !errors.Is(err, repository.ErrOther) {
			t.Errorf("publisher %d: %v; %d has won", i, err, won)
		}
	}
	files := tree(t, folder)
	if files[timberPath] != fmt.Sprint(won) || files[timberPath+".sha256"] != sumOf(fmt.Sprint(won))+"  timber-1.2.3-copkg.zip\n" {
		t.Errorf("the package of %d: %q", won, files[timberPath])
	}
	versions, err := client(t, repository.Location{URL: folder}, repository.Options{}).Versions(t.Context(), timber.Group, timber.Name)
	if want := []string{"0", "1", "1.2.3", "2", "3", "4", "5", "6", "7"}; err != nil || !slices.Equal(versions, want) {
		t.Errorf("versions %v, %v", versions, err)
	}
	if len(files) != 2*(publishers+1)+1 {
		t.Errorf("files: %v", files)
	}
}

// TestAKilledPublisherIsClearedUpAfter finds what one leaves that is killed before
// the package is complete, and one that is killed before the index has it.
func TestAKilledPublisherIsClearedUpAfter(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, item(t, timber, contents))
	want := tree(t, folder)
	write(t, filepath.Join(folder, ".svp-new-ABC", "timber-9-copkg.zip"), "half")
	write(t, filepath.Join(folder, ".svp-new-DEF"), "half an index")
	write(t, filepath.Join(folder, ".svp-index-stale"), "")
	if err := os.WriteFile(filepath.Join(folder, "index.json"), []byte(`{"format":1,"packages":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	publish(t, folder, item(t, timber, contents))
	if diff := cmp.Diff(want, tree(t, folder)); diff != "" {
		t.Errorf("the repository differs (-want +got):\n%s", diff)
	}
}

func TestADamagedIndexIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "index.json"), `{"format":2,"packages":[]}`)
	_, err := repository.Publish(t.Context(), folder, item(t, timber, contents))
	if !errors.Is(err, repository.ErrInvalid) || !strings.Contains(err.Error(), "svp repo index") {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"index.json": `{"format":2,"packages":[]}`}, tree(t, folder)); diff != "" {
		t.Errorf("the repository has changed:\n%s", diff)
	}
}

// TestTheIndexIsMadeAnew from packages that were copied to their places, one of
// them without a checksum.
func TestTheIndexIsMadeAnew(t *testing.T) {
	t.Parallel()
	made, copied := t.TempDir(), t.TempDir()
	for _, c := range []coordinate.Coordinate{version("1.10"), version("1.9"), {Group: "com", Name: "a", Version: "1"}, timber} {
		publish(t, made, item(t, c, "contents of "+c.String()))
	}
	want := tree(t, made)
	for name, text := range want {
		if name != "index.json" && name != timberPath+".sha256" {
			write(t, filepath.Join(copied, name), text)
		}
	}
	write(t, filepath.Join(copied, "README"), "hello")
	write(t, filepath.Join(copied, ".svp-new-ABC", "half-1-copkg.zip"), "half")
	write(t, filepath.Join(copied, "org/wrong-1-copkg.zip"), "in the wrong place")
	if err := os.Symlink("/etc/passwd", filepath.Join(copied, "org/link-1-copkg.zip")); err != nil {
		t.Fatal(err)
	}
	found, err := repository.Reindex(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	if !found.Changed || !slices.Equal(found.Ignored, []string{"org/link-1-copkg.zip", "org/wrong-1-copkg.zip"}) {
		t.Errorf("found %+v", found)
	}
	got := tree(t, copied)
	delete(got, "README")
	delete(got, "org/wrong-1-copkg.zip")
	delete(got, "org/link-1-copkg.zip")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the repository differs (-want +got):\n%s", diff)
	}
	if again, err := repository.Reindex(t.Context(), copied); err != nil || again.Changed {
		t.Errorf("again: %+v, %v", again, err)
	}
	versions := found.Index.Versions(timber.Group, timber.Name)
	if !slices.Equal(versions, []string{"1.2.3", "1.9", "1.10"}) {
		t.Errorf("versions: %v", versions)
	}
}

func TestADamagedPackageIsNamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, item(t, timber, contents))
	write(t, filepath.Join(folder, timberPath), "the bytes of tinder")
	before := tree(t, folder)
	_, err := repository.Reindex(t.Context(), folder)
	if !errors.Is(err, repository.ErrChecksum) || !strings.Contains(err.Error(), "timber-1.2.3-copkg.zip") {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, folder)); diff != "" {
		t.Errorf("the repository has changed:\n%s", diff)
	}
}

func TestAMissingFolderIsNoRepository(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "nosuch")
	if _, err := repository.Reindex(t.Context(), missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("index: %v", err)
	}
	if _, err := repository.Publish(t.Context(), filepath.Join(missing, "deeper"), item(t, timber, contents)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("publish: %v", err)
	}
	if _, err := os.Lstat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder was made")
	}
}
