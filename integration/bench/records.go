package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
)

const (
	recordedInstances = 1_000
	recordedMemory    = 64_000_000
	recordsTime       = 3 * time.Second
)

// records measures how much memory a broker needs that has many instances on
// record, while it is asked for them. The instances are in its store alone: the
// broker has no reason to look at their containers.
func (b *bench) records(ctx context.Context) (err error) {
	folder, err := b.writeTinyPacks(catalogPacks)
	if err != nil {
		return err
	}
	file := b.brokerStore()
	// The ids are the broker's to give.
	b.doing("a broker, to learn the ids")
	first, err := b.startBroker(ctx, file, []string{folder})
	if err != nil {
		return err
	}
	offered := first.services["tiny-00"]
	if err := first.stop(); err != nil {
		return err
	}
	b.doing("%d instances on record", recordedInstances)
	if err := fillStore(ctx, file, offered); err != nil {
		return err
	}
	served, err := b.startBroker(ctx, file, []string{folder})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, served.stop()) }()
	pid := served.command.Process.Pid
	idle := peakUntilNow(pid)
	b.doing("asking for all of them")
	took, err := timed(func() error { return served.askForAll(ctx) })
	if err != nil {
		return err
	}
	asked := peakUntilNow(pid)
	if _, err := served.load(ctx, catalogConnections, recordsTime); err != nil {
		return err
	}
	peak := peakUntilNow(pid)
	t := newTable(b.out, "", "memory at most")
	t.row("when it has started", megabytes(idle))
	t.row(fmt.Sprintf("after %d requests for instances and bindings, in %s s", recordedRequests*recordedInstances, seconds(took)), megabytes(asked))
	t.row(fmt.Sprintf("after %s s of %d clients that ask for the catalog", seconds(recordsTime), catalogConnections), megabytes(peak))
	t.end()
	b.judge(fmt.Sprintf("broker: memory with %d instances", recordedInstances), megabytes(peak), megabytes(recordedMemory), peak < recordedMemory)
	return nil
}

func recordedID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// fillStore puts instances on record, each with a binding and the operations that
// made the two.
func fillStore(ctx context.Context, file string, offered service) (err error) {
	key, err := store.ReadKey(file + ".key")
	if err != nil {
		return err
	}
	opened, err := store.Open(ctx, file, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	for i := range recordedInstances {
		id := recordedID(i)
		err := opened.Transact(ctx, id, false, func(tx *store.Tx) error { return fillOne(ctx, tx, id, offered) })
		if err != nil {
			return fmt.Errorf("put instance %d on record: %w", i, err)
		}
	}
	return nil
}

func fillOne(ctx context.Context, tx *store.Tx, id string, offered service) error {
	err := tx.PutInstance(ctx, &store.Instance{
		ID: id, ServiceID: offered.id, PlanID: offered.plan, OrganizationGUID: recordedID(1), SpaceGUID: recordedID(2),
		Context:    json.RawMessage(`{"platform":"cloudfoundry","organization_name":"an organization","space_name":"a space"}`),
		Parameters: json.RawMessage(`{"color":"blue","level":7}`), MaintenanceVersion: "1.0.0",
		Name: "tiny-" + id, Pack: "tiny-00", PackDigest: id, State: store.InstanceReady,
	})
	if err != nil {
		return err
	}
	err = tx.PutBinding(ctx, &store.Binding{
		InstanceID: id, ID: id, ServiceID: offered.id, PlanID: offered.plan, AppGUID: id, Consumer: id,
		Answer: json.RawMessage(`{"credentials":{"uri":"tiny://` + id + `:` + id + `@192.0.2.1:7000/app"}}`),
		State:  store.BindingReady,
	})
	if err != nil {
		return err
	}
	for binding, kind := range map[string]store.OperationKind{"": store.Provision, id: store.Bind} {
		err := tx.PutOperation(ctx, &store.Operation{
			ID: id + string(kind), InstanceID: id, BindingID: binding, Kind: kind, State: store.Succeeded,
			Request: json.RawMessage(`{"plan":"small"}`), Owner: id, RequestID: id,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recordedRequests is how many askForAll makes for each instance.
const recordedRequests = 4

// askForAll asks for everything that is on record, and what there is to measure.
func (s *broker) askForAll(ctx context.Context) error {
	err := atOnce(func(client int) error {
		for i := client; i < recordedInstances; i += concurrency {
			instance := "/v2/service_instances/" + recordedID(i)
			binding := instance + "/service_bindings/" + recordedID(i)
			for _, path := range []string{instance, instance + "/last_operation", binding, binding + "/last_operation"} {
				if _, err := s.do(ctx, http.MethodGet, path, nil, nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.do(ctx, http.MethodGet, "/metrics", nil, nil)
	return err
}
