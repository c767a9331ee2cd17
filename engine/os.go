package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
)

// distributions are those that svp can bootstrap, by the name of their OS image,
// with the release's code name and what mmdebstrap must be told for it.
//
// Where a release offers usr-is-merged, it takes the place of usrmerge, which
// would bring the whole of Perl into a minimal image.
var distributions = []struct {
	name, suite string
	options     []string
}{
	{"debian/12", "bookworm", []string{"--include=usr-is-merged"}},
	{"debian/13", "trixie", []string{"--include=usr-is-merged"}},
	{"ubuntu/22.04", "jammy", []string{"--components=main,universe"}},
	{"ubuntu/24.04", "noble", []string{"--components=main,universe"}},
}

// OSImage is an operating system that a pack can ask for.
type OSImage struct {
	Name      string `json:"name"`      // "debian/12"
	Reference string `json:"reference"` // "debian:12", or what the configuration maps it to
	Present   bool   `json:"present"`
	ID        string `json:"id,omitempty"`
	Size      int64  `json:"size,omitempty"` // bytes
	Bootstrap bool   `json:"bootstrap"`      // OSBootstrap can make it
}

// osReference is the image that stands for an operating system.
func (e *Engine) osReference(os pack.OS) string {
	if reference := e.config.OSImages[os.String()]; reference != "" {
		return reference
	}
	return os.Image()
}

// ensureOS returns the image of the operating system, and pulls it when it is
// absent, unless offline.
func (e *Engine) ensureOS(ctx context.Context, os pack.OS, offline bool) (driver.Image, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return driver.Image{}, err
	}
	reference := e.osReference(os)
	image, err := d.Image(ctx, reference)
	if !errors.Is(err, driver.ErrNotFound) {
		return image, err
	}
	if offline {
		return driver.Image{}, &Error{
			Op: "get OS image", Subject: os.String(), Kind: NotFound,
			Err:  fmt.Errorf("there is no image %s on the container host, and offline none is pulled", reference),
			Hint: "bring it to the host as a file: docker save, docker load",
		}
	}
	if err := e.pull(ctx, reference); err != nil {
		return driver.Image{}, &Error{
			Op: "get OS image", Subject: os.String(), Kind: Failed, Err: err, Hint: pullHint(os.String()),
		}
	}
	return d.Image(ctx, reference)
}

func pullHint(name string) string {
	hint := "name an image that can be reached with os_images in the configuration"
	if isBootstrappable(name) {
		hint = "without a registry in reach, make it with: svp os bootstrap " + name
	}
	return hint
}

func isBootstrappable(name string) bool {
	for _, distribution := range distributions {
		if distribution.name == name {
			return true
		}
	}
	return false
}

func (e *Engine) pull(ctx context.Context, reference string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	step := e.beginPhase("pull", reference, nil)
	return step.end(d.PullImage(ctx, reference, step))
}

