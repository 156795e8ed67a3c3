package bot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// reading is one reading of a run's records.
type reading struct {
	*Bot
	request approvals.Request
	out     approvals.Outputs
	drifts  map[[sha256.Size]byte]bool // that were spelled out
}

// record is what one host's record says, held against the plan.
type record struct {
	approvals.HostResult
	otherScript, otherParameters bool
}

// readHosts reads the records of the tasks that the API named, and what was printed. A host
// without a record keeps what was known of it: a page of a long list may miss a row,
// and a host that the API did not take is refused until a record says more.
func (b *Bot) readHosts(ctx context.Context, r approvals.Request) ([]approvals.HostResult, approvals.Outputs, error) {
	read := b.reading(r)
	var rows []record
	for _, task := range r.Follow.Tasks { // together they are the run
		more, err := read.task(ctx, task)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, more...)
	}
	hosts := read.inOrder(r.Follow.Tasks, rows, true)
	if bmclient.Sends(r.Plan.Target.API) {
		alarmTwice(hosts)
	}
	return hosts, read.out, nil
}

// alarmTwice marks the hosts that have more than one record of a run that was sent once.
func alarmTwice(hosts []approvals.HostResult) {
	in := map[string][]string{}
	for _, h := range hosts {
		in[h.Host] = append(in[h.Host], h.Task)
	}
	for i, h := range hosts {
		if n := len(in[h.Host]); n > 1 {
			twice := approvals.Change{What: approvals.DriftTwice, Was: "sent once", Is: fmt.Sprintf("recorded %d times: %s", n, few(slices.Clone(in[h.Host])))}
			hosts[i].Proof, hosts[i].Drift = approvals.ProofDiffers, append(slices.Clip(h.Drift), twice)
		}
	}
}

func (b *Bot) reading(r approvals.Request) *reading {
	return &reading{Bot: b, request: r, out: approvals.Outputs{}, drifts: map[[sha256.Size]byte]bool{}}
}

// task reads the records of one task: none while the API does not know it. Rows may
// move between pages meanwhile, so what is missing is read once more.
func (r *reading) task(ctx context.Context, task string) ([]record, error) {
	var rows []record
	seen := map[string]bool{}
	each := r.in(r.request).EachHost
	if !bmclient.Sends(r.request.Plan.Target.API) {
		each = r.ledger.EachHost
	}
	for range 2 {
		total, err := each(ctx, task, func(h bmclient.HostRun) error {
			if seen[h.Host] {
				return nil
			}
			seen[h.Host] = true
			rows = append(rows, r.held(task, h))
			r.keep(task, h)
			return nil
		})
		if errors.Is(err, bmclient.ErrNoTask) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if len(rows) >= total {
			break
		}
	}
	return rows, nil
}

// inOrder are the results of the plan's hosts in its order, and then of others.
func (r *reading) inOrder(tasks []string, rows []record, first bool) []approvals.HostResult {
	var out []approvals.HostResult
	for _, host := range r.request.Plan.Hosts {
		known := approvals.HostResult{Host: host, State: approvals.HostWaiting, Exit: -1}
		if len(tasks) == 1 {
			known.Task = tasks[0]
		}
		for _, h := range r.request.Follow.Hosts {
			if h.Host == host && (h.State == approvals.HostRefused || slices.Contains(tasks, h.Task) && h.Task != "") {
				known = h
			}
		}
		there := false
		for _, row := range rows {
			if row.Host == host {
				there = true
				row.Note = cmp.Or(row.Note, known.Note)
				out = append(out, row.HostResult)
			}
		}
		if !there && (first || known.State != approvals.HostRefused) {
			out = append(out, known)
		}
	}
	for _, row := range rows {
		if !slices.Contains(r.request.Plan.Hosts, row.Host) {
			out = append(out, row.HostResult)
		}
	}
	return out
}

