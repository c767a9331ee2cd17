package broker

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Credentials are the user names and passwords that may use the broker, several
// at once so that they can be rotated. They can be replaced while in use.
type Credentials struct {
	mu   sync.RWMutex
	sums [][sha256.Size]byte
}

// NewCredentials takes one user name and password.
func NewCredentials(username, password string) (*Credentials, error) {
	c := &Credentials{}
	return c, c.set([][2]string{{username, password}})
}

// ErrNoCredentials tells that nobody could use the broker.
var ErrNoCredentials = errors.New("no credentials: a user name and a password are needed")

// ParseCredentials reads USERNAME:PASSWORD a line; blank lines and those that
// begin with # are skipped. Its errors name the line and no password.
func ParseCredentials(file io.Reader) (*Credentials, error) {
	c := &Credentials{}
	return c, c.Replace(file)
}

// Replace reads the credentials anew. After an error the old ones stay.
func (c *Credentials) Replace(file io.Reader) error {
	var pairs [][2]string
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		username, password, found := strings.Cut(line, ":")
		if !found || username == "" || password == "" {
			return fmt.Errorf("line %d: write USERNAME:PASSWORD", number)
		}
		pairs = append(pairs, [2]string{username, password})
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return c.set(pairs)
}

func (c *Credentials) set(pairs [][2]string) error {
	if len(pairs) == 0 {
		return ErrNoCredentials
	}
	sums := make([][sha256.Size]byte, 0, len(pairs))
	for _, pair := range pairs {
		if pair[0] == "" || pair[1] == "" || strings.Contains(pair[0], ":") {
			return fmt.Errorf("%w; a user name holds no colon", ErrNoCredentials)
		}
		sums = append(sums, sum(pair[0], pair[1]))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sums = sums
	return nil
}

// sum makes credentials of any length comparable in a time that tells nothing.
func sum(username, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(username + ":" + password))
}

// Match tells whether the user name and the password belong together.
func (c *Credentials) Match(username, password string) bool {
	given := sum(username, password)
	c.mu.RLock()
	defer c.mu.RUnlock()
	matches := 0
	for i := range c.sums {
		matches |= subtle.ConstantTimeCompare(given[:], c.sums[i][:])
	}
	return matches == 1
}

func (c *Credentials) allow(r *http.Request) bool {
	username, password, ok := r.BasicAuth()
	return ok && c.Match(username, password)
}
