package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/runbook"
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
			"and held against the rules. With --live, the vault, Slack, Redis and the cloud are asked, too;\n" +
			"nothing is posted and nothing is run.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			for _, w := range cfg.Warnings {
				fmt.Fprintln(out, "warning:", w)
			}
			fmt.Fprintf(out, "%s: %d rules, %d logins, %d references: all good\n", path, len(cfg.Rules), len(cfg.Logins), len(cfg.Refs()))
			wrong := 0
			for _, file := range runbooks {
				n, err := checkRunbook(out, cfg, file)
				if err != nil {
					return err
				}
				wrong += n
			}
			if live {
				wrong += checkLive(c.Context(), out, cfg)
			}
			if wrong > 0 {
				return fmt.Errorf("%d of the checks above need a hand", wrong)
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.Flags().StringArrayVar(&runbooks, "runbook", nil, "a Markdown runbook to check; may be repeated")
	c.Flags().BoolVar(&live, "live", false, "also ask the vault, Slack, Redis and the cloud")
	return c
}

// checkLive prints a line for each part outside and counts those that fail.
func checkLive(ctx context.Context, out io.Writer, cfg *config.Config) (wrong int) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, r := range serve.Probe(ctx, cfg) {
		if r.Err == nil {
			fmt.Fprintf(out, "ok      %s\n", r.What)
			continue
		}
		wrong++
		fmt.Fprintf(out, "FAILED  %s: %v\n", r.What, r.Err)
	}
	return wrong
}

// checkRunbook prints a line for each command line of a runbook and counts those
// that would be refused.
func checkRunbook(out io.Writer, cfg *config.Config, file string) (wrong int, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("the runbook cannot be read: %w", err)
	}
	lines := runbook.Lines(string(data), cfg.Slack.Command)
	if len(lines) == 0 {
		fmt.Fprintf(out, "%s: no line begins with %s\n", file, cfg.Slack.Command)
	}
	for _, l := range lines {
		says, err := checkLine(cfg, l)
		if err != nil {
			wrong++
			says = "WRONG: " + err.Error()
		}
		fmt.Fprintf(out, "%s:%d: %s %s\n    %s\n", file, l.N, cfg.Slack.Command, l.Text, says)
	}
	return wrong, nil
}

func checkLine(cfg *config.Config, l runbook.Line) (string, error) {
	if l.Hole != "" {
		return "has " + l.Hole + " to fill in, so only a person can say which rule it meets", nil
	}
	c, err := bot.Parse(l.Text)
	switch {
	case err != nil:
		return "", err
	case c.Unknown != "":
		return "", fmt.Errorf("there is no %q; did you mean %q?", c.Unknown, c.Nearest)
	case c.Verb == bot.VerbShow:
		return rulesFor(cfg.Rules, c.Script, nil)
	case c.Verb != bot.VerbRun:
		return "parses", nil
	}
	login, err := cfg.Login(c.Hosts)
	if err != nil {
		return "", err
	}
	says, err := rulesFor(cfg.Rules, c.Script, c.Hosts)
	return says + "; as " + login.User + " by login " + login.Name, err
}

// rulesFor says which rules a line may meet: the channel and the person decide
// between them.
func rulesFor(p approvals.Policy, script string, hosts []string) (string, error) {
	rules, err := p.MayMeet(script, hosts)
	if err != nil {
		return "", err
	}
	if len(rules) == 0 {
		return "", errors.New("no rule matches it, from whichever channel; look at the ids, or add a rule")
	}
	var all []string
	for _, r := range rules {
		where := ""
		if len(r.Channels) > 0 {
			where = " in " + strings.Join(r.Channels, ", ")
		}
		if !r.Requesters.Empty() {
			where += " for " + r.Requesters.String()
		}
		if hosts == nil {
			all = append(all, fmt.Sprintf("rule %q%s: may be seen by %s", r.Name, where, r.Show))
		} else {
			all = append(all, fmt.Sprintf("rule %q%s: asked by %s; %d of %s must approve", r.Name, where, r.Ask, r.Quorum, r.Approve))
		}
	}
	return strings.Join(all, "; or "), nil
}
