package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// unread is the last line of a check without --secrets.
const unread = "not tried secrets |--secrets does"

// TestCheckLive tries the simulators, a real Redis and files, with each part in turn out
// of order. What is not good is a line of its own, and whatever is said to be good was
// tried.
func TestCheckLive(t *testing.T) {
	tests := []struct {
		why   string
		with  settings
		spoil func(w *scene)
		says  []string // the lines that are not ok: how each begins, with what is in it after a |
		ends  string
	}{
		{why: "all is well"},
		{
			"Redis is away",
			settings{},
			func(w *scene) { w.Redis.Kill() },
			[]string{"fault     redis   the store is away"},
			"1 fault was found",
		},
		{
			"Redis may forget what it confirms",
			settings{},
			func(w *scene) { w.Redis.Kill(); w.Redis.Start("appendfsync everysec") },
			[]string{"fault     redis   redis may forget |appendfsync is everysec. Set it to always, or write durability: weak"},
			"1 fault was found",
		},
		{
			"and is meant to",
			settings{},
			func(w *scene) { w.edit("durability: weak\n  addresses:", "  addresses:") },
			[]string{"warning   redis |it may forget what it confirms"},
			"",
		},
		{
			"Redis' password is wrong",
			settings{},
			func(w *scene) { w.Set("redis", "another") },
			[]string{"fault     redis   redis does not let bmcmd in|WRONGPASS"},
			"1 fault was found",
		},
		{
			"Redis' password is not there",
			settings{},
			func(w *scene) { _ = os.Remove(filepath.Join(w.Dir, "redis")) },
			[]string{"fault     redis |/redis: not found"},
			"1 fault was found",
		},
		{
			"Redis has no database of that number",
			settings{},
			func(w *scene) { w.edit("db: 99\n  addresses:", "  addresses:") },
			[]string{"fault     redis |it has no database of this number. Correct redis.db"},
			"1 fault was found",
		},
		{
			"Redis takes anybody",
			settings{},
			func(w *scene) { w.Redis.Do("CONFIG", "SET", "requirepass", "") },
			[]string{"warning   redis   it takes connections without a password|set redis.password"},
			"",
		},
		{
			"Redis has the user that OPERATIONS.md shows",
			settings{},
			func(w *scene) {
				w.Redis.Do(documentedUser(w.t, w.Secrets["redis"])...)
				w.edit("username: bmcmd\n  addresses:", "  addresses:")
			},
			nil, "",
		},
		{
			"Redis is full",
			settings{},
			func(w *scene) { w.Redis.Do("CONFIG", "SET", "maxmemory", "1") },
			[]string{"fault     redis   redis cannot do what bmcmd needs: its memory is full|Raise its maxmemory"},
			"1 fault was found",
		},
		{
			"Redis is a replica",
			settings{},
			func(w *scene) { w.Redis.Do("REPLICAOF", "127.0.0.1", "1") },
			[]string{"fault     redis   redis cannot do what bmcmd needs: role is slave. A replica loses what is written to it; name the master in redis.addresses"},
			"1 fault was found",
		},
		{
			"Redis is a replica that takes writes, and may forget",
			settings{},
			func(w *scene) {
				w.Redis.Do("CONFIG", "SET", "replica-read-only", "no")
				w.Redis.Do("REPLICAOF", "127.0.0.1", "1")
				w.edit("durability: weak\n  addresses:", "  addresses:")
			},
			[]string{"warning   redis |it may forget", "fault     redis |role is slave"},
			"1 fault was found",
		},
		{
			"EVALSHA is renamed away",
			settings{},
			func(w *scene) { w.Redis.Kill(); w.Redis.Start(`rename-command EVALSHA ""`) },
			[]string{"fault     redis |it does not know EVAL or EVALSHA"},
			"1 fault was found",
		},
		{
			"the keys of others",
			settings{},
			func(w *scene) { w.Redis.Do("ACL", "SETUSER", "default", "resetkeys", "~other:*") },
			[]string{"fault     redis |its user may not use the bot's keys"},
			"1 fault was found",
		},
		{
			"the keys of the check only",
			settings{},
			func(w *scene) { w.Redis.Do("ACL", "SETUSER", "default", "resetkeys", "~bmcmd:{T0SIM}:check*") },
			[]string{"fault     redis |its user may not use the bot's keys"},
			"1 fault was found",
		},
		{
			"a token is wrong and the read key is, too",
			settings{},
			func(w *scene) { w.Set("app_token", "xapp-sim-other"); w.Set("read_key", "another") },
			[]string{
				"fault     slack   slack: the app token is not one that Slack knows", "not tried redis |without Slack",
				"fault     cloud |4100", "not tried rules |Slack cannot be asked",
			},
			"2 faults were found",
		},
		{
			"scopes that are only nice to have",
			settings{Settings: world.Settings{SlackArgs: []string{"-scopes", "commands,chat:write,users:read,usergroups:read,channels:read,groups:read"}}},
			func(*scene) {},
			[]string{"warning   slack |app_mentions:read", "warning   slack |files:write"},
			"",
		},
		{
			"the credentials of runs are not looked at",
			settings{},
			func(w *scene) {
				for _, name := range runSecrets {
					_ = os.Remove(filepath.Join(w.Dir, name))
				}
			},
			nil, "",
		},
		{
			"anybody can write the config",
			settings{},
			func(w *scene) { _ = os.Chmod(w.Config, 0o666) },
			[]string{"fault     config  bmcmd.yaml has mode 0666|chmod go-w"},
			"1 fault was found",
		},
		{
			"anybody can write a secret, of runs too",
			settings{},
			func(w *scene) {
				_ = os.Chmod(filepath.Join(w.Dir, "bot_token"), 0o666)
				_ = os.Chmod(filepath.Join(w.Dir, "web"), 0o620)
			},
			[]string{"fault     config  slack.bot_token: bot_token has mode 0666|chmod go-w", "fault     config  logins.web-root.password: web has mode 0620"},
			"2 faults were found",
		},
		{
			"a shared channel that is not there",
			settings{},
			func(w *scene) { w.edit("shared_channels: [C0NOSUCH]\n  bot_token:", "  bot_token:") },
			[]string{"fault     rules   the channel C0NOSUCH of slack.shared_channels: there is no such channel"},
			"1 fault was found",
		},
		{
			"anybody can read the config",
			settings{},
			func(w *scene) { _ = os.Chmod(w.Config, 0o644) },
			nil, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			if len(tt.with.SlackArgs) == 0 {
				tt.with.SlackArgs = []string{"-scopes", allScopes}
			}
			tt.with.Patient = true
			w := newWorld(t, tt.with)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			w.checkLive(append(tt.says, unread), tt.ends)
			if sent := w.Slack.Messages(); len(sent) > 0 || w.Cloud.Sends("RunUserCmd") > 0 {
				t.Errorf("the check has posted or run something: %v", sent)
			}
		})
	}
}

