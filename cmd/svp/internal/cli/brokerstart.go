package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/store"
)

// brokerProblems is what to do about what keeps a broker from starting; the first
// that matches counts.
var brokerProblems = []problem{
	{store.ErrLocked, engine.Refused, "stop the other broker, or name another --store; several brokers can share a PostgreSQL"},
	{store.ErrWrongKey, engine.Refused, "name the key that the store was made with: --key-file FILE"},
	{store.ErrNewer, engine.Refused, "go on with the newer svp, or with a store from before its time"},
	addressTaken,
	{syscall.EADDRNOTAVAIL, engine.Failed, "choose an address of this machine with --listen; 0.0.0.0 is all of them"},
	{syscall.EACCES, engine.Failed, "run the broker as a user who may do that, or choose another file or port"},
	{fs.ErrNotExist, engine.NotFound, "check the name; the broker makes files, and no folders"},
}

// makeKey tells how to get a key that several brokers share.
const makeKey = "make one with: (umask 077; openssl rand -hex 32 >FILE)"

// brokerProblem adds what to do next to what keeps a broker from starting.
func brokerProblem(err error, otherwise string) error {
	if err == nil {
		return nil
	}
	told := &engine.Error{Op: "broker", Kind: engine.Failed, Err: err, Hint: otherwise}
	explain(told, brokerProblems)
	return told
}

// brokerPacksProblem adds what to do next to what keeps the packs from being read.
func brokerPacksProblem(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &engine.Error{
			Op: "broker", Kind: engine.NotFound, Err: err, Hint: "--packs takes packs, and folders of packs, with commas between them",
		}
	}
	return err
}

// checkListen finds an address that no machine has.
func checkListen(inv *invocation, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return inv.usageError(fmt.Sprintf("--listen: %q is no address with a port", address), "write --listen HOST:PORT, as 127.0.0.1:8080, or :8080 for all addresses")
	}
	return nil
}

func (o *brokerOptions) listenOn(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, brokerProblem(err, "choose another address with --listen")
	}
	if o.openedCertificate != nil {
		listener = tls.NewListener(listener, o.openedCertificate.Config())
	}
	return listener, nil
}

func isPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// showsPassword tells that a password is among the arguments.
func showsPassword(location string) bool {
	if !isPostgres(location) {
		return false
	}
	parsed, err := url.Parse(location)
	if err != nil {
		return false // the store will tell
	}
	_, given := parsed.User.Password()
	return given || parsed.Query().Has("password")
}

// openStore opens the store and its key. Beside a store of its own the broker
// makes the key itself.
func openStore(ctx context.Context, w *wiring, o *brokerOptions) (*store.Store, store.Key, error) {
	location, err := o.storeLocation(w)
	if err != nil {
		return nil, store.Key{}, err
	}
	keyFile := cmp.Or(o.keyFile, location+".key")
	key, err := store.ReadKey(keyFile)
	made := errors.Is(err, fs.ErrNotExist) && !isPostgres(location)
	if made {
		key, err = store.CreateKey(keyFile)
	}
	if err != nil {
		return nil, store.Key{}, keyProblem(location, err)
	}
	if !made && o.keyFile == "" {
		if err := checkNotLost(location, keyFile); err != nil {
			return nil, store.Key{}, err
		}
	}
	opened, err := store.Open(ctx, location, key)
	if made && (errors.Is(err, store.ErrWrongKey) || errors.Is(err, store.ErrNoStore)) {
		// It hides that the right one is missing, and where that belongs.
		err = errors.Join(err, os.Remove(keyFile))
	}
	if err != nil {
		hint := "name a file that a broker made, or one that is not there yet"
		if isPostgres(location) {
			hint = "check that PostgreSQL runs, and lets this user in"
		}
		return nil, store.Key{}, brokerProblem(err, hint)
	}
	return opened, key, nil
}

// checkNotLost refuses to begin with an empty store where the key tells of another
// one: its instances would run on, and no platform could remove them.
func checkNotLost(location, keyFile string) error {
	_, err := os.Stat(location)
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &engine.Error{
		Op: "broker", Kind: engine.Refused, Err: fmt.Errorf("the store %s is gone, and its key %s is there", location, keyFile),
		Hint: "restore the store; to begin with an empty one, remove the key: what the old one knew of stays, and svp list shows it",
	}
}

// keyProblem adds what to do next where the store has no key. What is wrong with
// a key that is there tells the error itself.
func keyProblem(location string, err error) error {
	if isPostgres(location) && errors.Is(err, fs.ErrNotExist) {
		return &engine.Error{Op: "broker", Kind: engine.NotFound, Err: err, Hint: makeKey}
	}
	return brokerProblem(err, "")
}

// storeLocation is where the state is kept: in the user's own folder unless
// another place was named.
func (o *brokerOptions) storeLocation(w *wiring) (string, error) {
	if o.store == "" {
		file, err := w.xdg("XDG_STATE_HOME", ".local/state", []string{"broker.db"})
		if err != nil {
			return "", err
		}
		return file, os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if !isPostgres(o.store) {
		// Else the error would be about the file beside it that is made first.
		if _, err := os.Stat(filepath.Dir(o.store)); err != nil {
			return "", brokerProblem(fmt.Errorf("open the store %s: %w", o.store, err), "")
		}
	}
	return o.store, nil
}
