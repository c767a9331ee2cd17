package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/servicearchive"
)

func newArchiveCommand(w *wiring) *command {
	return &command{
		name: "archive", topic: topicSteps, summary: "Make and read gCube Service Archives",
		children: []*command{
			newArchiveCreateCommand(w), newArchiveVerifyCommand(w), newArchiveListCommand(w), newArchiveExtractCommand(w),
		},
	}
}

type archiveCreateOptions struct {
	pack, output string
	maven        bool
}

func newArchiveCreateCommand(w *wiring) *command {
	o := &archiveCreateOptions{}
	return &command{
		name: "create", summary: "Make a Service Archive of a pack",
		details: "The package NAME-pack holds the pack, and each of its components is a package that\n" +
			"depends on it. The profile is valid by the schema 0.5.0, unless --maven adds what\n" +
			"later profiles have. Prints the name of the file.",
		example: "svp archive create -b packs/hipache\nsvp archive create -b redis -o redis.tar.gz --maven",
		flags: []urfave.Flag{
			packFlag(&o.pack), w.isolateFlag(),
			&urfave.StringFlag{
				Name: "output", Aliases: []string{"o"}, Destination: &o.output,
				Usage: "write to `FILE` (default: NAME-VERSION-servicearchive.tar.gz)",
			},
			&urfave.BoolFlag{
				Name: "maven", Destination: &o.maven, Usage: "write the pack's coordinate as MavenCoordinates",
			},
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--pack", o.pack}); err != nil {
				return err
			}
			if err := checkArchiveName(inv, o.output); err != nil {
				return err
			}
			return w.engine(func(s session) error { return runArchiveCreate(ctx, w.streams, s, *o) })
		},
	}
}

// checkArchiveName refuses to give a new file a name by which nobody would take it
// for what it is. A pipe or a device is called as it is.
func checkArchiveName(inv *invocation, name string) error {
	if name == "" || isStdout(name) || isDescriptor(name) || packages.IsServiceArchive(name) {
		return nil
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	return inv.usageError(fmt.Sprintf("--output: %s is no name for a Service Archive", name), "let it end in .tar.gz or .tgz")
}

func runArchiveCreate(ctx context.Context, streams *Streams, p packInspector, o archiveCreateOptions) error {
	info, err := p.InspectPack(ctx, o.pack)
	if err != nil {
		return err
	}
	create := func(out io.Writer) error {
		return packageProblem("create archive", info.Name, servicearchive.Create(ctx, out, servicearchive.Contents{
			Folder: info.Path, Group: info.Group, Name: info.Name, Version: info.Version, Description: info.Description,
			Components: info.Components, Maven: o.maven,
		}))
	}
	if isStdout(o.output) {
		if streams.OutTerminal {
			return refusal("create archive", info.Name, "an archive is not written to a terminal", "write it to a file: -o FILE")
		}
		return create(streams.output())
	}
	if o.output == "" {
		o.output = servicearchive.FileName(info.Name, info.Version)
	}
	if err := refuseInside(info.Path, o.output); err != nil {
		return err
	}
	err = writeSharedFile(o.output, func(file *os.File) error { return create(localWriter{file, o.output}) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(streams.Out, o.output)
	return err
}

func newArchiveVerifyCommand(w *wiring) *command {
	return &command{
		name: "verify", summary: "Check a Service Archive",
		details: "It has to hold exactly the files that its profile declares, and the profile has to\n" +
			"be valid by the schema 0.5.0; what later profiles have besides is fine. A file that\n" +
			"is missing, or not declared, is named.",
		example: "svp archive verify hipache-1.0.0-servicearchive.tar.gz",
		args:    []string{"ARCHIVE"},
		run: func(ctx context.Context, inv *invocation) error {
			return runArchiveVerify(ctx, w.streams.Out, inv.arg(0))
		},
	}
}

func runArchiveVerify(ctx context.Context, out io.Writer, name string) error {
	verified, err := readArchive(ctx, "verify archive", name, servicearchive.Verify)
	if err != nil {
		return err
	}
	profile, files := verified.Profile, 0
	for _, ofPackage := range verified.Files() {
		files += len(ofPackage)
	}
	_, err = fmt.Fprintf(out, "%s: valid: %s %s (packages: %d, files: %d)\n", name, oneLine(profile.Name),
		oneLine(profile.Version), len(profile.Packages), files)
	return err
}

// readArchive lets read look at a file that the user named.
func readArchive(
	ctx context.Context, op, name string,
	read func(context.Context, io.ReadSeeker) (servicearchive.Archive, error),
) (servicearchive.Archive, error) {
	file, err := openArchive(op, name)
	if err != nil {
		return servicearchive.Archive{}, err
	}
	defer file.Close()
	found, err := read(ctx, file)
	return found, packageProblem(op, name, err)
}

// openArchive opens a file that can be read twice, and waits for no other end of a
// pipe.
func openArchive(op, name string) (*os.File, error) {
	if err := refuseFolder(name); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, packageProblem(op, name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is a pipe or a device, and no file")
	}
	if err != nil {
		_ = file.Close() // nothing was read
		return nil, packageProblem(op, name, err)
	}
	return file, nil
}