// documentedUser is the command of OPERATIONS.md that makes the bot's user of Redis.
func documentedUser(t testing.TB, password string) (args []any) {
	t.Helper()
	text, err := os.ReadFile("OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, "    ACL SETUSER bmcmd "); ok {
			for _, word := range append([]string{"ACL", "SETUSER", "bmcmd"}, strings.Fields(rest)...) {
				args = append(args, strings.Replace(word, ">PASSWORD", ">"+password, 1))
			}
		}
	}
	if len(args) < 10 {
		t.Fatal("OPERATIONS.md has no ACL SETUSER bmcmd")
	}
	return args
}

const allScopes = "commands,chat:write,users:read,usergroups:read,app_mentions:read,files:write,channels:read,groups:read"

// runSecrets are the files of what only an approved run reads.
var runSecrets = []string{"run_id", "run_key", "web", "db"}

// TestCheckLiveSaysWhatItTried holds the good lines: each is of something that was done.
func TestCheckLiveSaysWhatItTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true, SlackArgs: []string{"-scopes", "commands,chat:write,users:read,usergroups:read,app_mentions:read,files:write"}}})
	w.edit("scripts: [cmd-rst9w2kd]\n    channels: [C0INCIDENT]", "  channels: [C0INCIDENT]")
	p := w.checkLive([]string{"warning   slack |channels:read", "warning   slack |groups:read", "not tried rules   whether the bot is in 1 channel|channels:read", unread}, "")
	for _, says := range []string{
		"ok        slack   both tokens are good for the workspace sim (T0SIM)",
		"ok        redis   " + w.Redis.Addr + " answers and keeps what it confirms",
		"ok        redis   every script and command works",
		"ok        cloud   http://127.0.0.1:",
		"ok        rules   0 people and 2 groups were looked up",
		"ok        rules   1 channel was looked up",
		"ok        rules   1 script was looked up",
	} {
		if !strings.Contains(p, "\n"+says) {
			t.Errorf("%q is not there:\n%s", says, p)
		}
	}
}

