package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// base is the shortest file that is right. Lines are counted in the tests.
const base = `slack:
  bot_token: ref+env://BOT
  app_token: ref+env://APP
redis:
  addresses: ["127.0.0.1:6379"]
bm:
  read_key: {id: ref+env://READ_ID, secret: ref+env://READ_SECRET}
  run_key: {id: ref+env://RUN_ID, secret: ref+env://RUN_SECRET}
logins:
  - name: web-root
    hosts: ["ins-*"]
    user: root
    password: ref+env://WEB_ROOT
rules:
  - name: restart-web
    scripts: [cmd-nozcbhuw]
    ask: anyone
    approve: {users: [U0BOB, U0CAROL]}
`

// edit replaces one place of base.
func edit(t *testing.T, old, replacement string) string {
	t.Helper()
	if strings.Count(base, old) != 1 {
		t.Fatalf("%q is in base %d times, want once", old, strings.Count(base, old))
	}
	return strings.Replace(base, old, replacement, 1)
}

func ref(t *testing.T, s string) vault.Ref {
	t.Helper()
	r, err := vault.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	want := &Config{
		Slack: Slack{
			BotToken: ref(t, "ref+env://BOT"), AppToken: ref(t, "ref+env://APP"),
			APIURL: "https://slack.com/api/", Command: "/bmcmd",
		},
		Redis: Redis{Addresses: []string{"127.0.0.1:6379"}, Durability: "strong"},
		BM: BM{
			API: "2.0", Endpoint: "https://bm.api.qcloud.com/v2/index.php",
			ArrayKey: "instanceId", Signature: "HmacSHA256",
			ReadKey: Key{ID: ref(t, "ref+env://READ_ID"), Secret: ref(t, "ref+env://READ_SECRET")},
			RunKey:  Key{ID: ref(t, "ref+env://RUN_ID"), Secret: ref(t, "ref+env://RUN_SECRET")},
			Timeout: 10 * time.Second, RunTimeout: 30 * time.Second, Unchecked: "wait",
		},
		Bots:   2,
		Run:    Run{DispatchWithin: 2 * time.Minute, Lease: time.Minute, FollowFor: 15 * time.Minute, ConfirmFor: 90 * time.Second, SearchFor: 10 * time.Minute},
		Limits: Limits{OpenRequests: 20, CommandsAMinute: 30},
		Keep:   Keep{Requests: 720 * time.Hour, Events: 9600 * time.Hour, Outputs: 168 * time.Hour},
		Logins: []Login{{Name: "web-root", Hosts: approvals.PlainHosts("ins-*"), User: "root", Password: ref(t, "ref+env://WEB_ROOT")}},
		Rules: approvals.Policy{{
			Name: "restart-web", Scripts: []string{"cmd-nozcbhuw"},
			Ask: approvals.Who{Anyone: true}, Approve: approvals.Who{Users: []string{"U0BOB", "U0CAROL"}},
			Quorum: 1, Lifetime: 30 * time.Minute,
		}},
		Log: Log{Level: slog.LevelInfo, Format: "json"},
	}
	got := mustParse(t, base)
	got.places = nil
	sameRef := cmp.Comparer(func(a, b vault.Ref) bool { return a == b })
	if diff := cmp.Diff(want, got, sameRef, cmp.AllowUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
}

// exampleFor is the example after what it says is to be changed for an API, with all lines that are for that one alone.
func exampleFor(t testing.TB, api string) []byte {
	t.Helper()
	text := strings.Replace(string(Example), `  api: "2.0" `, `  api: "`+api+`" `, 1)
	mark := api
	if api == APITAT {
		text = regexp.MustCompile(`(?m)^.*# not for TAT.*\n`).ReplaceAllString(text, "")
		mark = "TAT"
	}
	return []byte(regexp.MustCompile(`(?m)^( *)# `+regexp.QuoteMeta(mark)+`: (.*)$`).ReplaceAllString(text, "$1$2"))
}

func TestExampleIsRightAndComplete(t *testing.T) {
	written := map[string]bool{}
	mustParse(t, string(Example)) // with the marks
	for _, api := range []string{API2, API3, APITAT} {
		text := exampleFor(t, api)
		c := mustParse(t, string(text))
		if len(c.Warnings) != 0 || c.BM.API != api {
			t.Errorf("%s: warnings: %q", c.BM.API, c.Warnings)
		}
		d := newDecoder("example.yaml")
		d.value(d.parse(text), "", reflect.ValueOf(defaults()).Elem())
		for path := range d.lines {
			written[plain(path)] = true
		}
	}
	keys := 0
	each(reflect.TypeFor[Config](), "", func(path, key string) {
		keys++
		place := child(path, key)
		// Groups and users of one list of people speak for all of them, and
		// run_key is written like read_key.
		if who := regexp.MustCompile(`^rules\.(requesters|show|ask|approve)\.(users|groups)$`); who.MatchString(place) {
			place = "rules.approve." + key
		}
		if place == "bm.run_key.token" {
			place = "bm.read_key.token"
		}
		if !written[place] {
			t.Errorf("example.yaml does not show %s", place)
		}
	})
	if keys < 50 {
		t.Errorf("only %d keys were looked for", keys)
	}
}

// The comments of the example call some values defaults; they must be.
func TestExampleShowsDefaults(t *testing.T) {
	got, want := mustParse(t, string(exampleFor(t, API2))), defaults()
	want.Slack.BotToken, want.Slack.AppToken, want.Slack.Shared = got.Slack.BotToken, got.Slack.AppToken, got.Slack.Shared[:0]
	want.BM.ReadKey, want.BM.RunKey, want.BM.Region = got.BM.ReadKey, got.BM.RunKey, got.BM.Region
	sameRef := cmp.Comparer(func(a, b vault.Ref) bool { return a == b })
	for _, pair := range [][2]any{
		{want.Slack, got.Slack},
		{want.BM, got.BM},
		{want.Bots, got.Bots},
		{want.Run, got.Run},
		{want.Limits, got.Limits},
		{want.Keep, got.Keep},
		{want.Log, got.Log},
	} {
		if diff := cmp.Diff(pair[0], pair[1], sameRef); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRefsNameEveryPlace(t *testing.T) {
	c := mustParse(t, string(Example))
	var got []string
	for _, p := range c.Refs() {
		got = append(got, p.Key)
		line := strings.Split(string(Example), "\n")[p.Line-1]
		if !strings.Contains(line, p.Ref.String()) {
			t.Errorf("%s: line %d does not hold the reference", p.Key, p.Line)
		}
	}
	want := []string{
		"slack.bot_token", "slack.app_token", "redis.password", "vault.token",
		"bm.read_key.id", "bm.read_key.secret", "bm.read_key.token", "bm.run_key.id", "bm.run_key.secret",
		"logins.db-admin.password", "logins.web-root.password",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLogin(t *testing.T) {
	c := mustParse(t, edit(t, "  - name: web-root", `  - name: db
    hosts: ["ins-db-*", cpm-1]
    user: dba
    password: ref+env://DB
  - name: web-root`))
	web := approvals.Login{Name: "web-root", User: "root", Ref: "ref+env://WEB_ROOT"}
	db := approvals.Login{Name: "db", User: "dba", Ref: "ref+env://DB"}
	for _, tc := range []struct {
		why   string
		hosts []string
		want  approvals.Login
		is    error
		text  string
	}{
		{"one host", []string{"ins-1"}, web, nil, ""},
		{"the first match wins over a later, wider one", []string{"ins-db-1", "cpm-1"}, db, nil, ""},
		{"all hosts share one", []string{"ins-1", "ins-2"}, web, nil, ""},
		{
			"logins are never mixed",
			[]string{"ins-1", "ins-2", "ins-db-7"},
			approvals.Login{},
			ErrLoginsDiffer,
			"the hosts need different logins: ins-1 is entered with web-root, ins-db-7 with db; ask separately",
		},
		{
			"a host without login stops the others, too",
			[]string{"ins-1", "cpm-2"},
			approvals.Login{},
			ErrNoLogin,
			"there is no login for a host: cpm-2; add it to a login's hosts in the config",
		},
		{
			"what is not an id has no login",
			[]string{"ins-1", "ins-DB-1"},
			approvals.Login{},
			approvals.ErrNotID,
			`"ins-DB-1" is not the id of a host: it has small letters, digits and - only, and neither begins nor ends with -; did you mean ins-db-1?`,
		},
		{
			"no hosts have no login",
			nil,
			approvals.Login{},
			ErrNoLogin,
			"there is no login for a host: no host is named; name at least one",
		},
	} {
		got, err := c.Login(approvals.KnownHosts{}.Each(tc.hosts))
		if !errors.Is(err, tc.is) || got != tc.want {
			t.Errorf("%s: got %+v, %v", tc.why, got, err)
		}
		if err != nil && err.Error() != tc.text {
			t.Errorf("%s: got %q, want %q", tc.why, err, tc.text)
		}
	}
	if l, ok := c.LoginNow("db"); !ok || l != (approvals.Login{Name: "db", User: "dba", Ref: "ref+env://DB"}) {
		t.Errorf("LoginNow(db) = %+v, %v", l, ok)
	}
	if l, ok := c.LoginNow("other"); ok || l != (approvals.Login{}) {
		t.Errorf("LoginNow(other) = %+v, %v", l, ok)
	}
}

func TestTarget(t *testing.T) {
	c := mustParse(t, edit(t, "bm:\n", "bm:\n  region: ap-beijing\n  array_key: instanceIds\n"))
	want := approvals.Target{
		API: "2.0", Endpoint: "https://bm.api.qcloud.com/v2/index.php", Region: "ap-beijing", ArrayKey: "instanceIds",
	}
	if got := c.Target(); got != want {
		t.Errorf("got %+v", got)
	}
}

// API 3.0 has its own endpoint, and nothing of what only 2.0 has: neither may change
// a digest.
func TestTarget3(t *testing.T) {
	c := mustParse(t, edit(t, "bm:\n", "bm:\n  api: \"3.0\"\n  region: ap-beijing\n"))
	want := approvals.Target{API: "3.0", Endpoint: "https://bm.tencentcloudapi.com", Region: "ap-beijing"}
	if got := c.Target(); got != want || c.BM.Signature != "" {
		t.Errorf("got %+v, signature %q", got, c.BM.Signature)
	}
}

func TestTaken(t *testing.T) {
	for _, tc := range []struct{ why, old, replacement string }{
		{"plain http to this machine, for tests and the demo", "slack:\n", "slack:\n  api_url: http://127.0.0.1:8080/api/\n"},
		{"a local API 3.0", "bm:\n", "bm:\n  api: \"3.0\"\n  region: bj\n  endpoint: http://127.0.0.1:8080\n"},
		{"API 3.0 with the slash that browsers add", "bm:\n", "bm:\n  api: \"3.0\"\n  region: bj\n  endpoint: https://bm.tencentcloudapi.com/\n"},
		{"IPv6 loopback", "bm:\n", "bm:\n  endpoint: http://[::1]:8080/v2/index.php\n"},
		{"Sentinel has several addresses", `["127.0.0.1:6379"]`, "[a:1, b:2]\n  master: main"},
		{"a cluster has several addresses", `["127.0.0.1:6379"]`, "[a:1, b:2]\n  cluster: true"},
		{"a cluster may be known by one address", `["127.0.0.1:6379"]`, "[a:1]\n  cluster: true"},
		{"a vault that only its section needs", "redis:\n", "vault: {address: https://v:8200, token: ref+file:///t, mounts: [team/kv]}\nredis:\n"},
		{"a temporary key for runs", "secret: ref+env://RUN_SECRET}", "secret: ref+env://RUN_SECRET, token: ref+env://T}"},
		{"an empty show says nobody, as leaving it out does", "    ask: anyone\n", "    show: {}\n    ask: anyone\n"},
		{"the margin of a lease is just enough", "bm:\n", "run: {lease: 40s}\nbm:\n"},
		{"a narrower rule before a wider one", "rules:\n", "rules:\n  - {name: first, scripts: [cmd-nozcbhuw], hosts: [ins-1], ask: anyone, approve: {groups: [S0LEADS]}}\n"},
		{"the same rule for other channels", "rules:\n", "rules:\n  - {name: first, channels: [C0OPS], ask: anyone, approve: {groups: [S0LEADS]}}\n"},
		{"the same rule for some requesters first", "rules:\n", "rules:\n  - {name: first, requesters: {users: [U0BOB]}, ask: anyone, approve: {groups: [S0LEADS]}}\n"},
		{"text in a block", "user: root", "user: >-\n      root"},
		{"a document marker at the top", "slack:\n", "---\nslack:\n"},
		{"a byte order mark", "slack:\n", "\ufeffslack:\n"},
	} {
		c := mustParse(t, edit(t, tc.old, tc.replacement))
		if len(c.Warnings) != 0 {
			t.Errorf("%s: warnings %q", tc.why, c.Warnings)
		}
	}
	mustParse(t, strings.ReplaceAll(base, "\n", "\r\n")) // as Windows editors save it
}

func TestAPIURLEndsWithSlash(t *testing.T) {
	c := mustParse(t, edit(t, "slack:\n", "slack:\n  api_url: https://slack.example.com/api\n"))
	if c.Slack.APIURL != "https://slack.example.com/api/" {
		t.Errorf("got %s", c.Slack.APIURL)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bmcmd.yaml")
	if err := os.WriteFile(file, Example, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err != nil {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a directory was read")
	}
	if err := os.WriteFile(file, slices.Concat(Example, make([]byte, maxFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	if err == nil || err.Error() != "bmcmd.yaml:1: the file is larger than 256 KiB; is this the right file?" {
		t.Errorf("a large file: %v", err)
	}
}

func TestEnvironmentChangesNothing(t *testing.T) {
	want := mustParse(t, base)
	for _, name := range []string{"BOT", "SLACK_BOT_TOKEN", "BMCMD_SLACK_API_URL", "REDIS_ADDRESSES", "VAULT_ADDR", "LOG_LEVEL"} {
		t.Setenv(name, "debug")
	}
	if got := mustParse(t, base); !reflect.DeepEqual(want, got) {
		t.Errorf("got %+v", got)
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		if got := mustParse(t, "log: {level: "+text+"}\n"+base).Log.Level; got != want {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

func TestNothingInIt(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n"} {
		_, err := Parse("c.yaml", []byte(text))
		if err == nil || err.Error() != "c.yaml:1: the file is empty; `bmcmd example` prints one to begin with" {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := Parse("c.yaml", []byte("hunter2\n"))
	if err == nil || err.Error() != "c.yaml:1: this must be keys with values; the keys are slack, redis, vault, bm, bots, run, limits, keep, logins, rules, log" {
		t.Errorf("a word: %v", err)
	}
}
