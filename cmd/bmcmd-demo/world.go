package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

// The people, by the names that a play uses.
var people = []slacksim.Person{
	{ID: "U0ALICE", Name: "alice", RealName: "Alice Chen"},
	{ID: "U0BOB", Name: "bob", RealName: "Bob Okafor"},
	{ID: "U0CAROL", Name: "carol", RealName: "Carol Lindqvist"},
	{ID: "U0DAVE", Name: "dave", RealName: "Dave Ortiz"},
	{ID: "U0GUEST", Name: "gus", RealName: "Gus (guest)", Restricted: true},
}

// The channels. The bot is not in #general.
var channels = []slacksim.Channel{
	{ID: "C0INCIDENT", Name: "incident", Members: []string{"U0ALICE", "U0BOB", "U0CAROL", "U0DAVE", "U0GUEST", "U0BOT"}},
	{ID: "C0WEB", Name: "web", Members: []string{"U0ALICE", "U0BOB", "U0CAROL", "U0BOT"}},
	{ID: "C0GENERAL", Name: "general", Members: []string{"U0ALICE", "U0BOB"}},
}

var groups = []slacksim.Group{
	{ID: "S0ONCALL", Handle: "oncall", Members: []string{"U0ALICE", "U0BOB", "U0CAROL"}},
	{ID: "S0LEADS", Handle: "web-leads", Members: []string{"U0BOB", "U0CAROL"}},
}

var scripts = []bmtest.Script{
	{CmdID: "cmd-nozcbhuw", Alias: "hello", Content: []byte("#!/bin/bash\n\necho \"hello\"")},
	{CmdID: "cmd-rst9w2kd", Alias: "restart-web", Content: []byte("#!/bin/bash\nset -eu\nsystemctl restart \"${1:-nginx}\"\nsystemctl --no-pager status \"${1:-nginx}\"\n")},
	{CmdID: "cmd-dropc4ch", Alias: "drop-cache", Content: []byte("#!/bin/bash\nset -eu\nsync\necho 3 > /proc/sys/vm/drop_caches\n")},
}

// restartTAT is restart-web as TAT would have it: its parameter has a name.
var restartTAT = bmtest.Script{
	CmdID: "cmd-rst9w2kd", Alias: "restart-web", Content: []byte("#!/bin/bash\nset -eu\nsystemctl restart \"{{service}}\"\nsystemctl --no-pager status \"{{service}}\"\n"),
	How: bmtest.How{Fillable: true, Defaults: []bmtest.TATValue{{Name: "service", Value: "nginx"}}},
}

// hosts are the machines, each with its name and what it is for.
var hosts = map[string]bmtest.Machine{
	"ins-web1": {Name: "web-1", Tags: tags("web")}, "ins-web2": {Name: "web-2", Tags: tags("web")}, "ins-web3": {Name: "web-3", Tags: tags("web")},
	"ins-db1": {Name: "db-1", Tags: tags("db")}, "ins-3m8v1qzd": {Name: "db-2", Tags: tags("db")}, "cpm-9co2vbzi": {Name: "iron-1", Tags: tags("web")},
	"ins-far1": {Name: "far-1", Tags: tags("web"), Region: "ap-shanghai"},
}

func tags(role string) map[string]string { return map[string]string{"env": "prod", "role": role} }

const demoConfig = `slack:
  bot_token: ref+file://%[1]s/slack_bot_token
  app_token: ref+file://%[1]s/slack_app_token
  api_url: %[2]s
redis:
  addresses: ["%[3]s"]
  password: ref+file://%[1]s/redis_password
  durability: weak
bm:
  api: "%[4]s"
  endpoint: %[5]s
  region: ap-beijing
  read_key: {id: "ref+file://%[1]s/read_id", secret: "ref+file://%[1]s/read_secret"}
  run_key: {id: "ref+file://%[1]s/run_id", secret: "ref+file://%[1]s/run_secret"}
bots: 1
limits: {commands_a_minute: 600} # a play types faster than people
run: {confirm_for: 3s} # here a task is listed at once
logins:
  - {name: db-root, hosts: ["ins-db*"], user: root, password: "ref+file://%[1]s/db_password"}
  - {name: web-root, hosts: ["ins-*", "cpm-*"], user: root, password: "ref+file://%[1]s/web_password"}
rules:
  - name: database
    hosts: ["ins-db*"]
    channels: [C0INCIDENT]
    show: {groups: [S0ONCALL]}
    ask: {groups: [S0ONCALL]}
    approve: {groups: [S0LEADS]}
    quorum: 2
    lifetime: 15m
  - name: web
    channels: [C0INCIDENT, C0WEB, C0GENERAL]
    show: {groups: [S0ONCALL]}
    ask: {groups: [S0ONCALL]}
    approve: {groups: [S0LEADS]}
    lifetime: 30m
log: {level: debug, format: text}
`

