package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// settings are what the user chose, in whatever way: flags beat the
// environment, which beats the configuration file, which beats defaults.
type settings struct {
	Host     string
	Network  string
	CABundle string
	PackPath []string
	OSImages map[string]string
	Progress progressMode
	Timeout  time.Duration // zero: the engine's default
	Isolate  bool          // queries of packs

	PackageDir       string // where packages are installed
	RequireSignature bool   // of packages
}

// settingFlags are the flags that are settings too; empty means not given.
type settingFlags struct {
	config, host, network, caBundle, progress, timeout string
	quiet, isolate                                     bool
}

// choice is a value and where it came from.
type choice struct{ value, from string }

// first is the choice that counts: the first that was made.
func first(choices ...choice) choice {
	for _, c := range choices {
		if c.value != "" {
			return c
		}
	}
	return choice{}
}

// fail tells that a choice makes no sense.
func (c choice) fail(format string, args ...any) error {
	return &usageError{text: c.from + ": " + fmt.Sprintf(format, args...)}
}

// settings merges what was chosen.
func (w *wiring) settings() (settings, error) {
	file, err := w.readConfig()
	if err != nil {
		return settings{}, err
	}
	s := settings{
		Host:     first(choice{w.chosen.host, "--host"}, w.environmentHost(), choice{file.Host, file.path}).value,
		Network:  first(choice{w.chosen.network, "--network"}, w.variable("SVP_NETWORK"), choice{file.Network, file.path}).value,
		OSImages: file.OSImages,
		Isolate:  w.chosen.isolate,

		RequireSignature: file.RequireSignature,
	}
	if s.PackageDir, err = w.packageDir(file); err != nil {
		return settings{}, err
	}
	if s.PackPath, err = w.packPath(file); err != nil {
		return settings{}, err
	}
	if s.CABundle, err = absolute(first(choice{w.chosen.caBundle, "--ca-bundle"}, w.variable("SVP_CA_BUNDLE"),
		choice{file.relative(file.CABundle), file.path})); err != nil {
		return settings{}, err
	}
	if s.Progress, err = w.chosenProgress(file); err != nil {
		return settings{}, err
	}
	s.Timeout, err = parseTimeout(first(choice{w.chosen.timeout, "--timeout"}, w.variable("SVP_TIMEOUT"),
		choice{file.Timeout, file.path}))
	return s, err
}

func (w *wiring) variable(name string) choice { return choice{w.getenv(name), name} }

// environmentHost is empty where the environment names a host or a context of
// Docker, as the driver looks at these itself; they only have to beat the file.
func (w *wiring) environmentHost() choice {
	if host := w.variable("DOCKER_HOST"); host.value != "" {
		return host
	}
	if w.getenv("DOCKER_CONTEXT") != "" {
		return choice{fromDockerContext, "DOCKER_CONTEXT"}
	}
	return choice{}
}

func (w *wiring) packPath(file configFile) ([]string, error) {
	var folders []string
	for _, folder := range filepath.SplitList(w.getenv("SVP_PACK_PATH")) {
		if folder != "" {
			folders = append(folders, folder)
		}
	}
	if len(folders) == 0 {
		for _, folder := range file.PackPath {
			folders = append(folders, file.relative(folder))
		}
	}
	own, err := w.dataDir("packs")
	if err != nil {
		return nil, err
	}
	return append(folders, own), nil
}

func (w *wiring) packageDir(file configFile) (string, error) {
	if chosen := first(w.variable("SVP_PACKAGE_DIR"), choice{file.relative(file.PackageDir), file.path}); chosen.value != "" {
		return filepath.Abs(chosen.value)
	}
	return w.dataDir("packages")
}

func (w *wiring) chosenProgress(file configFile) (progressMode, error) {
	if w.chosen.quiet {
		return progressQuiet, nil
	}
	chosen := first(choice{w.chosen.progress, "--progress"}, w.variable("SVP_PROGRESS"), choice{file.Progress, file.path})
	mode, ok := parseProgress(chosen.value)
	if !ok {
		return "", chosen.fail("unknown progress %q; it is one of %s", chosen.value, strings.Join(progressModes, ", "))
	}
	return mode, nil
}

// progressMode is how an error is to be shown; by then the settings may be
// what is wrong.
func (w *wiring) progressMode() progressMode {
	mode, err := w.chosenProgress(configFile{})
	if err != nil {
		return progressAuto
	}
	return mode
}

// parseTimeout reads a duration, or a number of seconds.
func parseTimeout(c choice) (time.Duration, error) {
	if c.value == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(c.value)
	if seconds, notNumber := strconv.ParseUint(c.value, 10, 31); notNumber == nil {
		timeout, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || timeout <= 0 {
		return 0, c.fail("%q is no time limit; write 90s, 5m or 1h", c.value)
	}
	return timeout, nil
}

// absolute makes a file name independent of the working directory.
func absolute(c choice) (string, error) {
	if c.value == "" {
		return "", nil
	}
	name, err := filepath.Abs(c.value)
	if err != nil {
		return "", c.fail("%v", err)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", c.fail("there is no file %s", name)
	case err != nil:
		return "", c.fail("%v", err)
	case info.IsDir():
		return "", c.fail("%s is a folder; name a file", name)
	}
	return name, nil
}
