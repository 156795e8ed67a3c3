package main

import (
	"bufio"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// verdict is one verify under way.
type verdict struct {
	out    *bufio.Writer
	choice choice
	head   string // looked for; empty: none
	key    ed25519.PublicKey
	before map[string]*earlier // what an earlier export had, by request; nil: none is held against

	earlier exportLine // its first line
	held    string     // words that say so
	oldest  time.Time  // events from before it are rightly gone

	partial bool // what is looked at is an export of some requests
	found   bool
	where   string // what is looked at
	signed  string // by whom, of an export
	leave   string // what is to stay as it is after findings

	requests, events, gone, findings int
}

// headForm is a head as a person may copy it: the whole hash, or its beginning.
var headForm = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

func newVerdict(out io.Writer, ch choice, head string) (*verdict, error) {
	typed := head
	head = strings.ToLower(strings.TrimSpace(head))
	if typed != "" && !headForm.MatchString(head) {
		return nil, fmt.Errorf("--head %q is no head: copy 12 to 64 of its digits, 0-9 and a-f, from the thread in Slack", typed)
	}
	return &verdict{out: bufio.NewWriter(out), choice: ch, head: head}, nil
}

// redis looks at what is in Redis.
func (v *verdict) redis(c *cobra.Command, a *audit) error {
	cfg, history, err := a.open(c)
	if err != nil {
		return err
	}
	defer history.Close()
	v.where, v.leave = "in Redis, workspace "+history.Workspace, "leave Redis as it is"
	if err := v.of(history.Workspace); err != nil {
		return err
	}
	keep := keeping{requests: cfg.Keep.Requests, events: cfg.Keep.Events}
	v.oldest = time.Now().Add(-keep.events)
	unmarked := false
	err = each(c.Context(), history, v.choice, func(h redisstore.History) error {
		p := pastOf(h)
		named := len(v.choice.requests) > 0
		switch {
		case h.Empty() && named && len(h.Stray) == 0:
			v.find(finding{h.ID, "nothing is kept of it", "look at the id and at keep.events; if it is right, its events were removed"})
		case h.Empty() && !named && !v.all(), !h.Empty() && !v.choice.takes(p):
		default:
			v.take(p, checkHistory(h, keep))
			unmarked = unmarked || !h.Marked && h.Record.Schema >= markedSchema
		}
		return nil
	})
	if err == nil && unmarked {
		v.find(finding{"mark", "the store has lost its mark, and perhaps more with it: bots take nothing until they have told the threads", `read "The mark is gone" in OPERATIONS.md`})
	}
	return err
}

// markedSchema is the schema from which on nothing is taken by a store without a mark.
const markedSchema = 3

// all reports whether no filter was given.
func (v *verdict) all() bool { return len(v.choice.words()) == 0 }

// file looks at an export.
func (v *verdict) file(c *cobra.Command, a *audit) error {
	in, err := a.openFile(c)
	if err != nil {
		return err
	}
	defer in.Close()
	v.leave = "keep the file"
	var other error
	v.signed, err = readExport(in, v.key, v.find, func(first exportLine) {
		v.partial, other = len(first.Filters) > 0, v.of(first.Workspace)
		v.where = fmt.Sprintf("in an export of %s, workspace %s", utc(first.At), first.Workspace)
	}, func(p past) {
		if v.choice.takes(p) {
			v.take(p, check(p))
		}
	})
	if err == nil {
		err = other
	}
	return err
}

// take counts a request, prints its findings, and looks for the head in it.
func (v *verdict) take(p past, findings []finding) {
	if len(p.events) > 0 || p.word.Record != gone || p.noList {
		v.requests++
	}
	v.events += len(p.events)
	if p.word.Record == gone && len(p.events) > 0 && !p.events[0].TurnedAway() {
		v.gone++
	}
	for _, f := range findings {
		v.find(f)
	}
	if e := v.before[p.id]; e != nil {
		e.seen = true
		if what := e.missing(p); what != "" {
			v.find(finding{p.id, what, askSlack})
		}
	}
	for i, e := range p.events {
		if v.head == "" || !strings.HasPrefix(e.Hash, v.head) {
			continue
		}
		v.found = true
		after := "it is still the newest"
		if n := len(p.events) - i - 1; n > 0 {
			after = counted(n, "event") + " came after it"
		}
		fmt.Fprintln(v.out, oneLine(fmt.Sprintf("The head %s is %s; %s.", v.head[:12], p.at(i+1), after)))
	}
}

func (v *verdict) find(f finding) {
	v.findings++
	fmt.Fprintln(v.out, f)
}

func (v *verdict) flush() error { return v.out.Flush() }

// end says what was looked at, and what is the matter as an error.
func (v *verdict) end() error {
	if v.head != "" && !v.found {
		v.find(finding{
			"head " + v.head[:12], "no event that was looked at has it: it was changed or removed since, if the head is copied right",
			"look at the request whose thread shows it, with --request",
		})
	}
	for _, id := range slices.Sorted(maps.Keys(v.before)) {
		if e := v.before[id]; !e.seen && v.all() && !v.partial && e.at.After(v.oldest) {
			v.find(finding{id, fmt.Sprintf("nothing of it is here, and the earlier export has %s, the last of %s", counted(e.n, "event"), utc(e.at)), askSlack})
		}
	}
	fmt.Fprintln(v.out, v.line())
	if err := v.flush(); err != nil {
		return unseen(err)
	}
	if v.findings > 0 {
		return fmt.Errorf("%s: %s until somebody has looked at them", counted(v.findings, "finding"), v.leave)
	}
	if v.requests == 0 && (v.choice.named() || v.all() && v.signed == "") {
		return unseen(errors.New("no request is there, or none that the filters choose; correct them, or --workspace"))
	}
	return nil
}

// line is the one calm line.
func (v *verdict) line() string {
	where := v.where
	if v.signed != "" {
		where += ", " + v.signed
	}
	s := fmt.Sprintf("Looked at %s with %s, %s%s: ", counted(v.requests, "request"), counted(v.events, "event"), where, v.held)
	switch {
	case v.findings > 0:
		s += counted(v.findings, "finding")
	case v.requests == 0:
		s += "nothing to verify"
	default:
		s += "all holds"
	}
	switch {
	case v.gone == 1:
		s += ". The record of one is gone; its events are kept longer"
	case v.gone > 1:
		s += fmt.Sprintf(". The records of %d are gone; their events are kept longer", v.gone)
	}
	return oneLine(s + ".")
}
