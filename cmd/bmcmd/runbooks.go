package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/runbook"
)

// idOf finds the id of the script that has an alias.
type idOf func(ctx context.Context, alias string) (id string, err error)

// noIDs is for a check that asks nobody.
func noIDs(context.Context, string) (string, error) { return "", nil }

// checkRunbooks prints, for each command line of the runbooks, which rule it meets
// and who may approve it, and counts those that would be refused, and those that are
// written like one and cannot be checked.
func checkRunbooks(ctx context.Context, out io.Writer, cfg *config.Config, files []string, ids idOf) (refused, unchecked int, err error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, 0, fmt.Errorf("the runbook cannot be read: %w", err)
		}
		if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
			return 0, 0, fmt.Errorf("the runbook %s is not UTF-8 text; store it as that", file)
		}
		lines, missed := runbook.Read(string(data), cfg.Slack.Command)
		unchecked += len(missed)
		for _, n := range missed {
			fmt.Fprintf(out, "%s:%d: NOT CHECKED: this names %s and is no command line; a line of a code block, or inline code, has to begin with exactly that and a plain space\n", file, n, cfg.Slack.Command)
		}
		if len(lines) == 0 {
			fmt.Fprintf(out, "%s: no code in it begins with %s\n", file, cfg.Slack.Command)
		}
		for _, l := range lines {
			says, err := checkLine(ctx, cfg, l, ids)
			if err != nil {
				refused++
				says = []string{"REFUSED: " + err.Error()}
			}
			fmt.Fprintf(out, "%s:%d: %s\n    %s\n", file, l.N, strings.TrimSpace(cfg.Slack.Command+" "+l.Text), strings.Join(says, "\n    "))
		}
	}
	return refused, unchecked, nil
}

// checkLine says what would come of a line. Its error says why it would be
// refused, whoever types it.
func checkLine(ctx context.Context, cfg *config.Config, l runbook.Line, ids idOf) ([]string, error) {
	c, holes, err := bot.ParseTemplate(l.Text)
	switch {
	case err != nil:
		return nil, err
	case c.Unknown != "":
		return nil, errors.New(unknownWord(c))
	case c.Verb != bot.VerbShow && c.Verb != bot.VerbRun:
		return []string{"good"}, nil
	}
	fill := strings.Join(holes, ", ")
	hosts := slices.DeleteFunc(slices.Clone(c.Hosts), bot.IsOpen)
	if bot.IsOpen(c.Script) || c.Verb == bot.VerbRun && len(hosts) == 0 {
		return []string{"good, once " + fill + " is filled in; the rule depends on that"}, nil
	}
	open, names := len(c.Hosts)-len(hosts), slices.Clone(hosts)
	c.Hosts = bot.SureHosts(hosts)
	names = slices.DeleteFunc(names, func(h string) bool { return slices.Contains(c.Hosts, h) })
	says, err := checkScript(ctx, cfg, c, ids)
	if err != nil || c.Verb == bot.VerbShow {
		return says, err
	}
	if len(names) > 0 {
		says = append(says, "only the cloud knows which hosts are called "+strings.Join(names, ", ")+"; whether they meet a rule and a login, and the same as the others, is seen when it is asked")
	}
	if len(c.Hosts) > 0 {
		login, err := cfg.Login(approvals.KnownHosts{}.Each(c.Hosts))
		switch {
		case errors.Is(err, approvals.ErrHostUntold):
			says = append(says, "which login is for the hosts depends on their tags, names or region")
		case err != nil:
			return nil, err
		default:
			says = append(says, fmt.Sprintf("runs as %s, by login %s", login.User, login.Name))
		}
	}
	if fill != "" {
		says = append(says, fill+" is to be filled in")
	}
	if open > 0 {
		says = append(says, "the rule is that of the hosts that are named; what is filled in may ask for more")
	}
	if len(c.Repeated) > 0 {
		says = append(says, "typed twice and counted once: "+strings.Join(c.Repeated, ", "))
	}
	if entity.MatchString(l.Text) {
		says = append(says, "who types it as a slash command is asked first: it holds &amp;, &lt; or &gt;")
	}
	for _, d := range c.Doubts {
		says = append(says, "who types it is asked first: "+d)
	}
	return says, nil
}

var entity = regexp.MustCompile(`&(?:amp|lt|gt);`)

// checkScript says which rules a line for a script may meet. The id of an alias is
// asked for, or it is left to the moment when the line is typed.
func checkScript(ctx context.Context, cfg *config.Config, c bot.Command, ids idOf) (says []string, err error) {
	if approvals.LikeScript(c.Script) {
		return meets(cfg, c)
	}
	id, err := ids(ctx, c.Script)
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return []string{"alias: only the cloud knows the id; which rule it meets is seen when it is asked, or with --live"}, nil
	}
	c.Script = id
	says, err = meets(cfg, c)
	return slices.Concat([]string{"alias of " + id}, says), err
}

func unknownWord(c bot.Command) string {
	if c.Nearest == "" {
		return fmt.Sprintf("there is no %q; there are show, run, status, list and help", c.Unknown)
	}
	return fmt.Sprintf("there is no %q; did you mean %q?", c.Unknown, c.Nearest)
}

// meets says which rules a line may meet: the channel, the person, and what the cloud says of the hosts decide
// between them.
func meets(cfg *config.Config, c bot.Command) (says []string, err error) {
	show := c.Verb == bot.VerbShow
	rules, err := cfg.Rules.MayMeet(c.Script, c.Hosts)
	if err != nil {
		return nil, err
	}
	if len(rules) == 0 {
		return nil, errors.New("no rule matches it, in any channel; look at the ids, or add a rule")
	}
	if show && !slices.ContainsFunc(rules, func(r approvals.Rule) bool { return !r.Show.Empty() }) {
		return nil, errors.New("nobody may see it: no rule that matches it says who, under show")
	}
	if !show && len(c.Hosts) == 0 {
		return nil, nil // its hosts are typed by name
	}
	var no error
	for _, r := range rules {
		where := ""
		if len(r.Channels) > 0 {
			where += " in " + strings.Join(r.Channels, ", ")
		}
		if !r.Requesters.Empty() {
			where += " for " + r.Requesters.String()
		}
		if slices.ContainsFunc(c.Hosts, func(h string) bool { _, _, err := r.Hosts.Match(approvals.Host{ID: h}); return err != nil }) {
			where += ", if tags or names of the hosts fit"
		}
		if show {
			says = append(says, fmt.Sprintf("rule %q%s: %s may see it", r.Name, where, r.Show))
			continue
		}
		says = append(says, fmt.Sprintf("rule %q%s: %s may ask, %d of %s must approve", r.Name, where, r.Ask, r.Quorum, r.Approve))
		if err := takes(cfg, r, c.Parameters); err != nil {
			no = err
			says = append(says, "but not with these parameters: "+err.Error())
		}
	}
	if no != nil && len(rules) == 1 {
		return nil, no
	}
	return says, nil
}

// takes is nil if a rule takes parameters that are written out.
func takes(cfg *config.Config, r approvals.Rule, parameters string) error {
	switch {
	case bot.HasHoles(parameters):
		return nil
	case bmclient.Sends(cfg.BM.API):
		err := bot.MayFill(approvals.Plan{Target: cfg.Target(), Parameters: parameters}, r)
		if err != nil {
			text, _, _ := strings.Cut(err.Error(), " Nothing ran:")
			return errors.New(text)
		}
		return nil
	}
	return r.Parameters.CheckWords(parameters, true)
}
