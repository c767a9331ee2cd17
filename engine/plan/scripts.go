package plan

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Places inside a container.
const (
	// ServiceDir is where the pack lives.
	ServiceDir = "/service"
	// EnvironmentFile has the instance's environment as a shell reads it; root
	// alone can read it.
	EnvironmentFile = "/etc/servicepack/env"
	// InstanceFile has the secrets and the environment with its placeholders,
	// as JSON; root alone can read it.
	InstanceFile = "/etc/servicepack/instance.json"
	// CacheDir is where the build cache is mounted.
	CacheDir = "/var/cache/servicepack"
	// CADir is where the certificate authorities of --ca-bundle are mounted.
	CADir = "/etc/servicepack/ca"
	// DependencyDir is where the files are mounted that a pack was packaged with.
	DependencyDir = "/etc/servicepack/dependencies"

	configDir      = "/etc/servicepack"
	entrypointFile = "/etc/servicepack/entrypoint"
	begunMark      = "/etc/servicepack/begun"
	setUpMark      = "/etc/servicepack/set-up"
)

// entrypointScript gives a script the instance's environment and becomes it.
const entrypointScript = `#!/bin/sh
set -a
. ` + EnvironmentFile + `
set +a
cd ` + ServiceDir + ` || exit 125
exec "$@"
`

// receive takes the files of a container that waits for them on its standard
// input, as Delivery writes them: so they get into it without the engine having to
// mount it, and without anybody seeing them in an argument. It starts no program,
// and leaves the umask that containers have.
const receive = `while :; do
	IFS=' ' read -r mask path content || {
		echo "the connection to svp ended before the files were here" >&2
		exit "$unsent"
	}
	[ "$mask" != end ] || break
	umask "$mask"
	printf %b "$content" >"$path" || exit 125
done
umask 022
unset mask path content
`

const makeConfigDir = `[ -d ` + configDir + ` ] || mkdir -p ` + configDir + ` || exit 125
`

// receiveScript becomes the command when the files are there. It fails when they
// do not come, and so does the image that is being made.
const receiveScript = makeConfigDir + `unsent=125
` + receive + `exec "$@" </dev/null
`

// firstStartScript receives the files of an instance and sets it up in the
// container that then becomes its service. $1 is what it prints when the set-up is
// done and the container can be committed, on a standard output that is its alone;
// then it waits for a line. When svp is killed meanwhile, the input ends and so does
// the container. At every later start there is only the service.
//
// A host that restarts containers from the start leaves alone what ends with
// status 0: so it ends where svp will not go on. The instance's variables, which may
// have any name, stay in a shell of their own. What a set-up leaves running ends with
// it, as it does in a container of its own.
const firstStartScript = `if [ ! -e ` + setUpMark + ` ]; then
	[ ! -e ` + begunMark + ` ] || exit 0
	` + makeConfigDir + `	true >` + begunMark + ` || exit 125
	unsent=0
	` + receive + `	(
		shift
		set -a
		. ` + EnvironmentFile + `
		set +a
		cd ` + ServiceDir + ` || exit 125
		while [ "$1" != -- ]; do export "$1"; shift; done
		[ -d "$SVP_CACHE_DIR" ] || mkdir -p "$SVP_CACHE_DIR"
		bin/build setup </dev/null >&2
	) || exit
	[ $$ != 1 ] || kill -s KILL -- -1 2>/dev/null
	for cached in ` + CacheDir + `/* ` + CacheDir + `/.[!.]* ` + CacheDir + `/..?*; do
		[ ! -e "$cached" ] && [ ! -L "$cached" ] || { rm -rf ` + CacheDir + `; break; }
	done
	true >` + setUpMark + ` || exit 125
	echo "$1"
	read -r line || exit 0
	unset unsent cached line
fi
while [ "$1" != -- ]; do shift; done
shift
exec "$@" </dev/null
`

// holderCommand keeps a container alive whose network others join.
var holderCommand = []string{"/bin/sh", "-c", "while :; do sleep 86400; done"}

// File is a file to be put into a container; it belongs to root.
type File struct {
	Path    string // absolute
	Mode    fs.FileMode
	Content string
}

// ConfigFolder is where svp's files are in a container.
func ConfigFolder() File { return File{Path: configDir, Mode: fs.ModeDir | 0o755} }

// EntrypointFiles are the files that the entry points of svp's containers need.
func EntrypointFiles() []File {
	return []File{
		ConfigFolder(),
		{Path: entrypointFile, Mode: 0o644, Content: entrypointScript},
	}
}

// ScriptCommand is how a command is run with the instance's environment, in a
// container that exists.
func ScriptCommand(command ...string) []string {
	return append([]string{"/bin/sh", entrypointFile}, command...)
}

// script is the path of a pack's script, relative to its folder.
func script(name string) string { return path.Join("bin", name) }

// withVariables is a command with variables that are no secrets.
func withVariables(variables []string, command ...string) []string {
	return append(append([]string{"/usr/bin/env"}, variables...), command...)
}

func firstStartCommand(token string, variables, command []string) []string {
	all := append([]string{"/bin/sh", "-c", firstStartScript, "sh", token}, variables...)
	return append(append(all, "--"), command...)
}

// receiving is a command that receives its files first.
func receiving(command ...string) []string {
	return append([]string{"/bin/sh", "-c", receiveScript, "sh"}, command...)
}

// Delivery is what a container that receives files is sent on its standard input,
// before anything else: a line of umask, path and content for each file, none of
// which is a program. Their folder is there already. All of it is printable ASCII,
// because shells differ in what else they read unchanged.
func Delivery(files []File) []byte {
	var delivery bytes.Buffer
	for _, file := range files {
		if file.Mode.IsDir() {
			continue
		}
		fmt.Fprintf(&delivery, "%o %s ", 0o666&^file.Mode.Perm(), file.Path)
		for _, char := range []byte(file.Content) {
			if char <= ' ' || char > '~' || char == '\\' {
				fmt.Fprintf(&delivery, `\0%03o`, char)
				continue
			}
			delivery.WriteByte(char)
		}
		delivery.WriteByte('\n')
	}
	delivery.WriteString("end\n")
	return delivery.Bytes()
}

// CAVariables point the usual programs at a bundle of certificate authorities.
func caVariables() []string {
	bundle := path.Join(CADir, "ca.pem")
	names := []string{
		"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
		"NPM_CONFIG_CAFILE", "GIT_SSL_CAINFO", "PIP_CERT", "AWS_CA_BUNDLE",
	}
	variables := make([]string, 0, len(names)+1)
	for _, name := range names {
		variables = append(variables, name+"="+bundle)
	}
	return append(variables, "APT_CONFIG="+path.Join(CADir, "apt.conf"))
}

// CAFiles are what the volume with the certificate authorities holds; their paths
// begin at its root.
func CAFiles(bundle string) []File {
	return []File{
		{Path: "/ca.pem", Mode: 0o644, Content: bundle},
		{Path: "/apt.conf", Mode: 0o644, Content: strings.Join([]string{
			`Acquire::https::CAInfo "` + path.Join(CADir, "ca.pem") + `";`, "",
		}, "\n")},
	}
}
