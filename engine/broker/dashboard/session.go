package dashboard

import (
	"errors"
	"net/http"
	"time"
)

// How somebody came in.
const (
	byLink     = "link"
	byOIDC     = "oidc"
	byPassword = "password"
)

// session is what a session cookie says.
type session struct {
	ID       string `json:"id"`
	Instance []byte `json:"instance,omitempty"` // the only one that it opens, unless Operator
	Operator bool   `json:"operator,omitempty"`
	Person   string `json:"person,omitempty"` // for people to read
	How      string `json:"how"`

	expires time.Time
}

func (s session) opens(instance string) bool {
	return s.Operator || instance != "" && string(s.Instance) == instance
}

// cookieName has a prefix that keeps pages without TLS from setting the cookie.
func (h *Handler) cookieName(name string) string {
	if h.secure() {
		return "__Secure-" + name
	}
	return name
}

func (h *Handler) secure() bool { return h.public.Scheme == "https" }

const (
	sessionCookie = "svp-dashboard"
	signInCookie  = "svp-dashboard-sign-in"
)

// cookie is one that no script reads and that other sites' forms do not send. It
// is not SameSite=Strict because people come from the pages of their platform.
func (h *Handler) cookie(name, path, value string, lifetime time.Duration) *http.Cookie {
	cookie := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: h.cookieName(name), Value: value, Path: path, MaxAge: int(lifetime.Seconds()),
		Secure: h.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if lifetime <= 0 {
		cookie.MaxAge = -1
	}
	return cookie
}

// sessionPath is where the browser sends a session's cookie to: sessions for
// several instances live beside each other.
func (h *Handler) sessionPath(s session) string {
	if s.Operator {
		return h.public.Path
	}
	return h.instancePath(string(s.Instance))
}

func (h *Handler) startSession(w http.ResponseWriter, s session) session {
	s.ID = newID()
	s.expires = h.now().Add(h.sessionLifetime)
	token := h.signer.seal(forSession, s.expires, s)
	http.SetCookie(w, h.cookie(sessionCookie, h.sessionPath(s), token, h.sessionLifetime))
	return s
}

func (h *Handler) endSession(w http.ResponseWriter, s session) {
	http.SetCookie(w, h.cookie(sessionCookie, h.sessionPath(s), "", 0))
}

// sessionOf finds the session of a request that opens what is asked for. A
// browser may send several: one for an instance, and an operator's.
func (h *Handler) sessionOf(r *http.Request, opens func(session) bool) (session, bool) {
	for _, cookie := range r.CookiesNamed(h.cookieName(sessionCookie)) {
		var s session
		expires, err := h.signer.open(forSession, cookie.Value, &s)
		if err == nil && opens(s) {
			s.expires = expires
			return s, true
		}
	}
	return session{}, false
}

// operatorByPassword starts a session for a request with an operator's name and
// password, so that forms have something to be bound to.
func (h *Handler) operatorByPassword(w http.ResponseWriter, r *http.Request) (session, bool) {
	username, password, given := r.BasicAuth()
	if !given || h.operators == nil {
		return session{}, false
	}
	if !h.operators(username, password) {
		h.log.WarnContext(r.Context(), "dashboard: a name and password were refused", "remote", r.RemoteAddr)
		return session{}, false
	}
	return h.startSession(w, session{Operator: true, Person: username, How: byPassword}), true
}

var errForm = errors.New("the form is not from this page, or too old")

// checkForm reads a form and refuses one that is not from a page of this session.
func (h *Handler) checkForm(w http.ResponseWriter, r *http.Request, s session) error {
	if err := h.origins.Check(r); err != nil {
		return errors.Join(errForm, err)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		return errors.Join(errForm, err)
	}
	if !h.signer.isCSRFToken(r.PostForm.Get("csrf"), s.ID) {
		return errForm
	}
	return nil
}
