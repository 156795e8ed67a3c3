package redisstore

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	goflag "flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// Before what is stored changes, the form of now is kept as an example:
//
//	go test ./approvals/redisstore -run TestStoredForms -keep-form
//
// writes testdata/stored/schema-N.jsonl: the time of the store, then a line for each
// Redis command that makes the keys anew; what is not text is {"base64": …}. Examples are
// never written again.
var keepForm = goflag.Bool("keep-form", false, "keep what this code stores as an example of its schema")

const storedWorkspace = "T0STORED"

// storedToday lets alice ask and two colleagues approve.
var storedToday = facts(2, 1)

// mallory may do nothing.
var mallory = approvals.Person{Org: "T0STORED", ID: "U0MALLORY", User: "U0MALLORY", Name: "Mallory"}

// storedLife brings requests into every state that people have to be able to go on from,
// and into some that have ended. It answers their ids by what they are.
func storedLife(t *testing.T, d *approvals.Desk) {
	t.Helper()
	ctx := t.Context()
	bob := colleague(0)
	step := func(k approvals.Kept, moves ...approvals.Move) approvals.Kept {
		t.Helper()
		for _, m := range moves {
			var err error
			if k, err = d.Move(ctx, k.ID, m); err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
		}
		return k
	}
	ask := func(name string) approvals.Kept {
		t.Helper()
		k, _, err := d.Receive(ctx, approvals.Request{
			ID: "r-" + name, Event: "Ev" + name, Origin: approvals.Origin{Team: storedWorkspace, Channel: "C0OPS"},
			Requester: approvals.Person{Org: "T0TEST", User: "U0ALICE"},
			Asked:     approvals.Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-" + name}, Parameters: "--for " + name, Reason: "nginx hangs: <5 of 9> & counting"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	plan := func(name string) approvals.Plan {
		p := plan(storedToday.Rule)
		p.Parameters, p.Hosts = "--for "+name, []string{"ins-" + name}
		p.Target = approvals.Target{API: "2.0", Endpoint: "https://bm.example", Region: "gz", ArrayKey: "instanceId"}
		return p
	}
	pending := func(name string) approvals.Kept {
		return step(ask(name), approvals.Prepare(alice, plan(name)), approvals.Open("C0OPS", "1772330400."+name))
	}
	approved := func(name string) approvals.Kept {
		k := pending(name)
		return step(k, approvals.Vote(bob, k.Digest, storedToday, time.Minute))
	}
	executing := func(name string) approvals.Kept {
		k := approved(name)
		g, err := granted(k, storedToday)
		if err != nil {
			t.Fatal(err)
		}
		return step(k, approvals.Claim(g, approvals.Intent{Worker: d.Worker(), Lease: time.Minute, Valid: 2 * time.Minute, Mark: &approvals.Mark{Tasks: []string{"task-old"}}}))
	}
	answered := func(name string, o approvals.Outcome) approvals.Kept {
		return step(executing(name), approvals.Answered(d.Worker(), 1, approvals.Answer{Outcome: o, RequestID: "3c140219"}))
	}
	host := func(name string) []approvals.HostResult {
		return []approvals.HostResult{{
			Host: "ins-" + name, Task: "task-" + name, State: approvals.HostEnded, Proof: approvals.ProofSame, Output: 6,
			Begun: time.Date(2026, 3, 1, 2, 0, 1, 0, time.UTC), Finished: time.Date(2026, 3, 1, 2, 0, 2, 0, time.UTC),
		}}
	}

	ask("received")
	k := pending("pending")
	if err := d.Refused(ctx, k, approvals.Refusal{By: mallory, Click: "approve", Event: "EvApprove", Note: "not among those who may approve"}, approvals.MostRefusalsBy); err != nil {
		t.Fatal(err)
	}
	step(approved("approved"), approvals.Wait("the vault is away", time.Date(2026, 3, 1, 2, 0, 30, 0, time.UTC)))
	executing("executing")
	step(answered("accepted", approvals.OutcomeAccepted), approvals.Find([]string{"task-accepted"}, nil, time.Time{}),
		approvals.Look(host("accepted"), approvals.Progress{}, time.Date(2026, 3, 1, 2, 0, 30, 0, time.UTC)))
	k = step(answered("unknown", approvals.OutcomeUnknown), approvals.Ask("no task fits", nil, time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)))
	step(k, approvals.Settle(bob, k.Digest, approvals.Ran, storedToday))
	step(answered("succeeded", approvals.OutcomeAccepted), approvals.Find([]string{"task-succeeded"}, nil, time.Time{}),
		approvals.Finish(host("succeeded"), "").Keeping(approvals.Outputs{"task-succeeded/ins-succeeded": []byte("done.\n")}))
	k = pending("denied")
	step(k, approvals.Veto(bob, k.Digest, "wrong host", storedToday))
}

// storedNext is the move that each open request of an example goes on with, and where
// that leads.
func storedNext(k approvals.Kept) (approvals.Move, approvals.State) {
	switch k.State {
	case approvals.Pending:
		return approvals.Vote(colleague(1), k.Digest, storedToday, time.Minute), approvals.Approved
	case approvals.Executing:
		return approvals.Answered("w-stored", 1, approvals.Answer{Outcome: approvals.OutcomeAccepted}), approvals.Accepted
	case approvals.Accepted:
		return approvals.Finish(k.Follow.Hosts, ""), approvals.Succeeded
	case approvals.Unknown:
		return approvals.Settle(colleague(1), k.Digest, approvals.Ran, storedToday), approvals.Settled
	}
	return approvals.Cancel(alice), approvals.Cancelled
}

// TestStoredForms reads what earlier versions have stored, and goes on with it.
func TestStoredForms(t *testing.T) {
	if *keepForm {
		keepExample(t)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "stored", "schema-*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, began := restore(t, file)
			d := approvals.NewDesk(s, "w-stored", time.Minute)
			taken, _, err := d.Take(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var due []string
			for _, k := range taken {
				due = append(due, strings.TrimPrefix(k.ID, "r-"))
				if strings.HasSuffix(file, "schema-2.jsonl") && k.KeptOn == k.Server.ID { // before there was a mark
					t.Errorf("%s came to another store than this, %s, and does not say so", k.ID, k.Server.ID)
				}
			}
			slices.Sort(due)
			if want := []string{"accepted", "approved", "denied", "executing", "received", "succeeded", "unknown"}; !slices.Equal(due, want) {
				t.Errorf("due are %v, want %v", due, want)
			}
			for _, name := range append(due, "pending") { // which is due when it expires
				k, err := d.Load(t.Context(), "r-"+name)
				if err != nil {
					t.Fatal(err)
				}
				if string(k.State) != name || !k.Received.Truncate(time.Minute).Equal(began) || k.Asked.Reason == "" {
					t.Errorf("%s is read as %s, came at %s, reason %q", name, k.State, k.Received, k.Asked.Reason)
				}
				events, err := d.Events(t.Context(), k.ID, 0)
				if err != nil || approvals.Verify(events) != nil || len(events) != k.Request.Events || events[len(events)-1].Hash != k.Head {
					t.Errorf("%s: %d events of %d, %v, %v", name, len(events), k.Request.Events, err, approvals.Verify(events))
				}
				if k.State.Ended() {
					continue
				}
				m, to := storedNext(k)
				if m.Name == "finish" && k.Unproven() { // forms before the fifth have no mark, and maybe nothing before
					to = approvals.Failed
				}
				if k, err = d.Advance(t.Context(), k, m); err != nil || k.State != to {
					t.Errorf("%s from %s leads to %s, want %s: %v", m.Name, name, k.State, to, err)
				}
				if events, _ = d.Events(t.Context(), k.ID, 0); approvals.Verify(events) != nil || events[len(events)-1].Hash != k.Head {
					t.Errorf("%s: after %s the chain does not hold: %v", name, m.Name, approvals.Verify(events))
				}
			}
			if out, err := d.Outputs(t.Context(), "r-succeeded"); err != nil || string(out["task-succeeded/ins-succeeded"]) != "done.\n" {
				t.Errorf("outputs %q, error %v", out, err)
			}
			if k, err := d.Load(t.Context(), "r-succeeded"); err != nil || len(k.Follow.Hosts) != 1 || !k.Follow.Hosts[0].Good() {
				t.Errorf("hosts %+v, error %v", k.Follow.Hosts, err)
			}
		})
	}
}

