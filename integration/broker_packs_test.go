package integration

import (
	"maps"
	"testing"
)

// brokerTiny is a tiny pack with all that a broker makes use of. Its scripts wait
// as long as certain files are in its volume, so that tests can look at what is
// in progress.
var brokerTiny = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; ports) echo 7000 ;; volumes) echo /srv/data ;;\n" +
		"env) echo NAME=%NAME; echo \"URL=tiny://app:$TOKEN@%IP:%PORT_7000/app\" ;;")["bin/query"],
	"bin/build": `#!/bin/sh
set -e
case $1 in
base) mkdir /srv/data ;;
setup)
    [ "$PLAN_FAIL" != setup ] || { echo "the token $TOKEN is of no use" >&2; exit 1; }
    [ -z "$PLAN_HOLD" ] || touch "/srv/data/hold-ready-$PLAN_HOLD" ;;
esac
`,
	"bin/run": `#!/bin/sh
[ "$PLAN_FAIL" != run ] || { echo "the token $TOKEN is of no use" >&2; exit 1; }
touch /run/tiny
` + idle,
	"bin/health": `#!/bin/sh
test -e /run/tiny && ! ls /srv/data/hold-ready* >/dev/null 2>&1
`,
	"bin/bind": `#!/bin/sh
set -e
while [ -e /srv/data/hold-bind ]; do sleep 0.1; done
[ ! -e /srv/data/fail-bind ] || { echo "the token $TOKEN is of no use" >&2; touch "/srv/data/user-$1"; exit 1; }
user=/srv/data/user-$1
[ -e "$user" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$user"
echo NAME=%NAME
echo "TOKEN=$(cat "$user")"
echo "URL=tiny://$1:$(cat "$user")@%IP:%PORT_7000/app"
echo SYSLOG_DRAIN_URL=syslog://%IP:601
`,
	"bin/unbind": `#!/bin/sh
while [ -e /srv/data/hold-unbind ]; do sleep 0.1; done
[ ! -e /srv/data/fail-unbind ] || { echo "the token $TOKEN is of no use" >&2; exit 1; }
rm -f "/srv/data/user-$1"
`,
	"bin/usage": "#!/bin/sh\ncat /srv/data/usage 2>/dev/null || echo 0\n",
	"servicepack.yaml": `group: org.servicepack.test
version: 1.2.3
description: A service for tests
tags: [tiny, test]
plans:
  - name: small
    description: Little
    free: true
    limits: {memory: 64m, storage: 1m}
  - name: large
    description: Much
    free: false
    limits: {memory: 128m, storage: 16m}
catalog:
  display_name: Tiny
schemas:
  instance_create: &parameters
    $schema: http://json-schema.org/draft-07/schema#
    type: object
    properties:
      color: {type: string}
      level: {type: integer, minimum: 0}
  instance_update: *parameters
  binding_create:
    $schema: http://json-schema.org/draft-07/schema#
    type: object
    properties:
      note: {type: string}
`,
}

// brokerRigid is a pack that cannot be bound, nor change its plan.
var brokerRigid = map[string]string{
	"servicepack.yaml": "description: Not to be bound\nversion: 1.0.0\nbindable: false\nplan_updateable: false\nplans:\n" +
		"  - {name: one, description: The first}\n  - {name: two, description: The second}\n",
}

// brokerDrain is a pack that takes an application's log.
var brokerDrain = map[string]string{
	"bin/query": query("version) echo 1 ;; ports) echo 601 ;; secrets) echo TOKEN ;;\n" +
		"env) echo NAME=%NAME; echo SYSLOG_DRAIN_URL=syslog://%IP:%PORT_601 ;;")["bin/query"],
	"servicepack.yaml": "description: A log\nversion: 1.0.0\nrequires: [syslog_drain]\n" +
		"schemas: {binding_create: {type: object}}\n",
}

// brokerBroken is a folder that looks as a pack does and is none.
var brokerBroken = map[string]string{"bin/query": "#!/bin/sh\necho 7\n"}

// brokerPack writes a pack for a broker: the files put over those of the tiny pack.
func brokerPack(t *testing.T, files ...map[string]string) string {
	t.Helper()
	all := map[string]string{}
	for _, some := range files {
		maps.Copy(all, some)
	}
	return tinyPack(t, all)
}
