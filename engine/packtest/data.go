package packtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/pack"
)

// sampleCommand is the pack's own command that writes a little data.
const sampleCommand = "sample"

// checkFingerprint writes a sample, which must show in the fingerprint.
func checkFingerprint(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptFingerprint) {
		return "", omitted("the pack has no bin/fingerprint")
	}
	before, err := t.fingerprint(ctx, t.first)
	if err != nil {
		return "", err
	}
	again, err := t.fingerprint(ctx, t.first)
	if err != nil {
		return "", err
	}
	if again != before {
		return "", found("print the same for the same data: leave out times, sizes and what the service does by itself",
			"bin/fingerprint printed two digests, %s and %s, while nobody wrote anything", short(before), short(again))
	}
	if t.has(pack.ScriptExtra) {
		commands, err := t.extraCommands(ctx, t.first)
		if !isFinding(err) { // a list that fails is the check extra's to tell
			return "", err
		}
		t.canWrite = slices.Contains(commands, sampleCommand)
	}
	if !t.canWrite {
		return "", omitted("bin/extra has no command sample, which writes some data")
	}
	if err := t.sample(ctx, t.first); err != nil {
		return "", err
	}
	after, err := t.fingerprint(ctx, t.first)
	if err != nil {
		return "", err
	}
	if after == before {
		return "", found("let bin/extra sample write other data each time, and return when it is committed; let bin/fingerprint see all data",
			"bin/fingerprint printed %s before and after bin/extra sample", short(before))
	}
	return "it is another one after bin/extra sample", nil
}

func (t *trial) sample(ctx context.Context, i *instance) error {
	_, err := t.script(ctx, i, "", "bin/extra", sampleCommand)
	return err
}

// checkExtra wants the pack's own commands listed.
func checkExtra(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptExtra) {
		return "", omitted("the pack has no bin/extra")
	}
	commands, err := t.extraCommands(ctx, t.first)
	if err != nil {
		return "", err
	}
	if len(commands) == 0 {
		return "", found(`print a line for each command, as "stats: print the counters"`, "bin/extra help lists no command")
	}
	return "bin/extra help lists " + strings.Join(commands, ", "), nil
}

// checkUsage wants the number of bytes in use.
func checkUsage(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptUsage) {
		return "", omitted("the pack has no bin/usage")
	}
	said, err := t.script(ctx, t.first, "", "bin/"+pack.ScriptUsage)
	if err != nil {
		return "", err
	}
	used, err := strconv.ParseInt(strings.TrimSpace(said.out), 10, 64)
	if err != nil || used < 0 {
		return "", found("print how many bytes are in use, one decimal number", "bin/usage printed %.40q, not a number of bytes", said.out)
	}
	return units.HumanSize(float64(used)) + " are in use", nil
}

// checkIsolation writes to one instance, of which the other must see nothing.
func checkIsolation(ctx context.Context, t *trial) (string, error) {
	if !t.canWrite {
		return "", omitted("nothing can be written: there is no bin/fingerprint, or bin/extra has no command sample")
	}
	before, err := t.fingerprint(ctx, t.second)
	if err != nil {
		return "", err
	}
	if err := t.sample(ctx, t.first); err != nil {
		return "", err
	}
	after, err := t.fingerprint(ctx, t.second)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", found("keep all data in the instance's own volumes", "what was written to one instance shows in the fingerprint of another")
	}
	return "what is written to one does not show in the other", nil
}

// checkBackup makes a backup of the first instance.
func checkBackup(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptBackup) {
		return "", omitted("the pack has no bin/backup")
	}
	var err error
	if t.canWrite {
		if err := t.sample(ctx, t.first); err != nil {
			return "", err
		}
	}
	if t.kept, err = t.fingerprintIf(ctx, t.first); err != nil {
		return "", err
	}
	started := t.options.Now()
	t.backup, err = t.backUp(ctx, t.first)
	t.took("backup", started)
	return "it wrote " + counted(len(t.backup), "byte"), err
}

