package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/servicepack/svp/integration/svptest"
)

// sized is a pack with plans, which writes down how it was started. It does not
// start in size 13.
var sized = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; ports) echo 8080 ;; volumes) echo /srv/data ;;" +
		" env) echo URL=x://app:$TOKEN@%IP:%PORT_8080 ;;")["bin/query"],
	"bin/build": "#!/bin/sh\nmkdir -p /srv/data\n[ $1 = base ] || date +%s%N >/srv/data/set-up\n",
	"bin/run": "#!/bin/sh\n[ \"$PLAN_SIZE\" != 13 ] || exit 3\n" +
		serve("0.0.0.0:8080", `"$ENV{SVP_PLAN} $ENV{PLAN_SIZE} $ENV{PLAN_COLOUR} $ENV{TOKEN}\n"`),
	"bin/health": "",
	"bin/usage":  "#!/bin/sh\ncat /srv/data/used 2>/dev/null || echo 4096\n",
	"servicepack.yaml": `plans:
- {name: small, limits: {memory: 64m, storage: 1g}, parameters: {size: "1", colour: red}}
- {name: large, limits: {memory: 128m, cpus: 0.5}, parameters: {size: "2"}}
- {name: full, limits: {storage: 4k}}
- {name: tight, limits: {storage: 4095}}
`,
}

// standing is an instance as its users see it.
type standing struct {
	ID, Plan, Address, Created, State string
	Published                         []string
	UsageBytes                        *int64 `json:"usage_bytes"`
	Components                        []struct{ Container string }
}

func standingOf(t *testing.T, name string) standing {
	t.Helper()
	var info standing
	decode(t, svp(t, "info", name, "--json"), &info)
	return info
}

// memoryOf is the limit that Docker holds a container to.
func memoryOf(t *testing.T, name string) int64 {
	t.Helper()
	inspect, err := suite.Host.API.ContainerInspect(t.Context(), name)
	change(t, err)
	return inspect.HostConfig.Memory
}

func requireAnswer(t *testing.T, env map[string]string, want string) {
	t.Helper()
	address := env["URL"][strings.LastIndex(env["URL"], "@")+1:]
	if got := ask(t, address); got != want+" "+env["TOKEN"]+"\n" {
		t.Errorf("it answers %q, want %q", got, want)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	env := up(t, pack, name, "-p", "8080", "--parameter", "COLOUR=blue", "--parameter", "taste=a=b c").Env(t)
	requireAnswer(t, env, "small 1 blue")
	before := standingOf(t, name)
	setUp := svp(t, "shell", name, "--", "cat", "/srv/data/set-up").Require(t, 0).Stdout
	update := func(flags ...string) svptest.Result {
		t.Helper()
		result := svp(t, append([]string{"update", name, "-b", pack}, flags...)...).Require(t, 0)
		if result.Stdout != "" {
			t.Errorf("update prints a result: %s", result)
		}
		return result
	}
	same := func() {
		t.Helper()
		if now := svp(t, "env", name).Env(t); fmt.Sprint(now) != fmt.Sprint(env) {
			t.Errorf("the environment was %v and is %v", env, now)
		}
		now := standingOf(t, name)
		if now.ID != before.ID || now.Address != before.Address || now.Created != before.Created || fmt.Sprint(now.Published) != fmt.Sprint(before.Published) {
			t.Errorf("the instance was %+v and is %+v", before, now)
		}
		if now := svp(t, "shell", name, "--", "cat", "/srv/data/set-up").Require(t, 0).Stdout; now != setUp {
			t.Errorf("the data has changed: %q, then %q", setUp, now)
		}
	}

	update("--plan", "large")
	requireAnswer(t, env, "large 2 blue")
	same()
	if taste := svp(t, "shell", name, "--", "printenv", "PLAN_TASTE").Require(t, 0).Stdout; taste != "a=b c\n" {
		t.Errorf("the parameter is %q", taste)
	}
	if plan, memory := standingOf(t, name).Plan, memoryOf(t, "svp-"+name); plan != "large" || memory != 128<<20 {
		t.Errorf("it is in plan %s with %d bytes of memory", plan, memory)
	}
	container := containerID(t, name)
	if result := update("--plan", "large"); !strings.Contains(result.Stderr, "nothing was changed") || containerID(t, name) != container {
		t.Errorf("the same update changed something: %s", result)
	}
	update("--parameter", "size=7")
	requireAnswer(t, env, "large 7 blue")
	svp(t, "down", name).Require(t, 0)
	update("--parameter", "SIZE=8")
	requireAnswer(t, env, "large 8 blue")
	update("--plan", "small")
	requireAnswer(t, env, "small 8 blue")
	same()
	svp(t, "down", name).Require(t, 0)
	svp(t, "start", name).Require(t, 0)
	requireAnswer(t, env, "small 8 blue")
	svp(t, "destroy", name, "--yes").Require(t, 0)
	nothingLeft(t, pack, name, "base")
}

func TestUpdateOfComponents(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"bin/query":        query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/tiny ;; components) echo web; echo worker ;;")["bin/query"],
		"servicepack.yaml": "plans: [{name: small, parameters: {size: 1}}, {name: large, limits: {memory: 96m}, parameters: {size: 2}}]\n",
	}
	pack, name := tinyPack(t, files), newName(t)
	env := up(t, pack, name).Env(t)
	svp(t, "update", name, "-b", pack, "--plan", "large").Require(t, 0)
	for _, component := range standingOf(t, name).Components {
		size := svp(t, "shell", "-c", component.Container, "--", "printenv", "SVP_PLAN", "PLAN_SIZE", "TOKEN").Require(t, 0).Stdout
		if size != "large\n2\n"+env["TOKEN"]+"\n" || memoryOf(t, component.Container) != 96<<20 {
			t.Errorf("%s sees %q and has %d bytes of memory", component.Container, size, memoryOf(t, component.Container))
		}
	}
	svp(t, "gc").Require(t, 0)
	if state := standingOf(t, name).State; state != "running" {
		t.Errorf("it is %s", state)
	}
}

