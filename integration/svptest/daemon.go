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
	folder, err := os.MkdirTemp("", "svpd-") //nolint:usetesting // short, as paths of sockets must be
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

// leave ends what still runs on the daemon, so that it can end itself.
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
	d.dockerd, err = startService(exec.Command("nsenter", //nolint:noctx // ended by stop, gently
		fmt.Sprintf("--net=/proc/%d/ns/net", d.containerd.command.Process.Pid), "dockerd",
		"--data-root", d.root, "--exec-root", filepath.Join(d.folder, "exec"), "--pidfile", pidfile,
		"--host", d.endpoint(), "--containerd", d.containerdSocket(), "--log-level", "warn"),
		filepath.Join(d.folder, "dockerd.log"))
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
	command := exec.Command("containerd", "--config", config, "--log-level", "warn") //nolint:noctx // ended by stop, gently
	// A network of its own for all of them: daemons that share one remove each
	// other's bridges and rules for packets.
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	var err error
	d.containerd, err = startService(command, filepath.Join(d.folder, "containerd.log"))
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

func startService(command *exec.Cmd, logFile string) (*service, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &service{command: command, logFile: logFile, ended: make(chan struct{})}
	s.command.Stdout, s.command.Stderr = log, log
	if s.command.SysProcAttr == nil {
		s.command.SysProcAttr = &syscall.SysProcAttr{}
	}
	s.command.SysProcAttr.Setpgid = true // a Ctrl-C is the test's to handle
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
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
