package lint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// shellcheckReport is what shellcheck prints as json1.
type shellcheckReport struct {
	Comments []struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Level   string `json:"level"`
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"comments"`
}

// levels are the severities of shellcheck's levels.
var levels = map[string]Severity{"error": Error, "warning": Warning, "info": Note, "style": Note}

// shellcheck has the program look at the scripts, and returns its version; it is
// empty where there is no such program.
func (c *checker) shellcheck(ctx context.Context, program string) (version string, err error) {
	var scripts []string
	for _, s := range c.sources {
		if s.shell != nil {
			scripts = append(scripts, "./"+s.path)
		}
	}
	found, err := exec.LookPath(program)
	if program == "" || err != nil {
		return "", nil //nolint:nilerr // it is wanted where it is there
	}
	if version, err = c.askShellcheck(ctx, found); err != nil || len(scripts) == 0 {
		return version, err
	}
	// Scripts run at the pack's top, and source files from there.
	arguments := append([]string{"--format=json1", "--external-sources", "--source-path=SCRIPTDIR:SCRIPTDIR/..", "--"}, scripts...)
	output, err := c.runShellcheck(ctx, found, arguments)
	if err != nil {
		return "", err
	}
	var report shellcheckReport
	if err := json.Unmarshal(output, &report); err != nil {
		return "", fmt.Errorf("read what shellcheck prints: %w", err)
	}
	for _, comment := range report.Comments {
		code := fmt.Sprintf("SC%d", comment.Code)
		c.findings = append(c.findings, Finding{
			Code: code, Severity: levels[comment.Level], File: strings.TrimPrefix(comment.File, "./"),
			Line: comment.Line, Column: comment.Column, Reason: comment.Message, Mend: "https://www.shellcheck.net/wiki/" + code,
		})
	}
	return version, nil
}

func (c *checker) askShellcheck(ctx context.Context, program string) (string, error) {
	output, err := c.runShellcheck(ctx, program, []string{"--version"})
	for line := range strings.Lines(string(output)) {
		if version, ok := strings.CutPrefix(line, "version: "); ok {
			return strings.TrimSpace(version), nil
		}
	}
	if err == nil {
		err = errors.New("shellcheck --version prints no version")
	}
	return "", err
}

// runShellcheck returns what shellcheck prints. Its status is 1 when it has found
// something.
func (c *checker) runShellcheck(ctx context.Context, program string, arguments []string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = c.dir.Path()
	var messages bytes.Buffer
	command.Stderr = &messages
	output, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("run shellcheck: %w %s", err, strings.TrimSpace(messages.String()))
	}
	return output, nil
}
