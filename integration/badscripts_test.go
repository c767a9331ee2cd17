package integration

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/servicepack/svp/integration/svptest"
)

var logPath = regexp.MustCompile(`(?m)^whole output: (.+)$`)

func TestBuildScriptFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script, says string
	}{
		{"exits 3 halfway", `echo half >/srv/half; echo on the way; echo not well >&2; exit 3`, "status 3"},
		{"is killed", `echo on the way; echo not well >&2; sh -c 'kill -9 $$'`, "signal 9"},
	} {
		for _, phase := range []string{"base", "setup"} {
			t.Run(phase+" "+test.name, func(t *testing.T) {
				t.Parallel()
				pack, name := tinyPack(t, map[string]string{
					"bin/build": "#!/bin/sh\n[ $1 = " + phase + " ] || exit 0\n" + test.script + "\n",
				}), newName(t)
				result := up(t, pack, name)
				complaint(t, result, 1, "bin/build "+phase, test.says)
				for _, line := range []string{"on the way", "not well"} {
					if !strings.Contains(result.Stderr, line) {
						t.Errorf("the last lines of the script are not shown: %s", result)
					}
				}
				match := logPath.FindStringSubmatch(result.Stderr)
				if match == nil {
					t.Fatalf("no log is named: %s", result)
				}
				log, err := os.ReadFile(match[1])
				if err != nil || !strings.Contains(string(log), "on the way") {
					t.Errorf("the log is not whole: %v, %q", err, log)
				}
				if phase == "base" {
					nothingLeft(t, pack, name)
				} else {
					nothingLeft(t, pack, name, "base")
				}
			})
		}
	}
}

func TestStepsFail(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, map[string]string{
		"bin/build": "#!/bin/sh\n[ $1 = base ] && [ ! -e fail-base ] || exit 3\n",
	})
	base, instance := newName(t), newName(t)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	complaint(t, svp(t, "setup", "-b", pack, "-i", base, "-t", instance), 1, "bin/build setup", "status 3")
	nothingLeft(t, pack, instance, "base")
	complaint(t, svp(t, "run", "-i", instance), 4, instance)

	// A build that fails takes nothing away that there was before.
	change(t, os.WriteFile(filepath.Join(pack, "fail-base"), nil, 0o600))
	before := suite.List(t, filepath.Base(pack))
	complaint(t, svp(t, "build", "-b", pack, "-t", base), 1, "bin/build base", "status 3")
	if after := suite.List(t, filepath.Base(pack)); len(after) != len(before) {
		t.Errorf("a failed build changed what is there from %v to %v", before, after)
	}
}

func TestBuildKilledFromOutside(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{"bin/build": "#!/bin/sh\necho begun\nexec sleep 3600\n"}), newName(t)
	suite.DestroyAfter(t, name)
	process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, 30*time.Second, "the build runs", func() bool { return strings.Contains(process.Stderr(), "begun") })
	for _, object := range suite.List(t, filepath.Base(pack)) {
		if object.Kind == "container" {
			change(t, suite.Host.API.ContainerKill(context.Background(), object.ID, "KILL"))
		}
	}
	complaint(t, process.Wait(), 1, "bin/build base", "signal 9")
	nothingLeft(t, pack, name)
}

func TestBuildContainerRemovedFromOutside(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{"bin/build": "#!/bin/sh\necho begun\nexec sleep 3600\n"}), newName(t)
	suite.DestroyAfter(t, name)
	process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, 30*time.Second, "the build runs", func() bool { return strings.Contains(process.Stderr(), "begun") })
	for _, object := range suite.List(t, filepath.Base(pack)) {
		if object.Kind == "container" {
			change(t, suite.Host.API.ContainerRemove(context.Background(), object.ID, container.RemoveOptions{Force: true}))
		}
	}
	complaint(t, process.Wait(), 1)
	nothingLeft(t, pack, name)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	const slow = "#!/bin/sh\n[ $1 = PHASE ] || exit 0\necho begun\ntrap '' TERM\nwhile :; do sleep 1; done\n"
	for _, phase := range []string{"base", "setup"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			pack := tinyPack(t, map[string]string{"bin/build": strings.ReplaceAll(slow, "PHASE", phase)})
			name := newName(t)
			result := up(t, pack, name, "--timeout", "4s")
			complaint(t, result, 6, name, "time limit", "4s")
			// The rest is for a busy machine; without a limit it would hang for ever.
			if result.Elapsed > 30*time.Second {
				t.Errorf("it took %v to give up after 4 s", result.Elapsed)
			}
			nothingLeft(t, pack, name, "base")
		})
	}
}