// TestCheckLiveRules has the rules name what is not there, and too few people.
func TestCheckLiveRules(t *testing.T) {
	rule := func(text string) func(*world.World, string) string {
		return func(_ *world.World, config string) string {
			head, tail, _ := strings.Cut(config, "rules:\n")
			_, tail, _ = strings.Cut(tail, "log:")
			return head + "rules:\n  - " + text + "\nlog:" + tail
		}
	}
	tests := []struct {
		why, rule string
		says      []string
		ends      string
	}{
		{
			"all are there",
			"{name: r, scripts: [cmd-rst9w2kd], channels: [C0INCIDENT], ask: {users: [U0ALICE]}, approve: {users: [U0BOB], groups: [S0LEADS]}, quorum: 2}",
			nil, "",
		},
		{
			"nobody, no group, no channel and no script",
			"{name: r, scripts: [cmd-nosuch], channels: [C0NOSUCH], ask: {groups: [S0NOSUCH]}, approve: {users: [U0NOSUCH, U0BOB, U0CAROL]}}",
			[]string{
				"fault     rules   U0NOSUCH of rule r: there is no such person",
				"fault     rules   the group S0NOSUCH of rule r|look at the id in the rules",
				"fault     rules   rule r: nobody may ask by it",
				"fault     rules   the channel C0NOSUCH of rule r|there is no such channel",
				"fault     rules   the script cmd-nosuch of rule r|there is no such script",
			},
			"5 faults were found",
		},
		{
			"nobody may ask: the group is empty",
			"{name: r, ask: {groups: [S0EMPTY]}, approve: {groups: [S0LEADS]}}",
			[]string{"fault     rules   rule r: nobody may ask by it, so nothing can ever run"},
			"1 fault was found",
		},
		{
			"nobody may ask: the group has bots only",
			"{name: r, ask: {groups: [S0BOTS]}, approve: {groups: [S0LEADS]}}",
			[]string{"warning   rules   U0BOT of a group of the rules: a bot or app", "fault     rules   rule r: nobody may ask by it"},
			"1 fault was found",
		},
		{
			"nobody may ask: none of the group is a requester",
			"{name: r, requesters: {users: [U0DAVE]}, ask: {groups: [S0ONCALL]}, approve: {groups: [S0LEADS]}}",
			[]string{"fault     rules   rule r: nobody may ask by it"},
			"1 fault was found",
		},
		{
			"anyone may ask, of requesters that are nobody",
			"{name: r, requesters: {groups: [S0EMPTY]}, ask: anyone, approve: {groups: [S0LEADS]}}",
			[]string{"fault     rules   rule r: nobody may ask by it"},
			"1 fault was found",
		},
		{
			"nobody may see it, and others ask",
			"{name: r, show: {groups: [S0EMPTY]}, ask: {groups: [S0ONCALL]}, approve: {groups: [S0LEADS]}}",
			[]string{"warning   rules   rule r: nobody may see its scripts"},
			"",
		},
		{
			"patterns of scripts are not looked up",
			`{name: r, scripts: ["cmd-no*"], ask: anyone, approve: {groups: [S0LEADS]}}`,
			nil, "",
		},
		{
			"as many in the group as must approve, and they ask",
			"{name: r, ask: {groups: [S0ONCALL]}, approve: {groups: [S0LEADS]}, quorum: 3}",
			[]string{"fault     rules   rule r: 3 people may approve, and 3 must: what one of them asks for can never run"},
			"1 fault was found",
		},
		{
			"as many, and others ask, too",
			"{name: r, ask: anyone, approve: {groups: [S0LEADS]}, quorum: 3}",
			[]string{"warning   rules   rule r: 3 people may approve, and 3 must: what one of them asks for can never run"},
			"",
		},
		{
			"as many, and only others ask",
			"{name: r, ask: {users: [U0DAVE]}, approve: {groups: [S0LEADS]}, quorum: 3}",
			nil, "",
		},
		{
			"fewer in the group than must approve",
			"{name: r, ask: {users: [U0DAVE]}, approve: {groups: [S0LEADS]}, quorum: 4}",
			[]string{"fault     rules   rule r: 3 people may approve, and 4 must: nothing can ever run"},
			"1 fault was found",
		},
		{
			"a bot may not approve",
			"{name: r, ask: {users: [U0DAVE]}, approve: {users: [U0BOT, U0BOB]}, quorum: 2}",
			[]string{"fault     rules   U0BOT of rule r: a bot or app", "fault     rules   rule r: 1 person may approve, and 2 must: nothing can ever run"},
			"2 faults were found",
		},
		{
			"it cannot be told whether each host has a login",
			`{name: r, hosts: ["*-web"], ask: {users: [U0DAVE]}, approve: {groups: [S0LEADS]}}`,
			[]string{"not tried rules   whether each host of rule r has a login: *-web"},
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{Settings: world.Settings{Patient: true, Config: rule(tt.rule), SlackArgs: []string{"-scopes", allScopes}}})
			w.checkLive(append(tt.says, unread), tt.ends)
		})
	}
}

