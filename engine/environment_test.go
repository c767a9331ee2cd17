package engine

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
	"github.com/servicepack/svp/engine/secrets"
)

func contentOf(t *testing.T, files []plan.File, path string) string {
	t.Helper()
	i := slices.IndexFunc(files, func(file plan.File) bool { return file.Path == path })
	if i < 0 {
		t.Fatalf("no %s", path)
	}
	if mode := files[i].Mode.Perm(); mode != 0o600 {
		t.Errorf("%s has mode %v: others can read the secrets", path, mode)
	}
	return files[i].Content
}

func TestAnInstanceKeepsItsEnvironmentByteForByte(t *testing.T) {
	template := envvar.Set{
		{Name: "TOKEN", Value: secrets.New("a'b\"c $d %IP \\"), Secret: true},
		{Name: "BYTES", Value: secrets.New("\xff\xfe no UTF-8 <&>  ")},
		{Name: "EMPTY", Value: secrets.New("")},
		{Name: "URL", Value: secrets.New("x://%IP:%PORT_80/%%20")},
	}
	seen := template.Expand(envvar.Placeholders{IP: "10.0.0.7"})
	files, err := environmentFiles(template, seen)
	if err != nil {
		t.Fatal(err)
	}
	back, err := parseTemplate([]byte(contentOf(t, files, plan.InstanceFile)))
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b envvar.Var) bool { return a.Name == b.Name && a.Secret == b.Secret && a.Value.Equal(b.Value) }
	if !slices.EqualFunc(back, template, same) {
		t.Errorf("came back as %q, want %q", back.Environ(), template.Environ())
	}
	const want = `TOKEN='a'\''b"c $d %IP \'` + "\nBYTES='\xff\xfe no UTF-8 <&>  '\nEMPTY=''\nURL='x://10.0.0.7:80/%20'\n"
	if shell := contentOf(t, files, plan.EnvironmentFile); shell != want {
		t.Errorf("a shell reads %q, want %q", shell, want)
	}
	if _, err := parseTemplate([]byte("{")); err == nil {
		t.Error("what is no template was read")
	}
}

func TestTheEnvironmentDependsOnWhoLooks(t *testing.T) {
	identity := plan.Identity{
		Name: "shop", ID: "1d", Network: "svp", Address: netip.MustParseAddr("172.20.0.7"),
		Publish: []driver.PublishedPort{{HostIP: "127.0.0.1", HostPort: 15432, Container: driver.Port{Number: 5432, Protocol: "tcp"}}},
	}
	template := envvar.Set{{Name: "URL", Value: secrets.New("%NAME@%HOSTNAME(%IP):%PORT_5432 %PORT_80")}}
	for name, test := range map[string]struct {
		place envvar.Placeholders
		want  string
	}{
		"a container on its network":       {onNetwork(identity), "URL=shop@shop(172.20.0.7):5432 80"},
		"a host that reaches containers":   {fromHost(identity, driver.Reach{Reachable: true, PublishedAt: "127.0.0.1"}), "URL=shop@shop(172.20.0.7):5432 80"},
		"a host that only reaches ports":   {fromHost(identity, driver.Reach{PublishedAt: "127.0.0.1"}), "URL=shop@127.0.0.1(127.0.0.1):15432 80"},
		"somebody with an engine far away": {fromHost(identity, driver.Reach{PublishedAt: "db.example"}), "URL=shop@db.example(db.example):15432 80"},
	} {
		if got := template.Expand(test.place).Environ(); got[0] != test.want {
			t.Errorf("%s sees %q, want %q", name, got[0], test.want)
		}
	}
}
