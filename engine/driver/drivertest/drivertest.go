// Package drivertest is the contract of a driver as a test suite: every driver
// passes it, and what it checks the engine relies on.
package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
)

// Fixture is what the suite needs of a driver under test.
type Fixture struct {
	Driver driver.Driver
	// Image has /bin/sh and the usual commands; it must be there.
	Image string
	// Prefix begins the names of all that the suite makes; it is unique to the
	// run.
	Prefix string
}

// Run runs the whole suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Fixture){
		"AbsentThingsAreNotFound":                absentThingsAreNotFound,
		"RemovingWhatIsAbsentSucceeds":           removingWhatIsAbsentSucceeds,
		"NamesOfContainersAreUnique":             namesOfContainersAreUnique,
		"LabelsFindWhatCarriesThem":              labelsFindWhatCarriesThem,
		"FilesKeepTheirModesOnTheWayInAndOut":    filesKeepTheirModes,
		"OutputAndExitAreNotMissed":              outputAndExitAreNotMissed,
		"InputEndsWithItsAttachment":             inputEndsWithItsAttachment,
		"InputIsTakenWhenItRuns":                 inputIsTakenWhenItRuns,
		"CommitTakesTheGivenConfigurationAlone":  commitTakesTheGivenConfiguration,
		"ExecPassesStreamsAndStatus":             execPassesStreamsAndStatus,
		"ExecEndsWithItsContext":                 execEndsWithItsContext,
		"LastingContainersAreRestarted":          lastingContainersAreRestarted,
		"AddressesAreKeptAndExclusive":           addressesAreKeptAndExclusive,
		"NewVolumesAreFilledFromTheImage":        newVolumesAreFilled,
		"VolumesInUseAreNotRemoved":              volumesInUseAreNotRemoved,
		"ConfinedContainersCannotGainPrivileges": confinedContainers,
		"PublishedPortsAreExclusive":             publishedPortsAreExclusive,
		"IsolatedContainersCanDoNoHarm":          isolatedContainers,
		"ContainersCanBeWithoutNetwork":          containersWithoutNetwork,
		"ReadOnlyVolumesAreFilledByAnother":      readOnlyVolumes,
		"ProcessesOfTheHostCanBeEnded":           processesOfTheHost,
		"WhatTheHostTellsIsWhole":                whatTheHostTells,
		"LogsAreCut":                             logsAreCut,
	} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

// labels of everything that the suite makes, so that it can be swept.
func (f Fixture) labels(t *testing.T) driver.Labels {
	return driver.Labels{"org.servicepack.test": f.Prefix, "org.servicepack.test.name": t.Name()}
}

func (f Fixture) name(suffix string) string { return f.Prefix + "-" + suffix }

