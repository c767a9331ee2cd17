package integration

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// asks matches requests that change something, with that method and those words in
// their path.
func asks(method string, words ...string) func(svptest.GateRequest) bool {
	return func(r svptest.GateRequest) bool {
		return r.Method == method && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(r.Path, word) })
	}
}

// besideCase is two commands on one instance: the first is held at what it asks of
// Docker, under the lock, until the second waits for it.
type besideCase struct {
	down          bool // the instance, at first
	first, second string
	at            func(instance, id, container string) func(svptest.GateRequest) bool
	statuses      [2]int // the first may also have succeeded before the second came
	instance      string // afterwards: "same", "new" or "gone"
}

// Of commands that change an instance one is at work at a time, and the others
// wait. Whatever they do, the data is there or all of the instance is gone.
func TestBesideEachOther(t *testing.T) {
	t.Parallel()
	removeVolume := func(_, id, _ string) func(svptest.GateRequest) bool {
		return asks(http.MethodDelete, "/volumes/svp-"+id)
	}
	removeContainer := func(_, _, container string) func(svptest.GateRequest) bool {
		return asks(http.MethodDelete, "/containers/"+container)
	}
	createContainer := func(instance, _, _ string) func(svptest.GateRequest) bool {
		return asks(http.MethodPost, "/containers/create?", "name=svp-"+instance)
	}
	stop := func(_, _, container string) func(svptest.GateRequest) bool {
		return asks(http.MethodPost, "/containers/"+container+"/stop")
	}
	nameRecord := func(_, id, _ string) func(svptest.GateRequest) bool { return asks(http.MethodPost, "/tag?", id) }
	for name, test := range map[string]besideCase{
		"up while it is destroyed":              {first: "destroy", second: "up", at: removeVolume, instance: "new"},
		"up while it is destroyed, and is down": {down: true, first: "destroy", second: "up", at: removeVolume, instance: "new"},
		"started while it is destroyed":         {down: true, first: "destroy", second: "start", at: removeVolume, statuses: [2]int{0, 4}, instance: "gone"},
		"destroyed twice":                       {first: "destroy", second: "destroy", at: removeVolume, statuses: [2]int{0, 4}, instance: "gone"},
		"destroyed while it starts":             {down: true, first: "start", second: "destroy", at: createContainer, statuses: [2]int{4, 0}, instance: "gone"},
		"destroyed while it is updated":         {first: "update", second: "destroy", at: nameRecord, instance: "gone"},
		"updated while it is destroyed":         {first: "destroy", second: "update", at: removeVolume, statuses: [2]int{0, 4}, instance: "gone"},
		"started twice":                         {down: true, first: "start", second: "start", at: createContainer, instance: "same"},
		"up while it starts":                    {down: true, first: "start", second: "up", at: createContainer, instance: "same"},
		"started while it goes down":            {first: "down", second: "start", at: removeContainer, instance: "same"},
		"restarted twice":                       {first: "restart", second: "restart", at: stop, instance: "same"},
		"updated while it stops":                {first: "stop", second: "update", at: stop, instance: "same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			besideEachOther(t, test)
		})
	}
}