// What a set-up leaves running is no part of the service.
func TestSetupLeavesProcesses(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/build": "#!/bin/sh\n[ $1 = setup ] || exit 0\nsleep 43210 &\nsetsid sleep 43210 &\nsleep 0.3\n",
	}), newName(t)
	up(t, pack, name).Require(t, 0)
	processes := svp(t, "shell", name, "--", "sh", "-c", "cat /proc/[0-9]*/cmdline").Require(t, 0).Stdout
	if strings.Contains(processes, "43210") || !strings.Contains(processes, "perl") {
		t.Errorf("these processes run: %q", processes)
	}
}

func TestRunExitsAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
	}{
		{"nothing to wait for", map[string]string{"bin/health": ""}},
		{"health", map[string]string{"bin/health": "#!/bin/sh\nexit 1\n"}},
		{"port", map[string]string{"bin/health": "", "bin/query": query("ports) echo 8080 ;;")["bin/query"]}},
		{"components", map[string]string{"bin/query": query("components) echo web; echo worker ;;")["bin/query"],
			"bin/health": "#!/bin/sh\n[ $1 = web ]\n",
			"bin/run": "#!/bin/sh\n" +
				"if [ $1 = worker ]; then echo cannot work; exit 9; fi\n" + idle}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"bin/run": "#!/bin/sh\necho cannot work\nexit 9\n"}
			for path, content := range test.files {
				files[path] = content
			}
			pack, name := tinyPack(t, files), newName(t)
			result := up(t, pack, name)
			complaint(t, result, 1, name, "bin/run", "status 9")
			if !strings.Contains(result.Stderr, "cannot work") {
				t.Errorf("what the service said is not shown: %s", result)
			}
			if result.Elapsed > 20*time.Second {
				t.Errorf("it took %v to notice", result.Elapsed)
			}
			nothingLeft(t, pack, name, "base")
		})
	}
}

func TestNeverReady(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
		words string
	}{
		{"health", map[string]string{"bin/health": "#!/bin/sh\necho still warming up\nexit 1\n"}, "still warming up"},
		{"port", map[string]string{"bin/health": "", "bin/query": query("ports) echo 8080 ;;")["bin/query"]}, ""},
		{"one of two components", map[string]string{"bin/query": query("components) echo web; echo worker ;;")["bin/query"],
			"bin/health": "#!/bin/sh\n[ $1 = web ] || { echo still warming up; exit 1; }\n"}, "still warming up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pack, name := tinyPack(t, test.files), newName(t)
			result := up(t, pack, name, "--timeout", "20s")
			complaint(t, result, 6, name, "time limit", "20s")
			if !strings.Contains(result.Stderr, test.words) {
				t.Errorf("what the health script said is not shown: %s", result)
			}
			if result.Elapsed > 30*time.Second {
				t.Errorf("it took %v to give up after 5 s", result.Elapsed)
			}
			nothingLeft(t, pack, name, "base")
		})
	}
}

func TestExistsAlready(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, nil), newName(t)
	before := up(t, pack, name).Env(t)
	base, instance := newName(t), newName(t)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	svp(t, "setup", "-b", pack, "-i", base, "-t", instance).Require(t, 0)
	complaint(t, svp(t, "run", "-i", instance, "-n", name), 5, name, "exists")

	other := tinyPack(t, nil)
	complaint(t, svp(t, "up", other, name), 5, name, "exists", filepath.Base(pack))
	complaint(t, svp(t, "destroy", name), 5, name)

	if after := svp(t, "env", name).Env(t); after["TOKEN"] != before["TOKEN"] || after["URL"] != before["URL"] {
		t.Errorf("the instance has changed from %v to %v", before, after)
	}
}
