package packtest

import "context"

// check is one thing that must hold.
type check struct {
	name string
	// needs are the checks that must not have failed before.
	needs []string
	// run returns what was seen. Its error may be a *finding, a *omission, or
	// what the engine returned.
	run func(ctx context.Context, t *trial) (seen string, err error)
}

// checks are all, in the order in which they are performed. Their names are what
// others rely on; packs/README.md says what each one asks for.
var checks = []check{
	{"queries", nil, checkQueries},
	{"base", []string{"queries"}, checkBase},
	{"setup", []string{"base"}, checkSetup},
	{"ready", []string{"setup"}, checkReady},
	{"client", []string{"ready"}, checkClient},
	{"wrong-password", []string{"ready"}, checkWrongPassword},
	{"fingerprint", []string{"ready"}, checkFingerprint},
	{"two-instances", []string{"ready"}, checkTwoInstances},
	{"isolation", []string{"two-instances", "fingerprint"}, checkIsolation},
	{"restart", []string{"fingerprint"}, checkRestart},
	{"kill", []string{"restart"}, checkKill},
	{"components", []string{"kill"}, checkComponents},
	{"stop", []string{"restart"}, checkStop},
	{"bind", []string{"ready"}, checkBind},
	{"leaks", []string{"ready"}, checkLeaks},
	{"backup", []string{"fingerprint"}, checkBackup},
	{"restore", []string{"backup"}, checkRestore},
	{"truncated-backup", []string{"restore"}, checkTruncatedBackup},
	{"odd-secrets", []string{"ready"}, checkOddSecrets},
	{"image-size", []string{"base"}, checkImageSize},
	{"times", []string{"ready"}, checkTimes},
}

// Names are the names of all checks, in their order.
func Names() []string {
	names := make([]string, 0, len(checks))
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}
