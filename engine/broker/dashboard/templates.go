package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"sync"
	"time"
)

//go:embed templates static
var files embed.FS

// templates are parsed once, when the first page is asked for; executing them does
// not change them.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"tone":        tone,
		"formatTime":  formatTime,
		"machineTime": machineTime,
		"took":        took,
	}).ParseFS(files, "templates/*.html"))
})

// asset is a static file, with a version that changes when the file does.
type asset struct {
	body        []byte
	contentType string
	version     string
}

// contentTypes are not asked of the machine, whose lists differ.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (map[string]asset, error) {
	entries, err := files.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list the static files: %w", err)
	}
	assets := map[string]asset{}
	for _, entry := range entries {
		body, err := files.ReadFile("static/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read a static file: %w", err)
		}
		sum := sha256.Sum256(body)
		assets[entry.Name()] = asset{
			body: body, contentType: contentTypes[path.Ext(entry.Name())], version: hex.EncodeToString(sum[:8]),
		}
	}
	return assets, nil
}

func (h *Handler) staticPath(name string) string {
	return h.public.JoinPath("static", name).Path + "?v=" + h.assets[name].version
}

// assetLifetime is how long browsers keep a static file; a changed one has
// another address.
const assetLifetime = 365 * 24 * time.Hour

func (h *Handler) static(w http.ResponseWriter, r *http.Request) {
	found, ok := h.assets[r.PathValue("name")]
	if !ok {
		h.notFound(w, r)
		return
	}
	if r.URL.Query().Get("v") == found.version {
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%.0f, immutable", assetLifetime.Seconds()))
	}
	w.Header().Set("Content-Type", found.contentType)
	if _, err := w.Write(found.body); err != nil {
		h.log.DebugContext(r.Context(), "dashboard: write a static file", "error", err)
	}
}
