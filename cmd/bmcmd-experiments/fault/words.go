package fault

import (
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// promises are the sentences that say what is recorded, and the move that each stands
// for.
var promises = []struct{ text, move string }{
	{"Recorded: run ", "receive"},
	{"Recorded: you approved", "vote"},
	{"Recorded: you denied", "deny"},
	{"Recorded: the request is cancelled", "cancel"},
	{"Recorded: everything is read once more", "run"},
	{"Recorded: you say that", "settle"},
	{"Recorded: other runs of this script", "lift"},
	{"Recorded: the cloud is told to stop it", "stop"},
}

// meaning is what an answer means; empty if it is none that people may get.
func meaning(text string) string {
	for _, a := range answers {
		if strings.Contains(text, a.begins) {
			return a.means
		}
	}
	return ""
}

// unanswered reports whether words only say that the answer takes long: it comes later.
func unanswered(text string) bool {
	return strings.Contains(text, "Working on it") || strings.Contains(text, "Not recorded yet.")
}

// judgeWords looks at everything that the people of a request were told.
func (k *talk) judgeWords(l ledger, j *Result, wrong func(string, ...any)) {
	for _, who := range k.people() {
		said := k.r.seen.told[who]
		if who == k.approver {
			said = slices.Concat(said, k.acked)
		}
		for _, text := range said {
			switch meaning(text) {
			case notRecorded:
				j.notRecorded++
			case cannotTell:
				j.cannotTell++
			case recorded:
				if !k.r.fault.forgets && !k.kept(l, text, who) {
					wrong("%s was told %q, and Redis does not have it", who, line(text))
				}
			case "":
				if !harmless(text) {
					wrong("%s was told %q", who, line(text))
				}
			}
		}
	}
}

// people are all who have to do with a request.
func (k *talk) people() []string {
	all := []string{k.asker, k.approver}
	for _, p := range k.then {
		if who := p.by(k.n); !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	return all
}

// kept reports whether what somebody was told to be recorded is.
func (k *talk) kept(l ledger, text, who string) bool {
	id := requestID.FindString(text)
	i := slices.IndexFunc(promises, func(p struct{ text, move string }) bool { return strings.Contains(text, p.text) })
	if i < 0 {
		_, there := l.records[id] // who has asked for the same already
		return there
	}
	for request, kept := range l.records {
		// A form's words name no request.
		if request != id && (id != "" || kept.Asked.Hosts[0] != k.host) {
			continue
		}
		if count(l.events[request], promises[i].move, who) > 0 && holds(kept.Request, promises[i].move, who) {
			return true
		}
	}
	return false
}

// holds reports whether the record shows what somebody did.
func holds(r approvals.Request, move, who string) bool {
	decided := func(v approvals.Verdict) bool {
		return slices.ContainsFunc(r.Decisions, func(d approvals.Decision) bool { return d.Person.User == who && d.Verdict == v })
	}
	switch move {
	case "vote":
		return decided(approvals.Approve)
	case "deny":
		return decided(approvals.Deny) && r.State == approvals.Denied
	case "cancel":
		return r.State == approvals.Cancelled
	case "settle":
		return slices.ContainsFunc(r.Unsure.Statements, func(s approvals.Statement) bool { return s.Person.User == who && s.Finding == approvals.Ran })
	case "lift":
		return r.Unsure.Lifted
	case "stop":
		return len(r.Follow.Stops) > 0
	}
	return true
}

// count counts somebody's moves of a kind; of the bots for nobody.
func count(events []approvals.Event, move, who string) (n int) {
	for _, e := range events {
		if e.Move == move && e.By.User == who {
			n++
		}
	}
	return n
}

// once are the moves that a request makes once at most, whoever makes them.
var once = []string{
	"receive", "prepare", "open", "deny", "cancel", "refuse", "expire", "lose", "doubt", "adopt", "alarm", "finish", "lift",
}

// judgeMoves looks at what a request has been through: what was to be, and nothing
// oftener than it was done.
func (k *talk) judgeMoves(kept approvals.Kept, l ledger, wrong func(string, ...any)) {
	events, moved, done := l.events[kept.ID], map[string]int{}, map[deed]int{}
	for _, e := range events {
		moved[e.Move]++
		done[deed{e.By.User, e.Move}]++
	}
	for _, move := range once {
		if moved[move] > 1 {
			wrong("%s has %d events of %s", kept.ID, moved[move], move)
		}
	}
	for d, n := range done {
		most := k.did[d]
		if d.move == "vote" || d.move == "settle" {
			most = min(most, 1)
		}
		if slices.ContainsFunc(promises, func(p struct{ text, move string }) bool { return p.move == d.move }) && n > most {
			wrong("%s has %d events of %s by %s, and by what they were told %d at most", kept.ID, n, d.move, d.who, most)
		}
	}
	if k.drops != "" && k.drops != quiet && moved[k.drops] == 0 {
		wrong("%s has no event of %s", kept.ID, k.drops)
	}
	if k.wants != "" && kept.State != k.wants && !notProved(kept.Request) {
		wrong("%s is %s, and not %s", kept.ID, kept.State, k.wants)
	}
	if _, by := kept.Settlement(); kept.State == approvals.Settled && len(by) != approvals.Agreeing {
		wrong("%s was settled by %d people", kept.ID, len(by))
	}
	if l.held[kept.ID] != kept.Holds() {
		wrong("%s is %s, lifted: %t, and keeps its hosts: %t", kept.ID, kept.State, kept.Unsure.Lifted, l.held[kept.ID])
	}
}

// harmless are the words that come besides the answers.
func harmless(text string) bool {
	return unanswered(text) || strings.Contains(text, "Slack did not")
}

// view is what people see of a request at its end.
type view struct {
	card   string
	thread []string
}

// usually is what card and thread say at the end, by state: the card, and each message
// of the thread that there must be.
var usually = map[approvals.State]view{
	approvals.Succeeded: {"Ran on the host, exit code 0", []string{"ran what was approved"}},
	approvals.Denied:    {"Denied", []string{"Denied, nothing ran"}},
	approvals.Cancelled: {"Cancelled", nil},
	approvals.Unknown:   {"nknown", []string{"Nobody can know whether this ran"}},
}

// rarely is the same of ends that a request has to be led to.
var rarely = map[approvals.State]view{
	approvals.Settled: {"Settled, it ran", []string{"Nobody can know whether this ran", "Settled, it ran"}},
	approvals.Refused: {"Refused, nothing ran", []string{"Refused, nothing ran"}},
	approvals.Expired: {"Expired, nothing ran", []string{"Expired, nothing ran"}},
}

var (
	// notSent is for a run that was lost, and whose worker woke and knew that it had not
	// sent it.
	notSent = view{"Not sent, nothing ran", []string{"Nothing was sent after all"}}
	// drifted is for a host that ran something else.
	drifted = view{"ran something else than was approved", []string{"Look at the hosts now"}}
	// stopped is for a run that somebody stopped.
	stopped = view{"killed while it ran", []string{"killed while it ran"}}
	// unproved is for a run whose task is only inferred, from a list that could not be read before the send.
	unproved = view{"Ended, but not proved", []string{"Ended, but not proved"}}
	// lifted is for an unknown run whose hosts somebody freed.
	lifted = view{"Its hosts are free", []string{"Nobody can know whether this ran"}}
)

// notProved reports whether r ended well on every host, and the list could not be read before its send.
func notProved(r approvals.Request) bool {
	bad := func(h approvals.HostResult) bool { return !h.Good() }
	return r.State == approvals.Failed && r.Unproven() && len(r.Follow.Hosts) > 0 && !slices.ContainsFunc(r.Follow.Hosts, bad)
}

// shows is what people are to see of r at its end; known is false for an end that it
// may not have.
func (k *talk) shows(r approvals.Request) (want view, known bool) {
	s := r.LastSend()
	switch {
	case r.State == approvals.Failed && s != nil && s.Answer != nil && s.Answer.Outcome == approvals.OutcomeNotSent:
		return notSent, true
	case notProved(r):
		return unproved, true
	case r.State == approvals.Failed && r.State == k.wants && r.Follow.Drifted():
		return drifted, true
	case r.State == approvals.Failed && r.State == k.wants && len(r.Follow.Stops) > 0:
		return stopped, true
	case r.State == approvals.Unknown && r.Unsure.Lifted:
		return lifted, true
	}
	if want, known = usually[r.State]; !known && r.State == k.wants {
		want, known = rarely[r.State]
	}
	if r.InDoubt {
		want = view{card: want.card}
		if nothing := ", nothing ran"; strings.HasSuffix(want.card, nothing) {
			want.card = strings.TrimSuffix(want.card, nothing) + ", but it may have run"
		}
	}
	return want, known
}

// judgeRecord looks at one request, its card and its thread.
func (k *talk) judgeRecord(r approvals.Kept, events []approvals.Event, j *Result, wrong func(string, ...any)) {
	seen := k.r.seen
	if !k.r.atEnd(r.Request) || r.Owes() {
		wrong("%s is %s and rests there, %d notices owed, card behind: %t", r.ID, r.State, len(r.Notices), r.Behind())
		return
	}
	if err := approvals.Verify(events); err != nil {
		wrong("the events of %s do not hold: %v", r.ID, err)
	}
	if r.State == approvals.Pending {
		return
	}
	if r.Card.TS == "" { // it ended before anybody was to see it
		wrong("%s is %s without a card: %s", r.ID, r.State, r.Why)
		return
	}
	card, there := seen.messages[r.Card.TS]
	if !there || card.Deleted {
		wrong("%s has no card in Slack", r.ID)
		return
	}
	want, known := k.shows(r.Request)
	if !known {
		wrong("%s is %s: %s %s", r.ID, r.State, r.Why, r.Follow.Why)
		return
	}
	if drawn := slacksim.Render(card); !strings.Contains(drawn, want.card) {
		wrong("%s is %s, and its card says %q; before it said:%s", r.ID, r.State, heading(drawn), before(card))
	}
	thread := seen.thread(r.Card.TS)
	for _, text := range want.thread {
		if !slices.ContainsFunc(thread, func(m string) bool { return strings.Contains(m, text) }) {
			wrong("%s is %s, and its thread does not say %q:\n%s", r.ID, r.State, text, strings.Join(thread, "\n"))
		}
	}
	if !ordered(thread) {
		wrong("the thread of %s is out of order:\n%s", r.ID, strings.Join(thread, "\n"))
	}
	j.twice += max(0, seen.copies[r.ID]-1) + repeated(thread)
}
