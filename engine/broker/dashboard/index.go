package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
)

// indexContent is what the operator's index shows.
type indexContent struct {
	Query string
	Total int
	Rows  []indexRow
}

type indexRow struct {
	Instance Instance
	Title    string
	Path     string
	Memory   meter
}

func isOperator(s session) bool { return s.Operator }

// index lists all instances, for operators.
func (h *Handler) index(w http.ResponseWriter, r *http.Request) {
	s, ok := h.sessionOf(r, isOperator)
	if !ok {
		s, ok = h.operatorByPassword(w, r)
	}
	if !ok {
		h.askOperator(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), sourceTimeout)
	defer cancel()
	instances, err := h.source.Instances(ctx)
	if err != nil {
		h.log.ErrorContext(ctx, "dashboard: list the instances", "error", err)
		h.message(w, r, message{
			Status: http.StatusBadGateway, Title: "The services cannot be listed now", Back: h.public.Path,
			Text: "Try again in a moment. The log of the broker says why.",
		})
		return
	}
	content := h.indexContent(instances, r.URL.Query().Get("q"))
	h.render(w, r, http.StatusOK, "index.html", h.newPage("Services", s, content))
}

// askOperator asks for a name and password, or for a sign-in where there is one
// and none was tried.
func (h *Handler) askOperator(w http.ResponseWriter, r *http.Request) {
	_, _, tried := r.BasicAuth()
	switch {
	case h.oidc != nil && !tried:
		http.Redirect(w, r, h.signInPath(""), http.StatusSeeOther)
	case h.operators != nil:
		w.Header().Set("WWW-Authenticate", `Basic realm="svp", charset="UTF-8"`)
		h.message(w, r, message{
			Status: http.StatusUnauthorized, Title: "This page is for operators",
			Text: "It needs a name and password of the broker.",
		})
	default:
		h.refuse(w, r, "It is for operators, and the broker knows none.")
	}
}

func (h *Handler) indexContent(instances []Instance, query string) indexContent {
	content := indexContent{Query: query, Total: len(instances)}
	for _, instance := range instances {
		if !mentions(instance, query) {
			continue
		}
		content.Rows = append(content.Rows, indexRow{
			Instance: instance, Title: cmp.Or(instance.Name, instance.ID), Path: h.instancePath(instance.ID),
			Memory: newMeter("Memory", instance.Memory, formatBytes),
		})
	}
	slices.SortStableFunc(content.Rows, func(a, b indexRow) int { return cmp.Compare(a.Title, b.Title) })
	return content
}

func mentions(instance Instance, query string) bool {
	text := strings.ToLower(strings.Join([]string{
		instance.ID, instance.Name, instance.Service, instance.Plan, instance.State, instance.Health,
		instance.Organization, instance.Space,
	}, "\n"))
	return strings.Contains(text, strings.ToLower(strings.TrimSpace(query)))
}

// operatorForm lets operators in who have sent a form of their own session.
func (h *Handler) operatorForm(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := h.sessionOf(r, isOperator)
		if !ok {
			h.refuse(w, r, "Your session is over.")
			return
		}
		if err := h.checkForm(w, r, s); err != nil {
			h.formRefused(w, r, h.public.Path, err)
			return
		}
		next(w, r, s)
	}
}
