package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// inspected is what a pack says of itself.
type inspected struct {
	Secrets    []string
	Components []string
}

func inspectIsolated(t *testing.T, pack string) inspected {
	t.Helper()
	var info inspected
	decode(t, svp(t, "pack", "inspect", "--isolate", "--json", pack), &info)
	return info
}

// Whether a pack is asked on this machine or in a container, it is told the same
// of its faults.
func TestIsolatedQueriesSayTheSame(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"a good pack":     server,
		"exit status":     query("ports) echo one >&2; echo two >&2; exit 3 ;;"),
		"killed":          query("ports) kill -9 $$ ;;"),
		"long messages":   query("ports) i=0; while [ $i -lt 2000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 1 ;;"),
		"a flood":         query("secrets) yes SECRET ;;"),
		"the limit":       query("secrets) head -c 65536 /dev/zero ;;"),
		"over the limit":  query("secrets) head -c 65537 /dev/zero ;;"),
		"a wrong line":    query("secrets) echo GOOD; echo BAD-NAME ;;"),
		"left running":    query("secrets) sleep 60 & ;;"),
		"the directory":   query("components) basename $PWD/bin; ls -a | sed s/[.]//g | sort ;; secrets) cat bin/query | wc -l | sed s/^/LINES_/ ;;"),
		"the environment": query("components) env | cut -d= -f1 | tr A-Z a-z | grep -v ^_ | sort ;; os) echo \"debian/$LANG$PATH\" ;;"),
		"the input":       query("secrets) cat; read x || echo END ;;"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack := tinyPack(t, files)
			here, isolated := svp(t, "pack", "inspect", pack, "--json"), svp(t, "pack", "inspect", pack, "--json", "--isolate")
			if here.Status != isolated.Status || here.Stdout != isolated.Stdout || here.Stderr != isolated.Stderr {
				t.Errorf("asked here: %s\nasked in a container: %s", here, isolated)
			}
			nothingLeft(t, pack, pack)
		})
	}
}

// What a pack prints for its environment arrives byte for byte.
func TestIsolatedEnvironmentIsExact(t *testing.T) {
	t.Parallel()
	odd := "a'b\"c d$e#f%g\\h:/@äö` !*"
	pack := tinyPack(t, map[string]string{"bin/query": "#!/bin/sh\ncase $1 in\nos) echo debian/12 ;;\nsecrets) echo ODD; echo key ;;\n" +
		"env) printf 'VALUE=<%s>\\nOTHER=%s\\n' \"$ODD\" \"$key\" ;;\nesac\n"})
	file := filepath.Join(t.TempDir(), "odd")
	change(t, os.WriteFile(file, []byte(odd), 0o600))
	env := up(t, pack, newName(t), "--isolate", "--secret", "ODD=@"+file).Env(t)
	if env["ODD"] != odd || env["VALUE"] != "<"+odd+">" || len(env["key"]) != 32 || env["OTHER"] != env["key"] {
		t.Errorf("the environment is %q", env)
	}
}

// The secrets of an isolated query are where nobody can read them.
func TestIsolatedSecrecy(t *testing.T) {
	t.Parallel()
	search := &search{}
	value := search.marker()
	file := filepath.Join(t.TempDir(), "secret")
	change(t, os.WriteFile(file, []byte(value), 0o600))
	search.add(value)
	watched := search.watch(t)
	pack := tinyPack(t, query("secrets) echo TOKEN ;; env) sleep 1; echo URL=x://$TOKEN ;;"))
	name := newName(t)
	result := up(t, pack, name, "--isolate", "--secret", "TOKEN=@"+file).Require(t, 0)
	search.in(t, "stderr of svp up", []byte(result.Stderr))
	watched(t)
}

