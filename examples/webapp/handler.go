package main

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxForm is the size of the largest form that is read, and so of the largest entry.
const maxForm = 16 << 10

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// site answers requests.
type site struct {
	book *guestbook
	log  *slog.Logger
}

// newHandler serves the guestbook: GET / shows it, POST / writes the entry of the form's name and message.
func newHandler(book *guestbook, log *slog.Logger) http.Handler {
	s := &site{book: book, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.show)
	mux.HandleFunc("POST /{$}", s.write)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (s *site) show(w http.ResponseWriter, r *http.Request) {
	views, err := s.book.countView(r.Context())
	if err != nil {
		s.fail(w, "count the view", err)
		return
	}
	entries, err := s.book.entries(r.Context())
	if err != nil {
		s.fail(w, "read the entries", err)
		return
	}
	// Into memory first, so that a page which fails halfway is not half a page.
	var content bytes.Buffer
	err = page.Execute(&content, struct {
		Views   int64
		Entries []entry
	}{views, entries})
	if err != nil {
		s.fail(w, "fill the page", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = content.WriteTo(w) // a visitor who has left misses nothing
}

func (s *site) write(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "This is too long, or no form.", http.StatusBadRequest)
		return
	}
	e := entry{Name: strings.TrimSpace(r.PostForm.Get("name")), Message: strings.TrimSpace(r.PostForm.Get("message"))}
	if !storable(e.Name) || !storable(e.Message) {
		http.Error(w, "A name and a message are wanted.", http.StatusBadRequest)
		return
	}
	if err := s.book.add(r.Context(), e); err != nil {
		s.fail(w, "write the entry", err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// fail tells the operator what went wrong, and the visitor that something did.
func (s *site) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error(what, "error", err)
	http.Error(w, "The guestbook cannot be reached at the moment.", http.StatusServiceUnavailable)
}

// storable tells whether the text is something, and something that PostgreSQL takes.
func storable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}
