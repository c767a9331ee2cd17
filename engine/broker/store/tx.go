package store

import "context"

// Tx is access to one instance. It ends with the function that it was given to.
// Only Tx opens what is sealed.
type Tx struct{}

// Instance returns the instance, or nil.
func (tx *Tx) Instance(ctx context.Context) (*Instance, error) { return nil, errPending }

// PutInstance inserts or replaces the instance, and sets its times.
func (tx *Tx) PutInstance(ctx context.Context, instance *Instance) error { return errPending }

// DeleteInstance deletes the instance and its bindings, if there are any. Its
// operations stay until Prune.
func (tx *Tx) DeleteInstance(ctx context.Context) error { return errPending }

// Binding returns a binding of the instance, or nil.
func (tx *Tx) Binding(ctx context.Context, id string) (*Binding, error) { return nil, errPending }

// Bindings lists the bindings of the instance, the oldest first.
func (tx *Tx) Bindings(ctx context.Context) ([]Binding, error) { return nil, errPending }

// PutBinding inserts or replaces a binding of the instance, which must exist, and
// sets its time.
func (tx *Tx) PutBinding(ctx context.Context, binding *Binding) error { return errPending }

// DeleteBinding deletes a binding of the instance, if it is there.
func (tx *Tx) DeleteBinding(ctx context.Context, id string) error { return errPending }

// Operation returns an operation on the instance or a binding of it, or nil.
func (tx *Tx) Operation(ctx context.Context, id string) (*Operation, error) { return nil, errPending }

// LastOperation returns the latest operation on the binding, or on the instance
// itself when bindingID is empty; nil when there was none.
func (tx *Tx) LastOperation(ctx context.Context, bindingID string) (*Operation, error) {
	return nil, errPending
}

// Running lists the operations in progress on the instance and its bindings.
func (tx *Tx) Running(ctx context.Context) ([]Operation, error) { return nil, errPending }

// PutOperation inserts an operation, and sets its times; ErrBusy when another is
// in progress on the same instance or the same binding. Put again, it changes
// what happened to it: the state, the description, and the request unless that
// is nil. Then it is ErrNotOwner when the operation has ended, or has another
// owner than the one given: only Store.TakeOver changes that.
func (tx *Tx) PutOperation(ctx context.Context, operation *Operation) error { return errPending }

// Count counts the instances that the filter chooses and that have not failed.
// The transaction must be exclusive, so that the number still holds when it ends.
func (tx *Tx) Count(ctx context.Context, filter Filter) (int, error) { return 0, errPending }

// TakePooled takes a ready instance out of the warm pool, the oldest first; nil
// when there is none. No two transactions get the same one.
func (tx *Tx) TakePooled(ctx context.Context, serviceID, planID, packDigest string) (*Pooled, error) {
	return nil, errPending
}
