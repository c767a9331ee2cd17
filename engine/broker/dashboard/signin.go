package dashboard

import (
	"errors"
	"net/http"
)

// signIn sends the browser to the provider, for the index or for the instance
// that the query names.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) {
	if h.oidc == nil {
		h.notFound(w, r)
		return
	}
	instance, err := idOf(r.URL.Query().Get("instance"))
	if err != nil {
		h.notFound(w, r)
		return
	}
	address, try, err := h.oidc.begin(r.Context(), instance)
	if err != nil {
		h.signInFailed(w, r, instance, err)
		return
	}
	token := h.signer.seal(forSignIn, h.now().Add(signInLifetime), try)
	http.SetCookie(w, h.cookie(signInCookie, h.callbackPath(), token, signInLifetime))
	http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // the provider says where people sign in
}

// callback is where the provider sends the browser back to.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request) {
	if h.oidc == nil {
		h.notFound(w, r)
		return
	}
	var try attempt
	cookie, err := r.Cookie(h.cookieName(signInCookie))
	if err == nil {
		_, err = h.signer.open(forSignIn, cookie.Value, &try)
	}
	if err != nil {
		h.signInFailed(w, r, "", errors.Join(errRefused, err))
		return
	}
	// An attempt ends with its first answer, whatever that is.
	http.SetCookie(w, h.cookie(signInCookie, h.callbackPath(), "", 0))
	instance := string(try.Instance)
	who, err := h.oidc.finish(r.Context(), try, r.URL.Query(), h.now)
	if err != nil {
		h.signInFailed(w, r, instance, err)
		return
	}
	granted, err := h.grant(r, who, instance)
	if err != nil {
		h.signInFailed(w, r, instance, err)
		return
	}
	h.startSession(w, granted)
	if instance == "" {
		http.Redirect(w, r, h.public.Path, http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, h.instancePath(instance), http.StatusSeeOther)
}

// notAllowedError is the error when somebody has signed in who may not see the page.
type notAllowedError struct{ person string }

func (e notAllowedError) Error() string { return e.person + " may not see this page" }

// grant decides which session a person gets.
func (h *Handler) grant(r *http.Request, who person, instance string) (session, error) {
	granted := session{Person: who.shown, How: byOIDC}
	if h.oidc.config.isOperator(who) {
		granted.Operator = true
		return granted, nil
	}
	allowed, err := h.oidc.mayManage(r.Context(), who, instance)
	if err != nil {
		return session{}, err
	}
	if !allowed {
		return session{}, notAllowedError{person: who.shown}
	}
	granted.Instance = []byte(instance)
	return granted, nil
}

func (h *Handler) signInFailed(w http.ResponseWriter, r *http.Request, instance string, err error) {
	h.log.WarnContext(r.Context(), "dashboard: sign-in failed", "error", err)
	page := message{
		Status: http.StatusBadGateway,
		Title:  "The sign-in service does not answer as it should",
		Text:   "Try again in a moment. If it stays like this, tell the operator of the broker.",
		SignIn: h.signInPath(instance),
	}
	var notAllowed notAllowedError
	switch {
	case errors.As(err, &notAllowed):
		page.Status, page.Title = http.StatusForbidden, "You may not see this page"
		page.Text = "You are signed in as " + notAllowed.person +
			". Ask the operator of the broker, or the manager of the service's space, for access, or sign in as somebody else."
	case errors.Is(err, errRefused):
		page.Status, page.Title = http.StatusForbidden, "You are not signed in"
		page.Text = "The sign-in was refused, took too long, or was begun in another window."
	}
	h.message(w, r, page)
}

// signOut ends the session whose form was sent.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request, s session) {
	h.endSession(w, s)
	page := message{Status: http.StatusOK, Title: "You are signed out", Text: "Open the link of your platform to come back."}
	if s.How == byOIDC {
		page.Text = "You may still be signed in at the provider; sign out there on a computer that others use."
		page.SignIn = h.signInPath(string(s.Instance))
	}
	h.message(w, r, page)
}
