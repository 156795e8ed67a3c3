package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// testConfig has all its secrets in files of dir. web is where the web login is.
const testConfig = `slack: {bot_token: "ref+file://%[1]s/bot", app_token: "ref+file://%[1]s/app"}
redis: {addresses: ["127.0.0.1:1"]}
bm:
  read_key: {id: "ref+file://%[1]s/read_id", secret: "ref+file://%[1]s/read_key"}
  run_key: {id: "ref+file://%[1]s/run_id", secret: "ref+file://%[1]s/run_key", token: "ref+file://%[1]s/run_token"}
logins:
  - {name: db, hosts: ["ins-db*"], user: dba, password: "ref+file://%[1]s/db"}
  - {name: web, hosts: ["ins-*"], user: root, password: "ref+file://%[1]s/%[2]s"}
rules:
  - {name: all, ask: anyone, approve: {users: [U0BOB]}}
`

// parts gives a server with a resolver and nothing else: what logins are read from.
func parts(t *testing.T, dir, web string) *Server {
	t.Helper()
	return partsOf(t, fmt.Sprintf(testConfig, dir, web))
}

func partsOf(t *testing.T, text string) *Server {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	if err := s.openVault(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func secretFiles(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		writeSecret(t, dir, name, "value-of-"+name)
	}
	return dir
}

func writeSecret(t *testing.T, dir, name, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// granted is a proof as the bot gets it: for an approved request whose plan has
// this login.
func granted(t *testing.T, login approvals.Login) approvals.Held {
	t.Helper()
	at := time.Unix(1_700_000_000, 0)
	alice, bob := approvals.Person{Org: "T1", ID: "U0ALICE", User: "U0ALICE"}, approvals.Person{Org: "T1", ID: "U0BOB", User: "U0BOB"}
	rule := approvals.Rule{
		Name: "all", Ask: approvals.Who{Anyone: true}, Approve: approvals.Who{Users: []string{"U0BOB"}}, Quorum: 1, Lifetime: time.Hour,
	}
	plan := approvals.Plan{Script: approvals.Script{CmdID: "cmd-1"}, Hosts: []string{"ins-1"}, Login: login, Rule: rule}
	r := approvals.Request{
		ID: "r-1", State: approvals.Approved, Requester: alice, Plan: &plan, Digest: plan.Digest(),
		Decisions: []approvals.Decision{{Person: bob, Verdict: approvals.Approve, Digest: plan.Digest(), At: at}},
		Expires:   at.Add(time.Hour), ApprovedAt: at, DispatchBy: at.Add(time.Minute),
	}
	g, err := r.Hold(approvals.Facts{Rule: rule, Standing: map[string]error{alice.Key(): nil, bob.Key(): nil}}, at)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var allFiles = []string{"db", "web", "other", "run_id", "run_key", "run_token"}

func TestLoginsFor(t *testing.T) {
	l := logins{parts(t, secretFiles(t, allFiles...), "web")}
	got, err := l.For(approvals.KnownHosts{}.Each([]string{"ins-1", "ins-2"}))
	if err != nil || got.Name != "web" || got.User != "root" || !strings.HasSuffix(got.Ref, "/web") {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := l.For(approvals.KnownHosts{}.Each([]string{"ins-1", "ins-db1"})); !errors.Is(err, config.ErrLoginsDiffer) {
		t.Errorf("two logins: %v", err)
	}
	if _, err := l.For(approvals.KnownHosts{}.Each([]string{"other-1"})); !errors.Is(err, config.ErrNoLogin) {
		t.Errorf("no login: %v", err)
	}
}

// TestLoginsOpen holds that values are read for what was approved, and for nothing
// else.
func TestLoginsOpen(t *testing.T) {
	dir := secretFiles(t, allFiles...)
	l := logins{parts(t, dir, "web")}
	approved, err := l.For(approvals.KnownHosts{}.Each([]string{"ins-1"}))
	if err != nil {
		t.Fatal(err)
	}
	moved := logins{parts(t, dir, "other")}
	renamed := approved
	renamed.Name = "db"
	unknown := approved
	unknown.Name = "gone"
	tests := []struct {
		why   string
		from  logins
		grant approvals.Held
		want  error
	}{
		{"approved, and as it was", l, granted(t, approved), nil},
		{"no proof", l, approvals.Held{}, errMoved},
		{"the config keeps it elsewhere than was approved", moved, granted(t, approved), errMoved},
		{"the name is that of another login by now", l, granted(t, renamed), errMoved},
		{"the login is not in the config any more", l, granted(t, unknown), errMoved},
		{"a proof for nobody", l, granted(t, approvals.Login{}), errMoved},
	}
	for _, tt := range tests {
		got, err := tt.from.Open(t.Context(), tt.grant)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
		if tt.want != nil {
			if got != (bot.Credentials{}) {
				t.Errorf("%s: values were given all the same", tt.why)
			}
			continue
		}
		if err != nil || got.Password.Reveal() != "value-of-web" || got.Key.ID != "value-of-run_id" ||
			got.Key.Secret.Reveal() != "value-of-run_key" || got.Key.Token.Reveal() != "value-of-run_token" {
			t.Errorf("%s: the values are wrong, or %v", tt.why, err)
		}
	}
}

// configTAT has a login with a key of its own, whose id is in the second file.
const configTAT = `slack: {bot_token: "ref+file://%[1]s/bot", app_token: "ref+file://%[1]s/app"}
redis: {addresses: ["127.0.0.1:1"]}
bm:
  api: tat
  region: ap-beijing
  read_key: {id: "ref+file://%[1]s/read_id", secret: "ref+file://%[1]s/read_key"}
  run_key: {id: "ref+file://%[1]s/run_id", secret: "ref+file://%[1]s/run_key"}
logins:
  - {name: db, hosts: {names: ["db-*"]}, user: dba, region: ap-shanghai, run_key: {id: "ref+file://%[1]s/%[2]s", secret: "ref+file://%[1]s/db_key"}}
  - {name: web, hosts: ["ins-*"], user: root}
rules:
  - {name: all, ask: anyone, approve: {users: [U0BOB]}}
`

// An order to stop opens the key that was approved for the run, whatever became of its login since; nothing else does.
func TestOpenKey(t *testing.T) {
	dir := secretFiles(t, "run_id", "run_key", "db_id", "db_key")
	l := logins{partsOf(t, fmt.Sprintf(configTAT, dir, "db_id"))}
	own := "ref+file://" + dir + "/db_id ref+file://" + dir + "/db_key"
	for _, tt := range []struct {
		why   string
		login approvals.Login
		id    string
		is    error
	}{
		{"the login's own key", approvals.Login{Name: "db", User: "dba", Region: "ap-shanghai", RunKey: own}, "value-of-db_id", nil},
		{"the config's", approvals.Login{Name: "web", User: "root"}, "value-of-run_id", nil},
		{"the login has another user by now", approvals.Login{Name: "db", User: "dba2", Region: "ap-shanghai", RunKey: own}, "value-of-db_id", nil},
		{"the login is gone, and had no key of its own", approvals.Login{Name: "gone", User: "root"}, "value-of-run_id", nil},
		{"a key that no login has", approvals.Login{Name: "db", User: "dba", RunKey: own + "2"}, "", errMoved},
	} {
		r := approvals.Request{
			ID: "r-1", State: approvals.Accepted, Plan: &approvals.Plan{Login: tt.login}, Follow: approvals.Follow{Stops: []approvals.Stop{{Hosts: []string{"ins-1"}}}},
		}
		order, waits := r.StopOrder()
		got, err := l.OpenKey(t.Context(), order)
		if !waits || !errors.Is(err, tt.is) || got.ID != tt.id {
			t.Errorf("%s: %s, %v", tt.why, got.ID, err)
		}
	}
	if got, err := l.OpenKey(t.Context(), approvals.StopOrder{}); !errors.Is(err, errMoved) || got.ID != "" {
		t.Errorf("without an order: %s, %v", got.ID, err)
	}
}

// check --secrets reads every key for runs, each as a key is read, and no password that there is not.
func TestProbeSecretsTAT(t *testing.T) {
	dir := secretFiles(t, "run_id", "run_key", "db_id", "db_key")
	writeSecret(t, dir, "db_key", "not a key")
	var got []string
	for p := range ProbeSecrets(t.Context(), partsOf(t, fmt.Sprintf(configTAT, dir, "db_id")).cfg) {
		key, _, _ := strings.Cut(p.Says, " ")
		got = append(got, fmt.Sprint(p.How == Good, " ", key))
	}
	want := []string{"true bm.run_key.id", "true bm.run_key.secret", "true logins.db.run_key.id", "false logins.db.run_key.secret:"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLoginsOpenTAT holds that no password is read where none is needed, that a login with a key of its own is
// signed with that one only, and that neither is read for a place that was not approved.
func TestLoginsOpenTAT(t *testing.T) {
	dir := secretFiles(t, "run_id", "run_key", "db_id", "db_key", "other_id")
	l := logins{partsOf(t, fmt.Sprintf(configTAT, dir, "db_id"))}
	db, err := l.For([]approvals.Host{{ID: "ins-1", Told: true, Name: "db-1", Region: "ap-shanghai"}})
	if err != nil || db.Name != "db" {
		t.Fatal(db, err)
	}
	web, err := l.For([]approvals.Host{{ID: "ins-1", Told: true, Name: "db-1", Region: "ap-beijing"}})
	if err != nil || web.Name != "web" {
		t.Fatal(web, err)
	}
	elsewhere := db
	elsewhere.Region = "ap-beijing"
	for _, tt := range []struct {
		why   string
		from  logins
		login approvals.Login
		id    string
		is    error
	}{
		{"its own key", l, db, "value-of-db_id", nil},
		{"the config's", l, web, "value-of-run_id", nil},
		{"the config has another key for it than was approved", logins{partsOf(t, fmt.Sprintf(configTAT, dir, "other_id"))}, db, "", errMoved},
		{"the config has another region for it than was approved", l, elsewhere, "", errMoved},
	} {
		got, err := tt.from.Open(t.Context(), granted(t, tt.login))
		if !errors.Is(err, tt.is) || got.Key.ID != tt.id || got != (bot.Credentials{Key: got.Key}) {
			t.Errorf("%s: %s, %v", tt.why, got.Key.ID, err)
		}
	}
}

// TestLoginsAllOrNothing holds that a run key without a password, or the other way
// round, is not handed out.
func TestLoginsAllOrNothing(t *testing.T) {
	for _, missing := range allFiles {
		if missing == "db" || missing == "other" {
			continue // not this login's
		}
		dir := secretFiles(t, allFiles...)
		l := logins{parts(t, dir, "web")}
		login, err := l.For(approvals.KnownHosts{}.Each([]string{"ins-1"}))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, missing)); err != nil {
			t.Fatal(err)
		}
		got, err := l.Open(t.Context(), granted(t, login))
		if !errors.Is(err, vault.ErrNotFound) || !strings.Contains(err.Error(), "/"+missing) {
			t.Errorf("without %s: %v", missing, err)
		}
		if got != (bot.Credentials{}) {
			t.Errorf("without %s: the others were given", missing)
		}
	}
}

// TestLoginsAreReadEachTime holds that what a run gets is what the vault says at that
// moment: nothing that was cached for an earlier run.
func TestLoginsAreReadEachTime(t *testing.T) {
	var fields atomic.Value
	fields.Store(`{"other": "x"}`)
	kv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fields.Load() == "sealed" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"data": {"data": %s, "metadata": {"version": 1}}}`, fields.Load())
	}))
	defer kv.Close()
	dir := secretFiles(t, append(allFiles, "token")...)
	text := strings.Replace(fmt.Sprintf(testConfig, dir, "web"), "ref+file://"+dir+"/web", "ref+vault://secret/hosts#/web", 1) +
		"vault: {address: \"" + kv.URL + "\", token: \"ref+file://" + dir + "/token\"}\n"
	l := logins{partsOf(t, text)}
	login, err := l.For(approvals.KnownHosts{}.Each([]string{"ins-1"}))
	if err != nil {
		t.Fatal(err)
	}
	g := granted(t, login)
	for _, want := range []struct {
		why, fields, password string
		err                   error
	}{
		{"the field is missing", `{"other": "x"}`, "", vault.ErrNoField},
		{"it is there, and empty", `{"web": ""}`, "", vault.ErrEmpty},
		{"it is an object", `{"web": {"a": "b"}}`, "", vault.ErrUnusable},
		{"it is right", `{"web": "secret"}`, "secret", nil},
		{"it was rotated", `{"web": "newer"}`, "newer", nil},
		{"the vault was sealed to stop all runs", "sealed", "", vault.ErrUnreachable},
	} {
		fields.Store(want.fields)
		got, err := l.Open(t.Context(), g)
		if !errors.Is(err, want.err) || want.err == nil && got.Password.Reveal() != want.password {
			t.Errorf("%s: %v, want %v", want.why, err, want.err)
		}
	}
}

// TestReferences names the place of a reference that the vault's settings do not
// fit, before anything is asked.
func TestReferences(t *testing.T) {
	good := fmt.Appendf(nil, testConfig, "/run/secrets", "web")
	cfg, err := config.Parse("test.yaml", good)
	if err != nil {
		t.Fatal(err)
	}
	if err := References(cfg); err != nil {
		t.Errorf("files need no vault: %v", err)
	}
	text := strings.Replace(string(good), "ref+file:///run/secrets/db", "ref+vault://kv/hosts#/db", 1) +
		"vault: {address: \"https://vault.example.com\", token: \"ref+file:///t\", mounts: [team/secret], ca_file: /not/here.pem}\n"
	if cfg, err = config.Parse("test.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
	err = References(cfg)
	if !errors.Is(err, vault.ErrUnusable) || !strings.Contains(err.Error(), "logins.db.password (line 7 of the config)") {
		t.Errorf("a mount that is not listed: %v", err)
	}
}
