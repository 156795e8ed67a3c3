package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

func checkCommand() *cobra.Command {
	var path string
	var runbooks []string
	var live, secrets bool
	var try string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the config, its rules and references, and runbooks against them",
		Long: "Check the config: every problem is named with its line, and nothing is connected to.\n" +
			"With --runbook, each line of a Markdown runbook that begins with the slash command is parsed\n" +
			"and held against the rules; what is written like one and is none is named, and makes the exit status 1, too. With --live, the vault,\n" +
			"Slack, Redis and the cloud are used as the bot uses them, with its keys and rights; what the rules name and\n" +
			"aliases in runbooks are looked up; nothing is posted and nothing is run. With --secrets, the key for runs\n" +
			"and the passwords of hosts are read, and it is said whether each is there. With --try, the records of a\n" +
			"request that was approved in Slack and has ended (a stored true on one machine will do) tell which reading\n" +
			"is true here of what the cloud's documents leave open; nothing is run for that.",
		Example: "  bmcmd check -c bmcmd.yaml --runbook runbooks/web.md\n  bmcmd check -c bmcmd.yaml --live --secrets",
		Args:    alone,
		RunE: func(c *cobra.Command, _ []string) error {
			if try != "" && !live {
				return errors.New("--try asks Redis and the cloud; use it with --live")
			}
			cfg, err := load(c, path)
			if err != nil {
				return err
			}
			if err := serve.References(cfg); err != nil {
				return err
			}
			out := c.OutOrStdout()
			sayGood(out, cfg, path)
			ids := noIDs
			if live {
				reads, err := serve.OpenReads(c.Context(), cfg)
				if err != nil {
					return err
				}
				defer reads.Close()
				ids = reads.ID
			}
			refused, unchecked, err := checkRunbooks(c.Context(), out, cfg, runbooks, ids)
			if err != nil {
				return err
			}
			failed := 0
			if live || secrets {
				failed = checkLive(c.Context(), out, cfg, path, live, secrets)
			}
			if try != "" {
				err = sayTried(c.Context(), out, cfg, try)
			}
			return errors.Join(err,
				some(refused, "1 line of the runbooks would be refused", "%d lines of the runbooks would be refused"),
				some(unchecked, "1 line of the runbooks was not checked", "%d lines of the runbooks were not checked"),
				some(failed, "1 fault was found by trying", "%d faults were found by trying"))
		},
	}
	configFlag(c, &path)
	c.Flags().StringArrayVar(&runbooks, "runbook", nil, "a Markdown `file` to check; may be repeated")
	c.Flags().BoolVar(&live, "live", false, "also try the vault, Slack, Redis and the cloud")
	c.Flags().StringVar(&try, "try", "", "with --live, also say what the records of the `request` (r-…) show of the cloud")
	c.Flags().BoolVar(&secrets, "secrets", false, "also read the key for runs and the passwords of hosts")
	return c
}

// some is an error if n is not 0.
func some(n int, one, many string) error {
	switch n {
	case 0:
		return nil
	case 1:
		return errors.New(one)
	}
	return fmt.Errorf(many, n)
}

func sayGood(out io.Writer, cfg *config.Config, path string) {
	for _, w := range cfg.Warnings {
		fmt.Fprintln(out, "warning:", w)
	}
	if path == "-" {
		path = "standard input"
	}
	fmt.Fprintf(out, "%s is good: %s, %s, %s\n", path,
		counted(len(cfg.Rules), "rule"), counted(len(cfg.Logins), "login"), counted(len(cfg.Refs()), "reference"))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkFor is how long everything is tried, the waits that Slack asks for included.
const checkFor = 3 * time.Minute

// checkLive prints a line for each thing that it tries and counts the faults.
func checkLive(ctx context.Context, out io.Writer, cfg *config.Config, path string, live, secrets bool) (faults int) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	say := func(p serve.Probed) {
		if p.How == serve.Bad {
			faults++
		}
		fmt.Fprintf(out, "%-9s %-7s %s\n", p.How, p.Part, oneLine(p.Says))
	}
	for _, err := range cfg.Unguarded() {
		say(serve.Probed{Part: "config", How: serve.Bad, Says: err.Error()})
	}
	if live {
		if err := config.Guarded(path); err != nil {
			say(serve.Probed{Part: "config", How: serve.Bad, Says: err.Error()})
		}
		for p := range serve.Probe(ctx, cfg) {
			say(p)
		}
	}
	if !secrets {
		say(serve.Probed{Part: "secrets", How: serve.Untried, Says: "what only runs need was not read; --secrets does"})
		return faults
	}
	for p := range serve.ProbeSecrets(ctx, cfg) {
		say(p)
	}
	return faults
}

// sayTried prints what a request's records show of what no document settles.
func sayTried(ctx context.Context, out io.Writer, cfg *config.Config, request string) error {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	facts, err := serve.Tried(ctx, cfg, request)
	if err != nil {
		return err
	}
	rows := [][]string{{"WHAT NO DOCUMENT SETTLES", "HERE, BY " + request}}
	for _, f := range facts {
		rows = append(rows, []string{f.Asked, f.Shown})
	}
	fmt.Fprintln(out)
	for _, l := range lay(rows) {
		fmt.Fprintln(out, l)
	}
	return nil
}
