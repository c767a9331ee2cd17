package packages

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/signature"
)

func newKey(t *testing.T) signature.PrivateKey {
	t.Helper()
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign writes the signature beside a file.
func sign(t *testing.T, file, coordinate string, key signature.PrivateKey) {
	t.Helper()
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	signed, err := signature.Sign(opened, coordinate, key)
	if err == nil {
		err = os.WriteFile(file+signature.Extension, signed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// In each way in which a package can come, only what a trusted key has signed is
// taken where signatures are required.
func TestSignaturesCount(t *testing.T) {
	const text = "org.cloudname:timber:1.2.3"
	known, unknown := newKey(t), newKey(t)
	for name, test := range map[string]struct {
		prepare  func(zip string)
		required error // where signatures are
		optional error // where they are not
	}{
		"signed":             {func(zip string) { sign(t, zip, text, known) }, nil, nil},
		"unsigned":           {func(string) {}, ErrUnsigned, nil},
		"by another":         {func(zip string) { sign(t, zip, text, unknown) }, signature.ErrUntrusted, nil},
		"of another package": {func(zip string) { sign(t, zip, "org.cloudname:timber:1.2.4", known) }, signature.ErrChanged, signature.ErrChanged},
		"of other contents":  {func(zip string) { sign(t, zip, text, known); appendTo(t, zip) }, signature.ErrChanged, signature.ErrChanged},
		"damaged":            {func(zip string) { sign(t, zip, text, known); appendTo(t, zip+signature.Extension) }, signature.ErrMalformed, signature.ErrMalformed},
	} {
		zip := packageOf(t, "1.2.3", nil)
		test.prepare(zip)
		for _, required := range []bool{true, false} {
			want := test.optional
			if required {
				want = test.required
			}
			s := newStore(t, repositoryWith(t, map[string]string{text: zip}))
			copySignature(t, zip, s.config.Repositories[0].Location().URL)
			s.config.Keys, s.config.RequireSignature = []signature.PublicKey{known.Public()}, required
			there, err := s.Install(t.Context(), pattern(t, text), InstallOptions{})
			if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), "timber-1.2.3-copkg.zip") {
				t.Errorf("%s, required %v, installed: %v", name, required, err)
			}
			if err != nil {
				requireNothing(t, s.config.Dir)
			} else if signed := there.SignedBy == known.Public().String(); signed != (name == "signed") {
				t.Errorf("%s: it is signed by %q", name, there.SignedBy)
			}
			if name == "of other contents" {
				continue // as a file it is no zip file any more
			}
			if _, _, err := s.Locate(t.Context(), zip); !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), zip) {
				t.Errorf("%s, required %v, as a file: %v", name, required, err)
			}
		}
	}
}

func appendTo(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append(content, 'x'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copySignature publishes the signature of a file with it.
func copySignature(t *testing.T, zip, repository string) {
	t.Helper()
	content, err := os.ReadFile(zip + signature.Extension)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	place := filepath.Join(strings.TrimPrefix(repository, "file://"), "org/cloudname/timber/1.2.3", filepath.Base(zip)+signature.Extension)
	if err == nil {
		err = os.WriteFile(place, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A large package takes its time to be verified.
func TestVerifyingCanBeInterrupted(t *testing.T) {
	zip := packageOf(t, "1.2.3", nil)
	key := newKey(t)
	sign(t, zip, "org.cloudname:timber:1.2.3", key)
	signed, err := ReadSignature(zip)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(zip)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := newStore(t)
	s.config.Keys = []signature.PublicKey{key.Public()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.checkSignature(ctx, file, signed, zip, "org.cloudname:timber:1.2.3"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// A tag keeps what it got: a signature of something else is not pushed, whoever is
// trusted where it is pushed from.
func TestASignatureOfSomethingElseIsNotPushed(t *testing.T) {
	const text = "org.cloudname:timber:1.2.3"
	key, zip := newKey(t), packageOf(t, "1.2.3", nil)
	s := newStore(t)
	_, address := withRegistry(t, s)
	ref := reference(t, address+"/timber:1")
	for what, file := range map[string]string{
		"org.cloudname:timber:1.2.4": zip,                                       // another coordinate
		text:                         writeFile(t, "old.zip", []byte("before")), // other contents
	} {
		sign(t, file, what, key)
		if file != zip {
			if err := os.Rename(file+signature.Extension, zip+signature.Extension); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Push(t.Context(), zip, ref); !errors.Is(err, signature.ErrChanged) {
			t.Errorf("a signature of %s, %s: %v", what, filepath.Base(file), err)
		}
	}
	sign(t, zip, text, key)
	if pushed, err := s.Push(t.Context(), zip, ref); err != nil || pushed.Existed {
		t.Errorf("its own signature: %+v, %v", pushed, err)
	}
	requireNothing(t, s.config.Cache)
}

// What was taken without a signature is of no use where one is required.
func TestWhatIsHereHasToBeSignedToo(t *testing.T) {
	const text = "org.cloudname:timber:1.2.3"
	key, zip := newKey(t), packageOf(t, "1.2.3", nil)
	s := newStore(t, repositoryWith(t, map[string]string{text: zip}))
	_, address := withRegistry(t, s)
	ref := reference(t, address+"/timber:1")
	sign(t, zip, text, key)
	if _, err := s.Push(t.Context(), zip, ref); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{text, ref.String()} {
		if _, _, err := s.Locate(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.config.RequireSignature = true
	if _, _, err := s.Locate(t.Context(), text); !errors.Is(err, ErrUnsigned) {
		t.Errorf("the installed package: %v", err)
	}
	if _, _, err := s.Locate(t.Context(), ref.String()); !errors.Is(err, signature.ErrUntrusted) {
		t.Errorf("the pulled package: %v", err)
	}
	s.config.Keys = []signature.PublicKey{key.Public()}
	if _, _, err := s.Locate(t.Context(), ref.String()); err != nil {
		t.Errorf("the pulled package, when its key is trusted: %v", err)
	}
}
