package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/lazyregexp"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// Binding is one consumer's access to an instance.
type Binding struct {
	Consumer string `json:"consumer"`
	// Shared tells that the pack makes no logins: the consumer has the
	// credentials of the instance itself, and keeps them when it is unbound.
	Shared  bool      `json:"shared"`
	Created time.Time `json:"created,omitzero"`
}

// BindResult is a binding and the credentials that it hands out.
type BindResult struct {
	Binding Binding
	Env     envvar.Set
	Service envvar.Service
	Created bool // false: the consumer was bound already

	endpoints []Endpoint
}

// Endpoint is where an instance can be reached, as the one who is bound sees it.
type Endpoint struct {
	Host     string
	Ports    []string
	Protocol string // "tcp" or "udp"
}

// Credentials are all variables of the binding and, as far as a URL among them
// tells, the conventional uri, host, port, username, password and database. It
// reveals every value.
func (r BindResult) Credentials() map[string]string {
	credentials := map[string]string{}
	for _, variable := range r.Env.Credentials() {
		credentials[variable.Name] = variable.Value.Reveal()
	}
	return credentials
}

// Endpoints are the addresses and ports of the instance, one for each protocol.
func (r BindResult) Endpoints() []Endpoint { return r.endpoints }

// Bind gives a consumer access to an instance that runs: a login of its own where
// the pack has bin/bind, else the instance's own environment. Bound twice it has
// the same credentials. A consumer's name is as an instance's, of at most 48
// characters.
func (e *Engine) Bind(ctx context.Context, name, consumer string, view View) (BindResult, error) {
	result, err := e.bind(ctx, name, consumer, view)
	return result, fail("bind", name, causeOf(ctx, err))
}

func (e *Engine) bind(ctx context.Context, name, consumer string, view View) (BindResult, error) {
	found, err := e.lookUpConsumer(ctx, name, consumer)
	if err != nil {
		return BindResult{}, err
	}
	result := BindResult{
		Binding: Binding{Consumer: consumer, Shared: !found.service.Has(pack.ScriptBind)},
		Service: describe(name, found.service), Created: len(found.bindingsOf(consumer)) == 0,
	}
	place, err := e.seenFrom(ctx, found.identity, view)
	if err != nil {
		return BindResult{}, err
	}
	template, err := e.bound(ctx, found, consumer)
	if err != nil {
		return BindResult{}, err
	}
	result.Env, result.endpoints = template.Expand(place), endpoints(found, place)
	return result, nil
}

// endpoints are where the ports of the instance are reached. One that is not
// published cannot be reached where only published ones can.
func endpoints(found *instance, place envvar.Placeholders) []Endpoint {
	var list []Endpoint
	for _, port := range found.service.Ports {
		number, known := place.Port(port.Number)
		if !known {
			continue
		}
		index := slices.IndexFunc(list, func(endpoint Endpoint) bool { return endpoint.Protocol == port.Protocol })
		if index < 0 {
			list = append(list, Endpoint{Host: place.IP, Protocol: port.Protocol})
			index = len(list) - 1
		}
		list[index].Ports = append(list[index].Ports, strconv.Itoa(number))
	}
	return list
}

// bound records the consumer, lets the pack make its login, and returns its
// environment, with placeholders. When that fails, a consumer whom nobody else has
// bound is not bound.
func (e *Engine) bound(ctx context.Context, found *instance, consumer string) (template envvar.Set, err error) {
	if found.service.Has(pack.ScriptBind) {
		if _, err := found.forHooks(); err != nil {
			return nil, err
		}
	}
	// The operation lasts until what it may have made is taken back.
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	operation, err := e.newOperation(lasting, 0)
	if err != nil {
		return nil, err
	}
	own, err := e.templateOfInstance(ctx, found, operation)
	if err != nil {
		return nil, err
	}
	records, err := e.recordBinding(ctx, found, consumer, operation)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = e.undoBind(ctx, found, records, own, err)
		}
	}()
	if !found.service.Has(pack.ScriptBind) {
		return own, nil
	}
	var answer limitedBuffer
	if err := e.hook(ctx, found, pack.ScriptBind, []string{consumer}, own, &answer); err != nil {
		return nil, err
	}
	template, err = parseBinding(found.service.Pack, answer.Bytes())
	if err != nil {
		return nil, err
	}
	if err := records.check(ctx); err != nil {
		return nil, err
	}
	var names []string
	var secretValues envvar.Set
	for _, variable := range own {
		if variable.Secret {
			names, secretValues = append(names, variable.Name), append(secretValues, variable)
		}
	}
	return template.MarkSecret(names...).EscapeSecrets(secretValues), nil
}

