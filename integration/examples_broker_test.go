package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

const brokerUnit = "../examples/broker/svp-broker.service"

// readUnit reads the unit, with the places of this test in place of those of a
// machine that runs it.
func readUnit(t *testing.T, places ...string) string {
	t.Helper()
	content, err := os.ReadFile(brokerUnit)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(places...).Replace(string(content))
}

// What systemd does not know it ignores, and only warns of.
func TestExampleBrokerUnitIsUnderstood(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), filepath.Base(brokerUnit))
	if err := os.WriteFile(file, []byte(readUnit(t, "/usr/local/bin/svp", suite.Binary)), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(output), filepath.Base(brokerUnit)) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}

// The command line of the unit starts a broker, which a reload keeps and a stop
// ends well.
func TestExampleBrokerUnitRuns(t *testing.T) {
	t.Parallel()
	state, settings := t.TempDir(), t.TempDir()
	pack := tinyPack(t, nil)
	if err := os.Symlink(pack, filepath.Join(settings, "packs")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"key": strings.Repeat("2a", 32), "credentials": svptest.BrokerUsername + ":" + svptest.BrokerPassword,
	} {
		if err := os.WriteFile(filepath.Join(settings, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unit := readUnit(t, "\\\n", "", "/var/lib/svp-broker", state, "/etc/svp-broker", settings, "127.0.0.1:8080", "127.0.0.1:0")
	_, line, _ := strings.Cut(unit, "\nExecStart=/usr/local/bin/svp ")
	line, _, _ = strings.Cut(line, "\n")
	broker := suite.Start(t, svptest.Call{Args: strings.Fields(line)})
	said := func(text string, times int) {
		t.Helper()
		eventually(t, svptest.DefaultDeadline, text, func() bool { return strings.Count(broker.Stderr(), text) >= times })
	}
	said(`"the broker listens"`, 1)
	broker.Signal(syscall.SIGHUP)
	said(`"catalog read"`, 2)
	broker.Signal(syscall.SIGTERM)
	broker.Wait().Require(t, 0)
}
