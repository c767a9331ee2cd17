package plan

import (
	"path"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/driver"
)

// QueryInput is what the plan of the container that isolates a pack's queries
// depends on.
type QueryInput struct {
	Pack      string // its name
	Image     string
	Questions []string // keys, each is asked
	Limit     int64    // bytes of an answer
	Messages  int64    // bytes of messages
	Size      int64    // bytes of the pack's files
	Files     int      // how many they are
	Operation Operation
}

// Sizes of what a query has for itself.
const (
	queryMemory  = 256 << 20
	queryScratch = 16 << 20
	pageSize     = 4 << 10
)

// PlanQuery decides how a pack is asked where it can do no harm. The container
// reads a tar stream with the pack and with QuerySecretsFile for every question
// that comes with secrets. Its standard output holds a frame for each question, in
// their order: a line with the exit status, the length of the answer and that of
// the messages, then both. On its standard error a line says that the queries
// begin, or which of them has ended, as QueryNote reads it.
func PlanQuery(in QueryInput) driver.ContainerSpec {
	// What lies in memory counts as the container's, every file in whole pages.
	size := in.Size + int64(in.Files+1)*pageSize + in.Size/16
	answers := int64(len(in.Questions)+1) * (in.Limit + in.Messages + 4*pageSize)
	return driver.ContainerSpec{
		Image: in.Image, Entrypoint: []string{"/usr/bin/env"},
		Command: append([]string{
			"-i", "PATH=" + queryPath, "HOME=/root", "LANG=C.UTF-8",
			"/bin/sh", "-c", queryScript, "sh", strconv.FormatInt(in.Limit+1, 10), strconv.FormatInt(in.Messages+1, 10),
		}, in.Questions...),
		Labels: in.Operation.Labels().With(driver.Labels{
			driver.LabelPack: in.Pack, driver.LabelPhase: driver.PhaseInstance, driver.LabelRole: driver.RoleScratch,
		}),
		Input: true, Isolated: true,
		Limits: driver.Limits{MemoryBytes: queryMemory + size + answers + queryScratch},
		Memory: []driver.MemoryFolder{
			{Path: ServiceDir, Bytes: size}, {Path: queryDir, Bytes: answers}, {Path: "/tmp", Bytes: queryScratch},
		},
	}
}

const (
	queryPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	queryDir  = "/run"
	// queriesBegin is the note that the pack is there and is being asked.
	queriesBegin = "asking"
)

// QuerySecretsFile is where the secrets of a question, counted from 0, are put as
// a shell reads them.
func QuerySecretsFile(question int) string {
	return path.Join(queryDir, strconv.Itoa(question)+".env")
}

// queryScript asks all questions at the same time. $1 and $2 are one more than the
// bytes of an answer and of messages that are kept, the rest are the keys. A query
// runs where no variable of the script is looked at any more: secrets may have any
// name. The shell's own remarks, as on a query that was killed, are nobody's.
const queryScript = `
limit=$1 messages=$2
shift 2
tar -xof - -C / || exit 1
cd ` + ServiceDir + ` || exit 1
exec 3>&2
ask() {
	{
		{
			(
				unset PWD OLDPWD
				[ ! -e ` + queryDir + `/"$1".env ] || { set -a; . ` + queryDir + `/"$1".env; set +a; }
				exec bin/query "$2"
			) </dev/null 2>&5 3>&- 4>&- 5>&-
			echo $? >` + queryDir + `/"$1".status
			echo "$1" >&3
		} 5>&1 >&4 2>/dev/null | tail -c "$messages" 3>&- 4>&- >` + queryDir + `/"$1".messages
	} 4>&1 | head -c "$limit" 3>&- >` + queryDir + `/"$1".answer
}
echo ` + queriesBegin + ` >&3
number=0 asked=
for key; do
	ask "$number" "$key" &
	asked="$asked $!" number=$((number + 1))
done
number=0
for job in $asked; do
	wait "$job"
	cd ` + queryDir + ` || exit 1
	echo "$(cat $number.status)" "$(wc -c <$number.answer)" "$(wc -c <$number.messages)"
	cat $number.answer $number.messages
	number=$((number + 1))
done
`

// QueryNote reads a line of the standard error of what PlanQuery plans: that the
// queries begin, or which one has ended.
func QueryNote(line string) (begin bool, question int, ok bool) {
	line = strings.TrimSpace(line)
	if line == queriesBegin {
		return true, 0, true
	}
	question, err := strconv.Atoi(line)
	return false, question, err == nil && question >= 0
}
