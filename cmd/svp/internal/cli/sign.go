package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/ctxio"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/signature"
)

// keyPassword is the variable with the password of a private key.
const keyPassword = "SVP_KEY_PASSWORD"

func keyFlag(key *string) urfave.Flag {
	return &urfave.StringFlag{Name: "key", Destination: key, Usage: "sign with the private key in `FILE`"}
}

func newPackSignCommand(w *wiring) *command {
	var key string
	return &command{
		name: "sign", summary: "Sign a package",
		details: "Writes ZIP" + signature.Extension + ", in the format of minisign. It tells the package's coordinate and SHA-256.\n" +
			"The password of the key is asked for, or taken from $" + keyPassword + ". Prints the name of the file.",
		example: "svp pack sign timber-1.2.3-copkg.zip --key team.key",
		args:    []string{"ZIP"},
		flags:   []urfave.Flag{keyFlag(&key)},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--key", key}); err != nil {
				return err
			}
			return w.sign(ctx, inv.arg(0), key)
		},
	}
}

func (w *wiring) sign(ctx context.Context, name, key string) error {
	checked, err := w.checkPackage(ctx, "sign", name)
	if err != nil {
		return err
	}
	private, err := w.readPrivateKey(ctx, key)
	if err != nil {
		return packageProblem("sign", name, err)
	}
	text, err := signPackage(ctx, name, checked, private)
	if err != nil {
		return packageProblem("sign", name, err)
	}
	err = writeSharedFile(name+signature.Extension, func(to *os.File) error {
		_, err := localWriter{to, name + signature.Extension}.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.streams.Out, name+signature.Extension)
	return err
}

// signPackage signs what was checked, and nothing that took its place since.
func signPackage(ctx context.Context, name string, checked checkedPackage, key signature.PrivateKey) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := signature.Sign(ctxio.NewReader(ctx, file), checked.coordinate.String(), key)
	if err != nil {
		return nil, err
	}
	if checked.checkClaim(text) != nil {
		return nil, fmt.Errorf("%s changed while it was read", name)
	}
	return text, nil
}

// readPrivateKey reads the file of a key that nobody else can read.
func (w *wiring) readPrivateKey(ctx context.Context, name string) (key signature.PrivateKey, err error) {
	err = readPrivateFile(name, func(file io.Reader) error {
		text, err := readSecret(file)
		if err != nil {
			return err
		}
		key, err = signature.ParsePrivateKey(text, func() (string, error) { return w.askKeyPassword(ctx, name) })
		return err
	})
	if err != nil {
		err = fmt.Errorf("read the key: %w", err)
	}
	return key, err
}

func (w *wiring) askKeyPassword(ctx context.Context, name string) (string, error) {
	if password := w.getenv(keyPassword); password != "" {
		return password, nil
	}
	password, err := w.askPassword(ctx, "Password of the key "+printable(name)+": ")
	if errors.Is(err, errNoTerminal) {
		err = fmt.Errorf("the key has a password: %w; set %s", err, keyPassword)
	}
	return password, err
}

// verifyOptions are the flags of svp pack verify.
type verifyOptions struct {
	key  string
	json bool
}

func newPackVerifyCommand(w *wiring) *command {
	o := &verifyOptions{}
	return &command{
		name: "verify", summary: "Check the signature of a package",
		details: "Reads ZIP and ZIP" + signature.Extension + ". Trusted are the keys in the configuration, as\n" +
			"trusted_keys and as keys of repositories, or the one of --key alone. One byte of either\n" +
			"file that is not as it was when it was signed is refused.",
		example: "svp pack verify timber-1.2.3-copkg.zip\nsvp pack verify timber-1.2.3-copkg.zip --key team.pub",
		args:    []string{"ZIP"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "key", Destination: &o.key, Usage: "trust the public key `KEY`, or the one in the file of that name"},
			jsonFlag(&o.json),
		},
		run: func(ctx context.Context, inv *invocation) error {
			keys, err := w.trustedKeys()
			if o.key != "" {
				var key signature.PublicKey
				if key, err = readKey(o.key); err != nil {
					return inv.usageError("--key: "+err.Error(), "")
				}
				keys = []signature.PublicKey{key}
			}
			if err != nil {
				return err
			}
			return w.verify(ctx, inv.arg(0), keys, o.json)
		},
	}
}