// TestCheckSecrets reads what only runs read, and says of each that it is there, or why
// not. Neither a value nor its length is said.
func TestCheckSecrets(t *testing.T) {
	t.Parallel()
	for _, inVault := range []bool{false, true} {
		w := newWorld(t, settings{vault: inVault, Settings: world.Settings{Patient: true}})
		p := bmcmd(t, "check", "--secrets", "-c", w.Config)
		if err := p.Wait(patience); err != nil {
			t.Fatalf("%v: %s%s", err, p.Stdout, p.Stderr)
		}
		for _, says := range []string{"bm.run_key.id is there", "bm.run_key.secret is there", "logins.db-root.password is there", "logins.web-root.password is there"} {
			if !strings.Contains(p.Stdout.String(), "ok        secrets "+says) {
				t.Errorf("%q is not there:\n%s", says, p.Stdout)
			}
		}
		w.tellsNoSecret(p)
	}
	w := newWorld(t, settings{Settings: world.Settings{Patient: true}})
	w.Set("run_id", w.Secrets["run_id"]+" "+w.Secrets["run_key"])
	w.Set("run_key", w.Secrets["run_key"]+"\n")
	w.Set("web", "")
	_ = os.Remove(filepath.Join(w.Dir, "db"))
	p := bmcmd(t, "check", "--secrets", "-c", w.Config)
	if err := p.Wait(patience); err == nil || !strings.Contains(p.Stderr.String(), "4 faults were found") {
		t.Errorf("it ended with %v: %s", err, p.Stderr)
	}
	for _, says := range []string{
		"bm.run_key.id: |it holds a blank or a line end", "bm.run_key.secret: |it ends with a line end",
		"logins.db-root.password: |no such file", "logins.web-root.password: |it is there, but empty",
	} {
		begins, holds, _ := strings.Cut(says, "|")
		if !slices.ContainsFunc(lines(p.Stdout.String()), func(l string) bool {
			return strings.HasPrefix(l, "fault     secrets "+begins) && strings.Contains(l, holds)
		}) {
			t.Errorf("%q is not there:\n%s", says, p.Stdout)
		}
	}
	w.tellsNoSecret(p)
}

// TestCheckLiveChangesNothing compares what lies in Redis before and after, with requests
// that a bot works on.
func TestCheckLiveChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true, SlackArgs: []string{"-scopes", allScopes}}})
	bot := w.Serve()
	w.opens()
	bot.Term()
	was := w.Redis.Dump(t.Context())
	w.checkLive([]string{unread}, "")
	client := w.Redis.Client()
	defer client.Close()
	own := client.Keys(t.Context(), "bmcmd:{"+theTeam+"}:check:*").Val()
	for _, key := range own {
		if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > time.Minute {
			t.Errorf("%s stays for %v", key, left)
		}
		if err := client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if now := w.Redis.Dump(t.Context()); len(own) == 0 || !slices.Equal(slices.Sorted(strings.Lines(was)), slices.Sorted(strings.Lines(now))) {
		t.Errorf("it had\n%s\nand has, without %d keys of the check,\n%s", was, len(own), now)
	}
}