// undoBind removes what a failed bind may have made, and returns why it failed. The
// login stays where another bind has made it, too, and may have handed it out.
func (e *Engine) undoBind(ctx context.Context, found *instance, records *bindingRecords, hidden envvar.Set, why error) error {
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	err := records.withdraw(cleanup, func() error {
		if !found.service.Has(pack.ScriptBind) || !found.service.Has(pack.ScriptUnbind) {
			return nil
		}
		return e.hook(cleanup, found, pack.ScriptUnbind, []string{records.consumer}, hidden, io.Discard)
	})
	if _, gone := e.lookUp(cleanup, found.identity.Name); errors.Is(gone, ErrNoInstance) {
		_, err = records.removeAll(cleanup)
		why = fmt.Errorf("%w any more: it was destroyed meanwhile", ErrNoInstance)
	}
	if err != nil {
		e.warn(fmt.Sprintf("something of the binding of %s is left behind, svp unbind %s %s removes it: %v",
			records.consumer, found.identity.Name, records.consumer, err))
	}
	return why
}

// Unbind takes a consumer's access away: its login is refused from now on, and
// its connections are ended.
func (e *Engine) Unbind(ctx context.Context, name, consumer string) error {
	return fail("unbind", name, causeOf(ctx, e.unbind(ctx, name, consumer)))
}

