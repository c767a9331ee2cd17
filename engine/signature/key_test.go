package signature_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/signature"
)

func noPassword() (string, error) { return "", errors.New("nobody should be asked for a password") }

func TestKeysComeBackFromTheirFiles(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	file, err := key.File("")
	if err != nil {
		t.Fatal(err)
	}
	again, err := signature.ParsePrivateKey(file, noPassword)
	if err != nil || !bytes.Equal(sign(t, key), sign(t, again)) {
		t.Errorf("the key signs another way: %v", err)
	}
	for _, text := range []string{key.Public().String(), string(key.Public().File()), key.Public().String() + "\r\n"} {
		public, err := signature.ParsePublicKey(text)
		if err != nil || public.String() != key.Public().String() {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// cheapKey is a private key with a password, made to be decrypted at once: one
// that svp makes takes a gigabyte of memory, which the tests of the built binary
// spend.
const (
	cheapKey = "untrusted comment: minisign encrypted secret key\n" +
		"RWRTY0IyUc+2DmZ0+VEnYTSSvoQVnEwfya9twGhElqv73sjaSdwAgAAAAAAAAAAAAAEAAAAAOkZ4iIrfSQV0itMxsDoeOTW2ilirbV5uf2KnhypJ" +
		"D55kw/El8ttmnVGRQraTxSQZIfMsm8uWSikt9EWSliwsMHP2oe41coYkO285MWrRV1/gJzSp78j6acQDnamDISaI/Y5HbyIiB7E=\n"
	cheapPublic   = "RWTcUAAWDuTXpA/SXoemwMoRlBcQ4Rd1+8lW750dBxmILi7E4eNLGvcQ"
	cheapPassword = "correct horse"
)

func TestAPasswordProtectsAKey(t *testing.T) {
	t.Parallel()
	key, err := signature.ParsePrivateKey([]byte(cheapKey), func() (string, error) { return cheapPassword, nil })
	if err != nil || key.Public().String() != cheapPublic {
		t.Errorf("with the password: %v", err)
	}
	if _, err := signature.ParsePrivateKey([]byte(cheapKey), func() (string, error) { return "wrong", nil }); !errors.Is(err, signature.ErrWrongPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	if _, err := signature.ParsePrivateKey([]byte(cheapKey), noPassword); err == nil || errors.Is(err, signature.ErrWrongPassword) {
		t.Errorf("without a password: %v", err)
	}
}

func TestWhatIsNoKeyIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	file, err := key.File("")
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().String()
	for _, text := range []string{"", "RWab", public[1:], public + public, "a\nb\nc", string(file), public[:55] + "!", "untrusted comment: x\n"} {
		if _, err := signature.ParsePublicKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("public key %q: %v", text, err)
		}
	}
	secret := strings.Fields(string(file))[len(strings.Fields(string(file)))-1]
	for _, text := range []string{"", public, secret[:100], secret + "AAAA", strings.Repeat("A", 1<<16)} {
		_, err := signature.ParsePrivateKey([]byte(text), func() (string, error) { return "x", nil })
		if err == nil || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("private key %q: %v", text, err)
		}
	}
}

func TestAPrivateKeyDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, key); text != "[redacted]" {
			t.Errorf("%s: %s", verb, text)
		}
	}
}