// TestCheckLive3 asks API 3.0, with the key for reads as it should be, wrong, and
// without a right that the bot needs.
func TestCheckLive3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true, API: "3.0", SlackArgs: []string{"-scopes", allScopes}}})
	if said := w.checkLive([]string{unread}, ""); !strings.Contains(said, "takes the key for reads, API 3.0") {
		t.Error(said)
	}
	w.Cloud.Fail("DescribeUserCmdTasks", `{"error":"UnauthorizedOperation"}`)
	w.checkLive([]string{"fault     cloud |give this key the right to DescribeUserCmdTasks", unread}, "1 fault was found")
	w.Set("read_key", "another")
	w.checkLive([]string{"fault     cloud |AuthFailure.SignatureFailure", unread}, "1 fault was found")
}

// TestCheckLiveMachines has the key for reads lack a right to look up machines, in each region of the config, and rules and logins go
// by tags and names.
func TestCheckLiveMachines(t *testing.T) {
	tags := func(_ *world.World, text string) string {
		text = strings.Replace(text, `- name: database
    hosts: ["ins-db*"]`, `- name: database
    hosts: ["ins-db*", {tags: {env: prod}}, {names: ["name-of-ins-*"]}, {tags: {env: [prod, test]}, names: ["x-*"]}]`, 1)
		return strings.Replace(text, "logins:\n", "logins:\n  - {name: far, hosts: {tags: {env: test}}, user: deploy, region: ap-shanghai}\n", 1)
	}
	allowed := func(_ *world.World, text string) string {
		return strings.Replace(text, "\nbm:\n", "\nbm:\n  unchecked_hosts: allow\n", 1)
	}
	for _, tt := range []struct {
		why, api, denied string
		config           func(*world.World, string) string
		says             []string
		ends             string
	}{
		{"2.0", "2.0", "DescribeDevice", nil, []string{"fault     cloud   machines in ap-beijing: DescribeDevice|bm.unchecked_hosts: allow would let requests go on"}, "1 fault was found"},
		{"3.0", "3.0", "DescribeDevices", nil, []string{"fault     cloud   machines in ap-beijing: DescribeDevices|give this key the right to DescribeDevices"}, "1 fault was found"},
		{"where that is allowed", "tat", "DescribeInstances", allowed, []string{"warning   cloud   machines in ap-beijing: DescribeInstances|their cards say so"}, ""},
		{"the agents", "tat", "DescribeAutomationAgentStatus", nil, []string{"fault     cloud |give this key the right to DescribeAutomationAgentStatus"}, "1 fault was found"},
		{"registered machines", "tat", "DescribeRegisterInstances", nil, []string{"fault     cloud |give this key the right to DescribeRegisterInstances"}, "1 fault was found"},
		{
			"each region", "tat", "DescribeInstances", tags,
			[]string{
				"fault     cloud   machines in ap-beijing: DescribeInstances", "fault     cloud   machines in ap-shanghai: DescribeInstances",
				"not tried rules   whether each host of rule database has a login",
			},
			"2 faults were found",
		},
		{
			"tags and names that no machine has", "tat", "", tags,
			[]string{
				"not tried rules   whether each host of rule database has a login",
				"warning   rules   rule database: none of the 4 machines looked at fits tags env=prod or test; name x-*; correct it",
				"warning   rules   login far: none of the 4 machines looked at fits tags env=test; correct it",
			},
			"",
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{Settings: world.Settings{Patient: true, API: tt.api, Config: tt.config, SlackArgs: []string{"-scopes", allScopes}}})
			w.Cloud.Post("machine", object{"id": "ins-web1", "machine": object{"name": "web-1", "tags": object{"env": "prod"}}})
			w.Cloud.Post("machine", object{"id": "ins-web2", "machine": object{"name": "web-2", "tags": object{"env": "test"}}}) // not in login far's region
			if tt.denied != "" {
				w.Cloud.Post("fault", object{"action": tt.denied, "n": 9, "fault": object{"code": 4101, "error": "UnauthorizedOperation"}})
			}
			w.checkLive(append(tt.says, unread), tt.ends)
		})
	}
}

