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
	var live bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the config, its rules and references, and runbooks against them",
		Long: "Check the config: every problem is named with its line, and nothing is connected to.\n" +
			"With --runbook, each line of a Markdown runbook that begins with the slash command is parsed\n" +
			"and held against the rules; what is written like one outside of code is named. With --live, the vault, Slack, Redis and the cloud are asked, too, and\n" +
			"aliases in runbooks are looked up; nothing is posted and nothing is run.",
		Example: "  bmcmd check -c bmcmd.yaml --runbook runbooks/web.md\n  bmcmd check -c bmcmd.yaml --live",
		Args:    alone,
		RunE: func(c *cobra.Command, _ []string) error {
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
			refused, err := checkRunbooks(c.Context(), out, cfg, runbooks, ids)
			if err != nil {
				return err
			}
			failed := 0
			if live {
				failed = checkLive(c.Context(), out, cfg)
			}
			return errors.Join(
				some(refused, "1 line of the runbooks would be refused", "%d lines of the runbooks would be refused"),
				some(failed, "1 part outside is not as it should be", "%d parts outside are not as they should be"))
		},
	}
	configFlag(c, &path)
	c.Flags().StringArrayVar(&runbooks, "runbook", nil, "a Markdown `file` to check; may be repeated")
	c.Flags().BoolVar(&live, "live", false, "also ask the vault, Slack, Redis and the cloud")
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

// checkLive prints a line for each part outside and counts those that fail.
func checkLive(ctx context.Context, out io.Writer, cfg *config.Config) (failed int) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for p := range serve.Probe(ctx, cfg) {
		if p.Err == nil {
			fmt.Fprintf(out, "ok      %-6s %s\n", p.Part, p.Found)
			continue
		}
		failed++
		fmt.Fprintf(out, "FAILED  %-6s %v\n", p.Part, p.Err)
	}
	return failed
}
