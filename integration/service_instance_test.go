package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/servicepack/svp/integration/svptest"
)

// serviceInstance is an instance that runs, as its consumers know it.
type serviceInstance struct {
	service
	name string
	env  map[string]string
}

// useDeadline is for a login and a request.
const useDeadline = 30 * time.Second

func (i *serviceInstance) password() string { return i.env[i.service.secret] }

// use logs in and does something.
func (i *serviceInstance) use(t *testing.T, do func(ctx context.Context, s session) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	s, err := i.service.connect(ctx, i.env)
	if err != nil {
		t.Fatalf("%s: log in: %v", i.name, err)
	}
	defer s.close()
	if err := do(ctx, s); err != nil {
		t.Fatalf("%s: %v", i.name, err)
	}
}

func (i *serviceInstance) write(t *testing.T, key, value string) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error { return s.write(ctx, key, value) })
}

func (i *serviceInstance) wipe(t *testing.T) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error { return s.wipe(ctx, kept, later) })
}

func (i *serviceInstance) requireValue(t *testing.T, key, want string) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error {
		value, found, err := s.read(ctx, key)
		if err == nil && (!found || value != want) {
			err = fmt.Errorf("%s is %q (there: %t), want %q", key, value, found, want)
		}
		return err
	})
}

func (i *serviceInstance) requireNothing(t *testing.T, key string) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error {
		value, found, err := s.read(ctx, key)
		if err == nil && found {
			err = fmt.Errorf("%s is %q, want nothing", key, value)
		}
		return err
	})
}

// requireDurable wants the value after a stop, unless the service keeps nothing.
func (i *serviceInstance) requireDurable(t *testing.T, key, want string) {
	t.Helper()
	if !i.service.volatile {
		i.requireValue(t, key, want)
		return
	}
	i.requireNothing(t, key)
	i.write(t, key, want)
}

func (i *serviceInstance) requireKept(t *testing.T) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error {
		value, found, err := s.read(ctx, kept)
		if i.service.volatile && err == nil && !found {
			return s.write(ctx, kept, "from the beginning")
		}
		if err == nil && value != "from the beginning" {
			err = fmt.Errorf("%s is %q (there: %t)", kept, value, found)
		}
		return err
	})
}

// awaitService returns when a consumer gets in again.
func (i *serviceInstance) awaitService(t *testing.T) {
	t.Helper()
	var last error
	defer func() {
		if t.Failed() {
			t.Logf("last attempt: %v", last)
		}
	}()
	eventually(t, startDeadline, "a login", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
		defer cancel()
		s, err := i.service.connect(ctx, i.env)
		if last = err; err != nil {
			return false
		}
		defer s.close()
		_, _, last = s.read(ctx, kept)
		return last == nil
	})
}

// requireSameEnv wants the environment of the first day: address, credentials
// and all.
func (i *serviceInstance) requireSameEnv(t *testing.T, result svptest.Result) {
	t.Helper()
	if env := result.Env(t); !maps.Equal(env, i.env) {
		t.Errorf("the environment was %q, and is %q", i.env, env)
	}
}

// withPassword is the environment with another password in all its places.
func (i *serviceInstance) withPassword(t *testing.T, password string) map[string]string {
	t.Helper()
	env := maps.Clone(i.env)
	env[i.service.secret] = password
	address, err := url.Parse(env[i.service.url])
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := address.User.Password(); got != i.password() {
		t.Errorf("the password in %s is %q, want %q", i.service.url, got, i.password())
	}
	address.User = url.UserPassword(address.User.Username(), password)
	env[i.service.url] = address.String()
	return env
}

// requireRefused wants nobody let in. The attempts are made at the same time,
// because some services take theirs before they refuse one.
func (i *serviceInstance) requireRefused(t *testing.T, attempts ...map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	var done sync.WaitGroup
	for _, env := range attempts {
		done.Go(func() {
			s, err := i.service.connect(ctx, env)
			if err == nil {
				s.close()
				t.Errorf("%s lets %q in", i.name, env[i.service.url])
			} else if !i.service.refused(err) {
				t.Errorf("%s keeps %q out for another reason: %v", i.name, env[i.service.url], err)
			}
		})
	}
	done.Wait()
}

// requireNoEntry wants everybody refused who knows no password.
func (i *serviceInstance) requireNoEntry(t *testing.T) {
	t.Helper()
	address, err := url.Parse(i.env[i.service.url])
	if err != nil {
		t.Fatal(err)
	}
	attempts := make([]map[string]string, 0, len(i.service.uninvited))
	for _, uninvited := range i.service.uninvited {
		attempts = append(attempts, map[string]string{i.service.url: fmt.Sprintf(uninvited, address.Hostname())})
	}
	i.requireRefused(t, attempts...)
}

func (i *serviceInstance) restore(t *testing.T, backup string) svptest.Result {
	t.Helper()
	return svpCall(t, svptest.Call{Args: []string{"restore", i.name}, Stdin: strings.NewReader(backup)})
}

// containers are those of the instance.
func (i *serviceInstance) containers(t *testing.T) []svptest.Object {
	t.Helper()
	return slices.DeleteFunc(suite.List(t, i.name), func(o svptest.Object) bool { return o.Kind != "container" })
}

func (i *serviceInstance) inspect(t *testing.T, id string) container.InspectResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	inspected, err := suite.Host.API.ContainerInspect(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return inspected
}

