package integration

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/servicepack/svp/integration/svptest"
)

// withVolume and withComponents are versions of the tiny pack of which there is
// more that could be left behind.
var (
	withVolume = map[string]string{
		"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/tiny ;;")["bin/query"],
	}
	withComponents = map[string]string{
		"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/tiny ;; components) echo web; echo worker ;;")["bin/query"],
	}
)

// However early or late svp is killed, the same command then succeeds, and gc
// leaves nothing but the instance.
func TestKilled(t *testing.T) {
	t.Parallel()
	const moments = 20
	whole := timeOfUp(t)
	for moment := range moments {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			t.Parallel()
			files, containers := withVolume, 1
			if moment%2 == 1 {
				files, containers = withComponents, 3
			}
			pack, name := tinyPack(t, files), newName(t)
			suite.DestroyAfter(t, name)
			process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
			killAt := time.NewTimer(whole * time.Duration(moment+1) / moments)
			<-killAt.C
			process.Signal(syscall.SIGKILL)
			process.Wait()

			env := svp(t, "up", pack, name).Env(t)
			if len(env["TOKEN"]) != 32 {
				t.Errorf("a token of %d characters", len(env["TOKEN"]))
			}
			svp(t, "gc").Require(t, 0)
			onlyInstance(t, pack, name, containers, 1)
			token := svp(t, "shell", name, "--", "cat", "/srv/tiny/token").Require(t, 0)
			if token.Stdout != env["TOKEN"] {
				t.Errorf("the instance was set up with another token: %s", token)
			}
			svp(t, "destroy", name, "--yes").Require(t, 0)
			svp(t, "gc").Require(t, 0)
			nothingLeft(t, pack, name, "base")
		})
	}
}

// timeOfUp measures how long svp up takes, other tests running beside it.
func timeOfUp(t *testing.T) time.Duration {
	t.Helper()
	return up(t, tinyPack(t, withVolume), newName(t)).Require(t, 0).Elapsed
}

// An engine finishes making a container whose client is gone, maybe after the
// next command has swept away the mark that told of a half-made instance.
func TestKilledDuringCreate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pack, name, late := tinyPack(t, withVolume), newName(t), newName(t)
	suite.DestroyAfter(t, name)
	suite.DestroyAfter(t, late)
	svp(t, "up", pack, name).Require(t, 0)
	id := instances(t, name)[0]
	made, err := suite.Host.API.ContainerInspect(ctx, "svp-"+name)
	if err != nil {
		t.Fatal(err)
	}
	anew := strings.NewReplacer(name, late, id, "1a7e1a7e1a7e")
	relabel := func(labels map[string]string) {
		for key, value := range labels {
			labels[key] = anew.Replace(value)
		}
	}
	relabel(made.Config.Labels)
	mounts := made.HostConfig.Mounts
	for i := range mounts {
		mounts[i].Source = anew.Replace(mounts[i].Source)
		relabel(mounts[i].VolumeOptions.Labels)
	}
	_, err = suite.Host.API.ContainerCreate(ctx, made.Config, &container.HostConfig{Mounts: mounts}, nil, nil, "svp-"+late)
	if err != nil {
		t.Fatal(err)
	}

	svp(t, "info", late).Require(t, 4)
	svp(t, "up", pack, late).Require(t, 0)
	svp(t, "destroy", late, "--yes").Require(t, 0)
	svp(t, "gc").Require(t, 0)
	onlyInstance(t, pack, name, 1, 1)
}

// An engine finishes a commit whose client is gone; the image must not come up
// as a second instance of the name.
func TestKilledDuringCommit(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/build": "#!/bin/sh\n[ $1 = setup ] || exit 0\nhead -c 150000000 /dev/urandom >/srv/large\necho about to be committed\n",
	}), newName(t)
	svp(t, "build", "-b", pack, "-t", newName(t)).Require(t, 0)
	suite.DestroyAfter(t, name)
	process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, time.Minute, "set-up ends", func() bool { return strings.Contains(process.Stderr(), "about to be committed") })
	wait := time.NewTimer(100 * time.Millisecond)
	<-wait.C
	process.Signal(syscall.SIGKILL)
	process.Wait()

	env := svp(t, "up", pack, name).Env(t)
	eventually(t, time.Minute, "gc has removed the first image, when it is there at last", func() bool {
		svp(t, "gc").Require(t, 0)
		return len(suite.List(t, name)) == 2
	})
	onlyInstance(t, pack, name, 1, 0)
	if ids := instances(t, name); len(ids) != 1 {
		t.Errorf("%d instances of one name: %v", len(ids), ids)
	}
	if now := svp(t, "env", name).Env(t); now["TOKEN"] != env["TOKEN"] {
		t.Errorf("the token has changed from %q to %q", env["TOKEN"], now["TOKEN"])
	}
	svp(t, "destroy", name, "--yes").Require(t, 0)
	complaint(t, svp(t, "info", name), 4, name)
}

