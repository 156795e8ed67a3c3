package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestAuditAgainst puts back older copies, whole, so that Redis fits itself. What lies
// elsewhere shows it: a head in Slack, or an earlier export.
func TestAuditAgainst(t *testing.T) {
	a := newArchive(t)
	file := func(text string) string { return world.Write(t, filepath.Join(t.TempDir(), "x.jsonl"), text) }
	early := file(a.export().out)
	putBack := a.copied()
	k, err := a.desk.Load(t.Context(), a.open)
	if err != nil {
		t.Fatal(err)
	}
	k = a.moves(k, approvals.Cancel(anne))
	late := file(a.export().out)
	a.verify("--against", early).expect(t, 0, "all holds") // what came since is no fault
	a.verify("--against", late).expect(t, 0, "all holds")

	putBack()
	a.verify().expect(t, 0, "all holds")
	a.verify("--against", early).expect(t, 0, "all holds")
	a.verify("--against", late).expect(t, 1, a.open+": the earlier export has 2 events of it, and here are 1: an older copy was put back")
	a.verify("--head", k.Head).expect(t, 1, "no event that was looked at has it")
	a.bmcmd(a.export().out, "verify", "--from", "-", "--against", late).expect(t, 1, a.open+": the earlier export has 2 events")

	a.anew(a.cancelled, func(e *approvals.Event) { e.Note = "" })
	a.verify("--request", a.cancelled).expect(t, 0, "all holds")
	a.verify("--against", early, "--request", a.cancelled).expect(t, 1, a.cancelled+": event 5 is not the one that the earlier export has: its chain was made anew")

	a.do("DEL", a.key("request", a.denied), a.key("events", a.denied), a.key("refused", a.denied))
	a.do("ZREM", a.indexKey(), a.denied)
	a.verify("--request", a.open).expect(t, 0, "all holds")
	a.verify("--against", early).expect(t, 1, a.denied+": nothing of it is here, and the earlier export has 5 events")

	foreign := file(closed(t, strings.Replace(a.export().out, "T0AUDIT", "T0OTHER", 1)))
	a.verify("--against", foreign).expect(t, 2, "the earlier export is of workspace T0OTHER, and this is T0AUDIT")
	a.bmcmd(a.export().out, "verify", "--from", "-", "--against", foreign).expect(t, 2, "is of workspace T0OTHER")
	a.verify("--against", "/nowhere").expect(t, 2, "the earlier export cannot be opened")
	half := file(strings.Join(strings.SplitAfter(a.export().out, "\n")[:3], ""))
	a.verify("--against", half).expect(t, 2, "the earlier export does not hold itself; look at it with --from "+half)
}

// copied copies all that is in Redis, and answers what puts it back.
func (a *archive) copied() (putBack func()) {
	all := a.do("KEYS", "bmcmd:*").([]any)
	for _, key := range all {
		a.do("COPY", key, "was:"+fmt.Sprint(key), "REPLACE")
	}
	return func() {
		for _, key := range all {
			a.do("COPY", "was:"+fmt.Sprint(key), key, "REPLACE")
		}
	}
}

