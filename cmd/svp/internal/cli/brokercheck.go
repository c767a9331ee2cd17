package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
)

func newBrokerCheckCommand(w *wiring) *command {
	var packs packsOption
	var asJSON bool
	return &command{
		name: "check", summary: "Show what a broker would offer, and what is wrong with the packs",
		details: "Ends with status 3 when a pack is left out.",
		example: "svp broker check --packs packs",
		flags:   []urfave.Flag{packs.flag(), jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			if err := packs.check(inv); err != nil {
				return err
			}
			return runBrokerCheck(ctx, w, packs.all(), asJSON)
		},
	}
}

func runBrokerCheck(ctx context.Context, w *wiring, folders []string, asJSON bool) error {
	used, _, err := w.brokerEngine(func(engine.Event) {})
	if err != nil {
		return err
	}
	defer used.Close()
	offered, broken, err := broker.Check(ctx, used, folders)
	if err != nil {
		return brokerPacksProblem(err)
	}
	if err := writeChecked(w.streams.Out, offered, broken, asJSON); err != nil {
		return err
	}
	if len(broken) > 0 {
		return &engine.Error{
			Op: "check packs", Kind: engine.InvalidPack, Err: fmt.Errorf("%d of %d are left out", len(broken), len(offered)+len(broken)),
			Hint: "svp pack inspect PACK says what is wrong with one",
		}
	}
	return nil
}

func writeChecked(out io.Writer, offered []broker.OfferedService, broken []broker.BrokenPack, asJSON bool) error {
	type brokenPack struct {
		Path  string `json:"path"`
		Error string `json:"error"`
	}
	type service struct {
		ID    string   `json:"id"`
		Name  string   `json:"name"`
		Path  string   `json:"path"`
		Plans []string `json:"plans"`
	}
	if asJSON {
		services, left := []service{}, []brokenPack{}
		for _, o := range offered {
			services = append(services, service(o))
		}
		for _, b := range broken {
			left = append(left, brokenPack{b.Path, b.Err.Error()})
		}
		return writeJSON(out, map[string]any{"services": services, "broken": left})
	}
	table := newTable(out)
	fmt.Fprintln(table, "SERVICE\tPLANS\tID\tPACK")
	for _, o := range offered {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", o.Name, strings.Join(o.Plans, ", "), o.ID, printable(o.Path))
	}
	for _, b := range broken {
		fmt.Fprintf(table, "%s\t%s\t\t\n", printable(b.Path), "left out: "+oneLine(b.Err.Error()))
	}
	return table.Flush()
}