// Who waits for an instance that another process makes waits for the instance, and
// not for the end of the process: that of a broker goes on.
func TestUpWaitsForAnInstanceAndNotForItsMaker(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/build": "#!/bin/sh\n[ $1 = setup ] || exit 0\necho begun\n",
	}), newName(t)
	svp(t, "build", "-b", pack, "-t", newName(t)).Require(t, 0)
	suite.DestroyAfter(t, name)
	gate, stopped := suite.Gate(t), make(chan struct{})
	// However slow the other one is, it comes while the instance is half made.
	_, commit := gate.Hold(asks(http.MethodPost, "/commit?"))
	defer commit()
	maker := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
	eventually(t, time.Minute, "the set-up is at work", func() bool { return strings.Contains(maker.Stderr(), "begun") })
	waiting := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, time.Minute, "the other waits", func() bool { return strings.Contains(waiting.Stderr(), "waiting for it") })
	gate.Intercept(func(r svptest.GateRequest) bool {
		if r.Method == http.MethodDelete && strings.Contains(r.Path, "/volumes/svp-making-") {
			maker.Signal(syscall.SIGSTOP)
			close(stopped)
		}
		return true
	})
	commit()
	waited := waiting.Wait().Require(t, 0)
	<-stopped
	maker.Signal(syscall.SIGCONT)
	made := maker.Wait().Require(t, 0)
	if waited.Stdout != made.Stdout {
		t.Errorf("who waited tells of another instance: %s", waited)
	}
}

// What svp setup committed and did not come to name holds the secrets of nobody.
func TestSetupKilledBeforeItsImageHasAName(t *testing.T) {
	t.Parallel()
	pack, base := tinyPack(t, nil), newName(t)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	gate, reached, killed := suite.Gate(t), make(chan struct{}), make(chan struct{})
	gate.Intercept(func(r svptest.GateRequest) bool {
		if !strings.Contains(r.Path, "/tag") {
			return true
		}
		close(reached)
		<-killed
		return false
	})
	image := newName(t)
	process := suite.Start(t, svptest.Call{
		Args: []string{"setup", "-b", pack, "-i", base, "-t", image}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()},
	})
	images := func() (found int) {
		for _, object := range suite.List(t, filepath.Base(pack)) {
			if object.Kind == "image" && object.Labels[svptest.LabelPhase] == "instance" {
				found++
			}
		}
		return found
	}
	<-reached
	// Once its maker is dead, the svp of any other test sweeps it.
	if found := images(); found != 1 {
		t.Fatalf("%d images were committed, want one without a name", found)
	}
	process.Signal(syscall.SIGKILL)
	process.Wait()
	close(killed)
	svp(t, "setup", "-b", pack, "-i", base, "-t", image).Require(t, 0)
	if found := images(); found != 1 {
		t.Errorf("%d images are there, want the new one alone", found)
	}
	// An image that loses its name to another goes as well, unless it is in use.
	name := newName(t)
	svp(t, "run", "-i", image, "-n", name, "-p", "8080").Require(t, 0)
	svp(t, "setup", "-b", pack, "-i", base, "-t", image).Require(t, 0)
	svp(t, "gc").Require(t, 0)
	svp(t, "restart", name).Require(t, 0)
	svp(t, "destroy", name, "--yes").Require(t, 0)
	svp(t, "gc").Require(t, 0)
	if found := images(); found != 1 {
		t.Errorf("%d images are there in the end, want the last one alone", found)
	}
}