func (t *trial) backUp(ctx context.Context, i *instance) ([]byte, error) {
	var backup bytes.Buffer
	result, err := t.bounded(ctx, "bin/backup", func(ctx context.Context, _, messages io.Writer) (int, error) {
		return t.Backup(ctx, engine.Target{Name: i.name}, engine.Streams{Out: &backup, Err: messages})
	})
	var wrong *finding
	switch {
	case errors.As(err, &wrong):
		return nil, err
	case result.status == 0 && backup.Len() == 0:
		return nil, found("write the backup to standard output", "bin/backup ended with status 0 and wrote nothing")
	case err != nil:
		return nil, err
	case result.status != 0:
		return nil, found("try it: svp backup", "bin/backup ended with status %d: %s", result.status, result.message())
	}
	return backup.Bytes(), nil
}

// checkRestore destroys the instance that was backed up, and wants its data back
// in a new one.
func checkRestore(ctx context.Context, t *trial) (string, error) {
	if !t.has(pack.ScriptBackup) || !t.has(pack.ScriptRestore) {
		return "", omitted("the pack has no bin/restore, or no bin/backup")
	}
	if err := t.destroy(ctx, t.first); err != nil {
		return "", err
	}
	restored, err := t.bringUp(ctx, "restored")
	if err != nil {
		return "", err
	}
	t.restored = restored
	empty, err := t.fingerprintIf(ctx, restored)
	if err != nil {
		return "", err
	}
	started := t.options.Now()
	result, err := t.restoreTo(ctx, restored, t.backup)
	if err != nil {
		return "", err
	}
	t.took("restore", started)
	if result.status != 0 {
		return "", found("let bin/restore take what bin/backup wrote, in an instance with other secrets", "bin/restore ended with status %d: %s", result.status, result.message())
	}
	if err := t.awaitReady(ctx, restored); err != nil {
		return "", err
	}
	if t.kept == "" || t.kept == empty {
		return "", omitted("bin/restore ended well; that the data is back cannot be seen, because there is no bin/fingerprint, or bin/extra has no command sample")
	}
	full, err := t.fingerprint(ctx, restored)
	if err != nil {
		return "", err
	}
	if full != t.kept {
		return "", found("let bin/restore replace all data by that of the backup, and bin/backup write all that bin/fingerprint sees",
			"%s: bin/fingerprint printed %s before the backup and %s after the restore", whatIsThere(full, empty), short(t.kept), short(full))
	}
	return "in a new instance the data is the same as before, by bin/fingerprint", nil
}

func whatIsThere(full, empty string) string {
	if full == empty {
		return "the data is that of an empty instance, although bin/restore ended with status 0"
	}
	return "the data is not that of the backup"
}

func (t *trial) restoreTo(ctx context.Context, i *instance, backup []byte) (said, error) {
	return t.bounded(ctx, "bin/restore", func(ctx context.Context, out, messages io.Writer) (int, error) {
		return t.Restore(ctx, engine.Target{Name: i.name}, engine.Streams{In: bytes.NewReader(backup), Out: out, Err: messages})
	})
}

// checkTruncatedBackup wants a backup that was cut off refused, with the data
// unchanged.
func checkTruncatedBackup(ctx context.Context, t *trial) (string, error) {
	if t.restored == nil {
		return "", omitted("the pack has no bin/restore, or no bin/backup")
	}
	half := t.backup[:len(t.backup)/2]
	result, err := t.restoreTo(ctx, t.restored, half)
	if err != nil {
		return "", err
	}
	const mend = "let bin/restore read its input to the end and look whether it is whole before it touches the data"
	if result.status == 0 {
		return "", found(mend, "bin/restore ended with status 0 on the first %s of a backup of %d", counted(len(half), "byte"), len(t.backup))
	}
	if err := t.awaitReady(ctx, t.restored); err != nil {
		return "", err
	}
	after, err := t.fingerprintIf(ctx, t.restored)
	if err != nil {
		return "", err
	}
	if after != t.kept {
		return "", found(mend, "bin/restore refused half of a backup, and the data is another: bin/fingerprint printed %s before and %s after", short(t.kept), short(after))
	}
	return fmt.Sprintf("the first half of a backup is refused with status %d, and nothing is changed", result.status), nil
}
