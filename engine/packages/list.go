package packages

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/servicepack/svp/engine/coordinate"
)

// List lists the installed packages, by group and name, the lowest version first.
// One whose record is damaged is noted, and left out.
func (s *Store) List() ([]Installed, error) {
	found, damaged, err := s.installed.all()
	if err != nil {
		return nil, fmt.Errorf("list the packages in %s: %w", s.installed.dir, err)
	}
	type known struct {
		coordinate.Coordinate
		Installed
	}
	var all []known
	for name, record := range found {
		c, err := coordinate.Parse(record.Coordinate)
		if err != nil || c.Dir() != name {
			damaged = append(damaged, fmt.Errorf("the record %s is of another package", recordFile(s.installed.path(name))))
			continue
		}
		all = append(all, known{c, Installed{Record: record, Folder: s.installed.path(name), Existed: true}})
	}
	for _, err := range damaged {
		s.note("left out: %v", err)
	}
	slices.SortFunc(all, func(a, b known) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name), coordinate.CompareVersions(a.Version, b.Version))
	})
	list := make([]Installed, 0, len(all))
	for _, known := range all {
		list = append(list, known.Installed)
	}
	return list, nil
}

// Uninstall removes a package. It is gone at once for whoever looks for it.
func (s *Store) Uninstall(ctx context.Context, c coordinate.Coordinate) error {
	if err := s.installed.drop(ctx, c.Dir()); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

// installedVersions lists the versions of a package that are installed.
func (s *Store) installedVersions(group, name string) ([]string, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, there := range list {
		if c, err := coordinate.Parse(there.Coordinate); err == nil && c.Group == group && c.Name == name {
			versions = append(versions, c.Version)
		}
	}
	return versions, nil
}
