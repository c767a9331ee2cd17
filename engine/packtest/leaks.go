package packtest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
)

// checkLeaks runs every script of the pack, and looks for the secrets wherever
// somebody sees them who may not read root's files in the container.
func checkLeaks(ctx context.Context, t *trial) (string, error) {
	if len(t.info.Secrets) == 0 && !t.has(pack.ScriptBind) {
		return "", omitted("the pack has no secrets")
	}
	i := t.left()
	if i == nil {
		return "", omitted("no instance is left to look into")
	}
	bound, err := t.useScripts(ctx, i)
	if err != nil {
		return "", err
	}
	wanted := searchFor(t.first.env, i.env, bound)
	if program := t.arguments.leak(wanted); program != "" {
		return "", found("hand it over by an environment variable, a file of mode 600 or standard input: everybody can read arguments",
			"a secret is among the arguments of %s", program)
	}
	exposed, err := t.Exposed(ctx, i.name)
	if err != nil {
		return "", err
	}
	for _, text := range exposed {
		if wanted.in(text.Text) {
			return "", found("do not print secrets, and mind what the service itself logs", "a secret is in %s", text.Where)
		}
	}
	files, err := t.checkFiles(ctx, i, wanted)
	if err != nil {
		return "", err
	}
	if len(t.arguments.seen) == 0 {
		return "", omitted("no secret was found, but the arguments of processes could not be watched: that takes head and sleep in the image")
	}
	return fmt.Sprintf("no secret in %s, in logs, in what the host tells of containers and images, and in %s that others than their owner can read",
		counted(len(t.arguments.seen), "command line"), counted(files, "file")), nil
}

// useScripts runs the scripts of the pack while all arguments are watched. How they
// end is for other checks to judge. It returns the environment of a consumer.
func (t *trial) useScripts(ctx context.Context, i *instance) (envvar.Set, error) {
	watchers := make([]*watcher, 0, len(i.components))
	for _, component := range i.components {
		begun := t.arguments.begin(ctx, t.Engine, engine.Target{Name: i.name, Component: component})
		defer begun.end()
		watchers = append(watchers, begun)
	}
	awaitStart(ctx, watchers)
	var commands [][]string
	if t.has(pack.ScriptHealth) {
		commands = append(commands, healthOf(i.components[0]))
	}
	if t.has(pack.ScriptClient) {
		if _, err := t.lingeringClient(ctx, i); !isFinding(err) {
			return nil, err
		}
	}
	for _, script := range []string{pack.ScriptFingerprint, pack.ScriptUsage} {
		if t.has(script) {
			commands = append(commands, []string{"bin/" + script})
		}
	}
	if t.canWrite {
		commands = append(commands, []string{"bin/extra", sampleCommand})
	}
	for _, command := range commands {
		if _, err := t.attempt(ctx, i, "", command...); !isFinding(err) {
			return nil, err
		}
	}
	if err := t.useBackup(ctx, i); !isFinding(err) {
		return nil, err
	}
	return t.useBind(ctx, i)
}

// lingering is long enough to be seen.
const lingering = 300 * time.Millisecond

// lingeringClient runs the client on an input that does not end at once.
func (t *trial) lingeringClient(ctx context.Context, i *instance) (said, error) {
	return t.attemptAs(ctx, i, "", "bin/client", lingeringInput{}, "bin/client")
}

// lingeringInput is empty, and ends some time after it is first asked for: when the
// client is there.
type lingeringInput struct{}

func (lingeringInput) Read([]byte) (int, error) {
	<-time.After(lingering)
	return 0, io.EOF
}

// isFinding tells errors from which a run goes on: none, and faults of the pack.
func isFinding(err error) bool {
	_, failure := judge("", "", err)
	return failure == nil
}

func (t *trial) useBackup(ctx context.Context, i *instance) error {
	if !t.has(pack.ScriptBackup) {
		return nil
	}
	backup, err := t.backUp(ctx, i)
	if err != nil || !t.has(pack.ScriptRestore) {
		return err
	}
	if _, err := t.restoreTo(ctx, i, backup); err != nil {
		return err
	}
	return t.awaitReady(ctx, i)
}

func (t *trial) useBind(ctx context.Context, i *instance) (envvar.Set, error) {
	if !t.has(pack.ScriptBind) || !t.has(pack.ScriptUnbind) {
		return nil, nil
	}
	bound, err := t.bind(ctx, i, "packtest-leaks")
	if err == nil {
		err = t.Unbind(ctx, i.name, "packtest-leaks")
	}
	if isFinding(err) {
		err = nil
	}
	return bound, err
}

// checkFiles looks for the secrets in the files of the instance, and returns how
// many of them everybody can read.
func (t *trial) checkFiles(ctx context.Context, i *instance, wanted *search) (int, error) {
	stream, err := t.Files(ctx, engine.Target{Name: i.name})
	if err != nil {
		return 0, err
	}
	files, leak, err := findReadable(stream, wanted)
	if err = errors.Join(err, stream.Close()); err != nil {
		return 0, err
	}
	if leak != "" {
		return 0, found("let root or the service alone read it: umask 077, or install -m 600", "everybody in the container can read a secret in /%s", leak)
	}
	return files, nil
}

const (
	readableByOthers  = 0o004
	enterableByOthers = 0o001
)

// findReadable reads the files to their end, counts those that everybody can read,
// and names one of them that holds a secret.
func findReadable(files io.Reader, wanted *search) (count int, leak string, err error) {
	closed := map[string]bool{} // folders that others cannot enter
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return count, leak, nil
		}
		if err != nil {
			return count, leak, fmt.Errorf("read the files of the instance: %w", err)
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		inClosed := closed[path.Dir(name)]
		switch header.Typeflag {
		case tar.TypeDir:
			closed[name] = inClosed || header.Mode&enterableByOthers == 0
		case tar.TypeReg:
			if inClosed || header.Mode&readableByOthers == 0 {
				continue
			}
			count++
			content := &stream{search: wanted}
			if _, err := io.CopyN(content, archive, header.Size); err != nil {
				return count, leak, fmt.Errorf("read the files of the instance: %w", err)
			}
			if content.found {
				leak = name
			}
		}
	}
}
