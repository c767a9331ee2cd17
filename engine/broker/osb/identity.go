package osb

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// Identity is the user of the platform for whom a request is made.
type Identity struct {
	Platform string
	User     string // user_id of Cloud Foundry, username of Kubernetes; else empty
}

// OriginatingIdentity reads who asked the platform. The header is a hint for
// logs: what is malformed, or longer than a name is, counts as not sent.
func OriginatingIdentity(h http.Header) Identity {
	platform, value, ok := strings.Cut(h.Get(HeaderOriginatingIdentity), " ")
	if !ok || platform == "" {
		return Identity{}
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return Identity{}
	}
	fields, ok := parseObject("", text)
	if !ok {
		return Identity{}
	}
	for _, name := range []string{"user_id", "username"} {
		var user string
		if json.Unmarshal(fields.fields[name], &user) == nil && checkID(name, user) == nil {
			return Identity{Platform: platform, User: user}
		}
	}
	return Identity{Platform: platform}
}
