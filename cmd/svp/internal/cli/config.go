package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// configFile is $XDG_CONFIG_HOME/svp/config.yaml. Relative names in it begin
// at its folder.
type configFile struct {
	Host     string            `yaml:"host"`
	Network  string            `yaml:"network"`
	CABundle string            `yaml:"ca_bundle"`
	PackPath []string          `yaml:"pack_path"`
	OSImages map[string]string `yaml:"os_images"`
	Progress string            `yaml:"progress"`
	Timeout  string            `yaml:"timeout"`

	Repositories []repositoryEntry `yaml:"repositories"`
	TrustedKeys  []string          `yaml:"trusted_keys"`

	PackageDir       string `yaml:"package_dir"`
	RequireSignature bool   `yaml:"require_signature"`

	path string
}

// relative resolves a name in the file.
func (c configFile) relative(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.path), name)
}

// configPath is where the configuration file is, and whether the user named it.
func (w *wiring) configPath() (path string, named bool, err error) {
	if c := first(choice{w.chosen.config, ""}, w.variable("SVP_CONFIG")); c.value != "" {
		path, err = filepath.Abs(c.value)
		return path, true, err
	}
	path, err = w.configDir("config.yaml")
	return path, false, err
}

// readConfig reads the configuration file; it is optional unless it was named.
func (w *wiring) readConfig() (configFile, error) {
	path, named, err := w.configPath()
	if err != nil {
		return configFile{}, err
	}
	file, err := os.Open(path)
	// A home that is a file holds no configuration either.
	absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	if absent && !named {
		return configFile{}, nil
	}
	if err != nil {
		return configFile{}, &usageError{text: fmt.Sprintf("read the configuration: %v", err)}
	}
	defer file.Close()
	return parseConfig(file, path)
}

// parseConfig reads a configuration strictly: what svp does not know is wrong.
func parseConfig(content io.Reader, path string) (configFile, error) {
	config := configFile{path: path}
	decoder := yaml.NewDecoder(content)
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		return configFile{}, &usageError{text: configProblem(path, err)}
	}
	return config, config.checkRepositories()
}

// knownKeys are those of each part of the file.
var knownKeys = map[string]string{
	"configFile": "host, network, ca_bundle, pack_path, os_images, progress, timeout, repositories, trusted_keys, " +
		"package_dir, require_signature",
	"repositoryEntry": "name, url, username, password_file, key",
}

// configProblem says FILE:LINE: what is wrong.
func configProblem(path string, err error) string {
	text := err.Error()
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) && len(mismatch.Errors) > 0 {
		text = mismatch.Errors[0]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	line, found := strings.CutPrefix(text, "line ")
	number, problem, hasNumber := strings.Cut(line, ": ")
	if !found || !hasNumber {
		return path + ": " + text
	}
	for kind, known := range knownKeys {
		if key, unknown := strings.CutSuffix(problem, " not found in type cli."+kind); unknown {
			problem = "unknown key " + strings.TrimPrefix(key, "field ") + "; known are " + known
		}
	}
	return path + ":" + number + ": " + problem
}
