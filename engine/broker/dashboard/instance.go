package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// sourceTimeout is how long a page waits for the broker.
const sourceTimeout = 30 * time.Second

// visit is a request for something of an instance, by somebody who may.
type visit struct {
	id      string
	session session
}

// instance lets those in who may see the instance.
func (h *Handler) instance(next func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := idOf(r.PathValue("key"))
		if err != nil || id == "" {
			h.notFound(w, r)
			return
		}
		if token := r.URL.Query().Get("access"); token != "" {
			h.byLink(w, r, id, token)
			return
		}
		s, ok := h.admit(w, r, id)
		switch {
		case ok:
			next(w, r, visit{id: id, session: s})
		case h.oidc != nil && isNavigation(r):
			http.Redirect(w, r, h.signInPath(id), http.StatusSeeOther)
		default:
			h.refuse(w, r, "Your session is over, or this page is not one that your link opens. "+
				"Open the link of your platform again.")
		}
	}
}

// isNavigation tells a person's request from an EventSource's, which would follow
// a redirect to nowhere.
func isNavigation(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Accept") != eventStream
}

func (h *Handler) admit(w http.ResponseWriter, r *http.Request, id string) (session, bool) {
	if s, ok := h.sessionOf(r, func(s session) bool { return s.opens(id) }); ok {
		return s, true
	}
	return h.operatorByPassword(w, r)
}

// byLink starts the session of a signed link, and goes on to an address that can
// be copied without giving access away.
func (h *Handler) byLink(w http.ResponseWriter, r *http.Request, id, token string) {
	var link linkClaims
	_, err := h.signer.open(forLink, token, &link)
	if err == nil && string(link.Instance) != id {
		err = errForged
	}
	_, hasSession := h.sessionOf(r, func(s session) bool { return s.opens(id) })
	switch {
	case h.oidc != nil || hasSession:
		// A link from before there was single sign-on opens nothing.
	case errors.Is(err, errExpired):
		h.refuse(w, r, "This link has expired. Get a new one from your platform: "+
			"it asks the broker for one whenever it fetches the service.")
		return
	case err != nil:
		h.log.WarnContext(r.Context(), "dashboard: a link was refused", "remote", r.RemoteAddr, "error", err)
		h.refuse(w, r, "This link is not one that the broker has made, or a part of it is missing. "+
			"Open the link of your platform again.")
		return
	default:
		h.startSession(w, session{Instance: []byte(id), How: byLink})
	}
	http.Redirect(w, r, h.instancePath(id), http.StatusSeeOther)
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, text string) {
	h.message(w, r, message{Status: http.StatusForbidden, Title: "This page is not open to you", Text: text})
}

// instanceForm lets in those who may see the instance and have sent a form of
// their own session.
func (h *Handler) instanceForm(next func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return h.instance(func(w http.ResponseWriter, r *http.Request, v visit) {
		if err := h.checkForm(w, r, v.session); err != nil {
			h.formRefused(w, r, h.instancePath(v.id), err)
			return
		}
		next(w, r, v)
	})
}

func (h *Handler) formRefused(w http.ResponseWriter, r *http.Request, back string, err error) {
	h.log.WarnContext(r.Context(), "dashboard: a form was refused", "remote", r.RemoteAddr, "error", err)
	h.message(w, r, message{
		Status: http.StatusForbidden, Title: "Nothing was done", Back: back,
		Text: "The form did not come from this page, or your session has changed since. Go back and try again.",
	})
}

// overview is the page of an instance.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request, v visit) {
	h.showInstance(w, r, v, false)
}

// reveal is the page of an instance with its credentials.
func (h *Handler) reveal(w http.ResponseWriter, r *http.Request, v visit) {
	h.log.InfoContext(r.Context(), "dashboard: credentials shown",
		"instance", v.id, "session", v.session.How, "person", v.session.Person)
	h.showInstance(w, r, v, true)
}

func (h *Handler) showInstance(w http.ResponseWriter, r *http.Request, v visit, revealed bool) {
	ctx, cancel := context.WithTimeout(r.Context(), sourceTimeout)
	defer cancel()
	content, err := h.instanceContent(ctx, v, revealed)
	if err != nil {
		h.sourceFailed(w, r, v, "show the instance", err)
		return
	}
	h.render(w, r, http.StatusOK, "instance.html", h.newPage(content.Live.Title(), v.session, content))
}

// restart starts an operation and goes back to the page, which shows it.
func (h *Handler) restart(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), sourceTimeout)
	defer cancel()
	if err := h.source.Restart(ctx, v.id); err != nil {
		h.sourceFailed(w, r, v, "restart the instance", err)
		return
	}
	h.log.InfoContext(ctx, "dashboard: restart asked for",
		"instance", v.id, "session", v.session.How, "person", v.session.Person)
	http.Redirect(w, r, h.instancePath(v.id), http.StatusSeeOther)
}

// sourceFailed tells that the broker could not do something, and not why: what
// its errors say is for its log.
func (h *Handler) sourceFailed(w http.ResponseWriter, r *http.Request, v visit, doing string, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		h.notFound(w, r)
	case errors.Is(err, ErrBusy):
		h.message(w, r, message{
			Status: http.StatusConflict, Title: "Something else is being done", Back: h.instancePath(v.id),
			Text: "Another operation on this service is under way. Wait for its end and try again.",
		})
	default:
		h.log.ErrorContext(r.Context(), "dashboard: "+doing, "instance", v.id, "error", err)
		h.message(w, r, message{
			Status: http.StatusBadGateway, Title: "The broker could not do this", Back: h.instancePath(v.id),
			Text: "Try again in a moment. If it stays like this, tell the operator of the broker, whose log says why.",
		})
	}
}
