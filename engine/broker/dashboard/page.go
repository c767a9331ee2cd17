package dashboard

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
)

// contentPolicy lets pages load the dashboard's own style and script, talk to the
// dashboard, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP serves everything below the base path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) routes(base string) *http.ServeMux {
	mux := http.NewServeMux()
	instance := base + "/instances/{key}"
	mux.HandleFunc("GET "+base+"/{$}", h.index)
	mux.HandleFunc("POST "+base+"/sign-out", h.operatorForm(h.signOut))
	mux.HandleFunc("GET "+base+"/sign-in", h.signIn)
	mux.HandleFunc("GET "+base+"/callback", h.callback)
	mux.HandleFunc("GET "+base+"/static/{name}", h.static)
	mux.HandleFunc("GET "+instance, h.instance(h.overview))
	mux.HandleFunc("GET "+instance+"/log", h.instance(h.logPage))
	mux.HandleFunc("GET "+instance+"/log/stream", h.instance(h.logStream))
	mux.HandleFunc("GET "+instance+"/events", h.instance(h.events))
	mux.HandleFunc("POST "+instance+"/credentials", h.instanceForm(h.reveal))
	mux.HandleFunc("POST "+instance+"/restart", h.instanceForm(h.restart))
	mux.HandleFunc("POST "+instance+"/sign-out", h.instanceForm(func(w http.ResponseWriter, r *http.Request, v visit) {
		h.signOut(w, r, v.session)
	}))
	mux.HandleFunc(base+"/", h.notFound)
	return mux
}

func (h *Handler) instancePath(id string) string {
	return h.public.JoinPath("instances", keyOf(id)).Path
}

func (h *Handler) callbackPath() string { return h.public.JoinPath("callback").Path }

// signInPath is where signing in for an instance, or for the index where there
// is none, begins; empty without OIDC.
func (h *Handler) signInPath(instance string) string {
	if h.oidc == nil {
		return ""
	}
	address := url.URL{Path: h.public.JoinPath("sign-in").Path}
	if instance != "" {
		address.RawQuery = url.Values{"instance": {keyOf(instance)}}.Encode()
	}
	return address.String()
}

// page is what every template gets.
type page struct {
	Title  string
	Base   string // of the dashboard's addresses, with a slash at its end
	Style  string // addresses of the static files
	Script string
	Icon   string

	SignOut string // where its form goes; empty where there is nothing to sign out of
	CSRF    string
	Person  string
	Index   bool // the viewer may see the index

	Content any
}

func (h *Handler) newPage(title string, s session, content any) page {
	p := page{
		Title: title, Base: h.public.Path, Content: content,
		Style: h.staticPath("style.css"), Script: h.staticPath("dashboard.js"), Icon: h.staticPath("icon.svg"),
		Person: s.Person, Index: s.Operator,
	}
	if s.ID != "" {
		p.CSRF = h.signer.csrfToken(s.ID)
	}
	// A browser keeps sending a name and password until it is closed.
	if s.ID != "" && s.How != byPassword {
		p.SignOut = h.sessionPath(s)
		if !s.Operator {
			p.SignOut += "/"
		}
		p.SignOut += "sign-out"
	}
	return p
}

// render writes a page once it is complete, so that a failure can still be told.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, template string, p page) {
	var body bytes.Buffer
	if err := templates().ExecuteTemplate(&body, template, p); err != nil {
		h.log.ErrorContext(r.Context(), "dashboard: render a page", "page", template, "error", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		h.log.DebugContext(r.Context(), "dashboard: write a page", "page", template, "error", err)
	}
}

// message is a page with one thing to say.
type message struct {
	Status      int
	Title, Text string
	SignIn      string // where to sign in, where that may help
	Back        string // where to go on, where there is such a place
}

func (h *Handler) message(w http.ResponseWriter, r *http.Request, m message) {
	h.render(w, r, m.Status, "message.html", h.newPage(m.Title, session{}, m))
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.message(w, r, message{
		Status: http.StatusNotFound, Title: "There is no such page",
		Text: "Open the link of your platform again. A service that was deleted has no page any more.",
	})
}
