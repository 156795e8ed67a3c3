package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/approvals"
)

// choice is which requests are meant: those that fit every filter given, and of each
// one of its words. The zero value means all.
type choice struct {
	since, until                      string // as typed
	persons, scripts, hosts, requests []string

	after, before time.Time // zero: no limit; before is the first moment that is too late
}

func (ch *choice) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&ch.since, "since", "", "requests with an event at or after this `time`: 2026-03-01 (UTC), RFC 3339, or back: 24h, 7d")
	f.StringVar(&ch.until, "until", "", "requests with an event before this `time`; a date counts with its whole day")
	f.StringSliceVar(&ch.persons, "person", nil, "requests that this person asked for or pressed a button of: a Slack user `id`, U… or W…")
	f.StringSliceVar(&ch.scripts, "script", nil, "requests for this script: its `id`, cmd-…, or the alias, if that was typed")
	f.StringSliceVar(&ch.hosts, "host", nil, "requests for this host: its `id`, cpm-…, ins-…, or a pattern as in rules: ins-web*")
	f.StringSliceVar(&ch.requests, "request", nil, "this request: its `id`, r-…")
}

// personForm is a Slack user id. Names are no filter: two people may have the same one.
var (
	personForm  = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	requestForm = regexp.MustCompile(`^r-[a-z0-9]+$`)
)

// parse looks at what was typed.
func (ch *choice) parse(now time.Time) (err error) {
	if ch.after, err = moment("--since", ch.since, now, 0); err != nil {
		return err
	}
	if ch.before, err = moment("--until", ch.until, now, 24*time.Hour); err != nil {
		return err
	}
	if !ch.after.IsZero() && !ch.before.IsZero() && !ch.after.Before(ch.before) {
		return fmt.Errorf("--since %s is not before --until %s; change one of them", ch.since, ch.until)
	}
	for _, p := range ch.persons {
		if !personForm.MatchString(p) {
			return fmt.Errorf("--person %q is no Slack user id (U… or W…); copy it from the person's profile in Slack", p)
		}
	}
	for _, h := range ch.hosts {
		if err := approvals.HostID.CheckPattern(strings.ToLower(h)); err != nil { // older requests may have capitals
			return fmt.Errorf("--host %q: %w", h, err)
		}
	}
	if slices.Contains(ch.scripts, "") {
		return errors.New("--script has an empty id; name one script after the other, with commas between")
	}
	for _, s := range ch.scripts {
		if err := approvals.ScriptID.Check(strings.ToLower(s)); err != nil && approvals.LikeScript(s) {
			return fmt.Errorf("--script: %w", err)
		}
	}
	for _, r := range ch.requests {
		if !requestForm.MatchString(r) {
			return fmt.Errorf("--request %q is no request's id (r-…); its card says it", r)
		}
	}
	return nil
}

// moment reads a time. A date means its first moment and the given time more.
func moment(flag, typed string, now time.Time, date time.Duration) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, typed); err == nil {
		return t.Add(date), nil
	}
	if t, err := time.Parse(time.RFC3339, typed); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(typed, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(typed); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%s %q is no time; write 2026-03-01, 2026-03-01T02:00:00Z, or how far back: 24h, 7d", flag, typed)
}

// newest is the earliest time that the newest event of a request that fits may have in
// the index. A move is timed before it is written, by a clock that may be a little off.
func (ch choice) newest() time.Time {
	if ch.after.IsZero() {
		return time.Time{}
	}
	return ch.after.Add(-time.Minute)
}

// takes reports whether a request is meant.
func (ch choice) takes(p past) bool {
	within := func(e approvals.Event) bool {
		return (ch.after.IsZero() || !e.At.Before(ch.after)) && (ch.before.IsZero() || e.At.Before(ch.before))
	}
	by := func(e approvals.Event) bool {
		return slices.Contains(ch.persons, e.By.User) || slices.Contains(ch.persons, e.By.ID)
	}
	isScript := func(id string) bool { // of older requests some have capitals
		return slices.ContainsFunc(ch.scripts, func(s string) bool { return s == id || approvals.LikeScript(s) && strings.EqualFold(s, id) })
	}
	script := func(e approvals.Event) bool {
		return e.Asked != nil && (isScript(e.Asked.Script) || e.Asked.Alias != "" && slices.Contains(ch.scripts, e.Asked.Alias)) ||
			e.Plan != nil && isScript(e.Plan.Script.CmdID)
	}
	host := func(e approvals.Event) bool {
		return e.Asked != nil && slices.ContainsFunc(e.Asked.Hosts, func(h string) bool {
			return slices.ContainsFunc(ch.hosts, func(pattern string) bool {
				ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(h))
				return ok
			})
		})
	}
	clicked := func(c approvals.Refusal) bool {
		return slices.Contains(ch.persons, c.By.User) || slices.Contains(ch.persons, c.By.ID)
	}
	any := func(given bool, fits func(approvals.Event) bool) bool {
		return !given || slices.ContainsFunc(p.events, fits)
	}
	return any(!ch.after.IsZero() || !ch.before.IsZero(), within) && (any(len(ch.persons) > 0, by) || slices.ContainsFunc(p.clicks, clicked)) &&
		any(len(ch.scripts) > 0, script) && any(len(ch.hosts) > 0, host) &&
		(len(ch.requests) == 0 || slices.Contains(ch.requests, p.id))
}

// named reports whether somebody or something is named, so that there should be requests.
func (ch choice) named() bool {
	return len(ch.persons)+len(ch.scripts)+len(ch.hosts)+len(ch.requests) > 0
}

// words are the filters as they were typed, for the export's first line.
func (ch choice) words() map[string][]string {
	out := map[string][]string{}
	for name, words := range map[string][]string{
		"since": {ch.since}, "until": {ch.until}, "person": ch.persons, "script": ch.scripts, "host": ch.hosts, "request": ch.requests,
	} {
		if len(words) > 0 && words[0] != "" {
			out[name] = words
		}
	}
	return out
}
