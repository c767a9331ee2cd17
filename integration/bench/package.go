package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What the section package measures with, and its limits.
const (
	packageFiles  = 20
	packageFile   = 25_000_000 // bytes of each
	packageRounds = 3
	packageRatio  = 1 / 0.8 // of the times, for 0.8 of the speed
	packageMemory = 64_000_000
	packageName   = "org.example:bench:1.0.0"
)

// packaging is what is measured: a pack that carries half a gigabyte, and places
// for what is made of it.
type packaging struct {
	*bench
	folder     string
	memory     int64  // the most that svp has needed
	zip        string // the package
	layout     string // what is in it
	repository string
}

// packageAndInstall measures making, verifying and unpacking a package against
// general programs that do the same.
func (b *bench) packageAndInstall(ctx context.Context) error {
	for _, program := range []string{"zip", "unzip", "sha256sum", "sync"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed; on Debian: apt-get install zip unzip coreutils", program)
		}
	}
	p := &packaging{bench: b, folder: filepath.Join(b.work, "package")}
	defer removeAll(p.folder)
	b.doing("package: %d MB of files", packageFiles*packageFile/1_000_000)
	if err := p.prepare(ctx); err != nil {
		return err
	}
	t := newTable(b.out, "500 MB", "svp, s", "the others, s", "ratio", "difference [interval]")
	steps := []struct {
		what         string
		svp, against measurement
	}{
		{"package (zip -0, sync, sha256sum)", p.make, p.makeByOthers},
		{"install (sha256sum, unzip)", p.install, p.installByOthers},
	}
	var svp, others time.Duration
	for _, step := range steps {
		b.doing("%s", step.what)
		ours, theirs, err := alternate(ctx, min(b.pairs, packageRounds), step.svp, step.against)
		if err != nil {
			return err
		}
		t.compared(ours, theirs, step.what)
		svp, others = svp+ours.median(), others+theirs.median()
	}
	t.end()
	b.judgeRatio("package and install, time", svp.Seconds(), others.Seconds(), packageRatio)
	b.judge("package and install, memory", megabytes(p.memory), megabytes(packageMemory), p.memory < packageMemory)
	return nil
}

// prepare writes the pack, and makes what the measurements begin with.
func (p *packaging) prepare(ctx context.Context) error {
	p.layout, p.repository = filepath.Join(p.folder, "layout"), filepath.Join(p.folder, "repository")
	for _, folder := range []string{"pack/bin", "files", "out", "layout"} {
		if err := os.MkdirAll(filepath.Join(p.folder, folder), 0o750); err != nil {
			return err
		}
	}
	manifest := "group: org.example\nname: bench\nversion: 1.0.0\ndependencies:\n"
	for i := range packageFiles {
		name := filepath.Join(p.folder, "files", fmt.Sprintf("file%d", i))
		sum, err := writeRandom(name)
		if err != nil {
			return err
		}
		manifest += fmt.Sprintf("  - uri: file://%s\n    sha256: %s\n", name, sum)
	}
	for name, content := range map[string]string{
		"servicepack.yaml": manifest, "bin/query": "#!/bin/sh\n[ \"$1\" != os ] || echo debian/12\n", "bin/build": "#!/bin/sh\n", "bin/run": "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(p.folder, "pack", name), []byte(content), 0o700); err != nil {
			return err
		}
	}
	made, err := p.svp(ctx, p.arguments("kept")...)
	if err != nil {
		return err
	}
	p.zip = strings.TrimSpace(string(made.stdout))
	if _, err := finish(p.command(ctx, "unzip", "-q", p.zip, "-d", p.layout)); err != nil {
		return err
	}
	_, err = p.svp(ctx, "pack", "publish", p.zip, "--repo", p.repository)
	return err
}

// writeRandom writes a file that nothing can compress, and returns its digest.
func writeRandom(name string) (sum string, err error) {
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(file, hash), rand.Reader, packageFile); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// arguments make the package in a folder of that name.
func (p *packaging) arguments(folder string) []string {
	out := filepath.Join(p.folder, folder)
	// Where it cannot be made, the command says so.
	_ = os.MkdirAll(out, 0o750)
	return []string{"pack", "package", "-b", filepath.Join(p.folder, "pack"), "--cached", "-o", out}
}

func (p *packaging) make(ctx context.Context) (time.Duration, error) {
	defer removeAll(filepath.Join(p.folder, "made"))
	return p.ours(ctx, p.arguments("made")...)
}

// makeByOthers ends when the archive is on the disk, as svp does.
func (p *packaging) makeByOthers(ctx context.Context) (time.Duration, error) {
	archive := filepath.Join(p.folder, "made.zip")
	defer removeAll(archive)
	zip := p.command(ctx, "zip", "-0", "-q", "-r", archive, ".")
	zip.Dir = p.layout
	return inRow(zip, p.command(ctx, "sync", archive), p.command(ctx, "sha256sum", archive))
}

func (p *packaging) install(ctx context.Context) (time.Duration, error) {
	folder := filepath.Join(p.folder, "installed")
	defer removeAll(folder)
	return p.ours(ctx, "pack", "install", packageName, "-r", p.repository, "--dir", folder, "--no-save")
}

func (p *packaging) installByOthers(ctx context.Context) (time.Duration, error) {
	folder := filepath.Join(p.folder, "unzipped")
	defer removeAll(folder)
	return inRow(p.command(ctx, "sha256sum", p.zip), p.command(ctx, "unzip", "-q", p.zip, "-d", folder))
}

func (p *packaging) ours(ctx context.Context, args ...string) (time.Duration, error) {
	done, err := finishWeighed(p.svpCommand(ctx, args...))
	p.memory = max(p.memory, done.peak)
	return done.took, err
}

// inRow runs the commands one after the other.
func inRow(commands ...*exec.Cmd) (time.Duration, error) {
	var took time.Duration
	for _, command := range commands {
		done, err := finish(command)
		if err != nil {
			return 0, err
		}
		took += done.took
	}
	return took, nil
}

// removeAll removes what was made, also folders in which nobody may write. What it
// cannot remove is told of when the bench's own folder is removed.
func removeAll(path string) {
	_ = filepath.WalkDir(path, func(name string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(name, 0o750)
		}
		return err
	})
	_ = os.RemoveAll(path)
}
