package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxAnswerBytes = 1 << 20

// person is who signed in.
type person struct {
	subject  string
	email    string // empty unless the provider has verified it
	groups   []string
	shown    string // for people to read
	accessor string // the access token: never shown, never kept
}

func newPerson(subject string, claims map[string]any, groupsClaim, accessToken string) person {
	p := person{subject: subject, shown: subject, accessor: accessToken}
	// Some providers send the word in place of the boolean.
	if verified := claims["email_verified"]; verified == true || verified == "true" {
		p.email, _ = claims["email"].(string)
	}
	switch groups := claims[groupsClaim].(type) {
	case string:
		p.groups = []string{groups}
	case []any:
		for _, group := range groups {
			if name, ok := group.(string); ok {
				p.groups = append(p.groups, name)
			}
		}
	}
	if name, ok := claims["preferred_username"].(string); ok && name != "" {
		p.shown = name
	}
	if p.email != "" {
		p.shown = p.email
	}
	return p
}

// isOperator tells whether the lists allow a person everything.
func (c OIDCConfig) isOperator(p person) bool {
	if p.email != "" && slices.ContainsFunc(c.AllowedEmails, func(allowed string) bool {
		return foldCase(allowed) == foldCase(p.email)
	}) {
		return true
	}
	return slices.ContainsFunc(p.groups, func(group string) bool { return slices.Contains(c.AllowedGroups, group) })
}

// foldCase makes ASCII letters small, and no others: Unicode knows other letters
// that become an ASCII one, so that a stranger's address could become yours.
func foldCase(email string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, email)
}

// mayManage asks the platform whether a person may manage an instance.
func (s *singleSignOn) mayManage(ctx context.Context, p person, instance string) (bool, error) {
	// Dots stay dots in a path, and would lead to another address.
	if s.config.PermissionsURL == "" || strings.Trim(instance, ".") == "" {
		return false, nil
	}
	address := strings.ReplaceAll(s.config.PermissionsURL, "{id}", url.PathEscape(instance))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, fmt.Errorf("ask the platform for permissions: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+p.accessor)
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return false, fmt.Errorf("ask the platform for permissions: %w", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, nil
	default:
		return false, fmt.Errorf("ask the platform for permissions: it answered %s", response.Status)
	}
	var answer struct {
		Manage bool `json:"manage"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswerBytes)).Decode(&answer); err != nil {
		return false, fmt.Errorf("read the platform's permissions: %w", err)
	}
	return answer.Manage, nil
}
