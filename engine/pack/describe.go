package pack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/servicepack/svp/engine/envvar"
)

// The static query keys: what a pack answers without any secret.
const (
	keyVersion    = "version"
	keyOS         = "os"
	keySecrets    = "secrets"
	keyComponents = "components"
	keyPorts      = "ports"
	keyVolumes    = "volumes"
	keyShm        = "shm"
)

const keyEnv = "env"

// version1Keys may be unknown to a pack of version 0, which may say so by its
// exit status.
var version1Keys = []string{keyVersion, keyVolumes, keyShm}

// Describe asks the pack for everything that needs no secret and validates
// it. The error is an *Error, or the one of ctx.
func (d *Dir) Describe(ctx context.Context) (Descriptor, error) {
	desc, faults, err := d.DescribeFaulty(ctx)
	switch {
	case err != nil:
		return Descriptor{}, err
	case len(faults) > 0:
		return Descriptor{}, faults[0]
	}
	return desc, nil
}

// DescribeFaulty is Describe for those who want to know every answer that is
// wrong; the descriptor has the others. The error says that the pack could not be
// asked or read.
func (d *Dir) DescribeFaulty(ctx context.Context) (Descriptor, []*Error, error) {
	desc := d.static
	// In the order in which faults are reported: the version comes first,
	// because the rest means what it says.
	answers := []struct {
		key  string
		read func([]line) error
	}{
		{keyVersion, into(&desc.Contract, parseContract)},
		{keyOS, into(&desc.OS, parseOSAnswer)},
		{keySecrets, into(&desc.Secrets, listOf(parseSecret))},
		{keyComponents, into(&desc.Components, listOf(parseComponent))},
		{keyPorts, into(&desc.Ports, listOf(ParsePort))},
		{keyVolumes, into(&desc.Volumes, parseVolumes)},
		{keyShm, into(&desc.ShmBytes, parseShm)},
	}

	questions := make([]Question, len(answers))
	for i, answer := range answers {
		questions[i].Key = answer.key
	}
	var replies []Reply
	var wait sync.WaitGroup
	wait.Go(func() { replies = d.querier.Query(ctx, questions) })
	digest, digestErr := d.Digest()
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return Descriptor{}, nil, fmt.Errorf("pack %s: query: %w", visible(d.given), err)
	}

	var faults []*Error
	for i, answer := range answers {
		unknown := desc.Contract == 0 && slices.Contains(version1Keys, answer.key)
		if err := replies[i].read(unknown, answer.read); err != nil {
			fault, err := d.queryFault(answer.key, err)
			if err != nil {
				return Descriptor{}, nil, err
			}
			faults = append(faults, fault)
		}
	}
	if digestErr != nil && len(faults) == 0 {
		return Descriptor{}, nil, digestErr
	}
	desc.Digest = digest
	return desc, faults, nil
}

// read parses the answer. A script that failed has given none if it may not
// know the key.
func (r Reply) read(mayBeUnknown bool, parse func([]line) error) error {
	var exit *ExitError
	switch {
	case mayBeUnknown && errors.As(r.Err, &exit):
		return nil
	case r.Err != nil:
		return r.Err
	}
	lines := splitAnswer(r.Answer)
	if err := checkText(lines); err != nil {
		return err
	}
	return parse(lines)
}

// into returns a parser that puts what parse finds into target.
func into[T any](target *T, parse func([]line) (T, error)) func([]line) error {
	return func(lines []line) (err error) {
		*target, err = parse(lines)
		return err
	}
}

func listOf[T comparable](parse func(string) (T, error)) func([]line) ([]T, error) {
	return func(lines []line) ([]T, error) { return list(lines, parse) }
}

// queryError says that the answer to key is wrong, or that there is none.
func (d *Dir) queryError(key string, err error) error {
	fault, err := d.queryFault(key, err)
	if err != nil {
		return err
	}
	return fault
}

// queryFault tells what is wrong with the pack from an error that is none of its
// faults.
func (d *Dir) queryFault(key string, err error) (*Error, error) {
	var unasked *UnaskedError
	if errors.As(err, &unasked) {
		return nil, fmt.Errorf("pack %s: query: %w", visible(d.given), err)
	}
	fault := &Error{Pack: d.given, File: queryScript, Key: key, Reason: err.Error(), Err: err}
	var answer *answerError
	if errors.As(err, &answer) {
		fault.Line = answer.line
	}
	return fault, nil
}

