package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/servicepack/svp/integration/svptest"
)

// search looks for secrets in all the shapes that they may have taken.
type search struct{ shapes [][]byte }

// marker is a word that no quoting or escaping changes, to be part of a secret.
func (s *search) marker() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails
	marker := "m4rk3d" + hex.EncodeToString(random)
	s.shapes = append(s.shapes, []byte(marker), []byte(hex.EncodeToString([]byte(marker))))
	// In base64 a word looks in three ways, by where in the text it begins.
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + marker + "-"))
		s.shapes = append(s.shapes, []byte(encoded[4:len(encoded)-4]))
	}
	return marker
}

// add adds the whole secret.
func (s *search) add(secret string) {
	s.shapes = append(s.shapes, []byte(secret), []byte(url.QueryEscape(secret)), []byte(url.PathEscape(secret)))
}

// find returns where in the text a secret is, with what is around it.
func (s *search) find(text []byte) (string, bool) {
	for _, shape := range s.shapes {
		if i := bytes.Index(text, shape); i >= 0 {
			return fmt.Sprintf("…%q…", text[max(0, i-200):min(len(text), i+200)]), true
		}
	}
	return "", false
}

// in fails the test when the text holds a secret.
func (s *search) in(t *testing.T, where string, text []byte) {
	t.Helper()
	if found, ok := s.find(text); ok {
		t.Errorf("a secret is in %s: %s", where, found)
	}
}

// folder looks into all files below the folder.
func (s *search) folder(t *testing.T, folder string) {
	t.Helper()
	files := 0
	change(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		s.in(t, path, content)
		return err
	}))
	if files == 0 {
		t.Errorf("no files in %s", folder)
	}
}

// filesystem looks into all files of an image. Where it may hold secrets, they
// must be in files that root alone can read.
func (s *search) filesystem(t *testing.T, reference string, private bool) {
	t.Helper()
	created, err := suite.Host.API.ContainerCreate(t.Context(), &container.Config{Image: reference}, nil, nil, nil, newName(t))
	change(t, err)
	defer func() {
		change(t, suite.Host.API.ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true}))
	}()
	s.export(t, created.ID, "image "+reference, private)
}

// export looks into all files of a container, as filesystem does.
func (s *search) export(t *testing.T, id, where string, private bool) {
	t.Helper()
	stream, err := suite.Host.API.ContainerExport(t.Context(), id)
	change(t, err)
	defer stream.Close()
	kept := 0
	for archive := tar.NewReader(stream); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		change(t, err)
		content, err := io.ReadAll(archive)
		change(t, err)
		found, ok := s.find(content)
		switch {
		case !ok:
		case private && strings.HasPrefix(header.Name, "etc/servicepack/") && header.Mode&0o7777 == 0o600 && header.Uid == 0:
			kept++
		default:
			t.Errorf("a secret is in %s, file %s (mode %o, owner %d): %s", where, header.Name, header.Mode, header.Uid, found)
		}
	}
	if private && kept == 0 {
		t.Errorf("no secret is found in %s: the search does not work", where)
	}
}

// inspections looks at everything that Docker tells of everything that it has.
func (s *search) inspections(t *testing.T) {
	t.Helper()
	ctx, api := t.Context(), suite.Host.API
	containers, err := svptest.Steadily(func() ([]container.Summary, error) { return api.ContainerList(ctx, container.ListOptions{All: true}) })
	change(t, err)
	for _, c := range containers {
		s.inspection(t, "container "+c.ID, func() (any, []byte, error) { return api.ContainerInspectWithRaw(ctx, c.ID, true) })
	}
	images, err := svptest.Steadily(func() ([]image.Summary, error) { return api.ImageList(ctx, image.ListOptions{All: true}) })
	change(t, err)
	for _, i := range images {
		s.inspection(t, "image "+i.ID, func() (any, []byte, error) {
			var raw bytes.Buffer
			_, err := api.ImageInspect(ctx, i.ID, client.ImageInspectWithRawResponse(&raw))
			return nil, raw.Bytes(), err
		})
		s.inspection(t, "history of image "+i.ID, func() (any, []byte, error) {
			history, err := api.ImageHistory(ctx, i.ID)
			return history, nil, err
		})
	}
	volumes, err := svptest.Steadily(func() (volume.ListResponse, error) { return api.VolumeList(ctx, volume.ListOptions{}) })
	change(t, err)
	for _, v := range volumes.Volumes {
		s.inspection(t, "volume "+v.Name, func() (any, []byte, error) { return api.VolumeInspectWithRaw(ctx, v.Name) })
	}
	networks, err := svptest.Steadily(func() ([]network.Inspect, error) { return api.NetworkList(ctx, network.ListOptions{}) })
	change(t, err)
	for _, n := range networks {
		s.inspection(t, "network "+n.Name, func() (any, []byte, error) {
			return api.NetworkInspectWithRaw(ctx, n.ID, network.InspectOptions{Verbose: true})
		})
	}
}

