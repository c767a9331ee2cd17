package lint

import "strings"

// Rule is one thing that is looked for.
type Rule struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Why      string   `json:"why"`
	Mend     string   `json:"mend"`
}

// Rules returns all rules, by code.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// Explain finds the rule with the code, in any case.
func Explain(code string) (Rule, bool) {
	for _, rule := range rules {
		if strings.EqualFold(rule.Code, code) {
			return rule, true
		}
	}
	return Rule{}, false
}

// ruleOf finds a rule of the table.
func ruleOf(code string) Rule {
	rule, _ := Explain(code)
	return rule
}

const (
	codeScripts     = "SVP001"
	codeMode        = "SVP002"
	codeProgram     = "SVP003"
	codeLineEnds    = "SVP004"
	codeInterpreter = "SVP005"
	codeFile        = "SVP006"
	codeManifest    = "SVP007"
	codeAnswer      = "SVP008"
	codeSyntax      = "SVP009"
	codePackaging   = "SVP010"

	codeArgument   = "SVP011"
	codeKey        = "SVP012"
	codePassword   = "SVP013"
	codeUnquoted   = "SVP014"
	codeURL        = "SVP015"
	codeNoSecret   = "SVP016"
	codeUnused     = "SVP017"
	codeTrace      = "SVP018"
	codeOpen       = "SVP019"
	codeExec       = "SVP021"
	codeComponent  = "SVP022"
	codeHealth     = "SVP023"
	codeRestore    = "SVP024"
	codeUnbind     = "SVP025"
	codeVolume     = "SVP026"
	codeUncalled   = "SVP027"
	codeCoordinate = "SVP031"
	codeIgnore     = "SVP041"
	codeUnread     = "SVP042"
)

var rules = []Rule{
	{
		codeScripts, Error, "a required script is missing",
		"A pack has bin/query, bin/build and bin/run.",
		"write the script; svp pack init makes a pack that has all of them",
	},
	{
		codeMode, Error, "a script is not executable",
		"Inside of the container no shell is in between: the kernel runs the script, and refuses one without the mode.",
		"chmod +x the script",
	},
	{
		codeProgram, Error, "a script is no program",
		`The kernel runs ELF programs, and scripts whose first line begins with "#!".`,
		"make its first line #!/bin/sh or #!/bin/bash",
	},
	{
		codeLineEnds, Error, "Windows line ends",
		"With a carriage return at the end of its first line the interpreter is not found; on any other line it is part of the last word.",
		`sed -i 's/\r$//' FILE`,
	},
	{
		codeInterpreter, Error, "an interpreter that is not there",
		"bin/query and bin/build have what the OS image has; other scripts have what bin/build base installed as well. " +
			"The kernel wants an absolute path, and hands over all that follows it as one argument.",
		"use an interpreter of the OS image, or install its package in bin/build base",
	},
	{
		codeFile, Error, "a file that no pack can hold",
		"Devices, pipes, links that lead out of the folder, names that are not plain text: none of them reaches a container.",
		"remove or rename it",
	},
	{
		codeManifest, Error, "servicepack.yaml is wrong",
		"It is read strictly, so that a slip of the pen is not a field without effect.",
		"packs/README.md has all fields",
	},
	{
		codeAnswer, Error, "an answer of bin/query is wrong",
		"The engine relies on the answers: what it cannot use makes the pack invalid.",
		"run bin/query KEY by hand and compare with the table in packs/README.md",
	},
	{
		codeSyntax, Error, "a script that no shell can read",
		"The script fails when it is needed.",
		"",
	},
	{
		codePackaging, Warning, "a file that cannot be packaged",
		"Packages hold plain files and folders: links are refused by who unpacks, and names that differ in case only are one file on some systems.",
		"put the file itself in the place of the link, or rename it",
	},
	{
		codeArgument, Error, "a secret in an argument",
		"Everybody on the machine can read the arguments of a process (ps).",
		"hand it over by a file, by stdin, or in the environment of the one program (REDISCLI_AUTH, PGPASSWORD, MYSQL_PWD)",
	},
	{
		codeKey, Error, "a key or token in a file of the pack",
		"Packs are shared, published and baked into images: what is in a file of theirs is public.",
		"revoke it, remove it, and declare a secret in bin/query in its place",
	},
	{
		codePassword, Warning, "a password in a file of the pack",
		"It is the same for all instances of all users.",
		"declare a secret in bin/query and write it in bin/build setup or bin/run",
	},
	{
		codeUnquoted, Warning, "a secret without quotes",
		"Users may bring secrets with blanks and stars: unquoted, the shell cuts and expands them.",
		`write "$NAME"`,
	},
	{
		codeURL, Error, "a secret in a URL that is not percent-encoded",
		"With a secret that holds / @ : or # the URL means something else. Users may bring any secret.",
		"percent-encode it, as lib/percent.sh of the reference packs does",
	},
	{
		codeNoSecret, Error, "the environment uses a variable that is no secret",
		"bin/query runs with PATH, HOME, LANG and the secrets of the pack. Any other variable is empty there.",
		"name it in the answer to secrets, or mend its spelling",
	},
	{
		codeUnused, Warning, "a secret that nothing uses",
		"Most often the service then listens without a password.",
		"use it in bin/build setup or bin/run, or leave it out",
	},
	{
		codeTrace, Warning, "a script that traces what it does",
		"set -x writes every command with its values to the log, secrets included.",
		"remove set -x",
	},
	{
		codeOpen, Error, "a service that listens without a password",
		"Everything on the instance's network can use it, whatever the credentials say.",
		"",
	},
	{
		codeExec, Warning, "bin/run ends with a child of the shell",
		"The shell is the container's first process then: it does not hand on SIGTERM, so that every stop takes its full time and ends with a kill.",
		"exec the service, as the last command of the script",
	},
	{
		codeComponent, Error, "a component that bin/run does not know",
		"Each component is started as bin/run NAME.",
		"add a branch for it to bin/run, or leave it out of the answer to components",
	},
	{
		codeHealth, Warning, "ports without bin/health",
		"Without it the service counts as ready when its ports listen, which most do before they serve anybody.",
		"write bin/health: log in once, end with 0 when that works",
	},
	{
		codeRestore, Warning, "a backup that nothing restores",
		"Nobody knows whether a backup is any good until it was restored.",
		"write bin/restore, and bin/fingerprint to prove it",
	},
	{
		codeUnbind, Warning, "bind without unbind, or unbind without bind",
		"A consumer that goes keeps its user then.",
		"write the other one as well",
	},
	{
		codeVolume, Warning, "a backup without a volume",
		"What is worth a backup is worth keeping over svp down: without a volume it goes with the container.",
		"answer volumes with the folder of the data",
	},
	{
		codeUncalled, Warning, "a script that nobody calls",
		"svp calls the scripts of the contract by their names, and nothing else in bin.",
		"mend its name, or move what other scripts run to lib",
	},
	{
		codeCoordinate, Note, "no coordinate",
		"A package is named by group, name and version of servicepack.yaml; without them this pack can be run and not published.",
		"write group, name and version into servicepack.yaml",
	},
	{
		codeIgnore, Warning, "a comment that silences nothing",
		"A comment for svp-lint names one code and a reason, and stands at the end of the line or on the line before it.",
		"write # svp-lint: ignore CODE REASON, or remove it",
	},
	{
		codeUnread, Note, "a script that was not looked into",
		"Scripts are parsed up to 128 KiB and 500 open brackets.",
		"",
	},
}
