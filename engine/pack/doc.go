// Package pack is the contract of a servicepack: it opens a folder, asks its
// bin/query, validates every answer and computes the digest of its files.
//
// [Open] looks at the folder, [Dir.Describe] asks the static keys and returns
// a [Descriptor], and [Dir.Env] asks for the environment once secrets exist.
// What is wrong with a pack is reported as an [*Error], which names the file,
// the key and the line and never holds the value of a secret.
package pack
