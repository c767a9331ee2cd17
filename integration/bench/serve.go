package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	serveRatio  = 0.8
	serveWarmUp = 500 * time.Millisecond
	serveTime   = 2 * time.Second
	// serveStart is how long a web server may take to listen.
	serveStart = 30 * time.Second
)

// servedFile is a file of the repository, and how many ask for it at once.
type servedFile struct {
	name        string
	version     string
	extension   string
	size        int
	connections int
}

var servedFiles = []servedFile{
	{"a checksum", "1", ".sha256", 0, 16},
	{"a small package", "1", "", 30_000, 16},
	{"a large package", "2", "", 100_000_000, 4},
}

func (f servedFile) path() string {
	return "/org/bench/served/" + f.version + "/served-" + f.version + "-copkg.zip" + f.extension
}

// serve measures how fast a repository is served, in turns with nginx, which
// serves the same folder with the settings that it has in Debian.
func (b *bench) serve(ctx context.Context) (err error) {
	if _, err := exec.LookPath("nginx"); err != nil {
		return errors.New("nginx is not installed; on Debian: apt-get install nginx-light")
	}
	folder, err := b.writeRepository(ctx)
	if err != nil {
		return err
	}
	svp, err := b.startSvpServer(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svp.stop()) }()
	nginx, err := b.startNginx(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nginx.stop()) }()
	t := newTable(b.out, "file", "bytes", "svp, requests/s", "nginx, requests/s", "ratio", "svp, MB/s")
	for _, file := range servedFiles {
		b.doing("serve: %s", file.name)
		svpRate, nginxRate, size, err := b.compareServers(ctx, svp, nginx, file)
		if err != nil {
			return err
		}
		ratio := svpRate / nginxRate
		t.row(file.name, fmt.Sprint(size), fmt.Sprintf("%.0f", svpRate), fmt.Sprintf("%.0f", nginxRate), fmt.Sprintf("%.2f×", ratio),
			fmt.Sprintf("%.0f", svpRate*float64(size)/1e6))
		b.judge("serve: "+file.name+", rate against nginx", fmt.Sprintf("%.2f×", ratio), fmt.Sprintf("at least %.2f×", serveRatio), ratio >= serveRatio)
	}
	t.end()
	return nil
}

// compareServers returns the medians of several runs in turns.
func (b *bench) compareServers(ctx context.Context, svp, nginx *webServer, file servedFile) (svpRate, nginxRate float64, size int, err error) {
	rates := map[*webServer][]float64{}
	for pair := range min(5, b.pairs) {
		order := []*webServer{svp, nginx}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, server := range order {
			if _, err := load(ctx, server.address, file.path(), "", file.connections, serveWarmUp); err != nil {
				return 0, 0, 0, err
			}
			found, err := load(ctx, server.address, file.path(), "", file.connections, serveTime)
			if err != nil {
				return 0, 0, 0, err
			}
			rates[server], size = append(rates[server], found.rate()), found.size
		}
	}
	return middle(rates[svp]), middle(rates[nginx]), size, nil
}

// writeRepository writes the packages, of bytes that nobody looks into.
func (b *bench) writeRepository(ctx context.Context) (string, error) {
	folder := filepath.Join(b.work, b.name("repository"))
	for _, file := range servedFiles {
		if file.size == 0 {
			continue // made with the package
		}
		contents := make([]byte, file.size)
		_, _ = rand.Read(contents) // never fails
		name := filepath.Join(folder, file.path())
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(name, contents, 0o644); err != nil {
			return "", err
		}
	}
	_, err := b.svp(ctx, "repo", "index", folder)
	return folder, err
}

// webServer is a running server.
type webServer struct {
	command *exec.Cmd
	ended   chan struct{}
	failure error // when it has ended
	log     string
	address string
}

// start starts the server, whose output goes to its log.
func (s *webServer) start() error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	s.command.Stdout, s.command.Stderr, s.ended = log, log, make(chan struct{})
	err = s.command.Start()
	if err = errors.Join(err, log.Close()); err != nil {
		return err
	}
	go func() {
		defer close(s.ended)
		s.failure = s.command.Wait()
	}()
	return nil
}

// await waits until ready says that the server serves.
func (s *webServer) await(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, serveStart)
	defer cancel()
	again := time.NewTicker(brokerPoll)
	defer again.Stop()
	for !ready() {
		select {
		case <-again.C:
		case <-s.ended:
			return errors.Join(errors.New("the server has ended before it served"), s.stop())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait for the server: %w", ctx.Err()), s.stop())
		}
	}
	return nil
}

// stop ends the server, and waits until it has ended.
func (s *webServer) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.AfterFunc(brokerGrace, func() { _ = s.command.Process.Kill() }) // it may have ended
	defer late.Stop()
	<-s.ended
	if s.failure == nil {
		return nil
	}
	text, err := os.ReadFile(s.log)
	return errors.Join(fmt.Errorf("%s: %w: %s", s.command.Path, s.failure, lastLines(string(text))), err)
}

// svpServes finds in the log where the repository is served.
var svpServes = regexp.MustCompile(`repository is served" addr=(\S+)`)

func (b *bench) startSvpServer(ctx context.Context, folder string) (*webServer, error) {
	s := &webServer{
		command: b.svpCommand(ctx, "repo", "serve", folder, "--listen", "127.0.0.1:0"), log: filepath.Join(b.work, b.name("serve")+".log"),
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.await(ctx, func() bool {
		text, _ := os.ReadFile(s.log) // as long as it is not there it is not ready
		found := svpServes.FindSubmatch(text)
		if found != nil {
			s.address = string(found[1])
		}
		return found != nil
	})
}

// nginxConfig is what Debian's nginx.conf says, but for where things are, and that
// connections stay open for more than a thousand requests.
const nginxConfig = `user root;
worker_processes auto;
daemon off;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events { worker_connections 768; }
http {
	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	types { application/zip zip; }
	default_type application/octet-stream;
	access_log FOLDER/access.log;
	gzip on;
	keepalive_requests 1000000000;
	server { listen ADDRESS; root ROOT; }
}
`

func (b *bench) startNginx(ctx context.Context, root string) (*webServer, error) {
	folder := filepath.Join(b.work, b.name("nginx"))
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(folder, "nginx.conf")
	text := strings.NewReplacer("FOLDER", folder, "ADDRESS", address, "ROOT", root).Replace(nginxConfig)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s := &webServer{
		command: b.command(ctx, "nginx", "-p", folder, "-c", config), log: filepath.Join(folder, "output.log"), address: address,
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.await(ctx, func() bool {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
}

// freeAddress is one of this machine that nobody else listens on: nginx cannot
// choose a port by itself.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
