// Package broker offers service packs to platforms over the Open Service Broker
// API, version 2.17 and, for older clients, down to 2.4.
//
// A request is decoded by package osb, decided in a transaction of package store,
// and carried out by an operation that outlives the request: the client waits for
// it, or polls it where it said that it can. The store knows of an operation
// before anything is made, so that another broker, or the same one after a crash,
// carries it on.
//
// The README beside this file lists what the specification demands, and the tests
// that show it.
package broker