// verified is what `svp pack verify --json` tells.
type verified struct {
	File       string `json:"file"`
	Coordinate string `json:"coordinate,omitempty"`
	SHA256     string `json:"sha256"`
	Key        string `json:"key"`
	Comment    string `json:"comment"`
}

func (w *wiring) verify(ctx context.Context, name string, keys []signature.PublicKey, asJSON bool) error {
	signed, err := verifyFile(ctx, name, keys)
	if err != nil {
		return packageProblem("verify", name, err)
	}
	if asJSON {
		return writeJSON(w.streams.Out, verified{name, signed.Coordinate, signed.SHA256, signed.Key.String(), signed.Comment})
	}
	_, err = fmt.Fprintf(w.streams.Out, "%s: %s, signed by %s\n", printable(name), cmp.Or(signed.Coordinate, signed.Comment), signed.Key.ID())
	return err
}

func verifyFile(ctx context.Context, name string, keys []signature.PublicKey) (signature.Signed, error) {
	file, err := os.Open(name)
	if err != nil {
		return signature.Signed{}, err
	}
	defer file.Close()
	text, err := packages.ReadSignature(name)
	if err == nil && text == nil {
		err = fmt.Errorf("%s: %w", name+signature.Extension, fs.ErrNotExist)
	}
	if err != nil {
		return signature.Signed{}, fmt.Errorf("read the signature: %w", err)
	}
	return signature.Verify(ctxio.NewReader(ctx, file), text, keys)
}

// keygenOptions are the flags of svp pack keygen.
type keygenOptions struct {
	output     string
	noPassword bool
}

func newPackKeygenCommand(w *wiring) *command {
	o := &keygenOptions{}
	return &command{
		name: "keygen", summary: "Make a key to sign packages with",
		details: "Writes the private key to FILE, which only you can read, and the public key to FILE.pub;\n" +
			"neither is ever written over. The password of the key is asked for on a terminal, or\n" +
			"taken from $" + keyPassword + "; without either the key has none. Prints the public key.\n" +
			"Who trusts it adds it to trusted_keys in the configuration, or to a repository\n" +
			"(svp repo add --key).",
		example: "svp pack keygen -o team.key",
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write the private key to `FILE`"},
			&urfave.BoolFlag{Name: "no-password", Destination: &o.noPassword, Usage: "make a key without a password, and do not ask"},
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--output", o.output}); err != nil {
				return err
			}
			return w.keygen(ctx, *o)
		},
	}
}

func (w *wiring) keygen(ctx context.Context, o keygenOptions) error {
	public := o.output + ".pub"
	for _, name := range []string{o.output, public} {
		if _, err := os.Lstat(name); err == nil {
			return refusal("keygen", name, "it is there already", "a key is never written over: choose another name with -o")
		}
	}
	password, err := w.newKeyPassword(ctx, o.noPassword)
	if err != nil {
		return err
	}
	key, err := signature.GenerateKey()
	if err != nil {
		return err
	}
	text, err := key.File(password)
	if err != nil {
		return err
	}
	if err := createFile(o.output, 0o600, text); err != nil {
		return err
	}
	if err := createFile(public, 0o644, key.Public().File()); err != nil {
		return errors.Join(err, os.Remove(o.output))
	}
	if password == "" {
		w.note("the key has no password: whoever can read %s can sign with it", o.output)
	}
	_, err = fmt.Fprintln(w.streams.Out, key.Public())
	return err
}

// newKeyPassword is what protects a new key; empty where it is not protected.
func (w *wiring) newKeyPassword(ctx context.Context, none bool) (string, error) {
	password := w.getenv(keyPassword)
	if none || password != "" || !w.streams.InTerminal {
		if none {
			return "", nil
		}
		return password, nil
	}
	password, err := w.askPassword(ctx, "Password of the new key: ")
	if err != nil {
		return "", err
	}
	again, err := w.askPassword(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if password != again {
		return "", &engine.Error{Op: "keygen", Kind: engine.Refused, Err: errors.New("the passwords differ")}
	}
	if password == "" {
		return "", &engine.Error{
			Op: "keygen", Kind: engine.Refused, Err: errors.New("the password is empty"),
			Hint: "for a key without a password give --no-password",
		}
	}
	return password, nil
}

// createFile writes a file that must not be there yet; a half-written one is
// removed.
func createFile(name string, mode os.FileMode, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return newWriteError(name, err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(newWriteError(name, err), os.Remove(name))
	}
	return nil
}
