// Package servicearchive reads and writes gCube Service Archives: a tar.gz with
// a profile.xml at its root and a folder for every package that the profile
// declares.
//
// [Create] makes one of a pack: the package NAME-pack holds the pack's files, and
// each component is a package that depends on it. [List], [Verify] and [Extract]
// take archives from anywhere, and [ExtractPack] gives a pack back. The archive
// has to hold exactly the files that its profile declares; what is wrong is
// reported as an [*Error].
//
// Sections named in comments are those of the Service Archive Specification in
// the gCube wiki, revision of 8 May 2008; "schema" is service.xsd 0.5.0.
package servicearchive
