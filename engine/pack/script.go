package pack

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
)

const queryScript = "bin/query"

// required are the scripts without which a folder is not a pack.
var required = []string{queryScript, "bin/build", "bin/run"}

// optional are the scripts that a pack may have in its bin folder.
var optional = []string{
	ScriptClient, ScriptBackup, ScriptExtra, ScriptRestore, ScriptHealth,
	ScriptBind, ScriptUnbind, ScriptRotate, ScriptUpgrade, ScriptFingerprint, ScriptUsage,
}

// ScriptNames returns the names of all scripts of the contract, as they are called in
// the folder bin.
func ScriptNames() []string {
	names := slices.Clone(optional)
	for _, script := range required {
		names = append(names, path.Base(script))
	}
	return names
}

// checkScripts makes sure of the required scripts, returns which of the
// optional ones there are, and what is wrong with any of them.
func checkScripts(root *os.Root) (map[string]bool, []*Error) {
	var faults []*Error
	for _, name := range required {
		if err := checkRequired(root, name); err != nil {
			faults = append(faults, err)
		}
	}
	found := make(map[string]bool)
	for _, script := range optional {
		name := "bin/" + script
		info, err := root.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		found[script] = true
		if err := checkExecutable(root, name, info); err != nil {
			faults = append(faults, err)
		}
	}
	return found, faults
}

func checkRequired(root *os.Root, name string) *Error {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &Error{File: name, Reason: "missing; a pack has the scripts bin/query, bin/build and bin/run", Sort: MissingScript}
	case err != nil:
		return unreadable(name, err)
	case !info.Mode().IsRegular():
		return &Error{File: name, Reason: "not a file", Sort: MissingScript}
	}
	return checkExecutable(root, name, info)
}

// checkExecutable refuses a script without the permission, too: a pack whose
// backup was left out without a word would be found out when it is needed.
func checkExecutable(root *os.Root, name string, info fs.FileInfo) *Error {
	if info.Mode()&0o111 == 0 {
		return &Error{File: name, Reason: "not executable", Hint: "chmod +x " + name, Sort: NotExecutable}
	}
	return checkProgram(root, name)
}

// maxFirstLine is how much of a script the kernel reads to find its
// interpreter; older kernels read less.
const maxFirstLine = 256

// checkProgram refuses a script that a shell would run and a kernel would
// not: inside the container no shell is in between.
func checkProgram(root *os.Root, name string) *Error {
	file, err := openRegular(root, name)
	if err != nil {
		return unreadable(name, err)
	}
	defer file.Close()
	head := make([]byte, maxFirstLine)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadable(name, err)
	}
	head = head[:n]
	first, _, _ := bytes.Cut(head, []byte("\n"))
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return nil
	case !bytes.HasPrefix(head, []byte("#!")):
		return &Error{
			File:   name,
			Reason: `neither a script that begins with "#!" nor an ELF program`,
			Hint:   "make its first line #!/bin/sh or #!/bin/bash",
			Sort:   NoProgram,
		}
	case bytes.HasSuffix(first, []byte("\r")):
		return &Error{
			File:   name,
			Reason: "has Windows line ends, so that its interpreter would not be found",
			Hint:   `dos2unix ` + name + `, or sed -i 's/\r$//' ` + name,
			Sort:   WindowsLineEnd,
		}
	}
	return nil
}