// OSList lists the operating systems that svp can bootstrap or is configured
// for.
func (e *Engine) OSList(ctx context.Context) ([]OSImage, error) {
	var names []string
	for _, distribution := range distributions {
		names = append(names, distribution.name)
	}
	for name := range e.config.OSImages {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	list := make([]OSImage, 0, len(names))
	for _, name := range names {
		image, err := e.osImage(ctx, name)
		if err != nil {
			return nil, fail("list OS images", "", err)
		}
		list = append(list, image)
	}
	return list, nil
}

func (e *Engine) osImage(ctx context.Context, name string) (OSImage, error) {
	os, err := pack.ParseOS(name)
	if err != nil {
		return OSImage{}, usagef("an operating system is NAME/VERSION, as debian/12", "%v", err)
	}
	d, err := e.driver(ctx)
	if err != nil {
		return OSImage{}, err
	}
	listed := OSImage{Name: name, Reference: e.osReference(os), Bootstrap: isBootstrappable(name)}
	image, err := d.Image(ctx, listed.Reference)
	if errors.Is(err, driver.ErrNotFound) {
		return listed, nil
	}
	if err != nil {
		return OSImage{}, err
	}
	listed.Present, listed.ID, listed.Size = true, image.ID, image.Size
	return listed, nil
}

// OSPull pulls the image of an operating system.
func (e *Engine) OSPull(ctx context.Context, name string) (OSImage, error) {
	os, err := pack.ParseOS(name)
	if err != nil {
		return OSImage{}, fail("pull", name, usagef("an operating system is NAME/VERSION, as debian/12", "%v", err))
	}
	if err := e.pull(ctx, e.osReference(os)); err != nil {
		failure := fail("pull", name, err)
		var told *Error
		if errors.As(failure, &told) && told.Hint == "" {
			told.Hint = pullHint(name)
		}
		return OSImage{}, failure
	}
	image, err := e.osImage(ctx, name)
	return image, fail("pull", name, err)
}

// OSBootstrapOptions say what to bootstrap, and from where.
type OSBootstrapOptions struct {
	Name    string        // "debian/12"
	Mirror  string        // empty: the distribution's own
	Timeout time.Duration // 0 means DefaultTimeout
}

// OSBootstrap makes the image of an operating system from the distribution's
// packages: the minimal variant, without package lists and documentation.
func (e *Engine) OSBootstrap(ctx context.Context, o OSBootstrapOptions) (OSImage, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	image, err := e.bootstrap(ctx, o)
	return image, fail("bootstrap", o.Name, causeOf(ctx, err))
}

func (e *Engine) bootstrap(ctx context.Context, o OSBootstrapOptions) (OSImage, error) {
	os, err := pack.ParseOS(o.Name)
	if err != nil {
		return OSImage{}, usagef("an operating system is NAME/VERSION, as debian/12", "%v", err)
	}
	arguments, err := bootstrapArguments(o)
	if err != nil {
		return OSImage{}, err
	}
	tool, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return OSImage{}, &Error{
			Op: "bootstrap", Subject: o.Name, Kind: Failed, Err: errors.New("mmdebstrap is not installed"),
			Hint: "install it, on Debian and Ubuntu with: apt-get install mmdebstrap",
		}
	}
	d, err := e.driver(ctx)
	if err != nil {
		return OSImage{}, err
	}
	step := e.beginPhase("bootstrap", o.Name, envvar.Set{})
	err = importFrom(ctx, exec.CommandContext(ctx, tool, arguments...), step, func(rootfs io.Reader) error {
		_, err := d.ImportImage(ctx, e.osReference(os), rootfs)
		return err
	})
	if err := step.end(err); err != nil {
		return OSImage{}, err
	}
	return e.osImage(ctx, o.Name)
}

// importFrom runs the command and hands what it writes to the import; nothing is
// imported when the command fails.
func importFrom(ctx context.Context, command *exec.Cmd, messages io.Writer, importImage func(io.Reader) error) error {
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, messages
	command.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SOURCE_DATE_EPOCH=0"}
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", command.Path, err)
	}
	ended := make(chan error, 1)
	go func() {
		err := command.Wait()
		// A reader that sees the failure instead of an end makes no image.
		_ = writer.CloseWithError(err)
		ended <- err
	}()
	importErr := importImage(reader)
	_ = reader.CloseWithError(errors.New("the import has ended"))
	commandErr := <-ended
	// A command that failed makes the import fail, which then has little to say,
	// and the other way round.
	if commandErr != nil && ctx.Err() == nil && (importErr == nil || errors.Is(importErr, commandErr)) {
		return fmt.Errorf("%s: %w", command.Path, commandErr)
	}
	return importErr
}

func bootstrapArguments(o OSBootstrapOptions) ([]string, error) {
	if strings.HasPrefix(o.Mirror, "-") || strings.ContainsAny(o.Mirror, " \t\n") {
		return nil, usagef("a mirror is a URL, as http://deb.debian.org/debian", "%q is no mirror", o.Mirror)
	}
	for _, distribution := range distributions {
		if distribution.name != o.Name {
			continue
		}
		arguments := []string{
			"--variant=minbase", "--format=tar", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
		}
		for _, path := range []string{"man", "doc", "info", "locale", "lintian"} {
			arguments = append(arguments, "--dpkgopt=path-exclude=/usr/share/"+path+"/*")
		}
		arguments = append(arguments, "--dpkgopt=path-include=/usr/share/doc/*/copyright",
			`--aptopt=Acquire::Languages "none"`)
		arguments = append(arguments, distribution.options...)
		arguments = append(arguments, distribution.suite, "-")
		if o.Mirror != "" {
			arguments = append(arguments, o.Mirror)
		}
		return arguments, nil
	}
	return nil, usagef("svp os list shows those that it can", "svp cannot bootstrap %s", o.Name)
}
