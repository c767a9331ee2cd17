package svptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const daemonDeadline = time.Minute

// Daemon is a Docker daemon of a test's own, which the test may restart, kill and
// fill without disturbing anybody. It needs root.
type Daemon struct {
	t          testing.TB
	folder     string // sockets and runtime state
	root       string // images and containers
	containerd *service
	dockerd    *service
}

// StartDaemon starts a daemon that has the OS image. A size of its disk in bytes
// makes it a small one; zero means that of the machine. The daemon, and what it
// runs, is gone when the test has ended.
func (s *Suite) StartDaemon(t testing.TB, diskBytes int64) *Daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test starts a Docker daemon of its own, which needs root: run the tests as root")
	}
	folder, err := os.MkdirTemp("", "svpd-") // short, as paths of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, folder: folder, root: filepath.Join(folder, "root")}
	t.Cleanup(d.remove)
	if err := d.mount(diskBytes); err != nil {
		t.Fatal(err)
	}
	if err := d.startContainerd(); err != nil {
		t.Fatal(err)
	}
	d.Start()
	host := d.Host()
	t.Cleanup(func() { s.leave(t, d, host) })
	s.copyOSImage(t, host)
	return d
}

// leave removes the run's objects from the daemon, networks above all, whose
// bridges would outlive it.
func (s *Suite) leave(t testing.TB, d *Daemon, host *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), sweepDeadline)
	defer cancel()
	if !d.dockerd.running() {
		d.Start()
	}
	if err := errors.Join(s.On(host).sweep(ctx), host.API.Close()); err != nil {
		t.Errorf("clean up the daemon: %v", err)
	}
}

// copyOSImage brings the OS image from the suite's host.
func (s *Suite) copyOSImage(t testing.TB, host *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), daemonDeadline)
	defer cancel()
	image, err := s.Host.API.ImageSave(ctx, []string{OSImage})
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	loaded, err := host.API.ImageLoad(ctx, image)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Body.Close()
	Eventually(t, daemonDeadline, "the daemon has the OS image", func() bool {
		_, err := host.API.ImageInspect(ctx, OSImage)
		return err == nil
	})
}

// Host is the daemon as a Docker host.
func (d *Daemon) Host() *Host {
	d.t.Helper()
	host, err := Connect(context.Background(), d.endpoint())
	if err != nil {
		d.t.Fatal(err)
	}
	return host
}

func (d *Daemon) endpoint() string { return "unix://" + filepath.Join(d.folder, "docker.sock") }

// Start starts the daemon and waits until it answers.
func (d *Daemon) Start() {
	d.t.Helper()
	// A killed daemon leaves it behind; the number may be another process's now.
	pidfile := filepath.Join(d.folder, "docker.pid")
	_ = os.Remove(pidfile)
	var err error
	// No bridge and no rules for packets: these are another daemon's. Networks of
	// the tests get bridges of their own, with addresses that no other has.
	d.dockerd, err = startService(filepath.Join(d.folder, "dockerd.log"), "dockerd",
		"--data-root", d.root, "--exec-root", filepath.Join(d.folder, "exec"), "--pidfile", pidfile,
		"--host", d.endpoint(), "--containerd", d.containerdSocket(),
		"--bridge", "none", "--iptables=false", "--ip-masq=false",
		"--default-address-pool", "base=10.213.0.0/16,size=24", "--log-level", "warn")
	if err != nil {
		d.t.Fatal(err)
	}
	Eventually(d.t, daemonDeadline, "the daemon answers", func() bool {
		if !d.dockerd.running() {
			d.t.Fatalf("dockerd has ended:\n%s", d.dockerd.log())
		}
		host, err := Connect(context.Background(), d.endpoint())
		return err == nil && host.API.Close() == nil
	})
}

// Stop ends the daemon by the signal; containers are stopped by all but SIGKILL.
func (d *Daemon) Stop(signal syscall.Signal) {
	d.t.Helper()
	if err := d.dockerd.stop(signal); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Daemon) containerdSocket() string { return filepath.Join(d.folder, "containerd.sock") }

func (d *Daemon) startContainerd() error {
	config := filepath.Join(d.folder, "containerd.toml")
	content := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"+
		"[grpc]\naddress = %q\n", filepath.Join(d.root, "containerd"), filepath.Join(d.folder, "containerd"), d.containerdSocket())
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return err
	}
	var err error
	d.containerd, err = startService(filepath.Join(d.folder, "containerd.log"), "containerd", "--config", config, "--log-level", "warn")
	return err
}

func (d *Daemon) mount(bytes int64) error {
	if err := os.MkdirAll(d.root, 0o700); err != nil || bytes == 0 {
		return err
	}
	return syscall.Mount("svp-test", d.root, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
}

// remove ends the daemon and removes all that it had on disk.
func (d *Daemon) remove() {
	d.t.Helper()
	var errs []error
	for _, running := range []*service{d.dockerd, d.containerd} {
		if running != nil {
			errs = append(errs, running.stop(syscall.SIGTERM))
		}
	}
	mounts, err := os.ReadFile("/proc/mounts")
	errs = append(errs, err)
	var below []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], d.folder+"/") {
			below = append(below, fields[1])
		}
	}
	slices.Reverse(below) // inner ones come after outer ones
	for _, path := range below {
		errs = append(errs, syscall.Unmount(path, syscall.MNT_DETACH))
	}
	errs = append(errs, os.RemoveAll(d.folder))
	if err := errors.Join(errs...); err != nil {
		d.t.Errorf("remove the daemon: %v", err)
	}
}

// service is a program that runs in the background.
type service struct {
	command *exec.Cmd
	logFile string
	ended   chan struct{}
}

func startService(logFile, name string, args ...string) (*service, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &service{command: exec.Command(name, args...), logFile: logFile, ended: make(chan struct{})} //nolint:noctx // ended by stop, gently
	s.command.Stdout, s.command.Stderr = log, log
	// A Ctrl-C is the test's to handle.
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = s.command.Wait() // however it ends, it has ended
		close(s.ended)
	}()
	return s, nil
}

func (s *service) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// stop ends the program and waits for that.
func (s *service) stop(signal syscall.Signal) error {
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(daemonDeadline)
	defer late.Stop()
	select {
	case <-s.ended:
		return nil
	case <-late.C:
		return errors.Join(fmt.Errorf("%s did not end:\n%s", s.command.Path, s.log()), s.command.Process.Kill())
	}
}

func (s *service) log() string {
	content, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	return string(content)
}
