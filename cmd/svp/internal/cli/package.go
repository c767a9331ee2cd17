package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/dependency"
)

type packOpener interface {
	WithPack(ctx context.Context, op, pack string, use func(engine.OpenedPack) error) error
	DependencyCache() string
}

type packageOptions struct {
	pack, folder     string
	cached, uncached bool
	stack            string
	anyStack         bool
	json             bool
}

func newPackPackageCommand(w *wiring) *command {
	o := &packageOptions{}
	return &command{
		name: "package", summary: "Make a package of a pack",
		details: "Writes NAME-VERSION-copkg.zip, the same bytes wherever and whenever it is made. The\n" +
			"pack's servicepack.yaml has to have a group, a name and a version, which make the\n" +
			"package's coordinate. Its script.d/start.sh and stop.sh run the service with svp.\n" +
			"With --cached it carries the dependencies that servicepack.yaml lists, so that it can\n" +
			"be built with --offline. Prints the name of the file.\n" +
			"A folder with a manifest.yml and no bin/query is a buildpack: it becomes the zip that\n" +
			"buildpack-packager makes of it, for one stack or for any.",
		example: "svp pack package -b packs/redis\nsvp pack package -b packs/redis --cached -o /srv/packages\n" +
			"svp pack package -b ruby-buildpack --cached --stack cflinuxfs4",
		flags: []urfave.Flag{
			packFlag(&o.pack), w.isolateFlag(),
			&urfave.BoolFlag{Name: "cached", Destination: &o.cached, Usage: "put the dependencies into the package"},
			&urfave.BoolFlag{Name: "uncached", Destination: &o.uncached, Usage: "leave them to the build, as without a flag"},
			&urfave.StringFlag{
				Name: "output", Aliases: []string{"o"}, Destination: &o.folder, Value: ".", Usage: "write the file into the folder `DIR`",
			},
			&urfave.StringFlag{Name: "stack", Destination: &o.stack, Usage: "make a buildpack's package for the stack `NAME`"},
			&urfave.BoolFlag{Name: "any-stack", Destination: &o.anyStack, Usage: "make a buildpack's package for all its stacks"},
			jsonFlag(&o.json),
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--pack", o.pack}); err != nil {
				return err
			}
			if o.cached && o.uncached {
				return inv.usageError("--cached and --uncached exclude each other", "")
			}
			if err := o.checkStack(inv); err != nil {
				return err
			}
			return w.engine(func(s session) error {
				if isBuildpack(o.pack) {
					return runPackageBuildpack(ctx, w.streams, s, *o)
				}
				return runPackPackage(ctx, w.streams.Out, s, *o)
			})
		},
	}
}

// packaged is what `svp pack package --json` tells.
type packaged struct {
	Path         string   `json:"path"`
	Coordinate   string   `json:"coordinate"`
	SHA256       string   `json:"sha256"` // of the file
	Size         int64    `json:"size"`
	Digest       string   `json:"digest"` // of the pack
	Cached       bool     `json:"cached"`
	Dependencies []string `json:"dependencies"` // in the package
}

func runPackPackage(ctx context.Context, out io.Writer, s session, o packageOptions) error {
	var result packaged
	err := s.WithPack(ctx, "package", o.pack, func(opened engine.OpenedPack) (err error) {
		result, err = packagePack(ctx, s, opened, o)
		return err
	})
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, result)
	}
	_, err = fmt.Fprintln(out, result.Path)
	return err
}

func packagePack(ctx context.Context, s session, opened engine.OpenedPack, o packageOptions) (packaged, error) {
	made, err := copkg.New(opened.Dir)
	if err != nil {
		return packaged{}, err
	}
	digest, err := made.Digest()
	if err != nil {
		return packaged{}, err
	}
	name := filepath.Join(o.folder, made.Coordinate().FileName())
	if err := refuseInside(opened.Path(), name); err != nil {
		return packaged{}, err
	}
	result := packaged{
		Path: name, Coordinate: made.Coordinate().String(), Digest: digest, Cached: o.cached, Dependencies: []string{},
	}
	var carried []copkg.Dependency
	if o.cached {
		if carried, err = fetchDependencies(ctx, s, made); err != nil {
			return packaged{}, err
		}
	}
	for _, file := range carried {
		result.Dependencies = append(result.Dependencies, file.Name)
	}
	sum := &measure{Hash: sha256.New()}
	err = writeSharedFile(name, func(file *os.File) error {
		return made.Write(ctx, io.MultiWriter(localWriter{file, name}, sum), carried)
	})
	result.SHA256, result.Size = hex.EncodeToString(sum.Sum(nil)), sum.size
	return result, err
}

// fetchDependencies brings to this machine what the package is to carry.
func fetchDependencies(ctx context.Context, s session, made *copkg.Package) ([]copkg.Dependency, error) {
	var wanted []dependency.Dependency
	for _, listed := range made.Dependencies() {
		wanted = append(wanted, dependency.Dependency{URI: listed.URI, SHA256: listed.SHA256})
	}
	options, err := s.dependencyOptions()
	if err != nil {
		return nil, err
	}
	files, err := dependency.Fetch(ctx, wanted, options)
	if err != nil {
		return nil, err
	}
	carried := make([]copkg.Dependency, len(files))
	for i, file := range files {
		carried[i] = copkg.Dependency{Name: file.Name, Path: file.Path, Size: file.Size}
	}
	return carried, nil
}

// dependencyOptions are how dependencies are downloaded.
func (s session) dependencyOptions() (dependency.Options, error) {
	roots, err := certificateAuthorities(s.settings.CABundle)
	return dependency.Options{CacheDir: s.DependencyCache(), RootCAs: roots, Event: s.dependencyEvent}, err
}

// dependencyEvent tells the user of downloads.
func (s session) dependencyEvent(event dependency.Event) {
	switch event.Kind {
	case dependency.Cached, dependency.Downloaded:
	case dependency.Downloading:
		s.note("download %s", event.URI)
	case dependency.Retrying:
		s.note("%v; trying again", event.Err)
	case dependency.Damaged:
		s.note("%s is damaged in the cache and downloaded again", event.Name)
	}
}

// measure digests and counts what is written to it.
type measure struct {
	hash.Hash
	size int64
}

func (m *measure) Write(p []byte) (int, error) {
	m.size += int64(len(p))
	return m.Hash.Write(p)
}
