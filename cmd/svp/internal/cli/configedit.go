package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// repositoriesKey is where the configuration file has the repositories.
const repositoriesKey = "repositories"

// editConfig changes the repositories in the configuration file. All else that is
// in it stays, comments too. Who edits at the same time waits.
func (w *wiring) editConfig(edit func(file configFile, repositories *yaml.Node) error) error {
	path, _, err := w.configPath()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return newWriteError(path, err)
	}
	held, err := os.OpenFile(filepath.Join(filepath.Dir(path), ".config.lock"), os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return newWriteError(path, err)
	}
	defer held.Close()
	if err := lockFile(held); err != nil {
		return newWriteError(path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &usageError{text: fmt.Sprintf("read the configuration: %v", err)}
	}
	file, err := parseConfig(bytes.NewReader(text), path)
	if err != nil {
		return err
	}
	changed, err := editRepositories(text, func(list *yaml.Node) error { return edit(file, list) })
	if err != nil || bytes.Equal(changed, text) {
		return err
	}
	if _, err := parseConfig(bytes.NewReader(changed), path); err != nil {
		return err
	}
	return replaceConfig(path, changed)
}

// replaceConfig keeps the permissions of a file that is there.
func replaceConfig(path string, text []byte) error {
	info, statErr := os.Stat(path)
	return writeFile(path, func(to *os.File) error {
		_, err := to.Write(text)
		if err == nil && statErr == nil {
			err = to.Chmod(info.Mode().Perm())
		}
		if err != nil {
			return newWriteError(path, err)
		}
		return nil
	})
}

// editRepositories lets edit change the list of repositories in the text of a
// configuration, which is made where there is none, and removed when it is empty.
func editRepositories(text []byte, edit func(list *yaml.Node) error) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	top := &yaml.Node{Kind: yaml.MappingNode}
	if len(document.Content) > 0 && document.Content[0].Kind == yaml.MappingNode {
		top = document.Content[0]
	} else {
		document = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{top}, HeadComment: comments(text)}
	}
	at := indexOfKey(top, repositoriesKey)
	list := &yaml.Node{Kind: yaml.SequenceNode}
	switch {
	case at < 0:
		at = len(top.Content)
		top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: repositoriesKey}, list)
	case top.Content[at+1].Kind == yaml.SequenceNode:
		list = top.Content[at+1]
	default:
		top.Content[at+1] = list // the key stands there without a value
	}
	before := len(list.Content)
	if err := edit(list); err != nil {
		return nil, err
	}
	if len(list.Content) == before {
		return text, nil
	}
	if len(list.Content) == 0 {
		top.Content = slices.Delete(top.Content, at, at+2)
	}
	list.Style = 0 // in lines of their own
	return encodeConfig(&document, top)
}

// indexOfKey finds a key among the keys and values of a mapping; -1 where it is not.
func indexOfKey(mapping *yaml.Node, key string) int {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// comments is what a file without any values holds.
func comments(text []byte) string { return string(bytes.TrimSpace(text)) }

func encodeConfig(document, top *yaml.Node) ([]byte, error) {
	if len(top.Content) == 0 {
		if document.HeadComment == "" {
			return nil, nil
		}
		return []byte(document.HeadComment + "\n"), nil
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(document), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return text.Bytes(), nil
}
