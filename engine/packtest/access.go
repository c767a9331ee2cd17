package packtest

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/lazyregexp"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/secrets"
)

// checkClient wants the client to connect with the instance's credentials, find
// nothing to do on its empty input, and end well.
func checkClient(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptClient) {
		return "", omitted("the pack has no bin/client")
	}
	if err := t.useClient(ctx, t.first); err != nil {
		return "", err
	}
	return "bin/client connected, and ended well at the end of its input", nil
}

func (t *trial) useClient(ctx context.Context, i *instance) error {
	result, err := t.bounded(ctx, "bin/client", func(ctx context.Context, out, messages io.Writer) (int, error) {
		return t.Client(ctx, engine.Target{Name: i.name}, nil, engine.Streams{Out: out, Err: messages})
	})
	if err == nil && result.status != 0 {
		err = found("let bin/client connect with the instance's credentials, and end with status 0 when there is nothing on its input",
			"bin/client ended with status %d: %s", result.status, result.message())
	}
	return err
}

// wrongValue is in no place where another password would be.
const wrongValue = "svp-pack-test-wrong-password"

// checkWrongPassword runs bin/health, which has to log in, with other secrets in
// its environment than those of the instance: it must fail. Without it, the same
// is done with bin/client.
func checkWrongPassword(ctx context.Context, t *trial) (string, error) {
	if len(t.info.Secrets) == 0 {
		return "", omitted("the pack has no secrets")
	}
	script := pack.ScriptHealth
	if !t.has(script) {
		script = pack.ScriptClient
	}
	if !t.has(script) {
		return "", omitted("the pack has neither bin/health nor bin/client, with which a wrong password could be tried")
	}
	refused, err := t.refuses(ctx, script, t.info.Secrets)
	if err != nil {
		return "", err
	}
	if !refused {
		return "", found("let bin/"+script+" log in with the secrets of its environment, over the network as consumers do, and let the service refuse others",
			"bin/%s succeeds also when %s has another value", script, strings.Join(t.info.Secrets, " and "))
	}
	untried, err := t.untried(ctx, script)
	if err != nil {
		return "", err
	}
	if len(untried) > 0 {
		return fmt.Sprintf("bin/%s fails with other secrets; of %s alone it takes no notice", script, strings.Join(untried, ", ")), nil
	}
	return fmt.Sprintf("bin/%s fails with a wrong %s", script, strings.Join(t.info.Secrets, ", and with a wrong ")), nil
}

// untried are the secrets, of several, that the script does not use.
func (t *trial) untried(ctx context.Context, script string) ([]string, error) {
	var untried []string
	for _, name := range t.info.Secrets {
		if len(t.info.Secrets) == 1 {
			break
		}
		refused, err := t.refuses(ctx, script, []string{name})
		if err != nil {
			return nil, err
		}
		if !refused {
			untried = append(untried, name)
		}
	}
	return untried, nil
}

// refuses tells whether the script fails, for any component, when those secrets
// are wrong.
func (t *trial) refuses(ctx context.Context, script string, names []string) (bool, error) {
	changed := withWrong(t.first.env, names)
	components := t.first.components
	if script != pack.ScriptHealth {
		components = components[:1]
	}
	for _, component := range components {
		command := []string{"bin/" + script}
		if script == pack.ScriptHealth {
			command = healthOf(component)
		}
		result, err := t.attemptWith(ctx, t.first, component, changed, command...)
		if err != nil {
			return false, err
		}
		if result.status != 0 {
			return true, nil
		}
	}
	return false, nil
}

// withWrong returns the variables that hold one of those secrets, as it is or
// encoded for a URL, with another value in its place.
func withWrong(env envvar.Set, names []string) envvar.Set {
	var replaced []string
	for _, name := range names {
		value, _ := env.Lookup(name)
		text := value.Reveal()
		replaced = append(replaced, text, wrongValue, url.QueryEscape(text), wrongValue, url.PathEscape(text), wrongValue)
	}
	replacer := strings.NewReplacer(replaced...)
	var changed envvar.Set
	for _, variable := range env {
		before := variable.Value.Reveal()
		if variable.Secret && !slices.Contains(names, variable.Name) {
			continue
		}
		if after := replacer.Replace(before); after != before {
			changed = append(changed, envvar.Var{Name: variable.Name, Value: secrets.New(after)})
		}
	}
	return changed
}

// checkTwoInstances brings up a second instance, which must have credentials of
// its own.
func checkTwoInstances(ctx context.Context, t *trial) (string, error) {
	second, err := t.bringUp(ctx, "second")
	if err != nil {
		return "", err
	}
	t.second = second
	credentials := 0
	for _, variable := range t.first.env {
		name := variable.Name
		other, _ := second.env.Lookup(name)
		one, two := credential(name, variable.Value.Reveal()), credential(name, other.Reveal())
		if one == "" {
			continue
		}
		credentials++
		if one == two {
			return "", found("name it among the secrets, and let bin/query env take it from its environment: svp makes another one for each instance",
				"two instances have the same password in %s", name)
		}
	}
	if err := t.awaitReady(ctx, t.first); err != nil {
		return "", err
	}
	if credentials == 0 {
		return "both run; the pack has no credentials that could differ", nil
	}
	return fmt.Sprintf("both run, and differ in %s", counted(credentials, "credential")), nil
}

var credentialName = lazyregexp.New(`(?i)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY)$`)

// credential is what is secret in a variable, by its name or as the password of a
// URL, or nothing.
func credential(name, value string) string {
	if credentialName().MatchString(name) {
		return value
	}
	if !strings.Contains(value, "://") {
		return ""
	}
	address, err := url.Parse(value)
	if err != nil {
		return ""
	}
	password, _ := address.User.Password()
	return password
}

// oddValue is what quoting, expansion or a URL could spoil.
const oddValue = `a'b"c d$e#f%g\h:/@`

// checkOddSecrets brings up an instance whose secrets are no words, as users may
// bring them.
func checkOddSecrets(ctx context.Context, t *trial) (string, error) {
	if len(t.info.Secrets) == 0 {
		return "", omitted("the pack has no secrets")
	}
	const mend = `quote every use of a secret: in scripts ("$NAME"), in configuration files and in SQL by their own rules, in URLs percent-encoded`
	var given []engine.SecretOption
	for _, name := range t.info.Secrets {
		given = append(given, engine.SecretOption{Name: name, Value: secrets.New(oddValue)})
	}
	odd, err := t.bringUp(ctx, "odd", given...)
	if err != nil {
		return "", oddly(err, mend)
	}
	for _, variable := range odd.env {
		if variable.Secret || !strings.Contains(variable.Value.Reveal(), "://") {
			continue
		}
		first, _ := t.first.env.Lookup(variable.Name)
		if credential("", first.Reveal()) == "" {
			continue
		}
		if credential("", variable.Value.Reveal()) != oddValue {
			return "", found("percent-encode the password in the URL", "a password such as %s does not come out of %s again", oddValue, variable.Name)
		}
	}
	if t.has(pack.ScriptClient) {
		if err := t.useClient(ctx, odd); err != nil {
			return "", oddly(err, mend)
		}
	}
	return fmt.Sprintf("it is ready with %s in place of %s", oddValue, strings.Join(t.info.Secrets, ", ")), nil
}

// oddly says that what went wrong does so with odd secrets alone.
func oddly(err error, mend string) error {
	result, ofHost := judge("", "", err)
	if ofHost != nil {
		return err
	}
	return found(mend, "with the secret %s: %s", oddValue, result.Seen)
}
