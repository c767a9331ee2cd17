package cli

import (
	"fmt"
	"os/user"
	"path/filepath"
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
