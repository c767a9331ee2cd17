package packtest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/servicepack/svp/engine"
)

// checkQueries asks the pack everything that needs no secret.
func checkQueries(ctx context.Context, t *trial) (string, error) {
	info, err := t.InspectPack(ctx, t.options.Pack)
	if err != nil {
		return "", err
	}
	t.info = info
	return fmt.Sprintf("contract %d, %s, %s, %s, %s", info.Contract, info.OS,
		counted(len(info.Secrets), "secret"), counted(max(1, len(info.Components)), "component"), counted(len(info.Ports), "port")), nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checkBase builds the base image, which all instances share, and looks for files
// in it that are a secret by what they are.
func checkBase(ctx context.Context, t *trial) (string, error) {
	started := t.options.Now()
	built, err := t.Build(ctx, engine.BuildOptions{Pack: t.options.Pack, Timeout: t.options.Timeout})
	if err != nil {
		return "", err
	}
	t.base = built.ID
	how := "it was there already"
	if !built.Reused {
		t.took("base", started)
		how = "built"
	}
	stream, err := t.ImageFiles(ctx, t.base)
	if err != nil {
		return "", err
	}
	files, secret, err := findKeys(stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		return "", err
	}
	if secret != "" {
		return "", found("remove it at the end of bin/build base, and make it in bin/build setup or in bin/run: all instances share the base image",
			"the base image holds a private key or cookie, the same one for all instances: /%s", secret)
	}
	return fmt.Sprintf("%s; no private key in %s", how, counted(files, "file")), nil
}

// headSize is how much of a file is looked at to tell what it is.
const headSize = 256

// findKeys reads the files to their end, counts them, and names one that is secret.
func findKeys(stream io.Reader) (files int, secret string, err error) {
	head := make([]byte, headSize)
	for archive := tar.NewReader(stream); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, secret, nil
		}
		if err != nil {
			return files, secret, fmt.Errorf("read the files of the base image: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		files++
		n, err := io.ReadFull(archive, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return files, secret, fmt.Errorf("read the files of the base image: %w", err)
		}
		if isKey(header.Name, head[:n]) {
			secret = path.Clean(strings.TrimPrefix(header.Name, "/"))
		}
	}
}

// isKey tells private keys (RFC 7468, section 2: the label of the first line; RFC
// 4716 has no private ones, OpenSSH's look the same) and what Erlang's nodes
// trust each other by.
func isKey(name string, head []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	isPEM := bytes.HasPrefix(first, []byte("-----BEGIN ")) && bytes.HasSuffix(bytes.TrimSpace(first), []byte("PRIVATE KEY-----"))
	return isPEM || path.Base(name) == ".erlang.cookie" && len(head) > 0
}

// checkSetup brings up the first instance. That it does not become ready is the
// next check's to tell.
func checkSetup(ctx context.Context, t *trial) (string, error) {
	begun := t.arguments.begin(ctx, t.Engine, engine.Target{Container: engine.ContainerName(t.name("first"))})
	i, err := t.bringUp(ctx, "first")
	begun.end()
	if err != nil && !isLate(err) {
		return "", err
	}
	t.first, t.notReady = i, err
	return "bin/build setup ended well", nil
}

// isLate tells that a service was set up, and then did not become ready.
func isLate(err error) bool {
	var failed *engine.Error
	var script *engine.ScriptError
	return errors.As(err, &failed) && failed.Kind == engine.NotReady ||
		errors.As(err, &script) && strings.HasPrefix(script.Script, "bin/run")
}

// checkReady wants the first instance to be ready, and its ports to be open to
// others.
func checkReady(ctx context.Context, t *trial) (string, error) {
	if t.notReady != nil {
		return "", t.notReady
	}
	if t.has("health") {
		for _, component := range t.first.components {
			if _, err := t.script(ctx, t.first, component, healthOf(component)...); err != nil {
				return "", err
			}
		}
	}
	if err := t.checkPorts(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("ready %s after svp up began", t.timing[len(t.timing)-1].took.Round(10*time.Millisecond)), nil
}

// checkPorts wants every TCP port that the pack names to be open, and not for the
// container itself alone (proc_net_tcp in the kernel's documentation: the local
// address is the second field, the state the fourth).
func (t *trial) checkPorts(ctx context.Context) error {
	sockets, err := t.script(ctx, t.first, "", "/bin/sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true")
	if err != nil {
		return err
	}
	for _, port := range t.info.Ports {
		number, isTCP := strings.CutSuffix(port, "/tcp")
		if !isTCP {
			continue
		}
		switch open, toOthers := listening(sockets.out, number); {
		case !open:
			return found("let bin/health succeed only when all ports are open, or name the right ones in bin/query ports", "nothing listens on port %s", port)
		case !toOthers:
			return found("let the service listen on all addresses: consumers are in other containers", "port %s is open on the container's loopback alone", port)
		}
	}
	return nil
}

// listening looks a port up in the kernel's table of TCP sockets.
func listening(table, number string) (open, toOthers bool) {
	var wanted int
	if _, err := fmt.Sscan(number, &wanted); err != nil {
		return false, false
	}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		address, port, _ := strings.Cut(fields[1], ":")
		if port != fmt.Sprintf("%04X", wanted) {
			continue
		}
		open = true
		// 127.0.0.1 and ::1, in the order of bytes in memory.
		toOthers = toOthers || !strings.HasSuffix(address, "7F") && address != "00000000000000000000000001000000"
	}
	return open, toOthers
}

// checkImageSize tells what the pack adds to the operating system. How much is too
// much is for the author to say.
func checkImageSize(ctx context.Context, t *trial) (string, error) {
	size, err := t.BaseSize(ctx, t.base)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the base image has %s, %s more than %s", units.HumanSize(float64(size.Bytes)),
		units.HumanSize(float64(size.Bytes-size.OSBytes)), t.info.OS), nil
}

// checkTimes tells how long what an operator waits for took.
func checkTimes(_ context.Context, t *trial) (string, error) {
	var parts []string
	for _, timing := range t.timing {
		parts = append(parts, fmt.Sprintf("%s %s", timing.what, timing.took.Round(10*time.Millisecond)))
	}
	return strings.Join(parts, ", "), nil
}
