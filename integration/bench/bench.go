package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/client"
)

// options are what the user asked for.
type options struct {
	only          string
	pairs         int
	packs         []string
	svp           string
	out, progress io.Writer
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q; see -h", rest[0])
	case o.only != "" && !slices.Contains(sectionNames(), o.only):
		return fmt.Errorf("no section %q; there are %s", o.only, strings.Join(sectionNames(), ", "))
	case o.pairs < 1:
		return errors.New("-pairs must be at least 1")
	}
	return nil
}

// section is one table of the report.
type section struct {
	name, title string
	measure     func(*bench, context.Context) error
}

func sections() []section {
	return []section{
		{"phases", "build, setup and run against the floor: the Docker calls alone", (*bench).phases},
		{"cached", "build with nothing changed against docker build, fully cached", (*bench).cached},
		{"compose", "from the command to the first authenticated query, against docker-compose up", (*bench).compose},
		{"concurrent", "sixteen instances of redis at once against the floor", (*bench).concurrent},
		{"size", "images against the smallest that can run the service", (*bench).size},
		{"startup", "how long svp takes to do nothing", (*bench).startup},
		{"lint", "how long svp pack lint takes for all packs, without shellcheck", (*bench).lint},
		{"catalog", "how often a broker's catalog can be asked for", (*bench).catalog},
		{"records", "how much memory a broker needs with many instances on record", (*bench).records},
		{"package", "packaging, verifying and installing a pack of 500 MB against zip, unzip and sha256sum", (*bench).packageAndInstall},
		{"serve", "files of a repository against nginx", (*bench).serve},
		{"provision", "from a platform's request to the instance, against svp up", (*bench).provision},
		{"provisions", "sixteen instances that a platform asks for at once, against the floor", (*bench).provisions},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// bench is one run of the program.
type bench struct {
	options
	id       string // part of the name of everything that is made
	work     string // a folder of its own
	program  string // the copy of svp that is measured
	network  string
	docker   *client.Client // for preparing and removing, never for measuring
	packs    []pack
	bases    map[string]bases // by the pack's name
	verdicts []verdict
	// newCaches are volumes that svp makes because of the bench.
	newCaches []string
}

// measure makes the report.
func measure(ctx context.Context, o options) (err error) {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cleanUp(ctx)) }()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, section := range sections() {
		if o.only != "" && o.only != section.name {
			continue
		}
		fmt.Fprintf(o.out, "\n%s: %s\n\n", section.name, section.title)
		if err := section.measure(b, ctx); err != nil {
			fmt.Fprintf(o.out, "not measured: %v\n", err)
			b.judge(section.title, "not measured", "", false)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b.printVerdicts()
	return nil
}

func newBench(ctx context.Context, o options) (*bench, error) {
	docker, err := newClient()
	if err != nil {
		return nil, err
	}
	if _, err := docker.Ping(ctx); err != nil {
		return nil, fmt.Errorf("no Docker host answers: %w", err)
	}
	work, err := os.MkdirTemp("", "svp-bench-")
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:6])
	return &bench{
		options: o, id: id, work: work, program: filepath.Join(work, "svp"),
		network: "svp-bench-" + id, docker: docker, bases: map[string]bases{},
	}, nil
}

// prepare makes what all sections need. The program and the packs are copied,
// so that nobody changes them during the measurement; a copy of a pack differs
// from the pack in one file, so that its images are told from anybody else's.
func (b *bench) prepare(ctx context.Context) error {
	if err := copyProgram(b.options.svp, b.program); err != nil {
		return fmt.Errorf("%w: make it with: make build", err)
	}
	if err := b.createNetwork(ctx); err != nil {
		return err
	}
	names := b.options.packs
	if len(names) == 0 {
		found, err := filepath.Glob("packs/*/bin/query")
		if err != nil || len(found) == 0 {
			return errors.New("there is no packs/*/bin/query here: run this at the top of the repository")
		}
		for _, query := range found {
			names = append(names, filepath.Base(filepath.Dir(filepath.Dir(query))))
		}
	}
	for _, name := range names {
		copied := filepath.Join(b.work, "packs", name)
		if err := os.CopyFS(copied, os.DirFS(filepath.Join("packs", name))); err != nil {
			return fmt.Errorf("copy pack %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(copied, ".bench"), []byte(b.id+"\n"), 0o644); err != nil {
			return fmt.Errorf("copy pack %s: %w", name, err)
		}
		p, err := openPack(ctx, copied)
		if err != nil {
			return err
		}
		b.packs = append(b.packs, p)
	}
	return b.noteCaches(ctx)
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

func (b *bench) pack(name string) (pack, error) {
	index := slices.IndexFunc(b.packs, func(p pack) bool { return p.name == name })
	if index < 0 {
		return pack{}, fmt.Errorf("pack %s is not among those to be measured", name)
	}
	return b.packs[index], nil
}

// doing tells the user what is going on.
func (b *bench) doing(format string, args ...any) {
	fmt.Fprintf(b.progress, "%s bench: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// name is a name for something that is made, told from all others.
func (b *bench) name(kind string) string {
	return fmt.Sprintf("bench-%s-%s-%s", b.id, kind, strings.ToLower(rand.Text()[:6]))
}

// image is a reference for an image that is made.
func (b *bench) image(p pack, tag string) string { return b.images() + p.name + ":" + tag }

// images is how the references of all images that are made begin.
func (b *bench) images() string { return "svp-bench-" + b.id + "/" }
