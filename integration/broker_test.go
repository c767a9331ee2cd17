package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// osbTest is a test that shares a broker with others.
type osbTest func(t *testing.T, p *platform, packs osbPacks)

// osbPacks are the folders of the packs that the shared broker serves.
type osbPacks struct{ tiny, rigid, drain, broken string }

// osbTests are the tests of the specification that need no broker of their own.
var osbTests = map[string]osbTest{
	// Headers, authentication, errors.
	"version":        testVersionHeader,
	"identity":       testRequestIdentity,
	"originating":    testOriginatingIdentity,
	"authentication": testAuthentication,
	"paths":          testPaths,
	"opaque ids":     testOpaqueIDs,
	"bodies":         testBodies,
	"nonsense":       testNonsense,
	// Catalog management.
	"catalog": testCatalog,
	// Provisioning.
	"provision synchronously":  testProvisionSynchronously,
	"provision asynchronously": testProvisionAsynchronously,
	"provision again":          testProvisionAgain,
	"provision refused":        testProvisionRefused,
	"provision failed":         testProvisionFailed,
	"provision at once":        testProvisionAtOnce,
	"client gone":              testClientGone,
	"old clients":              testOldClients,
	// Updating.
	"update plan":       testUpdatePlan,
	"update parameters": testUpdateParameters,
	"update refused":    testUpdateRefused,
	"update held":       testUpdateHeld,
	"update usage":      testUpdateUsage,
	"update failed":     testUpdateFailed,
	// Binding.
	"bind":                testBind,
	"bind asynchronously": testBindAsynchronously,
	"bind refused":        testBindRefused,
	"bind failed":         testBindFailed,
	"bind at once":        testBindAtOnce,
	"rotation":            testRotation,
	"log drain":           testLogDrain,
	"not bindable":        testNotBindable,
	// Unbinding and deprovisioning.
	"unbind":      testUnbind,
	"deprovision": testDeprovision,
	"bound":       testDeprovisionBound,
	"destroyed":   testDestroyedElsewhere,
	"stopped":     testStoppedElsewhere,
}

// The specification, section by section, on one broker with packs that are quick.
// The doc comments of the tests name the sections; engine/broker/README.md lists
// what is demanded in them.
func TestBroker(t *testing.T) {
	t.Parallel()
	packs := osbPacks{
		tiny: brokerPack(t, brokerTiny), rigid: brokerPack(t, brokerRigid),
		drain: brokerPack(t, brokerDrain), broken: brokerPack(t, brokerBroken),
	}
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{packs.tiny, packs.rigid, packs.drain, packs.broken}})
	t.Run("group", func(t *testing.T) {
		for name, test := range osbTests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, p, packs)
			})
		}
	})
	p.requireSilence(t)
}

// The tests that the list of the specification's demands names are there, and none
// is missing in it.
func TestBrokerDemands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../engine/broker/README.md")
	change(t, err)
	named := map[string]bool{}
	for _, match := range regexp.MustCompile(`\*([a-z ]+)(/[a-z ]+)?\*`).FindAllStringSubmatch(string(text), -1) {
		named[match[1]] = true
		if osbTests[match[1]] == nil && match[1] != "italics" {
			t.Errorf("the list names the test %q, which is not there", match[1])
		}
	}
	for name := range osbTests {
		if !named[name] {
			t.Errorf("the list does not name the test %q", name)
		}
	}
	files, err := filepath.Glob("broker*_test.go")
	change(t, err)
	var sources []byte
	for _, file := range files {
		source, err := os.ReadFile(file)
		change(t, err)
		sources = append(sources, source...)
	}
	for _, match := range regexp.MustCompile("`(TestBroker[A-Za-z]+)`").FindAllSubmatch(text, -1) {
		if !bytes.Contains(sources, fmt.Appendf(nil, "func %s(", match[1])) {
			t.Errorf("the list names %s, which is not there", match[1])
		}
	}
}
