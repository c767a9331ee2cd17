package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/registry"
	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/servicearchive"
	"github.com/servicepack/svp/engine/signature"
)

const (
	signHint    = "sign it with svp pack sign, and trust the key as svp pack verify --help tells"
	contentHint = "whoever changed a package should have given it a new version; ask them, and do not use it meanwhile"
)

// packageProblems is what to do about what keeps a package from being had; the
// first that matches counts.
var packageProblems = []problem{
	{context.Canceled, engine.Interrupted, ""},
	{packages.ErrName, engine.Usage, "a package is GROUP:NAME:VERSION, as org.cloudname:timber:1.2.3; the version may be 1.2.+ or latest"},
	{registry.ErrReference, engine.Usage, "a reference is oci://HOST/REPOSITORY:TAG, or @sha256:… in place of the tag"},
	{packages.ErrOtherContents, engine.Refused, contentHint},
	{repository.ErrChecksum, engine.Refused, contentHint},
	{repository.ErrOther, engine.Refused, "a package that is published never changes: give yours another version"},
	{registry.ErrOther, engine.Refused, "push it under another tag: one that is there keeps its contents"},
	{packages.ErrChangedSince, engine.Refused, "svp pack uninstall it, and install it again"},
	{packages.ErrNotLocked, engine.Refused, "without --locked it is installed, and added to the file"},
	{packages.ErrLockFile, engine.Failed, "go to a folder that you can write to, or leave it out with --no-save"},
	{packages.ErrInstalledUnsigned, engine.Refused, "svp pack uninstall it, and install it from a repository that has it signed by a key that you trust"},
	{packages.ErrUnsigned, engine.Refused, signHint},
	{signature.ErrUntrusted, engine.Refused, signHint},
	{signature.ErrMalformed, engine.Refused, contentHint},
	{signature.ErrChanged, engine.Refused, contentHint},
	{packages.ErrInTheWay, engine.Refused, "move it away, or install elsewhere with --dir"},
	{packages.ErrNoRepository, engine.NotFound, "name one with -r URL, or once and for all: svp repo add NAME URL"},
	{packages.ErrOffline, engine.NotFound, "with a network: svp pack install COORDINATE, or svp pack pull REFERENCE"},
	{packages.ErrNowhere, engine.NotFound, "svp repo list shows where svp looks; -r URL looks elsewhere"},
	{packages.ErrNotInstalled, engine.NotFound, "install it with: svp pack install COORDINATE -r URL; svp pack list shows what is installed"},
	{repository.ErrNotFound, engine.NotFound, ""},
	{registry.ErrNotFound, engine.NotFound, "check its name and its tag"},
	{repository.ErrUnauthorized, engine.Refused, "give it a name and a password: svp repo add --help tells how"},
	{registry.ErrUnauthorized, engine.Refused, "log in with: docker login"},
	{archive.ErrUnsafe, engine.InvalidPack, ""},
	{archive.ErrTooLarge, engine.InvalidPack, ""},
	{archive.ErrDamaged, engine.InvalidPack, "get it again"},
	{engine.ErrTimeout, engine.NotReady, "allow more time with --timeout"},
	{context.DeadlineExceeded, engine.NotReady, "allow more time with --timeout"},
	{repository.ErrTimeout, engine.NotReady, ""},
	{registry.ErrTimeout, engine.NotReady, ""},
	{fs.ErrNotExist, engine.NotFound, "check the name"},
}

// aboutError leaves it to others to say what an error is about.
type aboutError struct {
	subject string
	err     error
}

func (e *aboutError) Error() string { return strings.TrimPrefix(e.err.Error(), e.subject+": ") }

func (e *aboutError) Unwrap() error { return e.err }

// packageProblem adds what to do next to what keeps a package from being had.
func packageProblem(op, subject string, err error) error {
	var known *engine.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	told := &engine.Error{Op: op, Subject: registry.Show(subject), Kind: engine.Failed, Err: &aboutError{subject, err}}
	explained := explain(told, packageProblems)
	if told.Hint == "" {
		told.Hint = repositoryHint(err)
	}
	if explained || told.Hint != "" {
		return told
	}
	var foreign *servicearchive.Error
	if hint, invalid := packages.InvalidPack(err); invalid || errors.As(err, &foreign) {
		told.Kind, told.Hint = engine.InvalidPack, hint
	}
	return told
}

// repositoryHint is what to do about a repository that gives no answer; empty where
// nothing is known.
func repositoryHint(err error) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return "name the file with the authority's certificate: --ca-bundle FILE, SVP_CA_BUNDLE, or ca_bundle in the configuration"
	case errors.Is(err, packages.ErrOneOfSeveral):
		return "svp pack install COORDINATE -r NAME looks into one repository alone; svp repo list shows them"
	}
	return ""
}
