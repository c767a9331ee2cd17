package lint

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/secrets"
)

const (
	queryScript = "bin/query"
	buildScript = "bin/build"
	runScript   = "bin/run"
	manifest    = "servicepack.yaml"
)

// fault turns what pack found into a finding.
func (c *checker) fault(fault *pack.Error) {
	at := place{fault.File, fault.Line, fault.Column}
	reason := fault.Reason
	if fault.Key != "" {
		reason = fault.Key + ": " + reason
	}
	code := faultCode(fault)
	if code == codeAnswer {
		// Its line is one of the answer, and not of the file.
		at.line = 0
		if fault.Line > 0 {
			reason = fault.Key + ", line " + itoa(fault.Line) + " of the answer: " + fault.Reason
		}
	}
	c.findMend(code, at, reason, fault.Hint)
}

func faultCode(fault *pack.Error) string {
	switch fault.Sort {
	case pack.MissingScript:
		return codeScripts
	case pack.NotExecutable:
		return codeMode
	case pack.NoProgram:
		return codeProgram
	case pack.WindowsLineEnd:
		return codeLineEnds
	case pack.OtherFault:
	}
	switch {
	case fault.File == manifest:
		return codeManifest
	case fault.File == queryScript && fault.Key != "":
		return codeAnswer
	}
	return codeFile
}

// oddText holds what means something in URLs, shells and files. The number of the
// secret follows.
const oddText = `a/b@c:d#e?f%41 g&h'i"j\k$l;m`

// askEnvironment asks for the environment with secrets that are hard to quote.
func (c *checker) askEnvironment(ctx context.Context, faults []*pack.Error) error {
	c.secrets, c.handed = map[string]bool{}, map[string]bool{}
	for _, name := range c.desc.Secrets {
		c.secrets[name], c.secrets["OLD_"+name] = true, true
	}
	if len(faults) > 0 {
		return nil
	}
	var set envvar.Set
	for i, name := range c.desc.Secrets {
		set = append(set, envvar.Var{Name: name, Value: secrets.New(oddText + itoa(i)), Secret: true})
	}
	env, err := c.dir.Env(ctx, c.desc, set)
	var fault *pack.Error
	switch {
	case errors.As(err, &fault):
		c.fault(fault)
		return nil
	case err != nil:
		return err
	}
	c.answered = true
	for _, variable := range env {
		c.checkVariable(variable, set)
	}
	return nil
}

// checkVariable looks for secrets in a variable of the environment.
func (c *checker) checkVariable(variable envvar.Var, set envvar.Set) {
	value := variable.Value.Reveal()
	decoded, err := url.PathUnescape(value)
	if err != nil {
		decoded = ""
	}
	for _, secret := range set {
		text := secret.Value.Reveal()
		plain, encoded := strings.Contains(value, text), strings.Contains(decoded, text)
		if !plain && !encoded {
			continue
		}
		c.handed[secret.Name], c.secrets[variable.Name] = true, true
		if plain && strings.Contains(value, "://") {
			c.find(codeURL, c.mention(variable.Name, queryScript),
				"env: "+variable.Name+" is a URL with "+secret.Name+" as it is")
		}
	}
}

// mention finds the line on which a file of those that answer queries names the
// variable.
func (c *checker) mention(variable, file string) place {
	for _, s := range c.queryFiles() {
		for i, line := range s.lines() {
			if column := strings.Index(line, variable+"="); column >= 0 {
				return place{s.path, i + 1, column + 1}
			}
		}
	}
	return place{file: file}
}

// checkPairs looks for scripts that make little sense alone. Packs of version 0
// cannot have them.
func (c *checker) checkPairs() {
	scripts := c.desc.Scripts
	if c.desc.Contract < 1 {
		return
	}
	if len(c.desc.Ports) > 0 && !scripts[pack.ScriptHealth] {
		c.find(codeHealth, place{file: queryScript}, "the pack has ports and no bin/health")
	}
	if scripts[pack.ScriptBackup] && !scripts[pack.ScriptRestore] {
		c.find(codeRestore, place{file: "bin/backup"}, "the pack has no bin/restore")
	}
	if scripts[pack.ScriptBackup] && len(c.desc.Volumes) == 0 {
		c.find(codeVolume, place{file: "bin/backup"}, "the pack has a backup, and no volume for its data")
	}
	if scripts[pack.ScriptBind] != scripts[pack.ScriptUnbind] {
		there, missing := pack.ScriptBind, pack.ScriptUnbind
		if scripts[missing] {
			there, missing = missing, there
		}
		c.find(codeUnbind, place{file: "bin/" + there}, "the pack has no bin/"+missing)
	}
}

// checkUncalled looks for files in bin that are none of the contract's scripts, and
// that no script mentions.
func (c *checker) checkUncalled() {
	for _, file := range c.dir.Files() {
		name, ok := strings.CutPrefix(file.Path, "bin/")
		if !ok || file.Mode.IsDir() || slices.Contains(pack.ScriptNames(), name) {
			continue
		}
		mentioned := slices.ContainsFunc(c.sources, func(s *source) bool {
			return s.path != file.Path && !isDocument(s.path) && strings.Contains(s.content, file.Path)
		})
		if !mentioned {
			c.find(codeUncalled, place{file: file.Path}, name+" is no script of the contract")
		}
	}
}

// checkPackaging looks for what packages do not hold.
func (c *checker) checkPackaging() {
	lower := map[string]string{}
	for _, file := range c.dir.Files() {
		if file.Link != "" {
			c.find(codePackaging, place{file: file.Path}, "a symlink, to "+file.Link)
		}
		key := strings.ToLower(file.Path)
		if other, ok := lower[key]; ok {
			c.find(codePackaging, place{file: file.Path}, "its name differs in case only from "+other)
		}
		lower[key] = file.Path
		if strings.ContainsAny(file.Path, `\:*?"<>|`) {
			c.find(codePackaging, place{file: file.Path}, "its name holds a character that not every system has in names")
		}
	}
	if broken := func(f Finding) bool { return f.Code == codeManifest }; slices.ContainsFunc(c.findings, broken) {
		return
	}
	var missing *pack.Error
	if _, err := c.dir.Identity(); errors.As(err, &missing) {
		c.findMend(codeCoordinate, place{file: manifest}, missing.Key+" is "+missing.Reason, missing.Hint)
	}
}