// create makes a container that runs a shell script, and has it removed.
func (f Fixture) create(t *testing.T, spec driver.ContainerSpec, script string) string {
	t.Helper()
	if spec.Image == "" {
		spec.Image = f.Image
	}
	if spec.Labels == nil {
		spec.Labels = f.labels(t)
	}
	spec.Entrypoint = []string{"/bin/sh", "-c"}
	spec.Command = []string{script}
	id, err := f.Driver.CreateContainer(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveContainer(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

func (f Fixture) start(t *testing.T, id string) {
	t.Helper()
	if err := f.Driver.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// idle keeps a container running.
const idle = "while :; do sleep 1000; done"

func absentThingsAreNotFound(t *testing.T, f Fixture) {
	_, imageErr := f.Driver.Image(t.Context(), f.name("absent"))
	_, containerErr := f.Driver.Container(t.Context(), f.name("absent"))
	_, networkErr := f.Driver.Network(t.Context(), f.name("absent"))
	_, execErr := f.Driver.Exec(t.Context(), f.name("absent"), driver.ExecSpec{Command: []string{"true"}})
	for what, err := range map[string]error{
		"image": imageErr, "container": containerErr, "network": networkErr, "exec": execErr,
	} {
		if !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
	spec := driver.ContainerSpec{Name: f.name("of-nothing"), Image: "sha256:" + strings.Repeat("01", 32), Labels: f.labels(t), Command: []string{"true"}}
	if _, err := f.Driver.CreateContainer(t.Context(), spec); !errors.Is(err, driver.ErrImageGone) || !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("CreateContainer: %v, want ErrImageGone", err)
	}
	if err := f.Driver.TagImage(t.Context(), spec.Image, f.name("tag")); !errors.Is(err, driver.ErrImageGone) || !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("TagImage: %v, want ErrImageGone", err)
	}
	id := f.create(t, driver.ContainerSpec{}, idle)
	if _, err := f.Driver.CopyFrom(t.Context(), id, "/no/such/file"); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("CopyFrom: %v, want ErrNotFound", err)
	}
}

func removingWhatIsAbsentSucceeds(t *testing.T, f Fixture) {
	for what, err := range map[string]error{
		"container": f.Driver.RemoveContainer(t.Context(), f.name("absent")),
		"volume":    f.Driver.RemoveVolume(t.Context(), f.name("absent")),
		"network":   f.Driver.RemoveNetwork(t.Context(), f.name("absent")),
		"image":     f.Driver.RemoveImage(t.Context(), f.name("absent")),
	} {
		if err != nil {
			t.Errorf("remove absent %s: %v", what, err)
		}
	}
}

func namesOfContainersAreUnique(t *testing.T, f Fixture) {
	spec := driver.ContainerSpec{Name: f.name("unique")}
	f.create(t, spec, idle)
	spec.Image, spec.Labels, spec.Command = f.Image, f.labels(t), []string{"true"}
	if _, err := f.Driver.CreateContainer(t.Context(), spec); !errors.Is(err, driver.ErrNameInUse) {
		t.Errorf("second container of one name: %v, want ErrNameInUse", err)
	}
}

func labelsFindWhatCarriesThem(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{Name: f.name("labelled")}, idle)
	for _, wanted := range []driver.Labels{f.labels(t), {"org.servicepack.test.name": ""}} {
		found, err := f.Driver.Containers(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		there := false
		for _, container := range found {
			there = there || container.ID == id && container.Name == f.name("labelled") && container.State == driver.Created
		}
		if !there {
			t.Errorf("labels %v find %+v, and not the container", wanted, found)
		}
	}
	none, err := f.Driver.Containers(t.Context(), driver.Labels{"org.servicepack.test.name": "another"})
	if err != nil || len(none) != 0 {
		t.Errorf("another label's value finds %v, %v", none, err)
	}
}

func filesKeepTheirModes(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, "stat -c '%a %u %n' /etc/test/secret; cat /etc/test/secret")
	stream := archive.Reader([]archive.Entry{
		{Path: "etc/test", Mode: fs.ModeDir | 0o755},
		{Path: "etc/test/secret", Mode: 0o600, Content: []byte("content")},
	})
	defer stream.Close()
	if err := f.Driver.CopyTo(t.Context(), id, "/", stream); err != nil {
		t.Fatal(err)
	}
	out, err := f.Driver.CopyFrom(t.Context(), id, "/etc/test/secret")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	content, err := archive.ReadFile(out, 100)
	if err != nil || string(content) != "content" {
		t.Errorf("copied out: %q, %v", content, err)
	}
	stdout, _, exit := f.runToEnd(t, id)
	if exit.Code != 0 || stdout != "600 0 /etc/test/secret\ncontent" {
		t.Errorf("in the container: %q, status %d", stdout, exit.Code)
	}
}

// runToEnd attaches, starts and waits.
func (f Fixture) runToEnd(t *testing.T, id string) (stdout, stderr string, exit driver.Exit) {
	t.Helper()
	attachment, err := f.Driver.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer attachment.Close()
	exits, err := f.Driver.WaitExit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	copied := make(chan error, 1)
	go func() { copied <- attachment.Output(&out, &errs) }()
	f.start(t, id)
	exit = <-exits
	if err := <-copied; err != nil {
		t.Error(err)
	}
	return out.String(), errs.String(), exit
}

func outputAndExitAreNotMissed(t *testing.T, f Fixture) {
	stdout, stderr, exit := f.runToEnd(t, f.create(t, driver.ContainerSpec{}, "echo out; echo err >&2; exit 3"))
	if stdout != "out\n" || stderr != "err\n" || exit.Code != 3 || exit.Err != nil {
		t.Errorf("stdout %q, stderr %q, exit %+v", stdout, stderr, exit)
	}
}

func inputEndsWithItsAttachment(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{Input: true},
		`read -r early && read -r late && [ "$early $late" = "early late" ] || exit 4; read -r line || exit 5`)
	attachment, err := f.Driver.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	exits, err := f.Driver.WaitExit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	write(t, attachment, "early\n")
	f.start(t, id)
	write(t, attachment, "late\n")
	if err := attachment.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case exit := <-exits:
		if exit.Code != 5 {
			t.Errorf("exit %+v, want 5: the lines were read, then the input ended", exit)
		}
	case <-time.After(20 * time.Second):
		t.Error("the container still waits for input after its attachment was closed")
	}
}