// Env asks the pack for its environment, with the secrets in the environment
// of the query. The error is an *Error, or the one of ctx, or says that a
// secret of the descriptor has no value. It holds no value.
func (d *Dir) Env(ctx context.Context, desc Descriptor, secrets envvar.Set) (envvar.Set, error) {
	sets, err := d.Envs(ctx, desc, []envvar.Set{secrets})
	if err != nil {
		return nil, err
	}
	return sets[0], nil
}

// Envs is Env for several instances at once: it returns an environment for each
// of the secrets.
func (d *Dir) Envs(ctx context.Context, desc Descriptor, secrets []envvar.Set) ([]envvar.Set, error) {
	questions := make([]Question, len(secrets))
	for i, set := range secrets {
		for _, name := range desc.Secrets {
			if _, ok := set.Lookup(name); !ok {
				return nil, fmt.Errorf("pack %s: query env: the secret %s has no value", visible(d.given), name)
			}
		}
		questions[i] = Question{Key: keyEnv, Secrets: set}
	}
	replies := d.querier.Query(ctx, questions)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("pack %s: query env: %w", visible(d.given), ctx.Err())
	}
	sets := make([]envvar.Set, len(secrets))
	for i, set := range secrets {
		answered, err := replies[i].env(set)
		if err != nil {
			return nil, d.queryError(keyEnv, err)
		}
		sets[i] = answered
	}
	return sets, nil
}

// env parses the answer to env.
func (r Reply) env(secrets envvar.Set) (envvar.Set, error) {
	if r.Err != nil {
		return nil, redactExit(r.Err, secrets)
	}
	if err := checkNUL(r.Answer); err != nil {
		return nil, err
	}
	return parseEnv(r.Answer, secrets)
}

// parseEnv returns errors that hold no part of the answer other than names.
func parseEnv(answer []byte, secrets envvar.Set) (envvar.Set, error) {
	lines := splitAnswer(answer)
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	set, err := envvar.ParseLines(texts)
	if err == nil {
		err = checkVariables(set, texts)
	}
	var invalid *envvar.LineError
	switch {
	case err == nil:
		return set, nil
	case !errors.As(err, &invalid):
		return nil, err
	}
	reason := invalid.Reason
	// A line that begins with a secret may look as if that were its name.
	if invalid.Key != "" && !reveals(invalid.Key, secrets) {
		reason = invalid.Key + ": " + reason
	}
	return nil, &answerError{line: lines[invalid.Line-1].number, err: &envError{reason: reason, err: invalid.Err}}
}

// checkVariables refuses what would change how the scripts run.
func checkVariables(set envvar.Set, texts []string) error {
	for _, v := range set {
		if steersScripts(v.Name) {
			isIt := func(text string) bool { return strings.HasPrefix(text, v.Name+"=") }
			return &envvar.LineError{Line: 1 + slices.IndexFunc(texts, isIt), Key: v.Name, Reason: errSteering.Error(), Err: errSteering}
		}
	}
	return nil
}

// envError is a line of the environment that is no variable.
type envError struct {
	reason string
	err    error
}

func (e *envError) Error() string { return e.reason }

func (e *envError) Unwrap() error { return e.err }

// redactExit returns err without messages that may hold a secret.
func redactExit(err error, secrets envvar.Set) error {
	var exit *ExitError
	if !errors.As(err, &exit) {
		return err
	}
	redacted := *exit
	if reveals(exit.Stderr, secrets) {
		redacted.Stderr = "(its messages are not shown, because they hold a secret)"
	}
	return &redacted
}

// telling is the length from which a piece of a secret counts as the secret.
const telling = 4

// reveals reports whether text holds one of the secrets, or a piece of one
// that quoting or percent-encoding would leave as it is.
func reveals(text string, secrets envvar.Set) bool {
	for _, secret := range secrets {
		value := secret.Value.Reveal()
		if value != "" && strings.Contains(text, value) {
			return true
		}
		for _, piece := range strings.FieldsFunc(value, isPunctuation) {
			if len(piece) >= telling && strings.Contains(text, piece) {
				return true
			}
		}
	}
	return false
}

func isPunctuation(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}
