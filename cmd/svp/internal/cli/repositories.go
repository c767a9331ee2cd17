package cli

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/secrets"
	"github.com/servicepack/svp/engine/signature"
)

// repositoryEntry is a repository of the configuration file.
type repositoryEntry struct {
	Name         string `yaml:"name" json:"name"`
	URL          string `yaml:"url" json:"url"`
	Username     string `yaml:"username,omitempty" json:"username,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty" json:"-"`
	// Key is a public key whose signatures are trusted.
	Key string `yaml:"key,omitempty" json:"key,omitempty"`
}

// The variables with credentials for repositories: for those that are named by
// their URL, and for those of the configuration that have no password file.
const (
	repositoryUsername = "SVP_REPO_USERNAME"
	repositoryPassword = "SVP_REPO_PASSWORD" //nolint:gosec // a name, and no password
)

var repositoryName = lazyregexp.New(`^[a-z0-9][a-z0-9_.-]{0,62}$`)

// checkRepositories finds what is wrong with the repositories and the keys of a
// configuration file.
func (c configFile) checkRepositories() error {
	seen := map[string]bool{}
	for _, entry := range c.Repositories {
		fail := func(format string, args ...any) error {
			return &usageError{text: fmt.Sprintf("%s: repository %q: ", c.path, entry.Name) + fmt.Sprintf(format, args...)}
		}
		switch _, err := entry.location(); {
		case !repositoryName().MatchString(entry.Name):
			return fail("a name is lower-case letters, digits, \"_\", \".\" and \"-\"")
		case seen[entry.Name]:
			return fail("it is there twice")
		case err != nil:
			return fail("%v", err)
		}
		if _, err := signature.ParsePublicKey(entry.Key); entry.Key != "" && err != nil {
			return fail("key: %v", err)
		}
		seen[entry.Name] = true
	}
	for i, key := range c.TrustedKeys {
		if _, err := signature.ParsePublicKey(key); err != nil {
			return &usageError{text: fmt.Sprintf("%s: trusted_keys, number %d: %v", c.path, i+1, err)}
		}
	}
	return nil
}

// location is where the repository is, without the password.
func (e repositoryEntry) location() (repository.Location, error) {
	location, err := repository.ParseLocation(e.URL)
	if err == nil && location.Username != "" {
		err = errors.New("the URL holds a user name: write username, and the password into the file password_file")
	}
	location.Username = e.Username
	return location, err
}

// trustedKeys are the keys of the configuration whose signatures count.
func (w *wiring) trustedKeys() ([]signature.PublicKey, error) {
	file, err := w.readConfig()
	if err != nil {
		return nil, err
	}
	texts := file.TrustedKeys
	for _, entry := range file.Repositories {
		if entry.Key != "" {
			texts = append(texts, entry.Key)
		}
	}
	var keys []signature.PublicKey
	for _, text := range texts {
		key, err := signature.ParsePublicKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// repositories is the one that is named, by its name in the configuration, a URL
// or a folder; all of the configuration where none is. Certificates of the roots
// are trusted, or of the system where these are nil.
func (w *wiring) repositories(named string, roots *x509.CertPool) ([]*repository.Client, error) {
	file, err := w.readConfig()
	if err != nil {
		return nil, err
	}
	names := []string{named}
	if named == "" {
		names = nil
		for _, entry := range file.Repositories {
			names = append(names, entry.Name)
		}
	}
	var clients []*repository.Client
	for _, name := range names {
		location, err := w.repositoryLocation(file, name)
		if err != nil {
			return nil, err
		}
		client, err := repository.New(location, repository.Options{Agent: w.agent(), RootCAs: roots})
		if err != nil {
			return nil, &usageError{text: err.Error()}
		}
		clients = append(clients, client)
	}
	return clients, nil
}

func (w *wiring) repositoryLocation(file configFile, name string) (repository.Location, error) {
	for _, entry := range file.Repositories {
		if entry.Name == name {
			return w.configuredLocation(file, entry)
		}
	}
	location, err := repository.ParseLocation(name)
	if err != nil {
		return location, &usageError{text: err.Error()}
	}
	if !strings.Contains(location.URL, "://") {
		// What is installed from it, and the lock file, name it for ever.
		location.URL, err = filepath.Abs(location.URL)
		return location, err
	}
	if _, isFolder := location.Folder(); !isFolder && location.Username == "" {
		location.Username, location.Password = w.getenv(repositoryUsername), secrets.New(w.getenv(repositoryPassword))
	}
	return location, nil
}

func (w *wiring) configuredLocation(file configFile, entry repositoryEntry) (repository.Location, error) {
	location, err := entry.location()
	if err != nil || entry.Username == "" {
		return location, err
	}
	location.Password = secrets.New(w.getenv(repositoryPassword))
	if entry.PasswordFile != "" {
		name := file.relative(entry.PasswordFile)
		if location.Password, err = readPasswordFile(name); err != nil {
			return location, &usageError{text: fmt.Sprintf("the password of the repository %s: %v", entry.Name, err)}
		}
	}
	if location.Password.IsZero() {
		return location, &usageError{
			text: fmt.Sprintf("the repository %s has a user name and no password", entry.Name),
			hint: "set " + repositoryPassword + ", or add it again with --password-file FILE",
		}
	}
	return location, nil
}

// readPasswordFile reads a file that nobody else can read, and whose first line is
// a password.
func readPasswordFile(name string) (password secrets.Value, err error) {
	err = readPrivateFile(name, func(file io.Reader) error {
		text, err := readSecret(file)
		if err == nil {
			password, err = parsePassword(text)
		}
		return err
	})
	return password, err
}

// parsePassword takes one line, with or without its end.
func parsePassword(text []byte) (secrets.Value, error) {
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || strings.ContainsAny(line, "\r\n\x00") {
		return secrets.Value{}, errors.New("a password is one line that is not empty")
	}
	return secrets.New(line), nil
}

// certificateAuthorities are those of the system and those in the file, which may
// be none; nil stands for those of the system alone.
func certificateAuthorities(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, &usageError{text: name + ": there is no certificate in it"}
	}
	return roots, nil
}

// readKey reads a public key from a file, or takes it as it is.
func readKey(text string) (signature.PublicKey, error) {
	content, err := os.ReadFile(text)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return signature.ParsePublicKey(text)
	case err != nil:
		return signature.PublicKey{}, err
	}
	key, err := signature.ParsePublicKey(string(bytes.TrimSpace(content)))
	if err != nil {
		return key, fmt.Errorf("%s: %w", text, err)
	}
	return key, nil
}
