package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// replyFaults lose the reply to every kind of move, all attempts of one, each for a
// request of its own. Together they have every move there is: a test holds them
// against the README of approvals.
func replyFaults() []Fault {
	var plans []plan
	for _, move := range []string{"receive", "prepare", "open", "vote", "claim", "answer", "finish", quiet} {
		plans = append(plans, plan{label: move, drops: move, wants: approvals.Succeeded})
	}
	find := []plan{
		{label: "report", drops: "report", wants: approvals.Succeeded},
		{label: "find", drops: "find", wants: approvals.Succeeded},
	}
	plans = append(plans,
		plan{label: "reason", drops: "reason", reason: "worse", wants: approvals.Succeeded},
		plan{ends: denying, label: "deny", drops: "deny", wants: approvals.Denied},
		plan{ends: canceling, label: "cancel", drops: "cancel", wants: approvals.Cancelled})
	return []Fault{{
		name: "reply-dropped", what: "Redis carries a move out and its reply is lost, all three times that it is sent", wired: true,
		plans: func() []plan { return plans }, apart: true,
		do: func(r *rig) { r.begun.Wait() },
	}, {
		name: "reply-dropped-find", what: "the same, of finding the task where the API does not name it", wired: true, api: "2.0",
		plans:  func() []plan { return find },
		before: func(r *rig) { r.Cloud.Post("host", world.Object{"id": r.hostFor("find"), "takes_ms": 8000}) },
		do:     func(r *rig) { r.begun.Wait() },
	}, rareReplies(), searchReplies(), loseReplies(), stopReplies(), unstoppedReplies()}
}

// stopReplies lose those to an order to stop a run, and to what came of it.
func stopReplies() Fault {
	var plans []plan
	for _, move := range []string{"stop", "stopped"} {
		plans = append(plans, plan{label: move, drops: move, then: []press{{"Stop", askerOf}}, wants: approvals.Failed})
	}
	return Fault{
		name: "reply-dropped-stop", what: "the replies are lost to an order to stop a run, and to what came of it", wired: true, api: "tat",
		plans: func() []plan { return plans }, apart: true,
		before: func(r *rig) {
			r.hostsTake(len(plans), 10*time.Minute)
		},
		do: func(r *rig) { r.begun.Wait() },
	}
}

// unstoppedReplies lose those to the move that has people told that the cloud has not confirmed an order.
func unstoppedReplies() Fault {
	plans := slices.Repeat([]plan{{label: "unstopped", drops: "unstopped", then: []press{{"Stop", askerOf}}, wants: approvals.Failed}}, 2)
	return Fault{
		name: "reply-dropped-unstopped", what: "the replies are lost to the word that a run could not be stopped yet", wired: true, api: "tat",
		plans: func() []plan { return plans },
		before: func(r *rig) {
			r.hostsTake(len(plans), 10*time.Minute)
			r.Cloud.Post("fault", world.Object{"action": "CancelInvocation", "always": true, "fault": world.Object{"hang": true}})
		},
		do: func(r *rig) {
			r.awaitLosses(r.loses...)
			r.Cloud.Post("heal", world.Object{})
			r.begun.Wait()
		},
	}
}

// searchReplies lose those to the moves of a search: one that finds the task, and one
// that has people asked.
func searchReplies() Fault {
	return Fault{
		name: "reply-dropped-search", what: "the replies are lost to what comes of a search for a run", wired: true,
		plans: func() []plan { return make([]plan, 2) }, drops: []string{"adopt", "ask"},
		before: func(r *rig) {
			// The first is carried out, the second is not, and neither is answered.
			r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "n": 1, "fault": world.Object{"hang": true, "execute": true}})
			r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "n": 1, "fault": world.Object{"hang": true}})
		},
		do: func(r *rig) {
			r.begun.Wait()
			r.awaitLosses(r.loses...)
		},
	}
}

// loseReplies lose those to the move that takes a worker for lost.
func loseReplies() Fault {
	var sending chan string
	return Fault{
		name: "reply-dropped-lose", what: "the replies are lost to the move that takes a worker for lost", wired: true, away: true,
		drops:  []string{"lose"},
		before: func(r *rig) { sending = slowSends(r) },
		do:     func(r *rig) { pausedInSend(r, sending) },
	}
}

// rare are the requests that come to the moves which most never see.
type rare struct {
	plans    []plan
	changed  chan struct{} // closed once a script is not what its card shows
	restored chan struct{} // closed once Redis was started again
}

// changing is a script of its own, which somebody changes.
const changing = "cmd-chng4abc"

