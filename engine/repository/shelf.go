package repository

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// maxSmall is how large a file may be that is kept in memory for a moment;
	// larger ones are copied by the kernel.
	maxSmall = 64 << 10
	// onePiece is how large an answer may be that the library sends in one piece.
	onePiece = 2 << 10
	// maxShelf is how much memory the small files may take together.
	maxShelf = 32 << 20
	// freshFor is how long a file is taken for what it was. Packages do not
	// change; but whoever removes one wants it gone.
	freshFor = time.Second
)

// small is a small file as it is answered.
type small struct {
	header   http.Header
	modified time.Time
	contents []byte
	read     time.Time
}

// readSmall reads a whole file.
func readSmall(file io.Reader, info fs.FileInfo, header http.Header, now time.Time) (*small, error) {
	contents := make([]byte, info.Size())
	if _, err := io.ReadFull(file, contents); err != nil {
		return nil, err
	}
	return &small{header: header, modified: info.ModTime(), contents: contents, read: now}, nil
}

// serve answers a request for the file. Most requests want it as it is, for which
// the library's general way takes its time.
func (s *small) serve(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), s.header)
	if r.Method != http.MethodGet || isConditional(r.Header) {
		http.ServeContent(w, r, "", s.modified, bytes.NewReader(s.contents))
		return
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(s.contents))}
	if len(s.contents) > onePiece {
		defer together(r)()
	}
	_, _ = w.Write(s.contents) // a client that has gone away misses nothing
}

// isConditional tells that a request may be about less than the whole file.
func isConditional(header http.Header) bool {
	for _, name := range [...]string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if _, given := header[name]; given {
			return true
		}
	}
	return false
}

// shelf has small files that were asked for a moment ago.
type shelf struct {
	mu    sync.RWMutex
	files map[string]*small
	size  int
}

func newShelf() *shelf { return &shelf{files: map[string]*small{}} }

// take finds a file that is fresh.
func (s *shelf) take(name string, now time.Time) (*small, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, is := s.files[name]
	return found, is && now.Sub(found.read) < freshFor
}

// put keeps a file. When there is no more room, all are read again.
func (s *shelf) put(name string, file *small) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, is := s.files[name]; is {
		s.size -= len(before.contents)
	}
	if s.size += len(file.contents); s.size > maxShelf {
		clear(s.files)
		s.size = len(file.contents)
	}
	s.files[name] = file
}