// process finds the process of that name whose parent has another name.
func (i *serviceInstance) process(t *testing.T, name string) (containerID, pid string) {
	t.Helper()
	for _, c := range i.containers(t) {
		top, err := suite.Host.API.ContainerTop(t.Context(), c.ID, []string{"-eo", "pid,ppid,comm"})
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, row := range top.Processes {
			named[row[0]] = row[2] == name
		}
		for _, row := range top.Processes {
			if named[row[0]] && !named[row[1]] {
				return c.ID, row[0]
			}
		}
	}
	t.Fatalf("%s has no process %s", i.name, name)
	return "", ""
}

// killOnHost kills the process with that number on Docker's host. From inside
// of its container the first process cannot be killed, and docker kill keeps
// Docker from starting the container again.
func killOnHost(t *testing.T, pid string) {
	t.Helper()
	api := suite.Host.API
	created, err := api.ContainerCreate(t.Context(),
		&container.Config{Image: svptest.OSImage, Cmd: []string{"/bin/sh", "-c", "kill -9 " + pid}},
		&container.HostConfig{PidMode: "host", NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := api.ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	exits, failed := api.ContainerWait(t.Context(), created.ID, container.WaitConditionNextExit)
	if err := api.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case exit := <-exits:
		if exit.StatusCode != 0 {
			t.Fatalf("kill -9 %s: %s", pid, suite.Host.Logs(t.Context(), created.ID))
		}
	case err := <-failed:
		t.Fatal(err)
	}
}

// kill kills a process of the service, right behind what is done just before, and waits
// until its container has been started again.
func (i *serviceInstance) kill(t *testing.T, process string, justBefore func()) {
	t.Helper()
	container, pid := i.process(t, process)
	started := i.inspect(t, container).State.StartedAt
	justBefore()
	killOnHost(t, pid)
	eventually(t, startDeadline, "a restart of "+process, func() bool {
		state := i.inspect(t, container).State
		return state.Running && state.StartedAt != started
	})
}

// arguments are those of all processes of the instance.
func (i *serviceInstance) arguments(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	var lines []string
	for _, c := range i.containers(t) {
		processes, err := processArguments(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, processes...)
	}
	return lines
}

func processArguments(ctx context.Context, id string) ([]string, error) {
	top, err := suite.Host.API.ContainerTop(ctx, id, []string{"-ww", "-eo", "pid,args"})
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(top.Processes))
	for _, row := range top.Processes {
		lines = append(lines, strings.Join(row, " "))
	}
	return lines, nil
}

func (i *serviceInstance) requireNoSecret(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		if strings.Contains(line, i.password()) || strings.Contains(line, url.QueryEscape(i.password())) {
			t.Errorf("everybody can read the password in an argument list: %q", line)
		}
	}
}

// lookout does something again and again until it is told to stop.
type lookout struct {
	cancel context.CancelFunc
	done   chan struct{}
	report func()
}

// watchInterval is between two looks; they are to catch what lasts some
// milliseconds, and to leave the processor to what they look at.
const watchInterval = 5 * time.Millisecond

func lookOut(look func(ctx context.Context), report func()) *lookout {
	ctx, cancel := context.WithCancel(context.Background())
	w := &lookout{cancel: cancel, done: make(chan struct{}), report: report}
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			look(ctx)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return w
}

// stop ends the watch and reports what it has found.
func (w *lookout) stop() {
	w.cancel()
	<-w.done
	w.report()
}

// watchArguments looks for the secret in argument lists of processes that come
// and go.
func (i *serviceInstance) watchArguments(t *testing.T) *lookout {
	t.Helper()
	containers := i.containers(t)
	seen := map[string]bool{}
	return lookOut(func(ctx context.Context) {
		for _, c := range containers {
			// A look that was begun is finished, so that there is at least one.
			lines, err := processArguments(context.WithoutCancel(ctx), c.ID)
			if err != nil {
				continue // it restarts
			}
			for _, line := range lines {
				seen[line] = true
			}
		}
	}, func() {
		t.Helper()
		if len(seen) == 0 {
			t.Error("no process was seen at all")
		}
		i.requireNoSecret(t, slices.Collect(maps.Keys(seen)))
	})
}

// intrude tries to get in without a password from before the instance exists.
func (s service) intrude(t *testing.T, name string) *lookout {
	t.Helper()
	var address string
	var accepted []string
	attempts, answered := 0, 0
	return lookOut(func(ctx context.Context) {
		if address == "" {
			address = addressOf(ctx, name)
			return
		}
		for _, uninvited := range s.uninvited {
			attempt, cancel := context.WithTimeout(ctx, time.Second)
			attempts++
			opened, err := s.connect(attempt, map[string]string{s.url: fmt.Sprintf(uninvited, address)})
			cancel()
			switch {
			case err == nil:
				opened.close()
				accepted = append(accepted, uninvited)
			case s.refused(err):
				answered++
			}
		}
	}, func() {
		t.Helper()
		for _, uninvited := range accepted {
			t.Errorf("%s let %q in while it started", name, uninvited)
		}
		if attempts == 0 {
			t.Errorf("nobody tried to get in while %s started", name)
		}
		t.Logf("%d attempts to get in while %s started, %d answered, all refused: %t",
			attempts, name, answered, len(accepted) == 0)
	})
}

// addressOf is the address of the instance that is coming up, or empty.
func addressOf(ctx context.Context, name string) string {
	inspected, err := suite.Host.API.ContainerInspect(ctx, "svp-"+name)
	if err != nil || inspected.NetworkSettings == nil {
		return ""
	}
	for _, endpoint := range inspected.NetworkSettings.Networks {
		if endpoint.IPAddress != "" {
			return endpoint.IPAddress
		}
	}
	return ""
}

// oneOf tells whether the error has the type and the function holds for it.
func oneOf[E error](err error, holds func(E) bool) bool {
	var typed E
	return errors.As(err, &typed) && holds(typed)
}
