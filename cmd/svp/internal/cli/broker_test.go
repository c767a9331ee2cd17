package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
)

// TestBrokerIsRefusedWhatIsInUse meets another program at the address, and another
// broker on the store.
func TestBrokerIsRefusedWhatIsInUse(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "broker.db")
	key, err := store.CreateKey(file + ".key")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := store.Open(t.Context(), file, key)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for hint, flags := range map[string][]string{
		"stop what listens there, or choose another address with --listen": {"--listen", listener.Addr().String(), "--store", filepath.Join(folder, "other.db")},
		"stop the other broker, or name another --store":                   {"--listen", "127.0.0.1:0", "--store", file},
	} {
		streams, out, errOut := TestStreams("")
		env := map[string]string{"HOME": folder, "SVP_BROKER_USERNAME": "platform", "SVP_BROKER_PASSWORD": "password"}
		args := append([]string{"broker", "--packs", folder}, flags...)
		if got := Run(t.Context(), args, streams, func(name string) string { return env[name] }, ""); got != statusRefused {
			t.Errorf("%q: status %d, want %d", flags, got, statusRefused)
		}
		if lines := strings.Split(strings.TrimSpace(errOut.String()), "\n"); len(lines) != 2 ||
			!strings.HasPrefix(lines[0], "svp: broker: ") || !strings.HasPrefix(lines[1], "  hint: "+hint) || out.Len() > 0 {
			t.Errorf("%q: want one line and a hint:\n%s%s", flags, out, errOut)
		}
	}
}
