// Package world starts everything that bmcmd talks to, each a process of its own: a
// real redis-server, Slack's simulator and the API's, and as many `bmcmd serve` as
// wanted. Tests of whole programs and the experiments stand on it; nothing that ships
// imports it.
//
// A [World] holds no bot at first. What it starts ends with the [T] at the latest, and
// listens on loopback, on ports that the system gives.
//
// Two layers speak to the simulators. Methods of [Slack] and [Cloud] wait for what must
// come and end the test if it does not: they are for the goroutine of a test. [Admin.Try]
// returns errors instead: it is for many goroutines, while processes die around them.
package world

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// T is what this package needs of a test. A [testing.TB] is one; a program that is no
// test brings its own.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any) // does not return
	Skip(args ...any)                  // does not return
	Failed() bool
	Cleanup(func())
	TempDir() string
	Context() context.Context
}

// Settings are what is wanted otherwise than usual.
type Settings struct {
	API        string                                // of the cloud; 2.0 unless set
	Vault      func(secrets map[string]string) Vault // where secrets are; nil: in files
	RedisLater bool                                  // [World.Redis] is not started yet
	SlackArgs  []string                              // for slacksimd
	LogLevel   string                                // of the bots; debug unless set
	Patient    bool                                  // run.confirm_for is left as it is in production; a check warns of the short one
	Config     func(w *World, text string) string    // changes the config; nil leaves it as it is
	State      func(w *World, state Object)          // changes the cloud's scripts and hosts; nil leaves them
}

// Vault is where the config finds secrets that are not in files.
type Vault struct {
	Address string
	Token   string
	Place   func(name string) string // "mount/path" of a secret by its name
}

// World is everything that bmcmd talks to, and a config for it.
type World struct {
	T        T
	Programs Programs
	Secrets  map[string]string // by name
	Dir      string            // of the secrets' files and the config
	Config   string            // path
	Slack    *Slack
	Cloud    *Cloud
	Redis    *Redis
	Bots     []*Process // all that were started by Serve, also those that have ended

	vault Vault
}

// Canary is a credential that is found wherever it turns up. It looks different when
// it is URL-encoded, and in base64.
func Canary() string { return "cAnArY+" + rand.Text()[:14] + "/=é" }

// PlainCanary is for what travels in headers and ids.
func PlainCanary() string { return "cAnArY" + rand.Text()[:14] }

// New starts a world. Without a redis-server in PATH it skips the test.
func New(t T, programs Programs, with Settings) *World {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	w := &World{T: t, Programs: programs, Dir: t.TempDir(), Secrets: map[string]string{
		"bot_token": "xoxb-sim-" + PlainCanary(), "app_token": "xapp-sim-" + PlainCanary(), "redis": Canary(),
		"read_id": "AKIDread" + PlainCanary(), "read_key": Canary(), "read_token": PlainCanary() + "+/=", "run_id": "AKIDrun" + PlainCanary(), "run_key": Canary(),
		"web": Canary(), "db": Canary(),
	}}
	if with.API == "tat" { // which needs no password on hosts
		delete(w.Secrets, "web")
		delete(w.Secrets, "db")
	}
	if with.Vault != nil {
		w.vault = with.Vault(maps.Clone(w.Secrets))
		w.Secrets["vault_token"] = w.vault.Token
	}
	w.writeSecrets()
	w.Redis = newRedis(t, w.Secrets["redis"])
	if !with.RedisLater {
		w.Redis.Start()
	}
	w.Slack = startSlack(w, with.SlackArgs...)
	w.Cloud = startCloud(w, with.State)
	w.writeConfig(with)
	return w
}

// writeSecrets writes one file for each secret, or for the vault's token alone.
func (w *World) writeSecrets() {
	for name, value := range w.Secrets {
		if name == "vault_token" || w.vault.Place == nil {
			w.Set(name, value)
		}
	}
}

// Set gives a secret another value, in the file where the bot reads it.
func (w *World) Set(name, value string) { Write(w.T, filepath.Join(w.Dir, name), value+"\n") }

// Ref is where a secret is, as a config says it.
func (w *World) Ref(name string) string {
	if w.vault.Place != nil && name != "vault_token" {
		return "ref+vault://" + w.vault.Place(name) + "#/" + name
	}
	return "ref+file://" + filepath.Join(w.Dir, name)
}

// Without is the secrets less one.
func (w *World) Without(name string) map[string]string {
	all := maps.Clone(w.Secrets)
	delete(all, name)
	return all
}

// The config has short times: nobody who waits for them sees anything.
const configText = `slack:
  bot_token: $bot_token
  app_token: $app_token
  api_url: %[1]s
redis:
  addresses: ["%[2]s"]
  password: $redis
%[3]sbm:
  api: %[6]q
  endpoint: %[4]s
  region: ap-beijing
  read_key: {id: "$read_id", secret: "$read_key", token: "$read_token"}
  run_key: {id: "$run_id", secret: "$run_key"}
  timeout: 2s
  run_timeout: 3s
run:
  confirm_for: 3s
  lease: 13s
logins:
  - {name: db-root, hosts: ["ins-db*"], user: root, password: "$db"}
  - {name: web-root, hosts: ["ins-*"], user: root, password: "$web"}
rules:
  - name: database
    hosts: ["ins-db*"]
    show: {groups: [S0ONCALL]}
    ask: {groups: [S0ONCALL]}
    approve: {groups: [S0LEADS]}
    quorum: 2
  - name: web
    channels: [C0INCIDENT]
    show: {groups: [S0ONCALL]}
    ask: {groups: [S0ONCALL]}
    approve: {groups: [S0LEADS]}
log: {level: %[5]s, format: json}
`

func (w *World) writeConfig(with Settings) {
	section := ""
	if w.vault.Place != nil {
		section = fmt.Sprintf("vault:\n  address: %s\n  token: $vault_token\n", w.vault.Address)
	}
	endpoint := map[string]string{"": w.Cloud.API, "2.0": w.Cloud.API, "3.0": w.Cloud.API3, "tat": w.Cloud.API3}[with.API]
	logins := configText
	if with.API == "tat" {
		logins = strings.NewReplacer(`, password: "$db"`, "", `, password: "$web"`, "").Replace(configText)
	}
	text := fmt.Sprintf(logins, w.Slack.API, w.Redis.Addr, section, endpoint, cmp.Or(with.LogLevel, "debug"), cmp.Or(with.API, "2.0"))
	if with.Patient {
		text = strings.Replace(text, "  confirm_for: 3s\n", "", 1)
	}
	if with.Config != nil {
		text = with.Config(w, text)
	}
	w.Config = Write(w.T, filepath.Join(w.Dir, "bmcmd.yaml"), os.Expand(text, w.Ref))
}

// Launch starts one more `bmcmd serve` with these variables ("NAME=value") besides its
// PATH. It waits for nothing.
func (w *World) Launch(env ...string) *Process {
	w.T.Helper()
	p := Start(w.T, env, w.Programs.Path("bmcmd"), "serve", "-c", w.Config)
	w.Bots = append(w.Bots, p)
	return p
}

// Serve is Launch, and waits until every bot that lives has its two connections.
func (w *World) Serve(env ...string) *Process {
	w.T.Helper()
	p := w.Launch(env...)
	w.Slack.Connected(2 * w.Living())
	return p
}

// Living counts the bots that have not ended.
func (w *World) Living() (n int) {
	for _, b := range w.Bots {
		if !b.HasEnded() {
			n++
		}
	}
	return n
}
