package envvar

import (
	"net/url"
	"strings"

	"github.com/servicepack/svp/engine/secrets"
)

// Credentials returns s with the conventional entries uri, host, port,
// username, password and database put before it, as far as the first
// URL-valued variable tells them. A variable that has such a name already
// keeps it.
func (s Set) Credentials() Set {
	var derived Set
	for _, entry := range s.conventional() {
		if s.index(entry.Name) < 0 && !entry.Value.IsZero() {
			derived = append(derived, entry)
		}
	}
	return append(derived, s...)
}

// conventional takes the first URL with a user or password apart; without one
// the first URL.
func (s Set) conventional() Set {
	var first Set
	for _, v := range s {
		u, ok := parseURL(v.Value.Reveal())
		if !ok {
			continue
		}
		if u.User != nil {
			return entries(v.Value, u)
		}
		if first == nil {
			first = entries(v.Value, u)
		}
	}
	return first
}

func entries(uri secrets.Value, u *url.URL) Set {
	password, _ := u.User.Password()
	return Set{
		{Name: "uri", Value: uri},
		{Name: "host", Value: secrets.New(u.Hostname())},
		{Name: "port", Value: secrets.New(u.Port())},
		{Name: "username", Value: secrets.New(u.User.Username())},
		{Name: "password", Value: secrets.New(password), Secret: true},
		{Name: "database", Value: secrets.New(strings.TrimPrefix(u.Path, "/"))},
	}
}

// parseURL reads scheme://host and what goes with it. A list of hosts has no
// one address. An "@" behind the host means that a password was not escaped
// and that the parts are not what they seem. The error is dropped: it would
// hold the URL.
func parseURL(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || strings.Contains(u.Host, ",") {
		return nil, false
	}
	_, rest, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && strings.Contains(rest[i:], "@") {
		return nil, false
	}
	return u, true
}
