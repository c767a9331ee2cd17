package cli

import (
	"fmt"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
)

// containerFlagName is the flag that takes the place of an instance's name.
const containerFlagName = "container"

func containerFlag(destination *string) urfave.Flag {
	return &urfave.StringFlag{
		Name: containerFlagName, Aliases: []string{"c"}, Destination: destination,
		Usage: "use `CONTAINER` (name or id) in place of NAME",
	}
}

func packFlag(destination *string) urfave.Flag {
	return &urfave.StringFlag{
		Name: "pack", Aliases: []string{"b"}, Destination: destination,
		Usage: "`PACK`, a folder, the name of a pack, a package, an archive or oci://…",
	}
}

func tagFlag(destination *string) urfave.Flag {
	return &urfave.StringFlag{
		Name: "tag", Aliases: []string{"t"}, Destination: destination, Usage: "name the image `REPO[:TAG]`",
	}
}

func imageFlag(destination *string, usage string) urfave.Flag {
	return &urfave.StringFlag{Name: "image", Aliases: []string{"i"}, Destination: destination, Usage: usage}
}

func jsonFlag(destination *bool) urfave.Flag {
	return &urfave.BoolFlag{Name: "json", Destination: destination, Usage: "print one JSON document"}
}

func planFlag(destination *string) urfave.Flag {
	return &urfave.StringFlag{Name: "plan", Destination: destination, Usage: "use the `PLAN` of the pack"}
}

// parameterFlags are the parameters of a plan that the user sets.
type parameterFlags struct{ parameters urfave.StringSlice }

func (p *parameterFlags) flag() urfave.Flag {
	return &urfave.StringSliceFlag{
		Name: "parameter", Destination: &p.parameters, KeepSpace: true,
		Usage: "set a parameter of the plan: `NAME=VALUE`; repeatable",
	}
}

// parse leaves it to the engine to judge names and values.
func (p *parameterFlags) parse(inv *invocation) (map[string]string, error) {
	var parameters map[string]string
	for _, text := range p.parameters.Value() {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, inv.usageError(fmt.Sprintf("--parameter: %q has no value", text), "write --parameter NAME=VALUE")
		}
		if _, twice := parameters[name]; twice {
			return nil, inv.usageError("--parameter: "+name+" is given twice", "")
		}
		if parameters == nil {
			parameters = map[string]string{}
		}
		parameters[name] = value
	}
	return parameters, nil
}

func (w *wiring) timeoutFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "timeout", Destination: &w.chosen.timeout, Usage: "give up after `TIME`, as 90s or 10m [$SVP_TIMEOUT]",
	}
}

func (w *wiring) networkFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "network", Destination: &w.chosen.network,
		Usage: "put the instance on `NETWORK` (default: " + engine.DefaultNetwork + ") [$SVP_NETWORK]",
	}
}

func (w *wiring) caBundleFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "ca-bundle", Destination: &w.chosen.caBundle,
		Usage: "trust the certificate authorities in `FILE`, too, as build scripts do then [$SVP_CA_BUNDLE]",
	}
}

// authoritiesFlag is the same flag of what runs no build scripts.
func (w *wiring) authoritiesFlag() urfave.Flag {
	return &urfave.StringFlag{
		Name: "ca-bundle", Destination: &w.chosen.caBundle,
		Usage: "trust the certificate authorities in `FILE` beside the system's [$SVP_CA_BUNDLE]",
	}
}

func (w *wiring) isolateFlag() urfave.Flag {
	return &urfave.BoolFlag{
		Name: "isolate", Destination: &w.chosen.isolate,
		Usage: "ask the pack in a container that can do no harm, and not on this machine",
	}
}

func offlineFlag(destination *bool) urfave.Flag {
	return &urfave.BoolFlag{
		Name: "offline", Destination: destination,
		Usage: "build without network: with the OS image and the dependencies that are here",
	}
}

// settingFlags are accepted before and after every command.
func (w *wiring) settingFlags() []urfave.Flag {
	return []urfave.Flag{
		&urfave.StringFlag{
			Name: "host", Aliases: []string{"H"}, Destination: &w.chosen.host,
			Usage: "talk to the Docker engine at `HOST` [$DOCKER_HOST, $DOCKER_CONTEXT]",
		},
		&urfave.StringFlag{
			Name: "progress", Destination: &w.chosen.progress,
			Usage: "show progress as `MODE`: auto, tty, plain, json or quiet [$SVP_PROGRESS]",
		},
		&urfave.BoolFlag{
			Name: "quiet", Aliases: []string{"q"}, Destination: &w.chosen.quiet,
			Usage: "show warnings and errors only; as --progress quiet",
		},
		&urfave.StringFlag{
			Name: "config", Destination: &w.chosen.config, Usage: "read the configuration `FILE` [$SVP_CONFIG]",
		},
	}
}

// publishFlags are the ports that an instance shows to the host.
type publishFlags struct {
	ports  urfave.StringSlice
	public bool
}

func (p *publishFlags) flags() []urfave.Flag {
	return []urfave.Flag{
		&urfave.StringSliceFlag{
			Name: "publish", Aliases: []string{"p"}, Destination: &p.ports,
			Usage: "publish a port on the host's loopback: `[HOST:]CONTAINER`; repeatable",
		},
		&urfave.BoolFlag{
			Name: "public", Destination: &p.public, Usage: "publish on all addresses of the host, for everybody",
		},
	}
}

func (p *publishFlags) parse(inv *invocation) ([]engine.PublishOption, error) {
	var options []engine.PublishOption
	for _, text := range p.ports.Value() {
		option, err := engine.ParsePublish(text)
		if err != nil {
			return nil, inv.usageError("--publish "+text+": "+oneLine(err.Error()), "write -p CONTAINER or -p HOST:CONTAINER, as -p 15432:5432")
		}
		options = append(options, option)
	}
	return options, nil
}

// secretFlags are the secrets that the user gives.
type secretFlags struct{ secrets urfave.StringSlice }

func (s *secretFlags) flag() urfave.Flag {
	return &urfave.StringSliceFlag{
		Name: "secret", Destination: &s.secrets, KeepSpace: true, // a secret is taken byte for byte
		Usage: "set a secret: `NAME=VALUE`, NAME=@FILE, or NAME=@- for stdin; repeatable",
	}
}

func (s *secretFlags) parse(inv *invocation, streams *Streams) ([]engine.SecretOption, error) {
	var options []engine.SecretOption
	seen := map[string]bool{}
	for _, text := range s.secrets.Value() {
		secret, err := envvar.ParseNamed(text, streams.readSecretFile)
		if err != nil {
			return nil, inv.usageError("--secret: "+err.Error(), "write --secret NAME=VALUE or --secret NAME=@FILE")
		}
		if seen[secret.Name] {
			return nil, inv.usageError("--secret: "+secret.Name+" is given twice", "")
		}
		seen[secret.Name] = true
		options = append(options, engine.SecretOption{Name: secret.Name, Value: secret.Value})
	}
	return options, nil
}
