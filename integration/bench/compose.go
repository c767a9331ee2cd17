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

// settle is how long the disk is left alone before compose measures. A file system
// that gives the numbers of removed files to no new ones for a minute, as ext4 does
// without a journal, takes the longer to make a file the more were removed: twenty
// times as long after the build of an image.
const settle = 65 * time.Second

// compose measures from the command to the first authenticated query that is
// answered on the host, with nothing but the base image there. An svp user asks
// when svp has printed where to ask. A user of docker-compose, which prints
// nothing and does not wait, asks over and over from the beginning. Nothing is
// removed before all is measured: see settle.
func (b *bench) compose(ctx context.Context) (err error) {
	if _, err := exec.LookPath("docker-compose"); err != nil {
		return errors.New("docker-compose is not installed; on Debian: apt-get install docker-compose")
	}
	redis.SetLogger(quiet{})
	t := newTable(b.out, "pack", "svp up, s", "docker-compose up, s", "ratio", "difference [interval]")
	defer t.end()
	notMeasured := func(p pack, err error) {
		t.row(p.name, "not measured: "+lastLines(err.Error()))
		b.judge(p.name+": up", "not measured", "", false)
	}
	var ready []*contest
	defer func() {
		for _, c := range ready {
			err = errors.Join(err, c.end(ctx))
		}
	}()
	for _, r := range rivals {
		p, err := b.pack(r.pack)
		if err != nil {
			continue // not among those that the user named
		}
		prepared, err := b.prepareContest(ctx, p, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			notMeasured(p, err)
			continue
		}
		ready = append(ready, prepared)
	}
	b.doing("waiting for the disk")
	if err := wait(ctx, settle); err != nil {
		return err
	}
	for _, c := range ready {
		b.doing("%s: up", c.pack.name)
		svp, compose, err := alternate(ctx, max(5, b.pairs), b.svpUp(c), b.composeUp(c))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			notMeasured(c.pack, err)
			continue
		}
		t.compared(svp, compose, c.pack.name)
		b.judgeSamples(c.pack.name+": up", svp, compose, c.rival.ratio)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// contest is a service that can be brought up both ways, and what was.
type contest struct {
	pack    pack
	rival   rival
	project project
	ends    []func(context.Context) error
}

func (b *bench) prepareContest(ctx context.Context, p pack, r rival) (*contest, error) {
	if _, err := b.makeBases(ctx, p); err != nil {
		return nil, err
	}
	project, err := b.prepareProject(ctx, p)
	if err != nil {
		return nil, err
	}
	return &contest{pack: p, rival: r, project: project}, nil
}

func (c *contest) later(end func(context.Context) error) { c.ends = append(c.ends, end) }

// end removes what was brought up.
func (c *contest) end(ctx context.Context) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	var errs []error
	for _, end := range c.ends {
		errs = append(errs, end(ctx))
	}
	return errors.Join(errs...)
}

func (b *bench) svpUp(c *contest) measurement {
	return func(ctx context.Context) (took time.Duration, err error) {
		name := b.name("up")
		c.later(func(ctx context.Context) error { return b.destroyAfter(ctx, name, err) })
		return timed(func() error {
			_, environment, err := b.up(ctx, c.pack, name)
			if err != nil {
				return err
			}
			variable := func(name string) string { return environment[c.rival.prefix+name] }
			return c.rival.query(login{
				variable("HOST"), variable("PORT"), variable("USER"), variable("PASSWORD"), variable("DATABASE"),
			}).untilAnswered(ctx)
		})
	}
}

// project is a folder that docker-compose can bring up, each time by another name.
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

func (b *bench) composeUp(c *contest) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		port, err := freePort(ctx)
		if err != nil {
			return 0, err
		}
		password := rand.Text()
		p := c.project
		p.name += strconv.Itoa(port)
		environment := []string{
			"BENCH_IMAGE=" + p.image, "BENCH_PASSWORD=" + password, "BENCH_PORT=" + strconv.Itoa(port),
		}
		c.later(func(ctx context.Context) error {
			return b.dockerCompose(ctx, p, environment, "down", "--volumes", "--timeout", "0")
		})
		ask := c.rival.query(login{"127.0.0.1", strconv.Itoa(port), c.rival.user, password, "app"})
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
