package packtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/secrets"
)

// trial is one run of the checks, and what they have found out so far.
type trial struct {
	Engine
	options Options
	prefix  string // of the names of the instances
	started time.Time

	info engine.PackInfo
	base string // the id of the base image
	made []string

	first, second, restored *instance
	notReady                error // why the first instance did not become ready
	arguments               watch
	backup                  []byte
	kept                    string // the fingerprint of what the backup holds
	canWrite                bool

	hidden []string // what no report may show
	timing []timing
}

// timing is how long something took that an operator would like to know.
type timing struct {
	what string
	took time.Duration
}

// instance is an instance under test.
type instance struct {
	name       string
	env        envvar.Set
	components []string // of one without a name: ""
	gone       bool
}

// left is an instance that still is there, or nil.
func (t *trial) left() *instance {
	if t.restored != nil {
		return t.restored
	}
	if t.first.gone {
		return nil
	}
	return t.first
}

// has tells whether the pack has the optional script.
func (t *trial) has(script string) bool { return slices.Contains(t.info.Scripts, script) }

func (t *trial) name(role string) string { return t.prefix + "-" + role }

// bringUp makes an instance of that role. It is gone when that fails.
func (t *trial) bringUp(ctx context.Context, role string, given ...engine.SecretOption) (*instance, error) {
	name := t.name(role)
	started := t.options.Now()
	t.made = append(t.made, name)
	result, err := t.Up(ctx, engine.UpOptions{
		Pack: t.options.Pack, Name: name, Secrets: given, Timeout: t.options.Timeout, Temporary: !t.options.Keep,
	})
	if err != nil {
		return nil, err
	}
	t.took("first start", started)
	env, _, err := t.Env(ctx, name, engine.ViewNetwork)
	if err != nil {
		return nil, err
	}
	i := &instance{name: name, env: env}
	for _, component := range result.Instance.Components {
		i.components = append(i.components, component.Name)
	}
	for _, variable := range env {
		if variable.Secret && len(given) == 0 {
			t.hide(variable.Value)
		}
	}
	return i, nil
}

// renew puts a new instance in the place of the first one, which a check has left
// in no state to be used by others.
func (t *trial) renew(ctx context.Context) error {
	if err := t.destroy(ctx, t.first); err != nil {
		return err
	}
	first, err := t.bringUp(ctx, "first")
	t.first = first
	return err
}

// destroy removes an instance before its time.
func (t *trial) destroy(ctx context.Context, i *instance) error {
	if err := t.Destroy(ctx, i.name); err != nil {
		return err
	}
	i.gone = true
	t.made = slices.DeleteFunc(t.made, func(name string) bool { return name == i.name })
	return nil
}

// cleanUpTimeout bounds the removal of all that a run made.
const cleanUpTimeout = 2 * time.Minute

// cleanUp removes the instances, also when the context has ended.
func (t *trial) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	var group sync.WaitGroup
	errs := make([]error, len(t.made))
	for i, name := range t.made {
		group.Go(func() {
			if err := t.Destroy(ctx, name); !errors.Is(err, engine.ErrNoInstance) {
				errs[i] = err
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (t *trial) took(what string, since time.Time) {
	known := slices.ContainsFunc(t.timing, func(timing timing) bool { return timing.what == what })
	if !known {
		t.timing = append(t.timing, timing{what, t.options.Now().Sub(since)})
	}
}

// hide keeps a secret out of the report, in the shapes in which scripts print it.
func (t *trial) hide(secret secrets.Value) {
	text := secret.Reveal()
	for _, shape := range []string{text, url.QueryEscape(text), url.PathEscape(text)} {
		if len(shape) > 3 && !slices.Contains(t.hidden, shape) {
			t.hidden = append(t.hidden, shape)
		}
	}
}

func (t *trial) redact(text string) string {
	for _, secret := range t.hidden {
		text = strings.ReplaceAll(text, secret, secrets.Value{}.String())
	}
	return text
}

// awaitReady waits until an instance that runs, or is about to, is ready.
func (t *trial) awaitReady(ctx context.Context, i *instance) error {
	_, err := t.Start(ctx, i.name, t.options.Timeout)
	if err == nil || ctx.Err() != nil {
		return err
	}
	// The host, asked about a service that ends again and again, may say anything.
	if info, infoErr := t.Info(ctx, i.name); infoErr == nil {
		for _, component := range info.Components {
			if component.State != engine.StateRunning {
				return found("look at what it says: svp pack test --keep, then svp logs",
					"%s ended with status %d, and does so again and again", strings.TrimSpace("bin/run "+component.Name), component.ExitCode)
			}
		}
	}
	return err
}

// compare tells, in words, whether the instance holds what it held before something
// happened to it. Where the pack is volatile, or has no bin/fingerprint, there is
// nothing to compare.
func (t *trial) compare(ctx context.Context, i *instance, before, event, mend string) (string, error) {
	switch {
	case t.info.Volatile:
		return "after " + event + " it is ready; what it held is not compared, because the pack is volatile", nil
	case !t.has(pack.ScriptFingerprint):
		return "after " + event + " it is ready; what it holds is not compared, because the pack has no bin/fingerprint", nil
	}
	after, err := t.fingerprint(ctx, i)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", found(mend, "after %s its data is not what it was: bin/fingerprint printed %s before and %s after", event, short(before), short(after))
	}
	if !t.canWrite {
		return "after " + event + " it is ready, and its fingerprint is the same; nothing had been written, because bin/extra has no command sample", nil
	}
	return "after " + event + " it is ready, and its data is the same", nil
}

// fingerprintIf is the fingerprint where the pack tells one.
func (t *trial) fingerprintIf(ctx context.Context, i *instance) (string, error) {
	if !t.has(pack.ScriptFingerprint) {
		return "", nil
	}
	return t.fingerprint(ctx, i)
}

func (t *trial) fingerprint(ctx context.Context, i *instance) (string, error) {
	said, err := t.script(ctx, i, "", "bin/fingerprint")
	if err != nil {
		return "", err
	}
	digest := strings.TrimSpace(said.out)
	if digest == "" {
		return "", found("print a digest of the data on standard output", "bin/fingerprint printed nothing")
	}
	return digest, nil
}

// short is the beginning of a digest, which is enough to tell two apart.
func short(digest string) string {
	if first, _, more := strings.Cut(digest, "\n"); more {
		digest = first
	}
	return fmt.Sprintf("%.12s", digest)
}
