package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// behaviours are what a play may say of a host, after its name.
var behaviours = []struct {
	form *regexp.Regexp
	do   func(b *bmtest.HostBehaviour, m []string) error
}{
	{regexp.MustCompile(`^prints: (.*)$`), func(b *bmtest.HostBehaviour, m []string) error {
		b.Output = []byte(unescape(m[1]))
		return nil
	}},
	{regexp.MustCompile(`^prints (\d+) MB$`), func(b *bmtest.HostBehaviour, m []string) error {
		const line = "a line like any other of so very many, and none of them tells anything at all\n"
		b.Output = bytes.Repeat([]byte(line), times(m[1])<<20/len(line))
		return nil
	}},
	{regexp.MustCompile(`^exits with (\d+)(?: and prints: (.*))?$`), func(b *bmtest.HostBehaviour, m []string) error {
		b.Exit, b.Output = times(m[1]), []byte(unescape(m[2]))
		return nil
	}},
	{regexp.MustCompile(`^takes (\S+)$`), func(b *bmtest.HostBehaviour, m []string) (err error) {
		b.Takes, err = time.ParseDuration(m[1])
		return err
	}},
	{regexp.MustCompile(`^never ends$`), func(b *bmtest.HostBehaviour, _ []string) error { b.NeverEnds = true; return nil }},
	{regexp.MustCompile(`^cannot be reached by the API$`), func(b *bmtest.HostBehaviour, _ []string) error { b.Status = 7; return nil }},
	{regexp.MustCompile(`^is put off for (\S+)$`), func(b *bmtest.HostBehaviour, m []string) (err error) {
		b.Delayed, err = time.ParseDuration(m[1])
		return err
	}},
	{regexp.MustCompile(`^cannot start it: (.*)$`), func(b *bmtest.HostBehaviour, m []string) error {
		b.Word, b.ErrorInfo = "START_FAILED", m[1]
		return nil
	}},
	{regexp.MustCompile(`^is lost while it runs$`), func(b *bmtest.HostBehaviour, _ []string) error { b.Word = "TASK_TIMEOUT"; return nil }},
	{regexp.MustCompile(`^is as before$`), func(b *bmtest.HostBehaviour, _ []string) error { *b = bmtest.HostBehaviour{}; return nil }},
}

// behave changes how a host runs scripts from now on. What was said of it before
// stays.
func (s *stage) behave(host, how string) error {
	b := s.hosts[host]
	switch how {
	case "has another password":
		s.w.cloud.AddHost(host, map[string]string{"root": canary()})
		return nil
	case "prints a credential":
		how = "prints: " + s.w.secrets["run_secret"]
	}
	if m, ok := told(s.machines[host], how); ok {
		s.machines[host] = m
		if !s.w.cloud.SetMachine(host, m) {
			return fmt.Errorf("there is no host %s", host)
		}
		return nil
	}
	for _, one := range behaviours {
		m := one.form.FindStringSubmatch(how)
		if m == nil {
			continue
		}
		if err := one.do(&b, m); err != nil {
			return err
		}
		s.hosts[host] = b
		if !s.w.cloud.SetHost(host, b) {
			return fmt.Errorf("there is no host %s", host)
		}
		return nil
	}
	return fmt.Errorf("a host does not %q; README.md tells what it may do", how)
}

// told is what the cloud tells of a machine from now on; ok is false if that is not what how is about.
func told(m bmtest.Machine, how string) (is bmtest.Machine, ok bool) {
	verb, word, _ := strings.Cut(how, ": ")
	switch {
	case verb == "is called":
		m.Name = word
	case verb == "is tagged":
		m.Tags = map[string]string{}
		for pair := range strings.SplitSeq(word, " ") {
			key, v, _ := strings.Cut(pair, "=")
			m.Tags[key] = v
		}
	case how == "is switched off":
		m.State = "STOPPED"
	case how == "is switched on":
		m.State = ""
	case how == "has no agent":
		m.Agent = bmtest.NoAgent
	case how == "has an agent that is offline":
		m.Agent = "Offline"
	case how == "is unknown to the cloud":
		m.Region = "ap-seoul"
	default:
		return m, false
	}
	return m, true
}

// list changes how the cloud lists tasks.
func (s *stage) list(how string) error {
	switch how {
	case "out of order":
		s.listing.OutOfOrder = true
	case "twice":
		s.listing.Twice = true
	case "at once":
		s.listing = bmtest.Listing{}
	case "in no answer":
		s.listing.NoTaskIDs = true
	default:
		late, err := time.ParseDuration(strings.TrimSuffix(how, " late"))
		if err != nil {
			return fmt.Errorf("tasks are listed 1m late, out of order, twice or at once, and named in no answer; not %q", how)
		}
		s.listing.Late = late
	}
	s.w.cloud.SetListing(s.listing)
	return nil
}

// onTheWay is for how long a run is on its way, so that something can happen to it.
const onTheWay = 500 * time.Millisecond

// changeOnTheWay has the next run take some time to arrive, and a script change in
// that time: after it was read for the last time, before it is started.
func (s *stage) changeOnTheWay(ctx context.Context, id string, content []byte) error {
	next := s.w.cloud.Count("RunUserCmd") + 1
	s.w.cloud.FailNext("RunUserCmd", bmtest.Fault{Delay: onTheWay}, 1)
	s.w.background.Go(func() {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			select {
			case <-s.w.done:
				stop()
			case <-ctx.Done():
			}
		}()
		if s.w.cloud.WaitCalls(ctx, "RunUserCmd", next) == nil {
			s.w.cloud.ChangeScript(id, content)
		}
	})
	return nil
}

// hostNames are the hosts that a play has made by a number.
func hostNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("ins-h%03d", i+1)
	}
	return out
}

// spell writes a line as it is typed on the API that is played on: {=nginx} is a parameter, which has a name on TAT.
func (s *stage) spell(text string) string {
	word := "$1"
	if s.w.api == bmclient.APITAT {
		word = "service=$1"
	}
	return valueForm.ReplaceAllString(manyHosts(text), word)
}

var valueForm = regexp.MustCompile(`\{=([^}]*)\}`)

var manyForm = regexp.MustCompile(`\{(\d+) hosts\}`)

// manyHosts names hosts for {200 hosts}.
func manyHosts(text string) string {
	return manyForm.ReplaceAllStringFunc(text, func(m string) string {
		n, _ := strconv.Atoi(manyForm.FindStringSubmatch(m)[1])
		return strings.Join(hostNames(n), ",")
	})
}