// TestAuditSigned cuts a request out of an export and makes its last line anew.
func TestAuditSigned(t *testing.T) {
	a := newArchive(t)
	keys := func() (private, public string) {
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(priv)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		private = world.Write(t, filepath.Join(dir, "key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		return private, world.Write(t, filepath.Join(dir, "pub"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))
	}
	private, public := keys()
	x := a.export("--sign", "ref+file://"+private)
	x.expect(t, 0, "Exported 3 requests")
	signed := strings.SplitAfter(x.out, "\n")
	signed = signed[:len(signed)-1]
	n := len(signed) - 1
	var signs signatureLine
	if err := json.Unmarshal([]byte(signed[n]), &signs); err != nil {
		t.Fatal(err)
	}
	a.bmcmd(x.out, "verify", "--from", "-", "--key", public).expect(t, 0, "T0AUDIT, signed by key "+signs.Key+": all holds")
	a.bmcmd(x.out, "verify", "--from", "-").expect(t, 0, "T0AUDIT, signed by key "+signs.Key+", which was not looked at (give --key): all holds")
	early := world.Write(t, filepath.Join(t.TempDir(), "x.jsonl"), x.out)
	a.verify("--against", early, "--key", public).expect(t, 0, "T0AUDIT, held against an export of 20", ", signed by key "+signs.Key+": all holds")
	a.verify("--against", early).expect(t, 0, "signed by key "+signs.Key+", which was not looked at (give --key): all holds")

	cut := closed(t, strings.Join(slices.Concat(signed[:1], signed[9:n]), ""))
	_, other := keys()
	a.verify("--against", early, "--key", other).expect(t, 2, "the earlier export does not hold itself")
	for _, tt := range []struct {
		why, text, key, says string
	}{
		{"a request cut out, the last line made anew", cut + signed[n], public, "the file: its signature is not one of this key for these lines"},
		{"without its signature", cut, public, "the file: it is not signed"},
		{"by another key", x.out, other, "the file: its signature is not one of this key"},
		{"signed twice", x.out + signed[n], public, "stands after the end"},
		{"a signature that is none", strings.Join(signed[:n], "") + `{"kind":"signature","key":"","ed25519":"?"}` + "\n", public, "its signature is not one of this key"},
		{"a request cut out, and no key given", cut + signed[n], "", "the file: its signature is not one of the key that it names"},
		{"a signature of no key, and no key given", strings.Join(signed[:n], "") + `{"kind":"signature","key":"","ed25519":"?"}` + "\n", "", "not one of the key that it names"},
		{"another key named", strings.Replace(x.out, signs.Key, base64.StdEncoding.EncodeToString(make([]byte, 32)), 1), public, "names another key than the one that made it"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			args := []string{"verify", "--from", "-"}
			if tt.key != "" {
				args = append(args, "--key", tt.key)
			}
			a.bmcmd(tt.text, args...).expect(t, 1, tt.says)
		})
	}
	a.bmcmd(cut, "verify", "--from", "-").expect(t, 0, "Looked at 2 requests", "not signed: all holds") // nothing but a signature or Slack shows it

	a.export("--sign", "ref+file://"+public).expect(t, 1, "--sign: ref+file://"+public+": this is no Ed25519 key")
	s := a.export("--sign", "secret-value")
	s.expect(t, 1, "--sign: ")
	if strings.Contains(s.out+s.err, "secret-value") {
		t.Errorf("what may be a key is quoted: %s", s.err)
	}
	a.bmcmd(x.out, "verify", "--from", "-", "--key", private).expect(t, 2, "is no public Ed25519 key in PEM")
	a.verify("--key", public).expect(t, 2, "--key is for an export; name it with --from or --against")
}

// TestAuditExportSaysWhatRan reads, of a record that is long gone, who asked for what and
// why, what would run, who agreed, what the API said, and what became of each host.
func TestAuditExportSaysWhatRan(t *testing.T) {
	a := newArchive(t)
	k, _, err := a.desk.Receive(t.Context(), approvals.Request{
		ID: "r-ran", Event: "EvRan", Origin: approvals.Origin{Team: auditTeam, Channel: "C0OPS"},
		Requester: approvals.Person{Org: auditTeam, User: "U0ANNE"},
		Asked:     approvals.Asked{Script: "cmd-clean", Hosts: []string{"ins-db9"}, Parameters: "--force", Reason: "disk <full>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	today := a.today()
	plan := approvals.Plan{Script: approvals.Script{CmdID: "cmd-clean", Content: []byte("rm -rf /tmp/*\n")}, Parameters: "--force", Hosts: []string{"ins-db9"}, Rule: today.Rule}
	k = a.moves(k, approvals.Prepare(anne, plan), approvals.Open("C0OPS", "1.9"), approvals.Vote(bert, plan.Digest(), today, time.Minute))
	a.moves(k, approvals.Claim(granted(t, k, plan, today), approvals.Intent{Worker: "w-test", Lease: time.Minute, Valid: time.Minute}),
		approvals.Answered("w-test", 1, approvals.Answer{Outcome: approvals.OutcomeAccepted, RequestID: "3c140219"}),
		approvals.Finish([]approvals.HostResult{{
			Host: "ins-db9", Task: "task-9", State: approvals.HostEnded, Exit: 3, Proof: approvals.ProofDiffers,
			Drift: []approvals.Change{{What: "script", Was: "abc", Is: "def", Diff: "-rm\n+rm -f"}},
		}}, ""))
	a.older("r-ran", (721 * time.Hour).Milliseconds())
	a.do("DEL", a.key("request", "r-ran"))

	said := map[string]approvals.Event{}
	for _, l := range lines(a.export("--request", "r-ran").out) {
		var line eventLine
		if err := json.Unmarshal([]byte(l), &line); err != nil || line.Kind != "event" {
			continue
		}
		e, err := approvals.DecodeEvent(line.Event)
		if err != nil {
			t.Fatal(err)
		}
		said[e.Move] = e
	}
	if e := said["receive"]; e.By.User != "U0ANNE" || e.Asked == nil || e.Asked.Reason != "disk <full>" || e.Asked.Parameters != "--force" {
		t.Errorf("asked: %+v", e)
	}
	if e := said["open"]; e.Plan == nil || string(e.Plan.Script.Content) != "rm -rf /tmp/*\n" || e.Plan.Digest() != e.Digest {
		t.Errorf("planned: %+v", e)
	}
	if e := said["vote"]; e.By.User != "U0BERT" {
		t.Errorf("approved: %+v", e)
	}
	if e := said["answer"]; e.Answer == nil || e.Answer.RequestID != "3c140219" {
		t.Errorf("answered: %+v", e)
	}
	if e := said["finish"]; len(e.Hosts) != 1 || e.Hosts[0].Exit != 3 || len(e.Hosts[0].Drift) != 1 || e.Hosts[0].Drift[0].Is != "def" {
		t.Errorf("ended: %+v", e)
	}
	script := base64.StdEncoding.EncodeToString(plan.Script.Content)
	if n := strings.Count(a.export("--request", "r-ran").out, script); n != 1 {
		t.Errorf("the script stands %d times in the export, want once", n)
	}
}
