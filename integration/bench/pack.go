package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// pack is what the floor knows of a pack, without having to ask for it while it
// is measured.
type pack struct {
	name, dir  string
	os         string // the image below it
	components []string
	ports      []string
	volumes    []string
	shm        int64
	health     bool
	// environment is the instance's environment as a shell reads it.
	environment string
}

func openPack(ctx context.Context, dir string) (pack, error) {
	p := pack{name: filepath.Base(dir), dir: dir}
	answers := map[string][]string{}
	for _, key := range []string{"os", "secrets", "components", "ports", "volumes", "shm"} {
		lines, err := p.query(ctx, key, nil)
		if err != nil {
			return pack{}, err
		}
		answers[key] = lines
	}
	p.os = strings.ReplaceAll(strings.Join(answers["os"], ""), "/", ":")
	p.components, p.ports, p.volumes = answers["components"], answers["ports"], answers["volumes"]
	if len(answers["shm"]) > 0 {
		size, err := units.RAMInBytes(answers["shm"][0])
		if err != nil {
			return pack{}, fmt.Errorf("pack %s: shm: %w", p.name, err)
		}
		p.shm = size
	}
	_, err := os.Stat(filepath.Join(dir, "bin", "health"))
	p.health = err == nil
	return p, p.environ(ctx, answers["secrets"])
}

var placeholder = regexp.MustCompile(`%(IP|HOSTNAME|NAME|PORT_(\d+))`)

// environ makes the instance's environment. In it the addresses are those from
// the inside, which is all that scripts need.
func (p *pack) environ(ctx context.Context, secrets []string) error {
	var variables []string
	for _, name := range secrets {
		variables = append(variables, name+"="+rand.Text())
	}
	env, err := p.query(ctx, "env", variables)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, variable := range append(variables, env...) {
		name, value, _ := strings.Cut(variable, "=")
		value = placeholder.ReplaceAllStringFunc(value, func(word string) string {
			if port, found := strings.CutPrefix(word, "%PORT_"); found {
				return port
			}
			return "127.0.0.1"
		})
		fmt.Fprintf(&lines, "%s='%s'\n", name, value) // letters and digits, in the reference packs
	}
	p.environment = lines.String()
	return nil
}

func (p *pack) query(ctx context.Context, key string, environment []string) ([]string, error) {
	command := exec.CommandContext(ctx, filepath.Join(p.dir, "bin", "query"), key)
	command.Dir = p.dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environment...)
	answer, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("pack %s: query %s: %w", p.name, key, err)
	}
	return strings.FieldsFunc(string(answer), func(r rune) bool { return r == '\n' }), nil
}

// files are the pack's files as they go into a container.
func (p *pack) files() (*bytes.Buffer, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	err := filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header := &tar.Header{
			Name: filepath.Join("service", strings.TrimPrefix(path, p.dir)), Mode: int64(info.Mode().Perm()),
			Typeflag: tar.TypeDir,
		}
		if entry.IsDir() {
			return archive.WriteHeader(header)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		header.Typeflag, header.Size = tar.TypeReg, int64(len(file))
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", p.name, err)
	}
	return &content, archive.Close()
}

// digest is svp's digest of the pack.
func (b *bench) digest(ctx context.Context, p pack) (string, error) {
	inspected, err := b.svp(ctx, "pack", "inspect", p.dir, "--json")
	if err != nil {
		return "", err
	}
	var info struct{ Digest string }
	if err := json.Unmarshal(inspected.stdout, &info); err != nil {
		return "", fmt.Errorf("inspect pack %s: %w", p.name, err)
	}
	return info.Digest, nil
}

// port is the number of the pack's first port.
func (p *pack) port() (int, error) {
	if len(p.ports) == 0 {
		return 0, fmt.Errorf("pack %s has no ports", p.name)
	}
	number, _, _ := strings.Cut(p.ports[0], "/")
	return strconv.Atoi(number)
}
