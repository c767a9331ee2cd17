package integration

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// instances lists the instances that svp knows with that name.
func instances(t *testing.T, name string) []string {
	t.Helper()
	var list struct {
		Instances []struct{ Name, ID string }
	}
	decode(t, svp(t, "list", "--json"), &list)
	var ids []string
	for _, instance := range list.Instances {
		if instance.Name == name {
			ids = append(ids, instance.ID)
		}
	}
	return ids
}

// Several commands that bring up one name at the same moment make one instance,
// and all tell of that one.
func TestUpAtTheSameMoment(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2, 4} {
		for _, built := range []bool{false, true} {
			t.Run(strconv.Itoa(count)+" base there "+strconv.FormatBool(built), func(t *testing.T) {
				t.Parallel()
				pack, name := tinyPack(t, nil), newName(t)
				if built {
					svp(t, "build", "-b", pack, "-t", newName(t)).Require(t, 0)
				}
				suite.DestroyAfter(t, name)
				var processes []*svptest.Process
				for range count {
					processes = append(processes, suite.Start(t, svptest.Call{Args: []string{"up", pack, name}}))
				}
				first := processes[0].Wait().Require(t, 0)
				for _, process := range processes[1:] {
					if other := process.Wait().Require(t, 0); other.Stdout != first.Stdout {
						t.Errorf("two environments of one instance:\n%s\n%s", first, other)
					}
				}
				if ids := instances(t, name); len(ids) != 1 {
					t.Errorf("%d instances: %v", len(ids), ids)
				}
				if env := svp(t, "env", name).Require(t, 0); env.Stdout != first.Stdout {
					t.Errorf("what was printed is not the instance's:\n%s\n%s", first, env)
				}
				onlyInstance(t, pack, name, 1, 0)
			})
		}
	}
}

// onlyInstance checks that Docker has of the pack what a running instance needs
// and nothing else.
func onlyInstance(t *testing.T, pack, name string, containers, volumes int) {
	t.Helper()
	found := map[string]int{}
	objects := suite.List(t, filepath.Base(pack), name)
	for _, object := range objects {
		found[object.Kind+" "+object.Labels[svptest.LabelPhase]]++
	}
	want := map[string]int{"container instance": containers, "volume instance": volumes, "image instance": 1, "image base": 1}
	for kind, number := range want {
		if found[kind] != number {
			t.Errorf("%d of %s, want %d: %v", found[kind], kind, number, objects)
		}
		delete(found, kind)
	}
	if len(found) > 0 {
		t.Errorf("surplus: %v of %v", found, objects)
	}
}

// Instances that are made at the same moment have addresses and credentials of
// their own.
func TestManyAtTheSameMoment(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, nil)
	// A network that is not there yet, which each of them wants to make.
	network := suite.Network() + "-many"
	var processes []*svptest.Process
	for range 4 {
		name := newName(t)
		suite.DestroyAfter(t, name)
		processes = append(processes, suite.Start(t, svptest.Call{Args: []string{"up", pack, name, "--network", network}}))
	}
	addresses, tokens := map[string]bool{}, map[string]bool{}
	for _, process := range processes {
		env := process.Wait().Env(t)
		_, address, _ := strings.Cut(env["URL"], "@")
		addresses[address], tokens[env["TOKEN"]] = true, true
	}
	if len(tokens) != len(processes) || len(addresses) != len(processes) {
		t.Errorf("%d instances have %d tokens and %d addresses", len(processes), len(tokens), len(addresses))
	}
	networks, err := suite.Host.Objects(t.Context(), func(o svptest.Object) bool { return o.Name == network })
	if err != nil || len(networks) != 1 {
		t.Errorf("%d networks of one name: %v, %v", len(networks), networks, err)
	}
}

// field is a field of a JSON document that svp printed.
func field(t *testing.T, result svptest.Result, name string) string {
	t.Helper()
	var document map[string]any
	decode(t, result, &document)
	value, ok := document[name].(string)
	if !ok {
		t.Fatalf("no text %q: %s", name, result)
	}
	return value
}

// decode reads the JSON document that svp printed.
func decode(t *testing.T, result svptest.Result, document any) {
	t.Helper()
	result.Require(t, 0)
	if err := json.Unmarshal([]byte(result.Stdout), document); err != nil {
		t.Fatalf("no JSON document: %v: %s", err, result)
	}
}
