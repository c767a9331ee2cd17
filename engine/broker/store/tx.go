package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Tx is access to one instance. It ends with the function that it was given to.
// Only Tx opens what is sealed.
type Tx struct {
	store      *Store
	sql        *sql.Tx
	instanceID string
	exclusive  bool
	now        int64 // microseconds
}

// mine keeps a record of another instance out of the transaction.
func (tx *Tx) mine(instanceID string) error {
	if instanceID != tx.instanceID {
		return fmt.Errorf("instance %q is not that of the transaction, %q", instanceID, tx.instanceID)
	}
	return nil
}

// Count counts the instances that the filter chooses and that have not failed.
// The transaction must be exclusive, so that the number still holds when it ends.
func (tx *Tx) Count(ctx context.Context, filter Filter) (int, error) {
	if !tx.exclusive {
		return 0, errors.New("count instances: the transaction is not exclusive")
	}
	var count int
	err := tx.sql.QueryRowContext(ctx, `SELECT count(*) FROM broker_instances WHERE state <> $1
		AND ($2 OR plan_id = $3) AND ($4 OR organization_guid = $5)`,
		string(InstanceFailed), filter.PlanID == "", blob(filter.PlanID),
		filter.OrganizationGUID == "", blob(filter.OrganizationGUID)).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("count instances: %w", err)
	}
	return count, nil
}
