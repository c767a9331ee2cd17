package lint

import (
	"path"
	"slices"
	"strings"
)

// inImage is what the images of operating systems have in their minimal form,
// without the folder.
var inImage = map[string][]string{
	"debian":     {"sh", "dash", "bash", "perl", "env", "awk", "mawk", "sed"},
	"ubuntu":     {"sh", "dash", "bash", "perl", "env", "awk", "mawk", "sed"},
	"alpine":     {"sh", "ash", "env", "awk", "sed"},
	"fedora":     {"sh", "bash", "env", "sed"},
	"rockylinux": {"sh", "bash", "env", "awk", "gawk", "sed"},
	"almalinux":  {"sh", "bash", "env", "awk", "gawk", "sed"},
}

// querySystem is where packs are asked in isolation.
const querySystem = "debian"

// programFolders are where an absolute path leads to the same programs.
var programFolders = []string{"/bin", "/usr/bin"}

// checkInterpreters looks at the first lines.
func (c *checker) checkInterpreters() {
	for _, s := range c.sources {
		if s.interpreter == "" || !s.executable {
			continue
		}
		c.checkInterpreter(s)
	}
}

func (c *checker) checkInterpreter(s *source) {
	at := place{s.path, 1, 1}
	program := s.interpreter
	switch {
	case !path.IsAbs(program):
		c.findMend(codeInterpreter, at, "the interpreter "+program+" is no absolute path", "write #!/bin/"+path.Base(program))
		return
	case path.Base(program) == "env" && strings.HasPrefix(s.argument, "-S"):
		program, _, _ = strings.Cut(strings.TrimSpace(strings.TrimPrefix(s.argument, "-S")), " ")
	case path.Base(program) == "env" && strings.ContainsAny(s.argument, " \t"):
		c.findMend(codeInterpreter, at, "the kernel hands env one argument, \""+s.argument+"\", and there is no program of that name",
			"name the interpreter itself, or write env -S")
		return
	case path.Base(program) == "env":
		program = s.argument
	case !slices.Contains(programFolders, path.Dir(program)):
		// Something of its own, such as /opt/node/bin/node.
		c.checkInstalled(s, program)
		return
	}
	system := c.desc.OS.Name
	if s.path == queryScript {
		system = querySystem
	}
	known, ok := inImage[system]
	if ok && !slices.Contains(known, path.Base(program)) {
		c.checkInstalled(s, program)
	}
}

// checkInstalled is about an interpreter that the OS image lacks: only scripts
// that run after the build can have it, if the build seems to install it.
func (c *checker) checkInstalled(s *source, program string) {
	name := path.Base(program)
	at := place{s.path, 1, 1}
	switch {
	case s.path == queryScript:
		c.findMend(codeInterpreter, at, "where packs are asked in isolation there is no "+name,
			"write it for sh or bash; a minimal Debian has these, the core utilities, and Perl without modules")
	case s.path == buildScript:
		c.findMend(codeInterpreter, at, "the image of "+c.systemName()+" has no "+name,
			"write it for sh or bash, which is there before anything is installed")
	case !c.buildNames(name):
		c.find(codeInterpreter, at, "the image of "+c.systemName()+" has no "+name+", and bin/build does not install it")
	}
}

func (c *checker) systemName() string {
	if c.desc.OS.Name == "" {
		return "the operating system"
	}
	return c.desc.OS.String()
}

// buildNames tells whether a script that can be part of the build mentions the
// program, or its package: python3 for python3.11.
func (c *checker) buildNames(program string) bool {
	family := strings.TrimRight(program, "0123456789.")
	for _, s := range c.sources {
		if s.shell == nil || strings.HasPrefix(s.path, "bin/") && s.path != buildScript {
			continue
		}
		if strings.Contains(s.content, family) {
			return true
		}
	}
	return false
}
