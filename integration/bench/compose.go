package main

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// composeFiles are Dockerfiles that do what the official images do, from the
// packages that the packs are made from, and what docker-compose needs to run
// them.
//
//go:embed compose
var composeFiles embed.FS

// rival is a service that is run by docker-compose as well.
type rival struct {
	pack  string
	ratio float64 // the limit
	query func(login) query
	// prefix is how the names of the pack's variables begin.
	prefix string
	user   string // of the application, with docker-compose
}

var rivals = []rival{
	{"postgresql", 0.4, postgresqlQuery, "POSTGRESQL_", "app"},
	{"mariadb", 0.4, mariadbQuery, "MARIADB_", "app"},
	{"redis", 0.6, redisQuery, "REDIS_", "default"},
}

// compose measures from the command to the first authenticated query that is
// answered on the host, with nothing but the base image there. An svp user asks
// when svp has printed where to ask. A user of docker-compose, which prints
// nothing and does not wait, asks over and over from the beginning.
func (b *bench) compose(ctx context.Context) error {
	if _, err := exec.LookPath("docker-compose"); err != nil {
		return errors.New("docker-compose is not installed; on Debian: apt-get install docker-compose")
	}
	redis.SetLogger(quiet{})
	t := newTable(b.out, "pack", "svp up, s", "docker-compose up, s", "ratio", "difference")
	defer t.end()
	for _, r := range rivals {
		p, err := b.pack(r.pack)
		if err != nil {
			continue // not among those that the user named
		}
		svp, compose, err := b.rivalry(ctx, p, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.row(p.name, "not measured: "+lastLines(err.Error()))
			b.judge(p.name+": up", "not measured", "", false)
			continue
		}
		t.compared(svp, compose, p.name)
		b.judgeRatio(p.name+": up", svp.median().Seconds(), compose.median().Seconds(), r.ratio)
	}
	return nil
}

func (b *bench) rivalry(ctx context.Context, p pack, r rival) (svp, compose sample, err error) {
	if _, err := b.makeBases(ctx, p); err != nil {
		return nil, nil, err
	}
	project, err := b.prepareProject(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	b.doing("%s: up", p.name)
	return alternate(ctx, max(5, b.pairs), b.svpUp(p, r), b.composeUp(project, r))
}

func (b *bench) svpUp(p pack, r rival) measurement {
	return func(ctx context.Context) (took time.Duration, err error) {
		name := b.name("up")
		defer func() { err = b.destroyAfter(ctx, name, err) }()
		return timed(func() error {
			_, environment, err := b.up(ctx, p, name)
			if err != nil {
				return err
			}
			variable := func(name string) string { return environment[r.prefix+name] }
			return r.query(login{
				variable("HOST"), variable("PORT"), variable("USER"), variable("PASSWORD"), variable("DATABASE"),
			}).untilAnswered(ctx)
		})
	}
}

// project is a folder that docker-compose can bring up.
type project struct {
	name, folder, image string
}

func (b *bench) prepareProject(ctx context.Context, p pack) (project, error) {
	b.doing("%s: image for docker-compose", p.name)
	made := project{
		name: "svpbench" + b.id + p.name, folder: filepath.Join(b.work, "compose", p.name), image: b.image(p, "compose"),
	}
	if err := b.unpack(made.folder, "compose/"+p.name); err != nil {
		return project{}, err
	}
	_, err := b.dockerBuild(ctx, filepath.Join(made.folder, "Dockerfile"), made.folder, made.image)
	return made, err
}

// unpack copies an embedded folder; embedded files have no mode.
func (b *bench) unpack(folder, embedded string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	entries, err := composeFiles.ReadDir(embedded)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		content, err := composeFiles.ReadFile(embedded + "/" + entry.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, entry.Name()), content, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) composeUp(p project, r rival) measurement {
	return func(ctx context.Context) (took time.Duration, err error) {
		port, err := freePort(ctx)
		if err != nil {
			return 0, err
		}
		password := rand.Text()
		environment := []string{
			"BENCH_IMAGE=" + p.image, "BENCH_PASSWORD=" + password, "BENCH_PORT=" + strconv.Itoa(port),
		}
		defer func() {
			cleanup, cancel := cleanupContext(ctx)
			defer cancel()
			err = errors.Join(err, b.dockerCompose(cleanup, p, environment, "down", "--volumes", "--timeout", "0"))
		}()
		ask := r.query(login{"127.0.0.1", strconv.Itoa(port), r.user, password, "app"})
		return timed(func() error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			answered := make(chan error, 1)
			go func() { answered <- ask.untilAnswered(ctx) }()
			if err := b.dockerCompose(ctx, p, environment, "up", "--detach"); err != nil {
				return err
			}
			return <-answered
		})
	}
}

func (b *bench) dockerCompose(ctx context.Context, p project, environment []string, args ...string) error {
	file := filepath.Join(p.folder, "docker-compose.yml")
	command := b.command(ctx, "docker-compose", append([]string{"--project-name", p.name, "--file", file}, args...)...)
	command.Env = append(command.Env, environment...)
	_, err := finish(command)
	return err
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("unexpected address %s", listener.Addr())
	}
	return address.Port, nil
}