// forTAT is the config for TAT: a login needs no password there, databases are known by their tag, a rule says what
// may be filled in, and one login has its own region and key.
var forTAT = strings.NewReplacer(
	`, password: "ref+file://%[1]s/db_password"`, "", `, password: "ref+file://%[1]s/web_password"`, "",
	`api: "%[4]s"`, "api: %[4]s", `hosts: ["ins-db*"]`, `hosts: ["ins-db*", {tags: {role: db}}]`,
	"  - {name: web-root", "  - {name: far-root, hosts: [\"ins-far*\"], user: root, region: ap-shanghai,\n"+
		`     run_key: {id: "ref+file://%[1]s/far_id", secret: "ref+file://%[1]s/far_secret"}}`+"\n  - {name: web-root",
	"  - name: web\n", "  - name: web\n    parameters: [{name: service, example: nginx}]\n",
).Replace(demoConfig)

// world is everything that bmcmd talks to, offline, and bmcmd itself.
type world struct {
	api     string // one of apis
	slack   *slacksim.Slack
	cloud   *bmtest.Server
	redis   *miniredis.Miniredis
	secrets map[string]string // by file name
	dir     string            // where their files are
	logs    *logBuffer
	server  *serve.Server

	mu    sync.Mutex
	ahead time.Duration // how far Redis' clock runs ahead
	done  chan struct{}

	background sync.WaitGroup // what a play has begun and does not wait for

	stop    context.CancelFunc
	stopped chan error

	lean  bool                                   // keep no history, for benchmarks
	other func(password string) (address string) // starts a Redis to use instead of the one in memory
}

// open starts the world. Nothing of it listens but on loopback, and nothing is
// left on the disk after close.
func open(ctx context.Context, api string) (*world, error) { return (&world{api: api}).open(ctx) }