// rareReplies lose those to the moves that something unusual leads to. It is all version
// 3.0 of the API, which names a run's task, so that an alarm is raised within seconds.
func rareReplies() Fault {
	x := &rare{changed: make(chan struct{}), restored: make(chan struct{})}
	ran := func(by func(int) string) press { return press{"It ran", by} }
	x.plans = []plan{
		// Nobody knows whether the first ones ran.
		{label: "settle", drops: "settle", to: approvals.Unknown, then: []press{ran(approverOf), ran(witnessOf)}, wants: approvals.Settled},
		{label: "settled", drops: "settle", to: approvals.Settled, then: []press{ran(approverOf), ran(witnessOf)}, wants: approvals.Settled},
		{label: "lift", drops: "lift", then: []press{{"Free its hosts", approverOf}}, wants: approvals.Unknown},
		{label: "alarm", drops: "alarm", wants: approvals.Failed, later: true},
		{label: "refuse", drops: "refuse", wants: approvals.Refused, script: changing, after: x.changed, later: true},
		{label: "expire", drops: "expire", ends: lapsing, wants: approvals.Expired, later: true},
		{label: "wait", drops: "wait", wants: approvals.Succeeded, later: true},
		{label: "run", drops: "run", then: []press{{"Run", askerOf}}, wants: approvals.Succeeded, later: true},
		{label: "doubt", drops: "doubt", wants: approvals.Succeeded, after: x.restored, later: true},
	}
	return Fault{
		name: "reply-dropped-rare", what: "the same, of moves that something unusual leads to", wired: true, api: "3.0",
		plans: func() []plan { return x.plans }, apart: true,
		config: x.config, before: x.before, do: x.do,
	}
}

// late is the secret that two requests have to wait for.
const late = "late"

// config has one request expire soon, and two enter with a password that is not there
// yet.
func (x *rare) config(_ *world.World, text string) string {
	host := func(label string) string {
		return hostOf(slices.IndexFunc(x.plans, func(p plan) bool { return p.label == label }))
	}
	text = strings.Replace(text, "logins:\n", fmt.Sprintf("logins:\n  - {name: late-root, hosts: [%q, %q], user: root, password: \"$%s\"}\n",
		host("wait"), host("run"), late), 1)
	return strings.Replace(text, "rules:\n", fmt.Sprintf("rules:\n  - name: brief\n    hosts: [%q]\n    ask: {groups: [S0ONCALL]}\n"+
		"    approve: {groups: [S0LEADS]}\n    lifetime: 2s\n", host("expire")), 1)
}

func (x *rare) before(r *rig) {
	r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "n": 3, "fault": world.Object{"drop": "before"}})
	r.Cloud.Post("host", world.Object{"id": r.hostFor("alarm"), "takes_ms": 3000, "content": "#!/bin/bash\nsomething else\n"})
	r.Cloud.Post("script", world.Object{"cmd_id": changing, "alias": "changing", "content": "#!/bin/bash\ntrue\n"})
}

// do leads each request to its move.
func (x *rare) do(r *rig) {
	world.Until(r.T, "the calls that nobody answers", func() (string, bool) {
		l, err := r.read()
		return fmt.Sprint(len(l.sent), err), len(l.sent) == 3
	})
	last := len(x.plans) - 1
	for _, p := range x.plans[:last] {
		if p.later {
			r.talk(p)
		}
	}
	r.awaitCard("refuse")
	r.Cloud.Post("script", world.Object{"cmd_id": changing, "alias": "changing", "content": "#!/bin/bash\nfalse\n"})
	close(x.changed)
	r.awaitLosses(r.lost("wait"), r.lost("run"))
	r.Set(late, r.Secrets["web"])
	r.begun.Wait()
	world.Until(r.T, "the others need nothing any more", func() (string, bool) {
		records, err := r.records()
		return fmt.Sprint(len(records), err), err == nil && !slices.ContainsFunc(records, r.restless)
	})
	x.doubt(r, x.plans[last])
}

// doubt has Redis be started again between a card and its approval, while the API lists
// what looks like that run.
func (x *rare) doubt(r *rig, p plan) {
	r.talk(p)
	r.awaitCard("doubt")
	r.Cloud.Post("by-hand", world.Object{"cmd_id": usualScript, "hosts": []string{r.hostFor("doubt")}})
	r.Redis.Kill()
	r.Redis.Start()
	close(x.restored)
	r.begun.Wait()
	r.awaitLosses(r.lost("doubt"))
}

// awaitCard waits until the card of a plan is up.
func (r *rig) awaitCard(label string) {
	r.T.Helper()
	host := r.hostFor(label)
	if !r.seen.await(r.ctx, patience, func() bool { return slices.Contains(r.seen.cards[host].Buttons(), approving) }) {
		r.T.Fatalf("there is no card for %s", label)
	}
}

// awaitLosses waits until replies are lost of each.
func (r *rig) awaitLosses(all ...*loss) {
	r.T.Helper()
	world.Until(r.T, "the replies are lost", func() (string, bool) {
		return fmt.Sprint(all), !slices.ContainsFunc(all, func(l *loss) bool { return !l.begun() })
	})
}
