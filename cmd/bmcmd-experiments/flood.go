package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// flood is many commands at once, while a replica is killed.
type flood struct {
	programs world.Programs
	commands int
	atOnce   int
	mentions bool // typed as mentions, which Slack delivers again if no ack comes
	api      string
	out, log io.Writer
}

func floodCommand() *cobra.Command {
	f := flood{}
	c := &cobra.Command{
		Use: "flood", Short: "Type many commands at once while a replica is killed", Args: cobra.NoArgs,
		Long: "Type many commands at once while one of three replicas is killed, and measure the acks.\n\n" +
			"Slack gives a command three seconds and does not deliver it again: whoever typed it is told that it\n" +
			"did not work, and types it again. So does this. A mention is delivered again, at once, after one minute\n" +
			"and after five, in a new envelope with the same event; with -mentions this types mentions.\n" +
			"An ack is measured from the moment that Slack sends the envelope.",
		RunE: func(c *cobra.Command, _ []string) error {
			f.out, f.log = c.OutOrStdout(), c.ErrOrStderr()
			return built(func(p world.Programs) error {
				f.programs = p
				return f.run(c.Context())
			})
		},
	}
	c.Flags().IntVar(&f.commands, "commands", 2000, "how many")
	c.Flags().IntVar(&f.atOnce, "at-once", 64, "how many without an ack at a time")
	c.Flags().StringVar(&f.api, "api", "2.0", "the `API` of the cloud: 2.0, 3.0 or tat")
	c.Flags().BoolVar(&f.mentions, "mentions", false, "type mentions, not slash commands")
	return c
}

// typedOnce is one delivery to the bot: a command that is typed again is another.
type typedOnce struct {
	n      int
	id     string // of the request that it became or was to become
	failed string // what Slack showed in place of an answer
	after  time.Duration
	again  bool // it was typed before, and no ack came
	late   int  // which delivery of a mention was acked, from 0
}

// outcome is what came of the flood.
type outcome struct {
	turns []typedOnce
	lost  []string
	ready time.Duration // from the last ack until every request had its card
}

func (f *flood) run(ctx context.Context) error {
	var o outcome
	err := onStage(ctx, f.log, func(s *stage) {
		w := world.New(s, f.programs, settings(f.api))
		fl := newFleet(w, nil, rand.New(rand.NewPCG(1, 1)))
		victim := fl.start()
		fl.start()
		fl.start()
		w.Slack.Connected(6)
		o.turns = f.pour(s, w, victim)
		began := time.Now()
		o.lost = f.missing(s, w, o.turns)
		o.ready = time.Since(began)
	})
	if err != nil {
		return err
	}
	return o.write(f.out)
}

// pour types all commands, and kills the victim when half are typed.
func (f *flood) pour(s *stage, w *world.World, victim *world.Process) []typedOnce {
	var mu sync.Mutex
	var turns []typedOnce
	next := make(chan int)
	var typing sync.WaitGroup
	for range f.atOnce {
		typing.Go(func() {
			for n := range next {
				for again := false; s.ctx.Err() == nil; again = true {
					t := f.typeOnce(s, w, n, again)
					mu.Lock()
					turns = append(turns, t)
					mu.Unlock()
					if t.failed == "" {
						break
					}
				}
			}
		})
	}
	for n := range f.commands {
		if n == f.commands/2 {
			go victim.Kill()
		}
		select {
		case next <- n:
		case <-s.ctx.Done():
		}
	}
	close(next)
	typing.Wait()
	return turns
}

func (f *flood) typeOnce(s *stage, w *world.World, n int, again bool) typedOnce {
	t := typedOnce{n: n, again: again}
	text := fmt.Sprintf("run cmd-rst9w2kd ins-web%d --reason flood -- %s", n%manyHosts, typed(f.api, n, 0))
	verb, body := "slash", world.Object{"user": people[n%len(people)], "channel": world.Incident, "command": "/bmcmd", "text": text, "wait": "8m"}
	if f.mentions {
		verb = "mention"
	}
	answer, err := w.Slack.Try(s.ctx, verb, body)
	var out struct {
		Turn slacksim.Turn
		Ack  slacksim.Ack
	}
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil {
		s.Errorf("%v", err)
	}
	t.id, t.failed, t.after, t.late = approvals.NewID(team, out.Turn.EnvelopeID), out.Ack.Failed, out.Ack.After, out.Ack.Attempt
	if named := requestID.FindString(string(out.Ack.Payload)); named != "" {
		t.id = named
	}
	if out.Ack.Failed == "" && !f.mentions && !strings.Contains(string(out.Ack.Payload), t.id) {
		t.failed = "an answer without a request: " + string(out.Ack.Payload)
	}
	return t
}

// missing waits until every command is a request with a card, and names those that do
// not become one.
func (f *flood) missing(s *stage, w *world.World, turns []typedOnce) (lost []string) {
	acked := map[string]bool{}
	for _, t := range turns {
		if t.failed == "" && !f.mentions {
			acked[t.id] = true
		}
	}
	world.Until(s, "a card for each request", func() (string, bool) {
		all, err := kept{w}.all(s.ctx)
		if err != nil {
			return err.Error(), false
		}
		lost = nil
		have := map[string]bool{}
		for _, r := range all {
			have[r.Asked.Parameters] = have[r.Asked.Parameters] || r.Card.TS != ""
		}
		for id := range acked {
			if all[id] == nil {
				lost = append(lost, id)
			}
		}
		for n := range f.commands {
			if p := typed(f.api, n, 0); !have[p] {
				lost = append(lost, p)
			}
		}
		return fmt.Sprint(len(lost), " without a card"), len(lost) == 0
	})
	return lost
}

func (o *outcome) write(w io.Writer) error {
	var acks []time.Duration
	var failed, again, late int
	for _, t := range o.turns {
		switch {
		case t.failed != "":
			failed++
			continue
		case t.again:
			again++
		case t.late > 0:
			late++
		}
		acks = append(acks, t.after)
	}
	slices.Sort(acks)
	slow := len(acks) - len(slices.DeleteFunc(slices.Clone(acks), func(d time.Duration) bool { return d > 3*time.Second }))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "acks\t%d\tmedian %s, p99 %s, max %s\n", len(acks), at(acks, 50), at(acks, 99), at(acks, 100))
	fmt.Fprintf(tw, "over 3 s\t%d\t\n", slow)
	fmt.Fprintf(tw, "without an ack\t%d\ton the killed replica; %d acked when typed again, %d when Slack delivered them again\n", failed, again, late)
	fmt.Fprintf(tw, "lost\t%d\t\n", len(o.lost))
	fmt.Fprintf(tw, "all cards up\t%s\tafter the last ack\n", o.ready.Round(time.Millisecond))
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(o.lost) > 0 || slow > 0 {
		return fmt.Errorf("%w: %d commands are lost, %d acks took over 3 s", errViolated, len(o.lost), slow)
	}
	return nil
}
