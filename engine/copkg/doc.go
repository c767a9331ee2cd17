// Package copkg makes packages of packs in the format of copkg: a zip archive with
// bin/, etc/, lib/ and script.d/ at its root, called by a coordinate and never
// changed. Its script.d/start.sh and script.d/stop.sh run the service of the pack
// with svp, with all that they write in a folder outside the package.
//
// A package is the same, byte for byte, wherever and whenever it is made, and the
// pack in it has the digest that it has as a folder: what packaging adds is listed
// in pack.PackageFile, and no part of the pack.
package copkg