// TestCheckLiveAliases has a runbook name scripts by their alias, which only the cloud
// can tell apart.
func TestCheckLiveAliases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true}})
	book := world.Write(t, filepath.Join(w.Dir, "book.md"), "`/bmcmd show restart-web`\n`/bmcmd run restart-web ins-web1`\n`/bmcmd show nosuch`\n")
	p := bmcmd(t, "check", "--live", "-c", w.Config, "--runbook", book)
	err := p.Wait(patience)
	want := []string{
		"book.md:1: /bmcmd show restart-web", "alias of cmd-rst9w2kd", `rule "database": S0ONCALL may see it`,
		"book.md:2: /bmcmd run restart-web ins-web1", "alias of cmd-rst9w2kd", `rule "web" in C0INCIDENT: S0ONCALL may ask`, "runs as root, by login web-root",
		"book.md:3: /bmcmd show nosuch", `REFUSED: there is no such script with the alias "nosuch"`,
	}
	rest := p.Stdout.String()
	for _, text := range want {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Fatalf("%q is not there, or not in its place:\n%s%s", text, p.Stdout, p.Stderr)
		}
		rest = after
	}
	if err == nil || !strings.Contains(p.Stderr.String(), "1 line of the runbooks would be refused") {
		t.Errorf("it ended with %v: %s", err, p.Stderr)
	}
}

// TestCheckLiveVault is the same for a vault that is there, away, or refuses.
func TestCheckLiveVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true, Settings: world.Settings{Patient: true, SlackArgs: []string{"-scopes", allScopes}}})
	if said := w.checkLive([]string{unread}, ""); !strings.Contains(said, "ok        vault   "+w.vaultAt.URL()+" takes the token") {
		t.Error(said)
	}
	parts := func(vault string) []string {
		return []string{vault, "fault     slack |slack.bot_token: ", "fault     redis ", "fault     cloud ", "not tried rules ", unread}
	}
	w.Set("vault_token", "hvs.other")
	w.checkLive(parts("fault     vault |refuses"), "4 faults were found")
	w.vaultAt.Shut()
	w.checkLive(parts("fault     vault |connection refused"), "4 faults were found")
}

// checkLive runs the check, holds the lines that are not ok against says, and gives what
// it printed.
func (w *scene) checkLive(says []string, ends string) string {
	w.t.Helper()
	p := bmcmd(w.t, "check", "--live", "-c", w.Config)
	err := p.Wait(patience)
	var odd []string
	for _, l := range lines(p.Stdout.String()) {
		if !strings.HasPrefix(l, "ok  ") && !strings.Contains(l, "is good") {
			odd = append(odd, l)
		}
	}
	if len(odd) != len(says) {
		w.t.Fatalf("it says %d lines that are not ok, want %d:\n%s%s", len(odd), len(says), p.Stdout, p.Stderr)
	}
	for i, want := range says {
		begins, holds, _ := strings.Cut(want, "|")
		if !strings.HasPrefix(odd[i], strings.TrimRight(begins, " ")) || !strings.Contains(odd[i], holds) {
			w.t.Errorf("got  %q\nwant %q", odd[i], want)
		}
	}
	if said := p.Stderr.String(); (err == nil) != (ends == "") || !strings.Contains(said, ends) || ends == "" && said != "" {
		w.t.Errorf("it ended with %v: %s", err, said)
	}
	w.tellsNoSecret(p)
	return p.Stdout.String()
}

func (w *scene) tellsNoSecret(p *world.Process) {
	w.t.Helper()
	for name, value := range w.Secrets {
		if form := find(p.Stdout.String()+p.Stderr.String(), value); form != "" {
			w.t.Errorf("it says the secret %s, %s", name, form)
		}
	}
}

// TestGate holds that a gate that is shut refuses connections, and opens again at
// the same address: the tests of a vault that is away stand on it.
func TestGate(t *testing.T) {
	behind := world.NewGate(t, "http://127.0.0.1:1")
	g := world.NewGate(t, behind.URL())
	codes := []int{status(g), 0, 0}
	g.Shut()
	codes[1] = status(g)
	g.Open()
	codes[2] = status(g)
	if want := []int{http.StatusBadGateway, 0, http.StatusBadGateway}; !slices.Equal(codes, want) {
		t.Errorf("got %d, want %d", codes, want)
	}
}

// status is what a gate answers; 0 for no answer.
func status(g *world.Gate) int {
	resp, err := http.Get(g.URL())
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
