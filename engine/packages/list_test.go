package packages

import (
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/repository"
)

// requireOthersListed makes sure that the list has what else is installed, and that
// the damaged record is told of.
func requireOthersListed(t *testing.T, s *Store, damaged string) {
	t.Helper()
	const other = "org.cloudname:timber:2.0.0"
	config := s.config
	config.Repositories = []*repository.Client{clientOf(t, repositoryWith(t, map[string]string{other: packageOf(t, "2.0.0", nil)}))}
	var notes []string
	config.Note = func(text string) { notes = append(notes, text) }
	beside := New(config)
	if _, err := beside.Install(t.Context(), pattern(t, other), InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	notes = nil
	list, err := beside.List()
	if err != nil || len(list) != 1 || list[0].Coordinate != other {
		t.Errorf("the list is %v, %v", list, err)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "left out: ") || !strings.Contains(notes[0], damaged) {
		t.Errorf("told: %q", notes)
	}
}
