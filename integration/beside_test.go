package integration

import (
	"net/http"
	"slices"
	"strings"
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

// Of commands that change an instance one is at work at a time, and the others
// wait. Whatever they do, the data is there or all of the instance is gone.
func TestBesideEachOther(t *testing.T) {
	t.Parallel()
	create, stop := asks(http.MethodPost, "/containers/create?name=svp-"), asks(http.MethodPost, "/stop")
	removeContainer := asks(http.MethodDelete, "/containers/")
	removeVolume, tag := asks(http.MethodDelete, "/volumes/"), asks(http.MethodPost, "/tag")
	isLock := asks(http.MethodPost, "name=svp-lock-")
	createService := func(r svptest.GateRequest) bool { return create(r) && !isLock(r) }
	for name, test := range map[string]struct {
		down          bool // the instance, at first
		first, second string
		at            func(svptest.GateRequest) bool // where the first is held until the second waits
		statuses      []int                          // of the first and the second; the first may also be too late
		instance      string                         // afterwards: "same", "new" or "gone"
	}{
		"up while it is destroyed":              {first: "destroy", second: "up", at: removeVolume, instance: "new"},
		"up while it is destroyed, and is down": {down: true, first: "destroy", second: "up", at: removeVolume, instance: "new"},
		"started while it is destroyed":         {down: true, first: "destroy", second: "start", at: removeVolume, statuses: []int{0, 4}, instance: "gone"},
		"destroyed twice":                       {first: "destroy", second: "destroy", at: removeVolume, statuses: []int{0, 4}, instance: "gone"},
		"destroyed while it starts":             {down: true, first: "start", second: "destroy", at: createService, statuses: []int{4, 0}, instance: "gone"},
		"destroyed while it is updated":         {first: "update", second: "destroy", at: tag, instance: "gone"},
		"updated while it is destroyed":         {first: "destroy", second: "update", at: removeVolume, statuses: []int{0, 4}, instance: "gone"},
		"started twice":                         {down: true, first: "start", second: "start", at: createService, instance: "same"},
		"up while it starts":                    {down: true, first: "start", second: "up", at: createService, instance: "same"},
		"started while it goes down":            {first: "down", second: "start", at: removeContainer, instance: "same"},
		"restarted twice":                       {first: "restart", second: "restart", at: stop, instance: "same"},
		"updated while it stops":                {first: "stop", second: "update", at: stop, instance: "same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack, instance := tinyPack(t, sized), newName(t)
			before := up(t, pack, instance).Env(t)
			data := func() string {
				return svp(t, "shell", instance, "--", "cat", "/srv/data/set-up").Require(t, 0).Stdout
			}
			dataBefore := data()
			if test.down {
				svp(t, "down", instance).Require(t, 0)
			}
			arguments := map[string][]string{
				"up": {"up", pack, instance}, "destroy": {"destroy", instance, "--yes"},
				"update": {"update", instance, "--parameter", "colour=green"},
			}
			call := func(verb string) svptest.Call {
				if arguments[verb] == nil {
					return svptest.Call{Args: []string{verb, instance}}
				}
				return svptest.Call{Args: arguments[verb]}
			}
			gate := suite.Gate(t)
			reached, release := gate.Hold(test.at)
			defer release()
			held := call(test.first)
			held.Env = []string{"DOCKER_HOST=" + gate.Endpoint()}
			first := suite.Start(t, held)
			<-reached
			second := suite.Start(t, call(test.second))
			eventually(t, time.Minute, "the second waits", func() bool { return strings.Contains(second.Stderr(), "waiting for it") })
			release()
			statuses := test.statuses
			if statuses == nil {
				statuses = []int{0, 0}
			}
			if result := first.Wait(); result.Status != 0 {
				result.Require(t, statuses[0])
			}
			second.Wait().Require(t, statuses[1])

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
		})
	}
}
