// Package packages keeps the packages of this machine, and makes a folder of
// whatever a user names a pack by: a coordinate, a zip file, a Service Archive, a
// reference to a registry.
//
// Packages that are installed lie below Config.Dir as copkg has it ("Installing
// packages"): DIR/org/cloudname/timber/1.2.3, read-only. Beside each is a record
// of where it came from, DIR/org/cloudname/timber/.1.2.3.json. What was named by a
// file or a reference lies below Config.Cache in the same way, by its SHA-256.
//
// A package appears whole or not at all, and what is there never changes.
package packages

import (
	"errors"
	"fmt"

	"github.com/servicepack/svp/engine/registry"
	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/signature"
)

// Causes of errors, to be matched with errors.Is. Those of the packages below this
// one are matched, too.
var (
	// ErrName: the text names no package.
	ErrName = errors.New("not a coordinate")
	// ErrNotInstalled: the package is not installed.
	ErrNotInstalled = errors.New("not installed")
	// ErrNoRepository: there is no repository to look in.
	ErrNoRepository = errors.New("no repository is configured")
	// ErrOneOfSeveral: the repository that gave no answer is not the only one.
	ErrOneOfSeveral = errors.New("one of several repositories")
	// ErrOffline: the pack would have to be fetched, which was ruled out.
	ErrOffline = errors.New("it is not on this machine, and offline nothing is fetched")
	// ErrNowhere: no repository has the package.
	ErrNowhere = errors.New("no repository has it")
	// ErrOtherContents: a package is not the one that it was before, or that it is
	// elsewhere.
	ErrOtherContents = errors.New("a coordinate never changes its contents")
	// ErrNotLocked: svp.lock does not have the package.
	ErrNotLocked = errors.New("it is not in the lock file")
	// ErrLockFile: the lock file cannot be written.
	ErrLockFile = errors.New("write the lock file")
	// ErrUnsigned: there is no signature, and there has to be one.
	ErrUnsigned = errors.New("it is not signed")
	// ErrInstalledUnsigned: the same of what is installed; it matches ErrUnsigned, too.
	ErrInstalledUnsigned = fmt.Errorf("%w by a trusted key", ErrUnsigned)
	// ErrInTheWay: something that svp did not install has the place.
	ErrInTheWay = errors.New("something else is in its place")
	// ErrChangedSince: an installed package is not as it was when it was installed.
	ErrChangedSince = errors.New("it was changed since it was installed")
)

// Config is what a Store works with.
type Config struct {
	// Dir is where packages are installed.
	Dir string
	// Cache is where packages are unpacked that were named otherwise.
	Cache string
	// Repositories are looked into in this order.
	Repositories []*repository.Client
	// Registry makes a client of registries; it is called when one is needed.
	Registry func() (*registry.Client, error)
	// Keys are those whose signatures are trusted.
	Keys []signature.PublicKey
	// RequireSignature refuses what no trusted key has signed.
	RequireSignature bool
	// LockFile pins packages; empty, or a file that is not there, pins none.
	LockFile string
	// Note is told what takes time or is worth knowing; nil means nobody listens.
	Note func(text string)
}

// Store keeps packages. It is safe for concurrent use, also by several processes.
type Store struct {
	config    Config
	installed vault
	cached    vault
}

// New makes a store; nothing is read or made yet.
func New(config Config) *Store {
	return &Store{config: config, installed: vault{dir: config.Dir, sealed: true}, cached: vault{dir: config.Cache}}
}

func (s *Store) note(format string, args ...any) {
	if s.config.Note != nil {
		s.config.Note(fmt.Sprintf(format, args...))
	}
}
