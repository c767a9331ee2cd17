package soak

// files are a pack that is up at once. Its scripts take a moment, so that brokers
// are killed while they run as well.
var files = map[string]string{
	"bin/query": `#!/bin/sh
case $1 in
version) echo 1 ;;
os) echo debian/12 ;;
secrets) echo TOKEN ;;
ports) echo 7000 ;;
volumes) echo /srv/data ;;
env) echo NAME=%NAME; echo "URL=soak://app:$TOKEN@%IP:%PORT_7000/app" ;;
esac
`,
	"bin/build": `#!/bin/sh
set -e
case $1 in
base) mkdir /srv/data ;;
setup) [ -z "$PLAN_FAIL" ] || { echo "not with these parameters" >&2; exit 1; } ;;
esac
`,
	"bin/run": `#!/bin/sh
sleep 0.2
touch /run/soak
exec perl -e '$SIG{TERM} = sub { exit 0 }; sleep 60 while 1'
`,
	"bin/health": "#!/bin/sh\ntest -e /run/soak\n",
	// The link makes one of two that run at the same time win, as both may after a
	// broker was killed.
	"bin/bind": `#!/bin/sh
set -e
sleep 0.2
user=/srv/data/user-$1
new=$(mktemp /srv/data/new-XXXXXX)
od -An -N16 -tx1 /dev/urandom | tr -d ' ' >"$new"
ln "$new" "$user" 2>/dev/null || true
rm -f "$new"
echo NAME=%NAME
echo "TOKEN=$(cat "$user")"
`,
	"bin/unbind": "#!/bin/sh\nsleep 0.2\nrm -f \"/srv/data/user-$1\"\n",
	"bin/usage":  "#!/bin/sh\necho 0\n",
	"servicepack.yaml": `group: org.servicepack.test
version: 1.0.0
description: A service that brokers are killed with
plans:
  - {name: small, description: Little, limits: {memory: 64m, storage: 1m}}
  - {name: large, description: Much, limits: {memory: 128m, storage: 16m}}
`,
}