// restore makes the Redis of an example, five minutes later.
func restore(t *testing.T, file string) (*Store, time.Time) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	var at time.Time
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var cmd []any
		if err := json.Unmarshal(lines.Bytes(), &cmd); err != nil {
			t.Fatal(err)
		}
		if cmd[0] == "at" {
			if at, err = time.Parse(time.RFC3339, fmt.Sprint(cmd[1])); err != nil {
				t.Fatal(err)
			}
			m.SetTime(at.Add(5 * time.Minute))
			continue
		}
		for i, arg := range cmd {
			if bin, ok := arg.(map[string]any); ok {
				cmd[i], _ = base64.StdEncoding.DecodeString(fmt.Sprint(bin["base64"]))
			}
		}
		if err := client.Do(t.Context(), cmd...).Err(); err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
	}
	return made(t, New(client, storedWorkspace, Options{})), at
}

// keepExample writes the example of this code's schema, unless there is one.
func keepExample(t *testing.T) {
	t.Helper()
	m, at := miniredis.RunT(t), time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	m.SetTime(at)
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer client.Close()
	storedLife(t, approvals.NewDesk(made(t, New(client, storedWorkspace, Options{})), "w-stored", time.Minute))
	f, err := os.OpenFile(filepath.Join("testdata", "stored", fmt.Sprintf("schema-%d.jsonl", approvals.Schema)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("an example is written once: %v", err)
	}
	out := json.NewEncoder(f)
	out.SetEscapeHTML(false)
	err = out.Encode([]string{"at", at.Format(time.RFC3339)})
	for _, key := range m.Keys() {
		var cmd []any
		if cmd, err = command(t.Context(), client, key); err == nil {
			err = out.Encode(cmd)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// command is one that makes a key as it is.
func command(ctx context.Context, client *redis.Client, key string) (cmd []any, err error) {
	kind := client.Type(ctx, key).Val()
	switch kind {
	case "string":
		cmd = []any{"SET", key, asJSON(client.Get(ctx, key).Val())}
	case "hash":
		cmd = []any{"HSET", key}
		all := client.HGetAll(ctx, key).Val()
		for _, field := range slices.Sorted(maps.Keys(all)) {
			cmd = append(cmd, field, asJSON(all[field]))
		}
	case "list":
		cmd = []any{"RPUSH", key}
		for _, line := range client.LRange(ctx, key, 0, -1).Val() {
			cmd = append(cmd, asJSON(line))
		}
	case "zset":
		cmd = []any{"ZADD", key}
		for _, z := range client.ZRangeWithScores(ctx, key, 0, -1).Val() {
			cmd = append(cmd, strconv.FormatFloat(z.Score, 'f', -1, 64), fmt.Sprint(z.Member))
		}
	default:
		err = fmt.Errorf("%s is a %s", key, kind)
	}
	return cmd, err
}

// asJSON is a text, or what stands for bytes that are none.
func asJSON(value string) any {
	if utf8.ValidString(value) {
		return value
	}
	return map[string][]byte{"base64": []byte(value)}
}
