package drivertest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
)

// isolatedContainers can write to their folders in memory alone and see no
// network, and they take a stream to its end.
func isolatedContainers(t *testing.T, f Fixture) {
	spec := driver.ContainerSpec{
		Isolated: true, Input: true, Memory: []driver.MemoryFolder{{Path: "/srv", Bytes: 1 << 20}},
		Limits: driver.Limits{MemoryBytes: 64 << 20},
	}
	id := f.create(t, spec, `
		ls /sys/class/net
		sed -n 's/^CapEff:[^0-9]*//p' /proc/self/status
		for folder in /srv /etc /root; do touch $folder/x 2>/dev/null && echo "$folder"; done
		cat >/srv/script && chmod +x /srv/script && /srv/script
		cat /dev/zero 2>/dev/null >/srv/full || wc -c </srv/full
	`)
	attachment, err := f.Driver.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer attachment.Close()
	var out bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- attachment.Output(&out, io.Discard) }()
	f.start(t, id)
	if _, err := io.WriteString(attachment, "#!/bin/sh\necho executed\n"); err != nil {
		t.Fatal(err)
	}
	if err := attachment.CloseInput(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the container has not ended")
	}
	lines := strings.Fields(out.String())
	if want := "lo 0000000000000000 /srv executed"; !strings.HasPrefix(strings.Join(lines, " "), want) || len(lines) < 5 || len(lines[4]) > 7 {
		t.Errorf("the container says %q, want %q and less than 1 MiB", lines, want)
	}
}

// containersWithoutNetwork are like others in all but that.
func containersWithoutNetwork(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{Network: driver.NetworkSpec{None: true}}, `
		ls /sys/class/net
		for folder in /srv /etc /root; do touch $folder/x && echo "$folder"; done
	`)
	if got, _, _ := f.runToEnd(t, id); got != "lo\n/srv\n/etc\n/root\n" {
		t.Errorf("the container says %q", got)
	}
}

// readOnlyVolumes have what another container was given, which need not run.
func readOnlyVolumes(t *testing.T, f Fixture) {
	volume := f.volume(t, "brought")
	filler := f.create(t, driver.ContainerSpec{Mounts: []driver.Mount{{Volume: volume, Path: "/brought"}}}, "exit 1")
	content := archive.Reader([]archive.Entry{{Path: "file", Mode: 0o644, Content: []byte("brought\n")}})
	defer content.Close()
	if err := f.Driver.CopyTo(t.Context(), filler, "/brought", content); err != nil {
		t.Fatal(err)
	}
	id := f.create(t, driver.ContainerSpec{Mounts: []driver.Mount{{Volume: volume, Path: "/brought", ReadOnly: true}}},
		"cat /brought/file; rm -f /brought/file 2>/dev/null || echo kept")
	if got, _, _ := f.runToEnd(t, id); got != "brought\nkept\n" {
		t.Errorf("the container says %q", got)
	}
}

func logsAreCut(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, "echo one; echo two; echo three")
	f.runToEnd(t, id)
	for tail, want := range map[int]string{0: "one\ntwo\nthree\n", 2: "two\nthree\n", -1: ""} {
		var out bytes.Buffer
		if err := f.Driver.Logs(t.Context(), id, driver.LogOptions{Tail: tail}, &out, &out); err != nil || out.String() != want {
			t.Errorf("the last %d lines: %q, %v", tail, out.String(), err)
		}
	}
}