// held holds a host's record against the plan.
func (r *reading) held(task string, h bmclient.HostRun) record {
	p := r.request.Plan
	res := record{HostResult: approvals.HostResult{
		Host: clip(r.Scrub(h.Host), longestID), Task: task, State: hostStates[h.State], Status: h.Status, Exit: h.Exit,
		Begun: h.Begun, Finished: h.Finished, Output: len(h.Output), BadLogin: h.BadLogin(),
		Word: clip(r.Scrub(h.Word), longestID), Note: clip(r.Scrub(h.Reason), longestAgain), Dropped: h.Dropped, URL: clip(r.Scrub(h.URL), longestAgain),
	}}
	if len(h.Content) > 0 {
		res.otherScript = !bytes.Equal(h.Content, p.Text())
		res.otherParameters = !bmclient.Sends(p.Target.API) && string(h.Parameters) != p.Parameters
		res.Proof = approvals.ProofSame
		res.Drift = r.otherHow(h.Ran)
	}
	if !slices.Contains(p.Hosts, h.Host) {
		res.Drift = append(res.Drift, approvals.Change{What: approvals.DriftHost, Was: "not asked for", Is: res.Host})
	}
	if res.otherScript || res.otherParameters {
		res.Drift = append(res.Drift, r.drift(h, res)...)
	}
	if len(res.Drift) > 0 {
		res.Proof = approvals.ProofDiffers
	}
	return res
}

// otherHow is what the cloud recorded of how it ran, and is not how it was approved. What it does not tell, or what was left to it,
// cannot be compared.
func (r *reading) otherHow(ran bmclient.How) (all []approvals.Change) {
	p := r.request.Plan
	how := p.Script.How
	for _, c := range []approvals.Change{
		{What: "type of the script", Was: how.Type, Is: ran.Type},
		{What: "user on the hosts", Was: p.Login.User, Is: ran.User},
		{What: "directory", Was: how.Dir, Is: ran.Dir},
		{What: "timeout", Was: lasts(how.Timeout), Is: lasts(ran.Timeout)},
	} {
		if c.Was != "" && c.Is != "" && c.Was != c.Is {
			c.Is = clip(r.Scrub(c.Is), longestAgain)
			all = append(all, c)
		}
	}
	return all
}

// lasts is a time, or empty.
func lasts(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return inWords(d)
}

const (
	longestDrift = 8 << 10 // of a difference that is spelled out, in bytes
	longestAgain = 200     // of one that was spelled out for another host
)

// drift is how a host's record differs. The same difference is spelled out once:
// two hundred hosts that drifted have one script between them.
func (r *reading) drift(h bmclient.HostRun, res record) (all []approvals.Change) {
	p := *r.request.Plan
	id := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(h.Content), h.Content, h.Parameters))
	again := r.drifts[id]
	r.drifts[id] = true
	longest := longestDrift
	if again {
		longest = longestAgain
	}
	if res.otherScript {
		approved := approvals.Script{Content: p.Text()}
		c := approvals.Change{What: "script", Was: approved.SHA256(), Is: approvals.Script{Content: h.Content}.SHA256()}
		ran := approvals.Plan{Script: approvals.Script{Content: []byte(r.Scrub(string(h.Content)))}} // before lines are parted
		if !again && !bytes.Equal(ran.Script.Content, approved.Content) {
			c.Diff = clip(approvals.Plan{Script: approved}.Changes(ran)[0].Diff, longest)
		}
		all = append(all, c)
	}
	if res.otherParameters {
		all = append(all, approvals.Change{What: "parameters", Was: clip(p.Parameters, longest), Is: clip(r.Scrub(string(h.Parameters)), longest)})
	}
	return all
}

// clip shortens a text for the record, between characters.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// outputRoom is for what all hosts of a run printed, in bytes of memory: the store
// keeps no more. Each host has the same part of it.
const outputRoom = 16 << 20

// keep keeps what a host printed, scrubbed and then cut: a credential that lies
// across the cut is gone before.
func (r *reading) keep(task string, h bmclient.HostRun) {
	if len(h.Output) == 0 {
		return
	}
	key := approvals.OutputKey(task, clip(r.Scrub(h.Host), longestID))
	r.out[key] = middleOut([]byte(r.Scrub(string(h.Output))), outputRoom/max(1, len(r.request.Plan.Hosts)))
}

// middleOut takes the middle out of what is longer than most: how it began and how
// it ended tell more. It may be in any encoding, so it is cut between lines if they
// are not too long.
func middleOut(out []byte, most int) []byte {
	if len(out) <= most {
		return out
	}
	head, tail := out[:most/2], out[len(out)-most/2:]
	if i := bytes.LastIndexByte(head, '\n'); i > len(head)/2 {
		head = head[:i+1]
	}
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i < len(tail)/2 {
		tail = tail[i+1:]
	}
	note := fmt.Sprintf("\n[bmcmd: %d of %d bytes are cut out here]\n", len(out)-len(head)-len(tail), len(out))
	return slices.Concat(head, []byte(note), tail)
}
