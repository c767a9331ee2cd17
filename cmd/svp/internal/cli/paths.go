package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine"
)

// homeOfUser finds the home of whoever runs svp where the environment does not
// tell, as in a service of systemd.
func homeOfUser() (string, error) {
	current, err := user.Current()
	if err != nil {
		return "", err
	}
	return current.HomeDir, nil
}

func (w *wiring) configDir(elements ...string) (string, error) {
	return w.xdg("XDG_CONFIG_HOME", ".config", elements)
}

func (w *wiring) dataDir(elements ...string) (string, error) {
	return w.xdg("XDG_DATA_HOME", ".local/share", elements)
}

func (w *wiring) cacheDir() (string, error) {
	return w.xdg("XDG_CACHE_HOME", ".cache", nil)
}

// cacheProblem tells what to do where the error is that the cache cannot be
// made: that something "does not exist" is not what the user asked about.
func cacheProblem(cache string, err error) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) || failed.Op != "mkdir" || !related(cache, failed.Path) {
		return err
	}
	return &engine.Error{
		Op: "make the cache", Subject: cache, Kind: engine.Failed, Err: failed,
		Hint: "set XDG_CACHE_HOME to a folder that you can write to",
	}
}

// related tells that one of the names is the other, or in it.
func related(a, b string) bool { return within(a, b) || within(b, a) }

func within(folder, name string) bool {
	return strings.HasPrefix(name+string(filepath.Separator), folder+string(filepath.Separator))
}

func (w *wiring) logDir() (string, error) {
	return w.xdg("XDG_STATE_HOME", ".local/state", []string{"logs"})
}

// xdg follows the XDG base directory specification, which wants relative
// folders ignored.
func (w *wiring) xdg(variable, fallback string, elements []string) (string, error) {
	base := w.getenv(variable)
	if !filepath.IsAbs(base) {
		home, err := w.home()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(append([]string{base, program}, elements...)...), nil
}

func (w *wiring) home() (string, error) {
	if home := w.getenv("HOME"); home != "" {
		return home, nil
	}
	home, err := w.userHome()
	if err != nil {
		return "", fmt.Errorf("find the home folder (set HOME): %w", err)
	}
	return home, nil
}
