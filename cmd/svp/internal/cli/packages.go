package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/registry"
)

// storeFlags choose where packages come from, where they go, and what is asked of
// them.
type storeFlags struct {
	dir, repository, lock       string
	requireSignature, plainHTTP bool
}

func (f *storeFlags) dirFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "dir", Destination: &f.dir, Usage: "keep installed packages in `DIR`, as /copkg [$SVP_PACKAGE_DIR]",
	}
}

func (f *storeFlags) repositoryFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "repository", Aliases: []string{"r"}, Destination: &f.repository,
		Usage: "look into the repository `URL` alone: an address, a folder, or a name of svp repo list",
	}
}

func (f *storeFlags) lockFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "lock", Destination: &f.lock, Value: packages.LockFileName, Usage: "pin packages in the lock file `FILE`",
	}
}

func (f *storeFlags) signatureFlag() urfave.Flag {
	return &urfave.BoolFlag{
		Name: "require-signature", Destination: &f.requireSignature, Usage: "refuse what no trusted key has signed",
	}
}

func (f *storeFlags) plainHTTPFlag() urfave.Flag {
	return &urfave.BoolFlag{
		Name: "plain-http", Destination: &f.plainHTTP, Usage: "talk to the registry without TLS, as is done on this machine",
	}
}

// openStore makes a store of packages with what the flags and the settings say.
func (w *wiring) openStore(chosen settings, f *storeFlags, note func(text string)) (*packages.Store, error) {
	config, err := w.storePlaces(chosen, f.dir)
	if err != nil {
		return nil, err
	}
	roots, err := certificateAuthorities(chosen.CABundle)
	if err != nil {
		return nil, err
	}
	if config.Repositories, err = w.repositories(f.repository, roots); err != nil {
		return nil, err
	}
	if config.Keys, err = w.trustedKeys(); err != nil {
		return nil, err
	}
	config.RequireSignature = f.requireSignature || chosen.RequireSignature
	config.Registry = sync.OnceValues(func() (*registry.Client, error) {
		return registry.New(registry.Options{RootCAs: roots, Agent: w.agent(), PlainHTTP: f.plainHTTP, Total: chosen.Timeout})
	})
	config.LockFile, config.Note = f.lock, note
	return packages.New(config), nil
}

// storePlaces are the folders of a store.
func (w *wiring) storePlaces(chosen settings, dir string) (packages.Config, error) {
	if dir == "" {
		dir = chosen.PackageDir
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return packages.Config{}, err
	}
	cache, err := w.cacheDir()
	return packages.Config{Dir: dir, Cache: filepath.Join(cache, "packages")}, err
}

// withStore lets do use a store whose notes are shown.
func (w *wiring) withStore(ctx context.Context, f *storeFlags, do func(ctx context.Context, store *packages.Store) error) error {
	chosen, err := w.settings()
	if err != nil {
		return err
	}
	if chosen.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, chosen.Timeout, engine.ErrTimeout)
		defer cancel()
	}
	events := w.newRenderer(chosen.Progress)
	defer events.Close()
	store, err := w.openStore(chosen, f, w.noteTo(events.Event))
	if err != nil {
		return err
	}
	return do(ctx, store)
}

// noteTo shows notes in the way that events are shown.
func (w *wiring) noteTo(events func(engine.Event)) func(string) {
	return func(text string) {
		if events != nil {
			events(engine.Event{Time: w.now(), Kind: engine.Note, Text: text})
		}
	}
}

// packLocator lets the engine find packs that are packages. The store is opened
// when one is asked for: most commands name a folder.
type packLocator struct {
	open  func() (*packages.Store, error)
	known *packages.Store // knows the folders alone
}

func (w *wiring) newLocator(chosen settings, events func(engine.Event)) (engine.Locator, error) {
	places, err := w.storePlaces(chosen, "")
	if err != nil {
		return nil, err
	}
	return &packLocator{
		known: packages.New(places),
		open: sync.OnceValues(func() (*packages.Store, error) {
			return w.openStore(chosen, &storeFlags{lock: packages.LockFileName}, w.noteTo(events))
		}),
	}, nil
}

// Knows implements engine.Locator.
func (l *packLocator) Knows(text string) bool { return packages.Knows(text) }

// Fetched implements engine.Locator.
func (l *packLocator) Fetched(folder string) bool { return l.known.Fetched(folder) }

// Locate implements engine.Locator.
func (l *packLocator) Locate(ctx context.Context, text string, offline bool) (folder, origin string, err error) {
	store, err := l.open()
	switch {
	case err == nil && offline:
		folder, origin, err = store.LocateHere(ctx, text)
	case err == nil:
		folder, origin, err = store.Locate(ctx, text)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return "", "", err
	}
	return folder, origin, packageProblem("find pack", text, err)
}

// agent is what svp calls itself to servers.
func (w *wiring) agent() string { return strings.TrimSuffix(program+"/"+w.version, "/") }
