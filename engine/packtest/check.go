package packtest

import "context"

// check is one thing that must hold.
type check struct {
	name string
	// needs are the checks that must not have failed before.
	needs []string
	// spoils tells that the first instance is of no use when the check failed.
	spoils bool
	// run returns what was seen. Its error may be a *finding, a *omission, or
	// what the engine returned.
	run func(ctx context.Context, t *trial) (seen string, err error)
}

// checks are all, in the order in which they are performed. Their names are what
// others rely on; packs/README.md says what each one asks for.
var checks = []check{
	{"queries", nil, false, checkQueries},
	{"base", []string{"queries"}, false, checkBase},
	{"setup", []string{"base"}, false, checkSetup},
	{"ready", []string{"setup"}, false, checkReady},
	{"client", []string{"ready"}, false, checkClient},
	{"wrong-password", []string{"ready"}, false, checkWrongPassword},
	{"fingerprint", []string{"ready"}, false, checkFingerprint},
	{"two-instances", []string{"ready"}, false, checkTwoInstances},
	{"isolation", []string{"two-instances", "fingerprint"}, false, checkIsolation},
	{"restart", []string{"fingerprint"}, true, checkRestart},
	{"kill", []string{"restart"}, true, checkKill},
	{"components", []string{"kill"}, true, checkComponents},
	{"stop", []string{"restart"}, true, checkStop},
	{"bind", []string{"ready"}, true, checkBind},
	{"extra", []string{"ready"}, false, checkExtra},
	{"usage", []string{"ready"}, false, checkUsage},
	{"backup", []string{"fingerprint"}, false, checkBackup},
	{"restore", []string{"backup"}, false, checkRestore},
	{"truncated-backup", []string{"restore"}, false, checkTruncatedBackup},
	{"leaks", []string{"ready"}, false, checkLeaks},
	{"odd-secrets", []string{"ready"}, false, checkOddSecrets},
	{"image-size", []string{"base"}, false, checkImageSize},
	{"times", []string{"ready"}, false, checkTimes},
}

// Names are the names of all checks, in their order.
func Names() []string {
	names := make([]string, 0, len(checks))
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}