func TestIsolatedQueriesCanDoNoHarm(t *testing.T) {
	t.Parallel()
	t.Run("it sees no network, no host and no privilege", func(t *testing.T) {
		t.Parallel()
		marker := filepath.Join(t.TempDir(), "marker")
		change(t, os.WriteFile(marker, []byte("of the host"), 0o600))
		info := inspectIsolated(t, tinyPack(t, query(`secrets)
	for card in /sys/class/net/*; do echo "NET_${card##*/}"; done
	echo "CAPABILITIES_$(sed -n 's/CapEff:\t//p' /proc/self/status)"
	echo "NO_NEW_PRIVILEGES_$(sed -n 's/NoNewPrivs:\t//p' /proc/self/status)"
	for folder in / /etc /usr /var /var/tmp /root /home /dev/shm /tmp; do
		touch "$folder/x" 2>/dev/null && echo "WRITES_$(stat -f -c %T "$folder")$folder" | tr / _
	done
	[ ! -e `+marker+` ] || echo SEES_THE_HOST
	mount -t tmpfs none /mnt 2>/dev/null && echo MOUNTS
	: ;;`)))
		want := "NET_lo CAPABILITIES_0000000000000000 NO_NEW_PRIVILEGES_1 WRITES_tmpfs_dev_shm WRITES_tmpfs_tmp"
		got := strings.Join(info.Secrets, " ")
		// A read-only container of Podman also has a tmpfs at /var/tmp, which ends with it as
		// the others do.
		if strings.Replace(got, "WRITES_tmpfs_var_tmp ", "", 1) != want {
			t.Errorf("it finds %q, want %q", got, want)
		}
	})
	for name, test := range map[string]struct {
		query string
		words []string
	}{
		"a fork bomb":             {"secrets) b() { b | b & b; }; b ;;", []string{"bin/query"}},
		"processes that stay":     {"secrets) i=0; while [ $i -lt 1000 ]; do sleep 60 >/dev/null 2>&1 & i=$((i+1)); done ;;", []string{"bin/query secrets", "fork"}},
		"all memory":              {"secrets) head -c 2000000000 /dev/zero | tail ;; ", []string{"bin/query secrets"}},
		"a full disk":             {"secrets) cat /dev/zero >/tmp/zero || exit 4 ;;", []string{"bin/query secrets", "exit status 4", "No space"}},
		"a hang":                  {"secrets) trap '' TERM INT HUP; while :; do sleep 60; done ;;", []string{"bin/query secrets", "no answer within 10s; it was killed"}},
		"answers in its place":    {"secrets) echo '0 999999999 0' >/proc/1/fd/1; sleep 1; echo '0 3 0' >/proc/1/fd/1; kill -9 -1 ;;", []string{"bin/query"}},
		"an end of its container": {"secrets) kill -9 $PPID 1 $(ls /proc | grep '^[0-9]*$' | grep -vx $$); sleep 60 ;;", []string{"bin/query"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack := tinyPack(t, query(test.query))
			result := svp(t, "pack", "inspect", pack, "--isolate")
			complaint(t, result, 3, append(test.words, pack)...)
			if result.Elapsed > 45*time.Second {
				t.Errorf("it took %v", result.Elapsed)
			}
			nothingLeft(t, pack, pack)
		})
	}
}

func TestIsolatedQueryIsSweptAfterAKill(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, query("secrets) sleep 60 ;;"))
	process := suite.Start(t, svptest.Call{Args: []string{"pack", "inspect", pack, "--isolate"}})
	eventually(t, 20*time.Second, "the container is there", func() bool { return len(suite.List(t, filepath.Base(pack))) == 1 })
	process.Signal(syscall.SIGKILL)
	process.Wait()
	svp(t, "gc").Require(t, 0)
	nothingLeft(t, pack, pack)
}

func TestIsolatedQueryWithoutItsImage(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "config.yaml")
	change(t, os.WriteFile(config, []byte("os_images: {debian/12: no-such-image:1}\n"), 0o600))
	pack := tinyPack(t, nil)
	complaint(t, svp(t, "pack", "inspect", pack, "--isolate", "--config", config), 1, "debian/12", "no-such-image")
}
