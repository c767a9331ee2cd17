// Package soak asks two brokers that share a store for many things at random,
// kills them again and again, and holds every answer against a model of what a
// broker may say.
//
// The model is a set of worlds: everything that may be the case, as far as the
// client can know. A request takes each world to those that the specification
// allows, an answer rules worlds out, and an answer that leaves none has broken a
// rule. So nothing has to be known about when an operation ends, in which order
// two requests were served, or whether one was that never had an answer.
package soak
