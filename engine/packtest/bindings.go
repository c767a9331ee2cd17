package packtest

import (
	"context"
	"strings"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
)

// checkBind gives two consumers logins of their own and takes them away again.
func checkBind(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptBind) {
		return "", omitted("the pack has no bin/bind: consumers share the credentials of the instance")
	}
	if !t.has(pack.ScriptUnbind) {
		return "", found("write bin/unbind, which drops the user that bin/bind made", "the pack has bin/bind and no bin/unbind: logins would stay")
	}
	one, err := t.bind(ctx, t.first, "packtest-one")
	if err != nil {
		return "", err
	}
	again, err := t.bind(ctx, t.first, "packtest-one")
	if err != nil {
		return "", err
	}
	if !same(one, again) {
		return "", found("keep the password that was made first, in a file that root alone can read", "bin/bind printed other lines when it was called again for the same consumer")
	}
	two, err := t.bind(ctx, t.first, "packtest-two")
	if err != nil {
		return "", err
	}
	if same(one, two) || same(one, t.first.env) {
		return "", found("make a user and a password for each consumer", "the credentials of a consumer are those of another one, or of the instance itself")
	}
	for _, name := range t.first.env.Names() {
		if _, ok := one.Lookup(name); !ok {
			return "", found("print all variables of the instance, so that an application takes them in their place", "bin/bind does not print %s", name)
		}
	}
	for _, consumer := range []string{"packtest-one", "packtest-two"} {
		if err := t.Unbind(ctx, t.first.name, consumer); err != nil {
			return "", err
		}
	}
	if _, err := t.script(ctx, t.first, "", "bin/unbind", "packtest-one"); err != nil {
		return "", err // no such user is no error
	}
	return "two consumers had credentials of their own, " + strings.Join(one.Names(), ", "), t.awaitReady(ctx, t.first)
}

func (t *trial) bind(ctx context.Context, i *instance, consumer string) (envvar.Set, error) {
	result, err := t.Bind(ctx, i.name, consumer, engine.ViewNetwork)
	for _, variable := range result.Env {
		if variable.Secret {
			t.hide(variable.Value)
		}
	}
	return result.Env, err
}

// same tells whether two sets hold the same values.
func same(a, b envvar.Set) bool {
	if len(a) != len(b) {
		return false
	}
	for _, variable := range a {
		other, ok := b.Lookup(variable.Name)
		if !ok || !variable.Value.Equal(other) {
			return false
		}
	}
	return true
}
