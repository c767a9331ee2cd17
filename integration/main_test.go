// Package integration tests the built binary against a real Docker host, as its
// users meet it.
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// suite is set before any test runs, and only read by them.
var suite *svptest.Suite

// parallelTests is how many tests run at once unless -parallel says otherwise:
// more than there are processors, because tests mostly wait for Docker.
const parallelTests = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err) //nolint:forbidigo // no test is there to say it
		status = 1
	}
	os.Exit(status) //nolint:forbidigo // the main of the tests
}

func run(m *testing.M) (status int, err error) {
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", parallelTests); err != nil {
			return 1, err
		}
	}
	suite, err = svptest.Setup(context.Background(), "..")
	defer func() {
		if closeErr := suite.Close(context.Background()); err == nil {
			err = closeErr
		}
	}()
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// svp runs svp with the arguments.
func svp(t testing.TB, args ...string) svptest.Result {
	t.Helper()
	return suite.Run(t, svptest.Call{Args: args})
}

// svpCall runs svp with more than arguments.
func svpCall(t testing.TB, call svptest.Call) svptest.Result {
	t.Helper()
	return suite.Run(t, call)
}

// up brings up an instance that goes when the test ends.
func up(t testing.TB, pack, name string, flags ...string) svptest.Result {
	t.Helper()
	return suite.Up(t, pack, name, flags...)
}

// newName is a name of this test's own for an instance, an image or a pack.
func newName(t testing.TB) string {
	t.Helper()
	return suite.Name(t)
}

// writePack writes a pack into a temporary folder.
func writePack(t testing.TB, files map[string]string) string {
	t.Helper()
	return suite.WritePack(t, files)
}

// eventually polls until the condition holds.
func eventually(t testing.TB, deadline time.Duration, what string, holds func() bool) {
	t.Helper()
	svptest.Eventually(t, deadline, what, holds)
}
