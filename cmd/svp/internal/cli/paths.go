package cli

import (
	"errors"
	"path/filepath"
)

var errNoHome = errors.New("neither HOME nor an XDG folder is set; svp does not know where its files are")

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
		home := w.getenv("HOME")
		if home == "" {
			return "", errNoHome
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(append([]string{base, program}, elements...)...), nil
}
