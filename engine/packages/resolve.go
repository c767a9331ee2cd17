package packages

import (
	"context"
	"errors"
	"fmt"

	"github.com/servicepack/svp/engine/coordinate"
)

// Resolution is where a package is, here and elsewhere (copkg, "Package
// coordinates").
type Resolution struct {
	Coordinate       string `json:"coordinate"`
	InstallDir       string `json:"install_dir"`
	DownloadURL      string `json:"download_url"`
	DownloadFilename string `json:"download_filename"`
	Installed        bool   `json:"installed"`
}

// Resolve tells where a package is to be had, and where it is or would be
// installed. A repository is asked only where it has to be: for a version, or which
// of several repositories has it.
func (s *Store) Resolve(ctx context.Context, wanted coordinate.Pattern) (Resolution, error) {
	base, chosen, err := s.locateIn(ctx, wanted)
	if errors.Is(err, ErrNoRepository) {
		// It is still known where an installed one came from.
		if there, findErr := s.findMatch(wanted); findErr == nil {
			base = there.Source
			chosen, err = coordinate.Parse(there.Coordinate)
		}
	}
	if err != nil {
		return Resolution{}, err
	}
	_, err = s.Find(chosen)
	if err != nil && !errors.Is(err, ErrNotInstalled) {
		return Resolution{}, err
	}
	return Resolution{
		Coordinate: chosen.String(), InstallDir: s.installed.path(chosen.Dir()),
		DownloadURL:      base + "/" + chosen.Dir() + "/" + chosen.FileName(),
		DownloadFilename: chosen.FileName(), Installed: err == nil,
	}, nil
}

// locateIn finds the repository that has a package, and the version.
func (s *Store) locateIn(ctx context.Context, wanted coordinate.Pattern) (base string, chosen coordinate.Coordinate, err error) {
	exact, is := wanted.Exact()
	switch {
	case !is:
		from, chosen, err := s.newest(ctx, wanted)
		if err != nil {
			return "", chosen, err
		}
		return from.Location().String(), chosen, nil
	case len(s.config.Repositories) == 0:
		return "", exact, fmt.Errorf("%s: %w", exact, ErrNoRepository)
	case len(s.config.Repositories) == 1:
		return s.config.Repositories[0].Location().String(), exact, nil
	}
	for _, client := range s.config.Repositories {
		index, err := client.Index(ctx)
		if err != nil {
			return "", exact, besideOthers(s.config.Repositories, err)
		}
		if _, found := index.Find(exact); found {
			return client.Location().String(), exact, nil
		}
	}
	return "", exact, fmt.Errorf("%s: %w", exact, ErrNowhere)
}
