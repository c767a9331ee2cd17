package plan_test

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a plan with the file that records it.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make it with go test ./engine/plan -update)", err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("plan differs from %s (-want +got):\n%s", file, diff)
	}
}

func operation() plan.Operation {
	return plan.Operation{
		ID: "0123456789ab", Owner: "host/42/1000", Deadline: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func database() pack.Descriptor {
	return pack.Descriptor{
		Name: "database", Version: "1.2.0", Description: "A database", Tags: []string{"sql"}, Contract: 1,
		OS: pack.OS{Name: "debian", Version: "12"}, Secrets: []string{"DB_PASSWORD"},
		Ports:   []pack.Port{{Number: 5432, Protocol: "tcp"}},
		Volumes: []string{"/var/lib/database"}, ShmBytes: 256 << 20,
		Plans: []pack.Plan{
			{Name: "small", Limits: pack.Limits{MemoryBytes: 64 << 20, CPUs: 0.5}, Parameters: map[string]string{"connections": "20"}},
			{Name: "large", Limits: pack.Limits{MemoryBytes: 1 << 30, ShmBytes: 512 << 20}},
		},
		Scripts: map[string]bool{pack.ScriptClient: true, pack.ScriptHealth: true, pack.ScriptBackup: false},
		Digest:  "sha256:d1ge57",
	}
}

func service(t *testing.T, d pack.Descriptor, planName string) plan.Service {
	t.Helper()
	s, err := plan.NewService(d, planName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestABaseImageIsBuiltFromTheOSImageWithoutSecrets(t *testing.T) {
	base, err := plan.PlanBase(plan.BaseInput{
		Service: service(t, database(), ""), OSImage: driver.Image{ID: "sha256:05"}, Tag: "shop/database:1",
		Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "base", base)
}

func TestCertificateAuthoritiesAreMountedInBuilds(t *testing.T) {
	base, err := plan.PlanBase(plan.BaseInput{
		Service: service(t, database(), ""), OSImage: driver.Image{ID: "sha256:05"}, CAVolume: "authorities",
		Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "base-ca", base)
}

func TestFilesForTheBuildAreMountedAndNeedNoNetwork(t *testing.T) {
	base, err := plan.PlanBase(plan.BaseInput{
		Service: service(t, database(), ""), OSImage: driver.Image{ID: "sha256:05"}, Dependencies: true, Offline: true,
		Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "base-offline", base)
	golden(t, "filler", plan.PlanFiller(base))
}

func TestABaseImageIsReusedForTheSamePackOnTheSameOSImage(t *testing.T) {
	s := service(t, database(), "")
	labels := driver.Labels{
		driver.LabelPhase: driver.PhaseBase, driver.LabelPack: "database",
		driver.LabelPackDigest: "sha256:d1ge57", driver.LabelOSImage: "sha256:05",
	}
	for name, test := range map[string]struct {
		existing driver.Labels
		noCache  bool
		want     string
	}{
		"the same":            {existing: labels, want: "sha256:existing"},
		"without cache":       {existing: labels, noCache: true},
		"another pack digest": {existing: labels.With(driver.Labels{driver.LabelPackDigest: "sha256:other"})},
		"another OS image":    {existing: labels.With(driver.Labels{driver.LabelOSImage: "sha256:06"})},
		"an instance image":   {existing: labels.With(driver.Labels{driver.LabelPhase: driver.PhaseInstance})},
	} {
		t.Run(name, func(t *testing.T) {
			base, err := plan.PlanBase(plan.BaseInput{
				Service: s, OSImage: driver.Image{ID: "sha256:05"}, NoCache: test.noCache, Operation: operation(),
				Existing: []driver.Image{{ID: "sha256:existing", Labels: test.existing}},
			})
			if err != nil || base.Reuse != test.want {
				t.Errorf("reuse %q, %v; want %q", base.Reuse, err, test.want)
			}
		})
	}
}

func TestAnInstanceImageIsSetUpInAContainerOfItsOwn(t *testing.T) {
	setup, err := plan.PlanSetup(plan.SetupInput{
		Service: service(t, database(), "small"), Base: driver.Image{ID: "sha256:ba5e"}, Instance: "db", Tag: "shop/db:2", Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "setup", setup)
}

func identity() plan.Identity {
	return plan.Identity{
		Name: "shop", ID: "1d1d1d1d1d1d", Network: "svp", Address: netip.MustParseAddr("172.20.0.7"),
		Publish: []driver.PublishedPort{{
			HostIP: "127.0.0.1", HostPort: 15432, Container: driver.Port{Number: 5432, Protocol: "tcp"},
		}},
	}
}

func TestAFirstStartSetsUpInTheContainerThatBecomesTheService(t *testing.T) {
	instance, err := plan.PlanInstance(plan.InstanceInput{
		Service: service(t, database(), "small"), Identity: identity(), Image: "sha256:ba5e", Base: "sha256:ba5e",
		Operation: operation(), Token: "token",
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "first-start", instance)
}

func TestSeveralComponentsJoinAHolder(t *testing.T) {
	d := database()
	d.Components = []string{"database", "pooler"}
	instance, err := plan.PlanInstance(plan.InstanceInput{
		Service: service(t, d, "large"), Identity: identity(), Image: "sha256:1a57", Base: "sha256:ba5e", Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "components", instance)
}

func TestLabelsBringAServiceBack(t *testing.T) {
	want := service(t, database(), "large")
	labels, err := want.Labels()
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.ServiceFromLabels(labels.With(driver.Labels{driver.LabelDescription: want.Description}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("service from its labels (-want +got):\n%s", diff)
	}
	if _, err := plan.ServiceFromLabels(driver.Labels{}); err == nil {
		t.Error("a service was read from no labels")
	}
}

func TestAnUnknownPlanNamesThoseThatThereAre(t *testing.T) {
	_, err := plan.NewService(database(), "huge")
	if err == nil || err.Error() != `no plan "huge"; the pack has: small, large` {
		t.Errorf("NewService = %v", err)
	}
}

func TestOperationsAreReadBackFromLabels(t *testing.T) {
	got, ok := plan.OperationFromLabels(operation().Labels())
	if !ok || got != operation() {
		t.Errorf("OperationFromLabels = %+v, %v", got, ok)
	}
	if _, ok := plan.OperationFromLabels(nil); ok {
		t.Error("no labels made an operation")
	}
}

func TestAnInstanceThatPublishesNothingSaysSo(t *testing.T) {
	where := identity()
	where.Publish = nil
	instance, err := plan.PlanInstance(plan.InstanceInput{
		Service: service(t, database(), "small"), Identity: where, Image: "sha256:1a57", Base: "sha256:ba5e", Operation: operation(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, labels := range map[string]driver.Labels{"container": instance.Primary.Labels, "image": instance.Commit.Labels} {
		if published, said := labels[driver.LabelPublish]; !said || published != "" {
			t.Errorf("%s: published ports %q, %v: those of another instance's image would show", what, published, said)
		}
	}
}