func besideEachOther(t *testing.T, test besideCase) {
	t.Helper()
	pack, instance := tinyPack(t, sized), newName(t)
	before := up(t, pack, instance).Env(t)
	data := func() string {
		t.Helper()
		return svp(t, "shell", instance, "--", "cat", "/srv/data/set-up").Require(t, 0).Stdout
	}
	dataBefore := data()
	info := svp(t, "info", instance, "--json")
	container, err := suite.Host.API.ContainerInspect(t.Context(), "svp-"+instance)
	change(t, err)
	if test.down {
		svp(t, "down", instance).Require(t, 0)
	}
	arguments := func(verb string) []string {
		switch verb {
		case "up":
			return []string{"up", pack, instance}
		case "destroy":
			return []string{"destroy", instance, "--yes"}
		case "update":
			return []string{"update", instance, "--parameter", "colour=green"}
		default:
			return []string{verb, instance}
		}
	}

	gate := suite.Gate(t)
	reached, release := gate.Hold(test.at(instance, field(t, info, "id"), container.ID))
	defer release()
	first := suite.Start(t, svptest.Call{Args: arguments(test.first), Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
	ended := make(chan svptest.Result, 1)
	go func() { ended <- first.Wait() }()
	select {
	case <-reached:
	case result := <-ended:
		t.Fatalf("it was not held: %s", result)
	}
	second := suite.Start(t, svptest.Call{Args: arguments(test.second)})
	eventually(t, time.Minute, "the second waits", func() bool { return strings.Contains(second.Stderr(), "waiting for it") })
	release()
	if result := <-ended; result.Status != 0 {
		result.Require(t, test.statuses[0])
	}
	second.Wait().Require(t, test.statuses[1])

	svp(t, "gc").Require(t, 0)
	if test.instance == "gone" {
		nothingLeft(t, pack, instance, "base")
		return
	}
	onlyInstance(t, pack, instance, 1, 1)
	isSame := test.instance == "same"
	if after := svp(t, "env", instance).Env(t); (after["URL"] == before["URL"]) != isSame {
		t.Errorf("it is not the %s instance: %v, before %v", test.instance, after, before)
	}
	if dataAfter := data(); (dataAfter == dataBefore) != isSame {
		t.Errorf("it has not the data of the %s instance: %q, before %q", test.instance, dataAfter, dataBefore)
	}
}

// Who waits for a service to be ready holds nobody up: it is stopped by whoever wants
// that, and who waited is told.
func TestStoppedWhileItIsWaitedFor(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/query":  query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/tiny ;;")["bin/query"],
		"bin/health": "#!/bin/sh\n[ ! -e /srv/tiny/slow ]\n",
	}), newName(t)
	up(t, pack, name).Require(t, 0)
	svp(t, "shell", name, "--", "touch", "/srv/tiny/slow").Require(t, 0)
	for _, verb := range []string{"stop", "down"} {
		svp(t, "stop", name).Require(t, 0)
		waiting := suite.Start(t, svptest.Call{Args: []string{"start", name}})
		eventually(t, time.Minute, "it is waited for", func() bool { return strings.Contains(waiting.Stderr(), "ready "+name+" started") })
		svp(t, verb, name).Require(t, 0)
		failure(t, waiting.Wait(), 5, "another command has stopped the instance")
		if state := field(t, svp(t, "info", name, "--json"), "state"); state == "running" {
			t.Errorf("after %s it is %s", verb, state)
		}
	}
}

// What an interrupted command takes back goes, also while another one has locked it.
func TestInterruptedWhileItIsLocked(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/query":  query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/tiny ;;")["bin/query"],
		"bin/health": "#!/bin/sh\nexit 1\n",
	}), newName(t)
	suite.DestroyAfter(t, name)
	maker := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, time.Minute, "it is waited for", func() bool { return strings.Contains(maker.Stderr(), "ready "+name+" started") })
	gate := suite.Gate(t)
	reached, release := gate.Hold(asks(http.MethodPost, "/stop"))
	defer release()
	stopper := suite.Start(t, svptest.Call{Args: []string{"stop", name}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
	<-reached
	maker.Signal(syscall.SIGINT)
	maker.Wait().Require(t, 130)
	release()
	stopper.Wait()
	svp(t, "gc").Require(t, 0)
	nothingLeft(t, pack, name, "base")
}

// A script whose instance ends under it has not failed by itself, and whoever ran it is
// told.
func TestEndedWhileAScriptRuns(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, nil), newName(t)
	suite.DestroyAfter(t, name)
	for _, verb := range []string{"stop", "down"} {
		svp(t, "up", pack, name).Require(t, 0)
		script := suite.Start(t, svptest.Call{Args: []string{"shell", name, "--", "sh", "-c", "echo begun; sleep 1000"}})
		eventually(t, time.Minute, "the script runs", func() bool { return strings.Contains(script.Stdout(), "begun") })
		svp(t, verb, name).Require(t, 0)
		failure(t, script.Wait(), 125, "it ended while the script ran")
	}
}

// A volume that somebody removes in the last moment is not replaced by an empty one.
func TestVolumeRemovedWhileItStarts(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, withVolume), newName(t)
	up(t, pack, name).Require(t, 0)
	info := svp(t, "info", name, "--json")
	svp(t, "down", name).Require(t, 0)
	gate := suite.Gate(t)
	reached, release := gate.Hold(asks(http.MethodPost, "/containers/create?", "name=svp-"+name))
	defer release()
	starter := suite.Start(t, svptest.Call{Args: []string{"start", name}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
	<-reached
	volumes := func() (names []string) {
		for _, object := range suite.List(t, name) {
			if object.Kind == "volume" && strings.Contains(object.Name, field(t, info, "id")) {
				names = append(names, object.Name)
			}
		}
		return names
	}
	for _, volume := range volumes() {
		change(t, suite.Host.API.VolumeRemove(t.Context(), volume, false))
	}
	release()
	failure(t, starter.Wait(), 5, "a volume of the instance is missing")
	if left := volumes(); len(left) > 0 {
		t.Errorf("an empty volume stays: %v", left)
	}
}