// Ctrl-C ends a command at once, and nothing is left of what it was making.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	const hang = "#!/bin/sh\n[ $1 = PHASE ] || exit 0\ntrap '' INT\necho begun\nwhile :; do sleep 1; done\n"
	for _, test := range []struct {
		name  string
		files map[string]string
	}{
		{"build", map[string]string{"bin/build": strings.ReplaceAll(hang, "PHASE", "base")}},
		{"setup", map[string]string{"bin/build": strings.ReplaceAll(hang, "PHASE", "setup")}},
		{"waiting", map[string]string{"bin/build": "#!/bin/sh\necho begun $1\n", "bin/health": "#!/bin/sh\nexit 1\n"}},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(test.name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				pack, name := tinyPack(t, test.files), newName(t)
				suite.DestroyAfter(t, name)
				process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
				eventually(t, 30*time.Second, "it is at work", func() bool { return atWork(t, test.name, pack, process) })
				begun := time.Now()
				process.Signal(signal)
				result := process.Wait()
				complaint(t, result, 130, "interrupted")
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("it took %v to stop", took)
				}
				nothingLeft(t, pack, name, "base")
				for _, object := range suite.List(t, filepath.Base(pack), name) {
					if test.name == "build" {
						t.Errorf("a half-made image is tagged: %v", object)
					}
				}
			})
		}
	}
}

// atWork tells that svp is in the middle of the phase.
func atWork(t *testing.T, phase, pack string, process *svptest.Process) bool {
	t.Helper()
	if phase != "waiting" {
		return strings.Contains(process.Stderr(), "begun")
	}
	for _, object := range suite.List(t, filepath.Base(pack)) {
		if object.Kind == "image" && object.Labels[svptest.LabelPhase] == "instance" {
			return true
		}
	}
	return false
}

// One signal that comes twice, as `timeout` and terminals send it, is one.
func TestSignalThatComesTwice(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{"bin/build": "#!/bin/sh\necho begun\nsleep 600\n"}), newName(t)
	process := suite.Start(t, svptest.Call{Args: []string{"up", pack, name}})
	eventually(t, 30*time.Second, "the build is at work", func() bool { return strings.Contains(process.Stderr(), "begun") })
	process.Signal(syscall.SIGTERM)
	process.Signal(syscall.SIGTERM)
	complaint(t, process.Wait(), 130, "interrupted")
	nothingLeft(t, pack, name)
}

// Who makes a network makes another one first, to learn a free subnet, and leaves that
// when it is killed.
func TestGCRemovesHalfMadeNetworks(t *testing.T) {
	t.Parallel()
	name := "svp-probe-" + newName(t)
	labels := map[string]string{"org.servicepack.phase": "instance"}
	_, err := suite.Host.API.NetworkCreate(t.Context(), name, network.CreateOptions{Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := suite.Host.API.NetworkRemove(context.WithoutCancel(t.Context()), name); err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	})
	svp(t, "gc").Require(t, 0)
	if _, err := suite.Host.API.NetworkInspect(t.Context(), name, network.InspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("svp gc leaves a half-made network: %v", err)
	}
}

// A destroy that was killed at any moment is repeated, and nothing of it is in the way
// of an instance of that name.
func TestKilledWhileDestroying(t *testing.T) {
	t.Parallel()
	const changes = 13 // more than it asks Docker, or Podman, for
	for moment := range changes {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			t.Parallel()
			pack, name := tinyPack(t, withVolume), newName(t)
			up(t, pack, name).Require(t, 0)
			gate, asked := suite.Gate(t), atomic.Int32{}
			reached, killed := make(chan struct{}), make(chan struct{})
			var locked atomic.Bool // what it did before was to sweep up after others
			gate.Intercept(func(r svptest.GateRequest) bool {
				if strings.Contains(r.Path, "name=svp-lock-") {
					locked.Store(true)
				}
				if !locked.Load() || r.Method == http.MethodGet || int(asked.Add(1)) != moment+1 {
					return true
				}
				close(reached)
				<-killed
				return false
			})
			process := suite.Start(t, svptest.Call{Args: []string{"destroy", name, "--yes"}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
			ended := make(chan svptest.Result, 1)
			go func() { ended <- process.Wait() }()
			select {
			case <-reached:
				process.Signal(syscall.SIGKILL)
				<-ended
				if moment == changes-1 {
					t.Errorf("it asks for more than %d changes: raise the number", moment)
				}
			case result := <-ended:
				result.Require(t, 0)
			}
			close(killed)

			// The lock of who was killed keeps nobody waiting.
			if stopped := svp(t, "stop", name); stopped.Status != 0 {
				complaint(t, stopped, 4, name)
			}
			if next := svp(t, "up", pack, name); next.Status != 0 {
				// Its data is gone.
				complaint(t, next, 5, name, "a volume of the instance is missing")
				svp(t, "destroy", name, "--yes").Require(t, 0)
				svp(t, "up", pack, name).Require(t, 0)
			}
			svp(t, "gc").Require(t, 0)
			onlyInstance(t, pack, name, 1, 1)
		})
	}
}