// inputIsTakenWhenItRuns sends more than a connection holds, from before the start on.
func inputIsTakenWhenItRuns(t *testing.T, f Fixture) {
	const size = 1 << 20
	id := f.create(t, driver.ContainerSpec{Input: true}, fmt.Sprintf("head -c %d | wc -c", size))
	attachment, err := f.Driver.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer attachment.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := attachment.Write(bytes.Repeat([]byte("x"), size))
		sent <- err
	}()
	var out bytes.Buffer
	copied := make(chan error, 1)
	go func() { copied <- attachment.Output(&out, io.Discard) }()
	f.start(t, id)
	if err := errors.Join(<-sent, <-copied); err != nil {
		t.Error(err)
	}
	if got := strings.TrimSpace(out.String()); got != strconv.Itoa(size) {
		t.Errorf("%s bytes arrived, want %d", got, size)
	}
}

func write(t *testing.T, attachment driver.Attachment, text string) {
	t.Helper()
	if _, err := io.WriteString(attachment, text); err != nil {
		t.Fatal(err)
	}
}

func commitTakesTheGivenConfiguration(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, "echo made >/made")
	f.runToEnd(t, id)
	reference := f.name("image") + ":1"
	labels := f.labels(t).With(driver.Labels{"org.servicepack.test.image": "yes"})
	committed, err := f.Driver.Commit(t.Context(), id, driver.CommitSpec{
		Reference: reference, Entrypoint: []string{"/bin/cat"}, Command: []string{"/made"}, Labels: labels,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveImage(context.Background(), reference); err != nil {
			t.Error(err)
		}
	})
	image, err := f.Driver.Image(t.Context(), reference)
	if err != nil || image.ID != committed || !image.Labels.Has(labels) {
		t.Errorf("image %+v, %v; want id %s and its labels", image, err, committed)
	}
	spec := driver.ContainerSpec{Image: reference, Labels: f.labels(t)}
	fromImage, err := f.Driver.CreateContainer(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveContainer(context.Background(), fromImage); err != nil {
			t.Error(err)
		}
	})
	if stdout, _, exit := f.runToEnd(t, fromImage); stdout != "made\n" || exit.Code != 0 {
		t.Errorf("the image's own command gives %q, %+v", stdout, exit)
	}
}

func execPassesStreamsAndStatus(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, idle)
	f.start(t, id)
	var stdout, stderr bytes.Buffer
	status, err := f.Driver.Exec(t.Context(), id, driver.ExecSpec{
		Command: []string{"/bin/sh", "-c", "cat; echo err >&2; exit 37"},
		Stdin:   strings.NewReader("in"), Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil || status != 37 || stdout.String() != "in" || stderr.String() != "err\n" {
		t.Errorf("status %d, %v, stdout %q, stderr %q", status, err, &stdout, &stderr)
	}
}

func execEndsWithItsContext(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, idle)
	f.start(t, id)
	ctx, cancel := context.WithCancel(t.Context())
	started := &signalWriter{written: make(chan struct{})}
	go func() {
		<-started.written
		cancel()
	}()
	_, err := f.Driver.Exec(ctx, id, driver.ExecSpec{
		Command: []string{"/bin/sh", "-c", "echo started; " + idle}, Stdout: started,
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Exec = %v, want context.Canceled", err)
	}
}

func lastingContainersAreRestarted(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{Lasting: true}, "test -e /again || { touch /again; exit 3; }; touch /restarted; "+idle)
	if err := f.Driver.KeepRunning(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	f.start(t, id)
	restarted := func() bool {
		status, err := f.Driver.Exec(t.Context(), id, driver.ExecSpec{Command: []string{"test", "-e", "/restarted"}})
		return err == nil && status == 0
	}
	late := time.After(20 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !restarted() {
		select {
		case <-again.C:
		case <-late:
			t.Fatal("the container that failed is not running again")
		}
	}
	if err := f.Driver.StopContainer(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	if stopped, err := f.Driver.Container(t.Context(), id); err != nil || stopped.State != driver.Exited {
		t.Errorf("a container that was stopped: %+v, %v", stopped, err)
	}
}

// signalWriter tells of the first write.
type signalWriter struct {
	written chan struct{}
	done    bool
}

func (w *signalWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		close(w.written)
	}
	return len(p), nil
}
