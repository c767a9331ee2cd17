package repository

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/signature"
)

// HandlerOptions are how a repository is served.
type HandlerOptions struct {
	// Allow tells who may read it; nil lets in everybody.
	Allow func(username, password string) bool
	Log   *slog.Logger
	// Stall is how long a client may take no more of what it asked for (1 min).
	Stall time.Duration
	// Requests is how many are answered at a time; the others are told to come
	// back (1024).
	Requests int
}

// Handler serves the repository in a folder to its clients: the index, packages,
// their checksums and signatures, and nothing else that lies there.
type Handler struct {
	files   *files
	options HandlerOptions
	shelf   *shelf
	places  chan struct{}
}

// NewHandler opens the folder.
func NewHandler(folder string, o HandlerOptions) (*Handler, error) {
	opened, err := openFiles(folder)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", folder, err)
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Requests == 0 {
		o.Requests = 1024
	}
	return &Handler{files: opened, options: o, shelf: newShelf(), places: make(chan struct{}, o.Requests)}, nil
}

// Close lets go of the folder.
func (h *Handler) Close() error { return h.files.close() }

// ServeHTTP answers one request, and logs it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w, control: http.NewResponseController(w), stall: h.options.Stall, begun: time.Now(), on: connectionOf(r)}
	answer.begin()
	username := ""
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
		username = h.admit(answer, r)
	default:
		w.Header().Set("Retry-After", "5")
		answer.refuse(http.StatusServiceUnavailable)
	}
	h.log(answer, r, username)
}

// admit answers who may read the repository, and returns who that is.
func (h *Handler) admit(w *answer, r *http.Request) (username string) {
	username, password, _ := r.BasicAuth()
	if h.options.Allow != nil && !h.options.Allow(username, password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="packages", charset="UTF-8"`)
		w.refuse(http.StatusUnauthorized)
		return "" // anybody can claim any name
	}
	h.serve(w, r)
	return username
}

func (h *Handler) serve(w *answer, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.refuse(http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if kept, fresh := h.shelf.take(name, w.begun); fresh {
		kept.serve(w, r)
		return
	}
	header, served := describe(name)
	if !served {
		w.refuse(http.StatusNotFound)
		return
	}
	file, info, err := h.files.open(name)
	if err != nil {
		w.refuse(http.StatusNotFound)
		return
	}
	defer file.Close()
	header.Set("Etag", etag(info))
	if info.Size() > maxSmall {
		maps.Copy(w.Header(), header)
		http.ServeContent(w, r, "", info.ModTime(), file)
		return
	}
	read, err := readSmall(file, info, header, w.begun)
	if err != nil {
		w.refuse(http.StatusNotFound) // it has just been replaced
		return
	}
	// The index changes with each package: who has just published looks for it.
	if name != IndexFile {
		h.shelf.put(name, read)
	}
	read.serve(w, r)
}

// describe tells what a file of a repository is. What is none is not served,
// whatever lies there.
func describe(name string) (header http.Header, served bool) {
	if name == IndexFile {
		return headerOf("application/json", "no-cache"), true
	}
	kind := "application/zip"
	for _, extension := range []string{ChecksumExtension, signature.Extension} {
		if base, found := strings.CutSuffix(name, extension); found {
			name, kind = base, "text/plain; charset=utf-8"
			break
		}
	}
	if path.Clean("/"+name) != "/"+name {
		return nil, false
	}
	// Packages do not change; yet one may be removed.
	_, err := coordinateOf(name)
	return headerOf(kind, "max-age=86400"), err == nil
}

func headerOf(kind, cache string) http.Header {
	return http.Header{"Content-Type": {kind}, "Cache-Control": {cache}, "X-Content-Type-Options": {"nosniff"}}
}

// etag changes with the file.
func etag(info fs.FileInfo) string {
	return `"` + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36) + `"`
}

func (h *Handler) log(w *answer, r *http.Request, username string) {
	h.options.Log.LogAttrs(r.Context(), slog.LevelInfo, "served",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes), slog.Duration("took", time.Since(w.begun)), slog.String("client", r.RemoteAddr), slog.String("user", username))
}

// answer notes what is answered, and gives up on a client that takes nothing.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	begun   time.Time
	on      *connection // nil where it is not known
	status  int
	bytes   int64
}

// begin gives the client a while. One that asks often still has most of the last.
func (a *answer) begin() {
	if a.on == nil {
		a.extend()
	} else if a.begun.Sub(a.on.extended) > a.stall/8 {
		a.on.extended = a.begun
		a.extend()
	}
}

// extend gives the client another while.
func (a *answer) extend() { _ = a.control.SetWriteDeadline(time.Now().Add(a.stall)) } // without, it has all the time

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// chunk is how much a client has to take within a while.
const chunk = 4 << 20

// ReadFrom lets the system copy from the file to the network.
func (a *answer) ReadFrom(from io.Reader) (total int64, err error) {
	limited, ok := from.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: from, N: 1<<63 - 1}
	}
	for limited.N > 0 {
		a.extend()
		part := &io.LimitedReader{R: limited.R, N: min(limited.N, chunk)}
		n, err := io.Copy(a.ResponseWriter, part)
		total, limited.N = total+n, limited.N-n
		a.bytes += n
		if err != nil || n < chunk {
			return total, err
		}
	}
	return total, nil
}

// refuse answers without a file.
func (a *answer) refuse(status int) {
	http.Error(a, http.StatusText(status), status)
}