// An instance of an image that svp setup made shares it with others.
func TestUpdateOfOneOfSeveralOfAnImage(t *testing.T) {
	t.Parallel()
	pack, base, image, name, other := tinyPack(t, sized), newName(t), newName(t), newName(t), newName(t)
	suite.DestroyAfter(t, name)
	suite.DestroyAfter(t, other)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	svp(t, "setup", "-b", pack, "-i", base, "-t", image).Require(t, 0)
	env := svp(t, "run", "-i", image, "-n", name).Env(t)
	others := svp(t, "run", "-i", image, "-n", other).Env(t)
	svp(t, "update", name, "-b", pack, "--plan", "large").Require(t, 0)
	for _, of := range []string{name, other} {
		svp(t, "down", of).Require(t, 0)
		svp(t, "start", of).Require(t, 0)
	}
	requireAnswer(t, env, "large 2 ")
	requireAnswer(t, others, "small 1 red")
}

// failure checks that svp failed with that status and said why, whatever it told
// of besides.
func failure(t *testing.T, result svptest.Result, status int, words ...string) {
	t.Helper()
	result.Require(t, status)
	for _, word := range words {
		if !strings.Contains(result.Stderr, word) {
			t.Errorf("the complaint lacks %q: %s", word, result)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	env := up(t, pack, name, "--plan", "large").Env(t)
	fixed := strings.ReplaceAll(sized["servicepack.yaml"], "plans:", "name: "+filepath.Base(pack)+"\nplan_updateable: false\nplans:")
	fixedPack := tinyPack(t, map[string]string{"servicepack.yaml": fixed})
	for _, test := range []struct {
		args   []string
		status int
		words  []string
	}{
		{[]string{name}, 2, []string{"nothing is to change"}},
		{[]string{name, "--plan", "huge", "-b", pack}, 2, []string{`"huge"`, "small, large"}},
		{[]string{name, "--parameter", "size"}, 2, []string{"size"}},
		{[]string{name, "--parameter", "a-b=1"}, 2, []string{"a-b"}},
		{[]string{name, "--parameter", "size=1", "--parameter", "SIZE=2"}, 2, []string{"size"}},
		{[]string{newName(t), "--plan", "small", "-b", pack}, 4, []string{"no such instance"}},
		{[]string{name, "--plan", "small"}, 4, []string{filepath.Base(pack)}},
		{[]string{name, "--plan", "small", "-b", tinyPack(t, sized)}, 5, []string{"another pack"}},
		{[]string{name, "--plan", "small", "-b", fixedPack}, 5, []string{"cannot be changed"}},
		{[]string{name, "--plan", "tight", "-b", pack}, 5, []string{"4096", "4095"}},
	} {
		failure(t, svp(t, append([]string{"update"}, test.args...)...), test.status, test.words...)
		requireAnswer(t, env, "large 2 ")
	}
	svp(t, "update", name, "--plan", "full", "-b", pack).Require(t, 0)
	svp(t, "update", name, "--plan", "large", "-b", pack).Require(t, 0)
	svp(t, "stop", name).Require(t, 0)
	failure(t, svp(t, "update", name, "--plan", "tight", "-b", pack), 5, "not running")
}

// A plan in which the service does not start is left again.
func TestUpdateThatFailsIsTakenBack(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	env := up(t, pack, name).Env(t)
	failure(t, svp(t, "update", name, "--plan", "large", "-b", pack, "--parameter", "size=13"), 1, "bin/run", "status 3")
	requireAnswer(t, env, "small 1 red")
	if plan := standingOf(t, name).Plan; plan != "small" {
		t.Errorf("it is in plan %s", plan)
	}
	svp(t, "down", name).Require(t, 0)
	failure(t, svp(t, "update", name, "--parameter", "size=13"), 1, "bin/run", "status 3")
	if now := standingOf(t, name); now.State != "down" {
		t.Errorf("it was down and is %s", now.State)
	}
	svp(t, "start", name).Require(t, 0)
	requireAnswer(t, env, "small 1 red")
	svp(t, "destroy", name, "--yes").Require(t, 0)
	nothingLeft(t, pack, name, "base")
}

// However early or late an update is killed, the instance is in the one plan or in
// the other, as soon as it is brought up.
func TestUpdateKilled(t *testing.T) {
	t.Parallel()
	const moments = 8
	measured := func() time.Duration {
		pack, name := tinyPack(t, sized), newName(t)
		up(t, pack, name).Require(t, 0)
		return svp(t, "update", name, "-b", pack, "--plan", "large").Require(t, 0).Elapsed
	}()
	for moment := range moments {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			t.Parallel()
			pack, name := tinyPack(t, sized), newName(t)
			env := up(t, pack, name).Env(t)
			process := suite.Start(t, svptest.Call{Args: []string{"update", name, "-b", pack, "--plan", "large"}})
			killAt := time.NewTimer(measured * time.Duration(moment+1) / moments)
			<-killAt.C
			process.Signal(syscall.SIGKILL)
			process.Wait()

			if now := svp(t, "up", pack, name).Env(t); fmt.Sprint(now) != fmt.Sprint(env) {
				t.Errorf("the environment was %v and is %v", env, now)
			}
			switch plan, memory := standingOf(t, name).Plan, memoryOf(t, "svp-"+name); {
			case plan == "small" && memory == 64<<20:
				requireAnswer(t, env, "small 1 red")
			case plan == "large" && memory == 128<<20:
				requireAnswer(t, env, "large 2 ")
			default:
				t.Errorf("it is in plan %s with %d bytes of memory", plan, memory)
			}
			svp(t, "gc").Require(t, 0)
			svp(t, "update", name, "-b", pack, "--plan", "large").Require(t, 0)
			requireAnswer(t, env, "large 2 ")
			svp(t, "destroy", name, "--yes").Require(t, 0)
			svp(t, "gc").Require(t, 0)
			nothingLeft(t, pack, name, "base")
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	up(t, pack, name).Require(t, 0)
	if used := standingOf(t, name).UsageBytes; used == nil || *used != 4096 {
		t.Errorf("in use: %v", used)
	}
	svp(t, "shell", name, "--", "sh", "-c", "echo plenty >/srv/data/used").Require(t, 0)
	result := svp(t, "info", name, "--json")
	if used := standingOf(t, name).UsageBytes; used != nil || !strings.Contains(result.Stderr, "plenty") {
		t.Errorf("what is no number is %v: %s", used, result)
	}
	svp(t, "stop", name).Require(t, 0)
	if used := standingOf(t, name).UsageBytes; used != nil {
		t.Errorf("of a stopped instance: %v", *used)
	}
}

// Whoever paused a container is told so, and svp start lets it go on.
func TestPaused(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	env := up(t, pack, name).Env(t)
	for _, verb := range []string{"start", "restart", "up"} {
		change(t, suite.Host.API.ContainerPause(t.Context(), "svp-"+name))
		if state := standingOf(t, name).State; state != "paused" {
			t.Errorf("it is %s", state)
		}
		if result := svp(t, "shell", name, "--", "true"); !strings.Contains(result.Stderr, "paused") || !strings.Contains(result.Stderr, "svp start") {
			t.Errorf("a script in a paused instance: %s", result)
		}
		args := []string{verb, name}
		if verb == "up" {
			args = []string{verb, pack, name}
		}
		svp(t, args...).Require(t, 0)
		requireAnswer(t, env, "small 1 red")
	}
	change(t, suite.Host.API.ContainerPause(t.Context(), "svp-"+name))
	svp(t, "down", name).Require(t, 0)
}

func TestNoLinesOfALog(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{"bin/run": "#!/bin/sh\necho one\necho two\ntouch /run/tiny\n" + idle}), newName(t)
	up(t, pack, name).Require(t, 0)
	for lines, want := range map[string]string{"0": "", "1": "two\n"} {
		if got := svp(t, "logs", name, "-n", lines).Require(t, 0).Stdout; got != want {
			t.Errorf("the last %s lines: %q", lines, got)
		}
	}
}

// What a later svp may have made is left alone, and keeps nobody from the rest.
// Alone, because lists of other tests would tell of it.
func TestUnreadableInstance(t *testing.T) {
	pack, name, broken := tinyPack(t, nil), newName(t), newName(t)
	up(t, pack, name).Require(t, 0)
	ctx, id := t.Context(), "b0b0b0b0b0b0"
	made, err := suite.Host.API.ContainerInspect(ctx, "svp-"+name)
	change(t, err)
	reference := "svp-instance/" + id + ":" + broken
	committed, err := suite.Host.API.ContainerCommit(ctx, made.ID, container.CommitOptions{
		Reference: reference, Config: &container.Config{},
		Changes: []string{`LABEL org.servicepack.descriptor="later"`, "LABEL " + svptest.LabelInstanceID + "=" + id, "LABEL " + svptest.LabelInstance + "=" + broken},
	})
	change(t, err)
	defer func() {
		_, err := suite.Host.API.ImageRemove(ctx, committed.ID, image.RemoveOptions{Force: true})
		change(t, err)
	}()
	for _, args := range [][]string{{"list"}, {"gc"}} {
		if result := svp(t, args...).Require(t, 0); !strings.Contains(result.Stderr, broken) {
			t.Errorf("nobody is told: %s", result)
		}
	}
	for _, args := range [][]string{{"info", name}, {"up", pack, name}, {"shell", name, "--", "true"}} {
		if result := svp(t, args...).Require(t, 0); strings.Contains(result.Stderr, broken) {
			t.Errorf("who works with another instance is told: %s", result)
		}
	}
	for _, args := range [][]string{{"info", broken}, {"up", pack, broken}, {"destroy", broken, "--yes"}} {
		if result := svp(t, args...).Require(t, 1); !strings.Contains(result.Stderr, "cannot be read") {
			t.Errorf("nobody is told: %s", result)
		}
	}
	if _, err := suite.Host.API.ImageInspect(ctx, reference); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}

// Of several updates at the same moment one changes the instance at a time; the
// others are refused, and none takes another back.
func TestUpdatesAtTheSameMoment(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, sized), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	done := map[string]bool{}
	var processes []*svptest.Process
	for i := range 4 {
		processes = append(processes, suite.Start(t, svptest.Call{Args: []string{"update", name, "--parameter", fmt.Sprintf("colour=g%d", i)}}))
	}
	for i, process := range processes {
		result := process.Wait()
		if result.Status == 0 {
			done[fmt.Sprintf("g%d", i)] = true
			continue
		}
		failure(t, result, 5, "another update of the instance is at work")
	}
	if len(done) == 0 {
		t.Error("no update was made")
	}
	answer := svp(t, "shell", name, "--", "sh", "-c", `echo "$PLAN_COLOUR"`).Require(t, 0).Stdout
	if !done[strings.TrimSpace(answer)] {
		t.Errorf("the instance has %q, and these updates say that they were made: %v", answer, done)
	}
	svp(t, "destroy", name, "--yes").Require(t, 0)
	svp(t, "gc").Require(t, 0)
	nothingLeft(t, pack, name, "base")
}