func (e *Engine) unbind(ctx context.Context, name, consumer string) error {
	found, err := e.lookUpConsumer(ctx, name, consumer)
	if err != nil {
		return err
	}
	if len(found.bindingsOf(consumer)) == 0 {
		return fmt.Errorf("%w: %s", ErrNoBinding, consumer)
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	records := &bindingRecords{driver: d, instance: found.identity.ID, consumer: consumer}
	if found.service.Has(pack.ScriptUnbind) {
		return e.dropLogin(ctx, found, records)
	}
	if found.service.Has(pack.ScriptBind) {
		e.warn(fmt.Sprintf("pack %s has no bin/unbind: the login of %s stays", found.service.Pack, consumer))
	} else {
		e.warn(fmt.Sprintf("%s had the credentials of the instance itself, and still has them", consumer))
	}
	_, err = records.removeAll(ctx)
	return err
}

// dropLogin lets the pack take the consumer's login away, and forgets the consumer.
func (e *Engine) dropLogin(ctx context.Context, found *instance, records *bindingRecords) (err error) {
	container, err := found.forHooks()
	if err != nil {
		return err
	}
	own, err := e.templateNow(ctx, found)
	if err != nil {
		return err
	}
	step := e.beginPhase(pack.ScriptUnbind, found.identity.Name, own)
	defer func() { err = step.end(causeOf(ctx, err)) }()
	// A bind that runs at the same time may make the login after it was dropped. So it is
	// dropped until there is no record any more: whoever has none then takes it back.
	for removed := 1; removed > 0; {
		err := e.hookIn(ctx, container, []string{"bin/" + pack.ScriptUnbind, records.consumer}, Streams{Out: io.Discard, Err: step})
		if err != nil {
			return err
		}
		if removed, err = records.removeAll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Bindings lists the consumers of an instance, by name.
func (e *Engine) Bindings(ctx context.Context, name string) ([]Binding, error) {
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return nil, fail("bindings", name, err)
	}
	list := make([]Binding, 0, len(found.bindings))
	for _, record := range found.bindings {
		binding := Binding{
			Consumer: record.Labels[driver.LabelBinding], Shared: !found.service.Has(pack.ScriptBind), Created: record.Created,
		}
		index := slices.IndexFunc(list, func(other Binding) bool { return other.Consumer == binding.Consumer })
		switch {
		case index < 0:
			list = append(list, binding)
		case binding.Created.Before(list[index].Created):
			list[index] = binding
		}
	}
	slices.SortFunc(list, func(a, b Binding) int { return strings.Compare(a.Consumer, b.Consumer) })
	return list, nil
}

func (e *Engine) lookUpConsumer(ctx context.Context, name, consumer string) (*instance, error) {
	if !plan.ValidConsumer(consumer) {
		return nil, usagef("a consumer is a letter or digit, then up to 47 letters, digits, dots, hyphens and underscores, all in lower case",
			"%q is no name for a consumer", consumer)
	}
	return e.lookUp(ctx, name)
}

// forHooks returns the container in which the pack's hooks run.
func (i *instance) forHooks() (driver.Container, error) {
	services := i.services()
	if len(services) == 0 || services[0].State != driver.Running {
		return driver.Container{}, fmt.Errorf("%w: it is %s", ErrNotRunning, i.state())
	}
	return services[0], nil
}

// hookTimeout bounds a hook of a pack in a running instance.
const hookTimeout = 2 * time.Minute

// hook runs a script of the pack in the instance, as a step.
func (e *Engine) hook(ctx context.Context, found *instance, script string, args []string, hidden envvar.Set, stdout io.Writer) (err error) {
	container, err := found.forHooks()
	if err != nil {
		return err
	}
	step := e.beginPhase(script, found.identity.Name, hidden)
	defer func() { err = step.end(err) }()
	return e.hookIn(ctx, container, append([]string{"bin/" + script}, args...), Streams{Out: stdout, Err: step})
}

func (e *Engine) hookIn(ctx context.Context, container driver.Container, command []string, streams Streams) error {
	ctx, cancel := e.withTimeout(ctx, hookTimeout, hookTimeout)
	defer cancel()
	status, err := e.execIn(ctx, container, command, streams)
	if err != nil {
		return causeOf(ctx, err)
	}
	if status != 0 {
		return &ScriptError{Script: command[0], Status: status}
	}
	return nil
}

// largestBinding bounds what bin/bind prints, as the contract bounds what a query
// prints.
const largestBinding = 64 << 10

var errBindingTooLarge = errors.New("bin/bind printed more than 64 KiB")

// limitedBuffer keeps what is written, up to largestBinding.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > largestBinding {
		return 0, errBindingTooLarge
	}
	return b.Buffer.Write(p)
}

var lineEnd = lazyregexp.New(`[ \t\r]*\n`)

// parseBinding reads what bin/bind printed: KEY=VALUE a line.
func parseBinding(packName string, answer []byte) (envvar.Set, error) {
	set, err := envvar.ParseLines(lineEnd().Split(strings.TrimRight(string(answer), " \t\r\n"), -1))
	var wrong *envvar.LineError
	if errors.As(err, &wrong) {
		return nil, &pack.Error{Pack: packName, File: "bin/bind", Key: wrong.Key, Line: wrong.Line, Reason: wrong.Reason, Err: wrong}
	}
	if err == nil && len(set) == 0 {
		return nil, &pack.Error{Pack: packName, File: "bin/bind", Reason: "it printed nothing", Hint: "print the consumer's environment, KEY=VALUE a line"}
	}
	for i, variable := range set {
		if err := pack.CheckVariable(variable.Name); err != nil {
			return nil, &pack.Error{Pack: packName, File: "bin/bind", Key: variable.Name, Line: i + 1, Reason: err.Error(), Err: err}
		}
	}
	return set, err
}