// goneDeadline is for something to be gone that somebody removes.
const goneDeadline = 10 * time.Second

// inspection looks at what Docker tells of one thing; other tests may have
// removed it meanwhile.
func (s *search) inspection(t *testing.T, where string, inspect func() (any, []byte, error)) {
	t.Helper()
	document, raw, err := inspect()
	ticker := time.NewTicker(samplingInterval)
	defer ticker.Stop()
	// Docker has other words, too, for what is being removed at this moment.
	for end := time.Now().Add(goneDeadline); err != nil && !cerrdefs.IsNotFound(err) && time.Now().Before(end); <-ticker.C {
		document, raw, err = inspect()
	}
	if cerrdefs.IsNotFound(err) {
		return
	}
	change(t, err)
	if raw == nil {
		raw, err = json.Marshal(document)
		change(t, err)
	}
	if len(raw) == 0 {
		t.Errorf("Docker tells nothing of %s", where)
	}
	s.in(t, where, raw)
}

// watcher looks for secrets while things happen.
type watcher struct {
	search *search
	mu     sync.Mutex
	found  []string
	seen   map[string]int // how often each source had something to show
}

func (w *watcher) look(source, where string, text []byte) {
	found, ok := w.search.find(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[source]++
	if ok {
		w.found = append(w.found, where+": "+found)
	}
}

// watch looks at the arguments of all processes of the host, which are those of
// the containers too, at the events of Docker, and at every container as it is
// made, until the returned function ends that and reports.
func (s *search) watch(t *testing.T) (stop func(t *testing.T)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{search: s, seen: map[string]int{}}
	messages, failed := suite.Host.API.Events(ctx, events.ListOptions{})
	var group sync.WaitGroup
	group.Go(func() { w.processes(ctx) })
	group.Go(func() { w.events(ctx, messages, failed) })
	t.Cleanup(cancel)
	return func(t *testing.T) {
		t.Helper()
		cancel()
		group.Wait()
		for _, found := range w.found {
			t.Errorf("a secret is in %s", found)
		}
		// Of one test alone: a base image, queries, an instance.
		for source, least := range map[string]int{"processes": 20, "events": 10, "containers": 3} {
			if w.seen[source] < least {
				t.Errorf("only %d %s were looked at", w.seen[source], source)
			}
		}
	}
}

const samplingInterval = 10 * time.Millisecond

func (w *watcher) processes(ctx context.Context) {
	ticker := time.NewTicker(samplingInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is fine
		for _, command := range commands {
			// A process may have ended.
			if arguments, err := os.ReadFile(command); err == nil && len(arguments) > 0 {
				w.look("processes", "the arguments of a process", arguments)
			}
		}
		<-ticker.C
	}
}

func (w *watcher) events(ctx context.Context, messages <-chan events.Message, failed <-chan error) {
	for {
		select {
		case message := <-messages:
			// Marshalling escapes characters that a secret may have; the
			// marker has none.
			text, err := json.Marshal(message)
			if err != nil {
				text = []byte(err.Error())
			}
			w.look("events", "an event", text)
			if message.Type == events.ContainerEventType && slices.Contains([]events.Action{"create", "start", "die"}, message.Action) {
				if _, raw, err := suite.Host.API.ContainerInspectWithRaw(ctx, message.Actor.ID, false); err == nil {
					w.look("containers", "a container", raw)
				}
			}
		case <-ctx.Done():
			return
		case err := <-failed:
			if ctx.Err() == nil {
				w.look("events", "nothing, but the events ended: "+err.Error(), w.search.shapes[0])
			}
			return
		}
	}
}
