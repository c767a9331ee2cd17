package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/servicepack/svp/engine/driver"
)

// Image returns the image of that reference or id.
func (d *Driver) Image(ctx context.Context, ref string) (driver.Image, error) {
	inspect, err := d.client.ImageInspect(ctx, ref)
	if err != nil {
		if isInvalidReference(err) {
			err = join(driver.ErrInvalidReference, err)
		}
		return driver.Image{}, fmt.Errorf("image %s: %w", ref, mapError(ctx, err))
	}
	found := driver.Image{ID: imageID(inspect.ID), Tags: familiar(inspect.RepoTags), Size: inspect.Size}
	if inspect.Config != nil {
		found.Labels = inspect.Config.Labels
	}
	// An engine without a creation time leaves the zero time.
	found.Created, _ = time.Parse(time.RFC3339Nano, inspect.Created)
	return found, nil
}

// ImageText is what `docker inspect` and `docker history` show.
func (d *Driver) ImageText(ctx context.Context, ref string) ([]byte, error) {
	var text bytes.Buffer
	if _, err := d.client.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&text)); err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, mapError(ctx, err))
	}
	history, err := d.client.ImageHistory(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("history of image %s: %w", ref, mapError(ctx, err))
	}
	for _, layer := range history {
		fmt.Fprintf(&text, "\n%s %s", layer.CreatedBy, layer.Comment)
	}
	return text.Bytes(), nil
}

// Images lists the images that carry all the labels.
func (d *Driver) Images(ctx context.Context, labels driver.Labels) ([]driver.Image, error) {
	summaries, err := steadily(ctx, func() ([]image.Summary, error) {
		return d.client.ImageList(ctx, image.ListOptions{Filters: labelFilters(labels)})
	})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", mapError(ctx, err))
	}
	images := make([]driver.Image, 0, len(summaries))
	for _, summary := range summaries {
		images = append(images, driver.Image{
			ID: imageID(summary.ID), Parent: imageID(summary.ParentID), Tags: familiar(summary.RepoTags), Labels: summary.Labels,
			Size: summary.Size, Created: time.Unix(summary.Created, 0),
		})
	}
	return images, nil
}

// isInvalidReference also knows Podman's answer, which has the status of a
// failure of its own.
func isInvalidReference(err error) bool {
	return errdefs.IsInvalidArgument(err) || strings.Contains(err.Error(), "invalid reference format")
}

// imageID gives ids one form: Podman leaves out the name of the hash.
func imageID(id string) string {
	if id == "" || strings.Contains(id, ":") {
		return id
	}
	return "sha256:" + id
}

// familiar gives references the form in which users write them. Podman names
// the registry of every image: docker.io, or localhost for what it made itself.
func familiar(references []string) []string {
	short := make([]string, 0, len(references))
	for _, text := range references {
		named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(text, "localhost/"))
		if err != nil {
			continue // "<none>:<none>"
		}
		short = append(short, reference.FamiliarString(named))
	}
	return short
}

func labelFilters(labels driver.Labels) filters.Args {
	args := filters.NewArgs()
	for key, value := range labels {
		if value == "" {
			args.Add("label", key)
			continue
		}
		args.Add("label", key+"="+value)
	}
	return args
}

// PullImage fetches the image from its registry.
func (d *Driver) PullImage(ctx context.Context, ref string, progress io.Writer) error {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, join(driver.ErrInvalidReference, err))
	}
	stream, err := d.client.ImagePull(ctx, reference.TagNameOnly(named).String(), image.PullOptions{})
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, pullError(ctx, err))
	}
	defer stream.Close()
	if err := followProgress(stream, progress); err != nil {
		return fmt.Errorf("pull %s: %w", ref, pullError(ctx, err))
	}
	return nil
}

func pullError(ctx context.Context, err error) error {
	mapped := mapError(ctx, err)
	if ctx.Err() != nil || errors.Is(mapped, driver.ErrUnavailable) || errors.Is(mapped, driver.ErrNoSpace) {
		return mapped
	}
	return join(driver.ErrUnreachableRegistry, err)
}

// followProgress reads the stream of JSON messages with which the engine
// reports a pull or an import; a failure is a message too.
func followProgress(stream io.Reader, progress io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReader(stream))
	for {
		var message struct {
			Status string `json:"status"`
			ID     string `json:"id"`
			Error  string `json:"error"`
		}
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read progress: %w", err)
		}
		if message.Error != "" {
			return errors.New(message.Error)
		}
		if message.Status == "Downloading" || message.Status == "Extracting" {
			continue
		}
		if _, err := fmt.Fprintf(progress, "%s %s\n", message.Status, message.ID); err != nil {
			return fmt.Errorf("report progress: %w", err)
		}
	}
}

// ImportImage makes an image of a root file system.
func (d *Driver) ImportImage(ctx context.Context, ref string, rootfs io.Reader) (string, error) {
	stream, err := d.client.ImageImport(ctx, image.ImportSource{Source: rootfs, SourceName: "-"}, ref,
		image.ImportOptions{Message: "bootstrapped by svp"})
	if err != nil {
		return "", fmt.Errorf("import %s: %w", ref, mapError(ctx, err))
	}
	defer stream.Close()
	if err := followProgress(stream, io.Discard); err != nil {
		return "", fmt.Errorf("import %s: %w", ref, mapError(ctx, err))
	}
	imported, err := d.Image(ctx, ref)
	return imported.ID, err
}

// TagImage gives the image one more reference.
func (d *Driver) TagImage(ctx context.Context, source, ref string) error {
	patient, cancel, err := seenThrough(ctx)
	if err != nil {
		return fmt.Errorf("tag %s: %w", ref, err)
	}
	defer cancel()
	if err := d.client.ImageTag(patient, source, ref); err != nil {
		if isInvalidReference(err) {
			err = join(driver.ErrInvalidReference, err)
		}
		return fmt.Errorf("tag %s: %w", ref, mapError(patient, withImageGone(err)))
	}
	return nil
}

// RemoveImage removes the reference, and the image with its last one.
func (d *Driver) RemoveImage(ctx context.Context, ref string) error {
	_, err := d.client.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if err = ignoreAbsent(err); err != nil {
		return fmt.Errorf("remove image %s: %w", ref, conflictAs(ctx, driver.ErrInUse, err))
	}
	return nil
}
