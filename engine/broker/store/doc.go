// Package store keeps what a broker must not forget: instances, bindings,
// operations, the warm pool, and which brokers are alive. It is a SQLite file for
// one broker, or PostgreSQL for several that serve side by side.
//
// The rules of the service live in the caller. The store promises that they can
// be kept: Transact gives the only access to an instance that there is at the
// time, in any broker, and what it writes is there as a whole or not at all.
//
// Parameters, credentials and requests are sealed with a Key, so that neither the
// file nor a copy of the database shows them. Ids, and all that a platform sends,
// are kept as bytes: a database neither folds nor refuses them.
package store