func (w *world) open(ctx context.Context) (*world, error) {
	*w = world{api: cmp.Or(w.api, "2.0"), lean: w.lean, other: w.other, logs: &logBuffer{}, stopped: make(chan error, 1), done: make(chan struct{}), secrets: map[string]string{
		"slack_bot_token": slacksim.DefaultBotToken + "-" + canary(), "slack_app_token": slacksim.DefaultAppToken + "-" + canary(),
		"redis_password": canary(), "read_id": "AKIDread" + canary(), "read_secret": canary(), "run_id": "AKIDrun" + canary(), "run_secret": canary(),
		"web_password": canary(), "db_password": canary(),
	}}
	if w.api == bmclient.APITAT {
		w.secrets["far_id"], w.secrets["far_secret"] = "AKIDfar"+canary(), canary()
	}
	for _, part := range []func() error{w.writeSecrets, w.startSlack, w.startCloud, w.startRedis, func() error { return w.startBot(ctx) }} {
		if err := part(); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

// canary is a credential that can be recognised wherever it turns up.
func canary() string { return "canary" + rand.Text()[:18] }

func (w *world) writeSecrets() error {
	dir, err := os.MkdirTemp("", "bmcmd-demo-")
	if err != nil {
		return err
	}
	w.dir = dir
	for name, value := range w.secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) startSlack() error {
	s, err := slacksim.Start(slacksim.Config{Lean: w.lean, BotToken: w.secrets["slack_bot_token"], AppToken: w.secrets["slack_app_token"]})
	if err != nil {
		return err
	}
	w.slack = s
	for _, p := range people {
		s.AddPerson(p)
	}
	for _, g := range groups {
		s.AddGroup(g)
	}
	for _, c := range channels {
		s.AddChannel(c)
	}
	return nil
}

func (w *world) startCloud() error {
	w.cloud = bmtest.New(bmtest.Now(w.now), bmtest.Window(48*time.Hour)) // the bot signs by its own clock
	w.cloud.AddKey(w.secrets["read_id"], w.secrets["read_secret"], bmtest.MayRead)
	w.cloud.AddKey(w.secrets["run_id"], w.secrets["run_secret"], bmtest.MayRun)
	if w.api == bmclient.APITAT {
		w.cloud.AddKey(w.secrets["far_id"], w.secrets["far_secret"], bmtest.MayRun)
	}
	all := scripts
	if w.api == bmclient.APITAT {
		all = append([]bmtest.Script{restartTAT}, slices.DeleteFunc(slices.Clone(all), func(s bmtest.Script) bool { return s.CmdID == restartTAT.CmdID })...)
	}
	for _, s := range all {
		s.Created, s.Modified = time.Unix(1508412575, 0), time.Unix(1508430415, 0)
		w.cloud.AddScript(s)
	}
	for _, h := range slices.Sorted(maps.Keys(hosts)) {
		w.addHost(h)
		w.cloud.SetMachine(h, hosts[h])
	}
	return w.cloud.Start()
}

func (w *world) addHost(h string) {
	password := w.secrets["web_password"]
	if strings.HasPrefix(h, "ins-db") {
		password = w.secrets["db_password"]
	}
	w.cloud.AddHost(h, map[string]string{"root": password})
	if kind, n, ok := strings.Cut(strings.TrimRight(h, "0123456789"), "-"); ok && kind == "ins" {
		w.cloud.SetMachine(h, bmtest.Machine{Name: n + "-" + h[len(kind+"-"+n):]}) // web-1
	}
}

func (w *world) startRedis() error {
	w.redis = miniredis.NewMiniRedis()
	w.redis.RequireAuth(w.secrets["redis_password"])
	return w.redis.Start()
}

// startBot runs what `bmcmd serve` runs.
func (w *world) startBot(ctx context.Context) error {
	address := w.redis.Addr()
	if w.other != nil {
		address = w.other(w.secrets["redis_password"])
	}
	form, endpoint := demoConfig, map[string]string{"2.0": w.cloud.URL(), "3.0": w.cloud.URL3(), bmclient.APITAT: w.cloud.URLTAT()}[w.api]
	if w.api == bmclient.APITAT {
		form = forTAT
	}
	text := fmt.Sprintf(form, w.dir, w.slack.APIURL(), address, w.api, endpoint)
	if w.lean {
		text = strings.Replace(text, "level: debug", "level: warn", 1)
		text = strings.Replace(text, "commands_a_minute: 600", "open_requests: 1000000, commands_a_minute: 1000000", 1)
	}
	cfg, err := config.Parse("demo.yaml", []byte(text))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: cfg.Log.Level}))
	if w.lean {
		many := func(string, string) (int, time.Duration) { return 1_000_000, time.Minute } // counted all the same
		w.server, err = serve.NewWithin(ctx, cfg, log, many)
	} else {
		w.server, err = serve.New(ctx, cfg, log)
	}
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	w.stop = stop
	go func() { w.stopped <- w.server.Run(running) }()
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return w.slack.WaitConnected(wait, 2)
}

// close ends what open started. It may be called on a half-open world.
func (w *world) close() {
	close(w.done)
	w.background.Wait()
	if w.stop != nil {
		w.stop()
		<-w.stopped
		w.server.Close()
	}
	if w.slack != nil {
		_ = w.slack.Close()
	}
	if w.cloud != nil {
		w.cloud.Close()
	}
	if w.redis != nil {
		w.redis.Close()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

// errBusy says that the bot did not come to rest.
var errBusy = fmt.Errorf("the bot is still busy after %s", patience)

// settle waits until the bot has dealt with everything it was told.
func (w *world) settle(ctx context.Context) error {
	return until(ctx, patience, errBusy, func() bool { return w.server.Busy() == 0 })
}

// patience is how long a play waits for what it expects. It is long for machines that
// are busy; nothing waits for it to pass.
const patience = 2 * time.Minute

// until looks again and again until done, for so long.
func until(ctx context.Context, long time.Duration, otherwise error, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return otherwise
		case <-tick.C:
		}
	}
	return nil
}

// logBuffer keeps the bot's log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.buf.Bytes())
}

var _ io.Writer = (*logBuffer)(nil)
