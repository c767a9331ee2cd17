package dependency

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	schemeFile  = "file"
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	// hidden is put in the place of what may be a credential.
	hidden = "REDACTED"
	// maxURI and maxName are more than anybody needs, and what servers and file
	// systems take.
	maxURI  = 8 << 10
	maxName = 200
)

// location is where something is, and how that may be shown.
type location struct {
	url     *url.URL
	shown   string
	secrets []string
}

// parseLocation reads a uri, or says what is wrong with it.
func parseLocation(uri string) (where location, reason string) {
	parsed, err := url.Parse(uri)
	switch {
	case err != nil, parsed.Opaque != "", len(uri) > maxURI:
		return location{}, "it is not a uri such as https://example.org/file.tar.gz"
	case parsed.Scheme == schemeFile:
		reason = checkFile(parsed)
	case parsed.Scheme == schemeHTTP || parsed.Scheme == schemeHTTPS:
		if parsed.Hostname() == "" {
			reason = "it names no host"
		}
	default:
		reason = "only file, http and https are known here"
	}
	return location{url: parsed, shown: Redact(uri), secrets: secretsOf(parsed)}, reason
}

func checkFile(u *url.URL) string {
	switch {
	case u.Host != "" && u.Host != "localhost" || u.User != nil:
		return "a file is of this machine: file:///folder/file"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "a file has no query or fragment; in its name ? is %3F and # is %23"
	case strings.ContainsRune(u.Path, 0):
		return "its path holds a NUL"
	}
	return ""
}

// hasCredentials tells whether the uri may hold some.
func (l location) hasCredentials() bool { return l.url.User != nil || l.url.RawQuery != "" }

// hide takes what the uri keeps secret out of a text, which may be a server's.
func (l location) hide(text string) string {
	for _, secret := range l.secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return printable(text)
}

// minSecret keeps a text from being made unreadable by a value such as "1".
const minSecret = 4

// secretsOf are the words of a uri that nobody is to see, the longest first, so
// that none is left behind in parts.
func secretsOf(u *url.URL) []string {
	var secrets []string
	add := func(value string) {
		if len(value) >= minSecret {
			secrets = append(secrets, value, url.QueryEscape(value), url.PathEscape(value))
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		add(u.User.Username())
		add(password)
	}
	for _, pair := range strings.Split(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(value); err == nil {
			add(decoded)
		}
		add(value)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(secrets)
}

// Redact returns the uri as it may be shown: without user and password, the
// values of its query, and its fragment. What cannot be read as a uri is not
// shown at all.
func Redact(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Opaque != "" || len(uri) > maxURI {
		return "(not a readable uri)"
	}
	var shown strings.Builder
	if u.Scheme != "" {
		shown.WriteString(u.Scheme + ":")
	}
	if u.Scheme != "" || u.Host != "" {
		shown.WriteString("//")
	}
	if u.User != nil {
		shown.WriteString(hidden + "@")
	}
	shown.WriteString(u.Host + u.EscapedPath())
	shown.WriteString(redactQuery(u.RawQuery))
	return printable(shown.String())
}

// redactQuery keeps the names of the values, which may help. What has no value
// may be a token as a whole.
func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	var pairs []string
	for _, pair := range strings.Split(query, "&") {
		if name, _, found := strings.Cut(pair, "="); found {
			pairs = append(pairs, name+"="+hidden)
		} else {
			pairs = append(pairs, hidden)
		}
	}
	return "?" + strings.Join(pairs, "&")
}

// printable replaces what would disturb a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// baseName is the last part of the uri's path as a file name, or what is wrong
// with it. A slash that is written as %2F is no part of a name.
func baseName(u *url.URL) (name, reason string) {
	path := u.EscapedPath()
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	switch {
	case name == "":
		return "", "its path ends in no file name"
	case err != nil, name == ".", name == "..", len(name) > maxName, !utf8.ValidString(name),
		strings.ContainsAny(name, `/\:*?"<>|`), strings.ContainsFunc(name, isUnprintable),
		strings.HasSuffix(name, "."), strings.TrimSpace(name) != name:
		return "", "its path does not end in a plain file name"
	}
	return name, ""
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }
