package envvar

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/secrets"
)

// Placeholders fills the placeholders of one instance, as one consumer sees it.
type Placeholders struct {
	IP       string // %IP, the instance's address
	Hostname string // %HOSTNAME, its name on the network
	Name     string // %NAME
	// Port says where a container port is reached, for %PORT_<n>. A port that
	// it does not know, and every port when it is nil, is reached at its own
	// number.
	Port func(containerPort int) (int, bool)
}

// The words that Expand replaces, without the port's number.
const (
	percentWord  = "%%"
	ipWord       = "%IP"
	hostnameWord = "%HOSTNAME"
	nameWord     = "%NAME"
	portWord     = "%PORT_"
)

// Expand returns s with the placeholders in its values replaced. Secrets come
// back byte for byte.
func (s Set) Expand(p Placeholders) Set {
	return s.mapAnswers(p.expand)
}

func (p Placeholders) expand(s string) string {
	var b strings.Builder
	for t := range tokens(s) {
		switch t.word {
		case percentWord:
			b.WriteByte('%')
		case ipWord:
			b.WriteString(p.IP)
		case hostnameWord:
			b.WriteString(p.Hostname)
		case nameWord:
			b.WriteString(p.Name)
		case portWord:
			b.WriteString(strconv.Itoa(p.port(t.port)))
		default:
			b.WriteString(t.text)
		}
	}
	return b.String()
}

func (p Placeholders) port(containerPort int) int {
	if p.Port != nil {
		if port, ok := p.Port(containerPort); ok {
			return port
		}
	}
	return containerPort
}

// Escape returns s with everything doubled that Expand would replace, so that
// Expand gives s back.
func Escape(s string) string {
	var b strings.Builder
	for t := range tokens(s) {
		switch t.word {
		case "":
			b.WriteString(t.text)
		default:
			b.WriteString(double(t.text))
		}
	}
	return b.String()
}

// double escapes s in a way that does not depend on what stands around it.
func double(s string) string { return strings.ReplaceAll(s, "%", percentWord) }

// EscapeSecrets returns s with the occurrences of secretValues in the values
// that are no secrets escaped: a pack that prints a secret as it is inside of
// a value then gets it through Expand unaltered. An occurrence that the pack
// escaped itself stays as it is, and so does a placeholder that merely begins
// with a (very short) secret.
func (s Set) EscapeSecrets(secretValues Set) Set {
	var texts []string
	for _, v := range secretValues {
		if text := v.Value.Reveal(); strings.Contains(text, "%") {
			texts = append(texts, text)
		}
	}
	// A secret that contains another one goes first.
	slices.SortStableFunc(texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return s.mapAnswers(func(value string) string { return escapeTexts(value, texts) })
}

func escapeTexts(s string, texts []string) string {
	var b strings.Builder
	for s != "" {
		from, to := escapeFirst(s, texts)
		b.WriteString(to)
		s = s[from:]
	}
	return b.String()
}

// escapeFirst escapes what s begins with: it returns the length of that and
// its escaped form.
func escapeFirst(s string, texts []string) (length int, escaped string) {
	for _, text := range texts {
		if doubled := double(text); strings.HasPrefix(s, doubled) {
			return len(doubled), doubled
		}
		if strings.HasPrefix(s, text) && len(wordAt(s).text) <= len(text) {
			return len(text), double(text)
		}
	}
	return 1, s[:1]
}

// UsesPort reports whether some value holds %PORT_<n>.
func (s Set) UsesPort(n int) bool { return slices.Contains(s.Ports(), n) }

// Ports returns the n of each %PORT_<n> in the values, in their order and each
// once.
func (s Set) Ports() []int {
	var ports []int
	for _, v := range s {
		if v.Secret {
			continue
		}
		for t := range tokens(v.Value.Reveal()) {
			if t.word == portWord && !slices.Contains(ports, t.port) {
				ports = append(ports, t.port)
			}
		}
	}
	return ports
}

// mapAnswers returns s with f applied to the values that are no secrets.
func (s Set) mapAnswers(f func(string) string) Set {
	mapped := slices.Clone(s)
	for i, v := range mapped {
		if !v.Secret {
			mapped[i].Value = secrets.New(f(v.Value.Reveal()))
		}
	}
	return mapped
}

// token is a stretch of a value: a placeholder, or text between two.
type token struct {
	text string
	word string // which placeholder; empty for text
	port int    // of portWord
}

// tokens splits s, from left to right.
func tokens(s string) iter.Seq[token] {
	return func(yield func(token) bool) {
		start := 0
		for i := 0; i < len(s); {
			t := wordAt(s[i:])
			if t.word == "" {
				i++
				continue
			}
			if start < i && !yield(token{text: s[start:i]}) {
				return
			}
			if !yield(t) {
				return
			}
			i += len(t.text)
			start = i
		}
		if start < len(s) {
			yield(token{text: s[start:]})
		}
	}
}

// wordAt returns the placeholder that s begins with, or the zero token.
func wordAt(s string) token {
	if strings.HasPrefix(s, percentWord) {
		return token{text: percentWord, word: percentWord}
	}
	if !strings.HasPrefix(s, "%") {
		return token{}
	}
	end := 1
	for end < len(s) && isWord(s[end]) {
		end++
	}
	text := s[:end]
	switch text {
	case ipWord, hostnameWord, nameWord:
		return token{text: text, word: text}
	}
	if digits, ok := strings.CutPrefix(text, portWord); ok {
		if port, ok := parsePort(digits); ok {
			return token{text: text, word: portWord, port: port}
		}
	}
	return token{}
}

// parsePort reads a port number without sign or leading zeros.
func parsePort(s string) (port int, ok bool) {
	port, err := strconv.Atoi(s)
	if err != nil || port < 1 || port > 65535 || strconv.Itoa(port) != s {
		return 0, false
	}
	return port, true
}
