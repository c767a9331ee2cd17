package dashboard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a token is for. A token of one purpose is a forgery for any other.
const (
	forLink    = "link"
	forSession = "session"
	forSignIn  = "sign-in"
	forCSRF    = "csrf"
)

var (
	errForged  = errors.New("not signed by this broker")
	errExpired = errors.New("expired")

	encoding = base64.RawURLEncoding.Strict()
)

// signer makes and checks tokens: what they say can be read by whoever has one,
// and be changed by nobody.
type signer struct {
	key []byte
	now func() time.Time
}

// envelope is what is signed.
type envelope struct {
	Expires int64           `json:"exp"` // Unix seconds
	Claims  json.RawMessage `json:"claims"`
}

// seal makes a token. The claims are a struct of strings, bytes and booleans,
// which can always be encoded.
func (s signer) seal(purpose string, expires time.Time, claims any) string {
	inner, err := json.Marshal(claims)
	if err != nil {
		panic(fmt.Sprintf("dashboard: claims of a %s token: %v", purpose, err))
	}
	payload, err := json.Marshal(envelope{Expires: expires.Unix(), Claims: inner})
	if err != nil {
		panic(fmt.Sprintf("dashboard: %s token: %v", purpose, err))
	}
	return encoding.EncodeToString(payload) + "." + encoding.EncodeToString(s.mac(purpose, payload))
}

// open checks a token and reads its claims.
func (s signer) open(purpose, token string, claims any) (expires time.Time, err error) {
	front, back, _ := strings.Cut(token, ".")
	payload, err := encoding.DecodeString(front)
	if err != nil {
		return time.Time{}, errForged
	}
	mac, err := encoding.DecodeString(back)
	if err != nil || !hmac.Equal(mac, s.mac(purpose, payload)) {
		return time.Time{}, errForged
	}
	var sealed envelope
	if err := json.Unmarshal(payload, &sealed); err != nil {
		return time.Time{}, fmt.Errorf("decode a %s token: %w", purpose, err)
	}
	expires = time.Unix(sealed.Expires, 0)
	if !s.now().Before(expires) {
		return time.Time{}, errExpired
	}
	if err := json.Unmarshal(sealed.Claims, claims); err != nil {
		return time.Time{}, fmt.Errorf("decode the claims of a %s token: %w", purpose, err)
	}
	return expires, nil
}

func (s signer) mac(purpose string, payload []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	// The zero byte keeps purpose and payload apart.
	mac.Write([]byte(purpose + "\x00"))
	mac.Write(payload)
	return mac.Sum(nil)
}

// csrfToken is the token of all forms of a session.
func (s signer) csrfToken(sessionID string) string {
	return encoding.EncodeToString(s.mac(forCSRF, []byte(sessionID)))
}

func (s signer) isCSRFToken(token, sessionID string) bool {
	return hmac.Equal([]byte(token), []byte(s.csrfToken(sessionID)))
}

// newID is a random name that nobody can guess.
func newID() string {
	return rand.Text()
}
