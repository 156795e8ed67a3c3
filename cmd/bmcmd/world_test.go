package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/cmd/internal/vault/vaulttest"
)

// settings are what a test wants otherwise.
type settings struct {
	api        string   // of the cloud; 2.0 unless set
	vault      bool     // secrets are in a real Vault; else in files
	redisLater bool     // Redis is started by the test
	slackArgs  []string // for slacksimd
	logLevel   string   // debug unless set
}

// world is everything that bmcmd talks to, each a process of its own, and a config
// for it. It holds no bot: the test starts as many as it wants.
type world struct {
	t        testing.TB
	secrets  map[string]string // by name
	dir      string            // of the secrets' files and the config
	config   string            // path
	slack    *slackDriver
	cloud    *cloudDriver
	redis    *redisServer
	vaultAt  *gate  // what the bot takes for the vault; nil with files
	vaultURL string // the vault itself
	token    string
	path     string // in the vault
	bots     []*process
}

// canary is a credential that is found wherever it turns up. It looks different
// when it is URL-encoded, and in base64.
func canary() string { return "cAnArY+" + rand.Text()[:14] + "/=é" }

// plainCanary is for what travels in headers and ids.
func plainCanary() string { return "cAnArY" + rand.Text()[:14] }

func newWorld(t testing.TB, with settings) *world {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	w := &world{t: t, dir: t.TempDir(), secrets: map[string]string{
		"bot_token": "xoxb-sim-" + plainCanary(), "app_token": "xapp-sim-" + plainCanary(), "redis": canary(),
		"read_id": "AKIDread" + plainCanary(), "read_key": canary(), "read_token": plainCanary() + "+/=", "run_id": "AKIDrun" + plainCanary(), "run_key": canary(),
		"web": canary(), "db": canary(),
	}}
	if with.vault {
		w.startVault()
	}
	w.writeFiles(with.vault)
	w.redis = newRedis(t, w.secrets["redis"])
	if !with.redisLater {
		w.redis.start()
	}
	w.slack = startSlack(t, w, with.slackArgs...)
	w.cloud = startCloud(t, w)
	w.writeConfig(with)
	return w
}

func (w *world) startVault() {
	w.vaultURL, w.token = vaulttest.Start(w.t)
	w.path = vaulttest.Path("bmcmd")
	w.vaultAt = newGate(w.t, w.vaultURL)
	w.secrets["vault_token"] = w.token
	w.putSecrets(w.secrets)
}

// putSecrets writes a new version of what the vault holds: in three places, since a
// place is read as a whole and what runs need is read for an approved run only.
func (w *world) putSecrets(all map[string]string) {
	w.t.Helper()
	places := map[string]map[string]any{}
	for name, value := range all {
		if name == "vault_token" {
			continue
		}
		at := w.place(name)
		if places[at] == nil {
			places[at] = map[string]any{}
		}
		places[at][name] = value
	}
	for at, fields := range places {
		mount, rest, _ := strings.Cut(at, "/")
		vaulttest.Call(w.t, w.vaultURL, w.token, http.MethodPost, mount+"/data/"+rest, map[string]any{"data": fields})
	}
}

// place is where in the vault a secret is.
func (w *world) place(name string) string {
	switch name {
	case "run_id", "run_key":
		return w.path + "-run"
	case "web", "db":
		return w.path + "-hosts"
	}
	return w.path
}

// writeFiles writes one file for each secret, or for the vault's token alone.
func (w *world) writeFiles(inVault bool) {
	for name, value := range w.secrets {
		if name == "vault_token" || !inVault {
			write(w.t, filepath.Join(w.dir, name), value+"\n")
		}
	}
}

// ref is where a secret is.
func (w *world) ref(name string) string {
	if w.vaultAt != nil && name != "vault_token" {
		return "ref+vault://" + w.place(name) + "#/" + name
	}
	return "ref+file://" + filepath.Join(w.dir, name)
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

func (w *world) writeConfig(with settings) {
	section := ""
	if w.vaultAt != nil {
		section = fmt.Sprintf("vault:\n  address: %s\n  token: $vault_token\n", w.vaultAt.url())
	}
	level := with.logLevel
	if level == "" {
		level = "debug"
	}
	endpoint := map[string]string{"": w.cloud.api, "3.0": w.cloud.api3}[with.api]
	text := fmt.Sprintf(configText, w.slack.api, w.redis.addr, section, endpoint, level, cmp.Or(with.api, "2.0"))
	w.config = write(w.t, filepath.Join(w.dir, "bmcmd.yaml"), os.Expand(text, w.ref))
}

// serve starts one more `bmcmd serve`, and waits until it has its two connections.
func (w *world) serve() *process {
	w.t.Helper()
	p := start(w.t, program(w.t, "bmcmd"), "serve", "-c", w.config)
	w.bots = append(w.bots, p)
	n := 0
	for _, b := range w.bots {
		select {
		case <-b.ended:
		default:
			n += 2
		}
	}
	w.slack.connected(n)
	return p
}

// startCloud starts bmtestd with some scripts and hosts.
func startCloud(t testing.TB, w *world) *cloudDriver {
	t.Helper()
	type object = map[string]any
	hosts := object{"ins-db1": object{"root": w.secrets["db"]}}
	for _, h := range []string{"ins-web1", "ins-web2", "ins-web3"} {
		hosts[h] = object{"root": w.secrets["web"]}
	}
	state, err := json.Marshal(object{
		"scripts": []object{
			{"cmd_id": "cmd-rst9w2kd", "alias": "restart-web", "content": "#!/bin/bash\nset -eu\nsystemctl restart \"${1:-nginx}\"\n"},
			{"cmd_id": "cmd-dropc4ch", "alias": "drop-cache", "content": "#!/bin/bash\nsync\necho 3 > /proc/sys/vm/drop_caches\n"},
		},
		"hosts": hosts,
		"keys": []object{
			{"id": w.secrets["read_id"], "secret": w.secrets["read_key"], "token": w.secrets["read_token"], "may": "read"},
			{"id": w.secrets["run_id"], "secret": w.secrets["run_key"], "may": "run"},
		},
		"check_logins": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, program(t, "bmtestd"), "-state", write(t, filepath.Join(t.TempDir(), "state.json"), string(state)))
	return &cloudDriver{admin: admin{t: t, base: p.line("admin ") + "/"}, api: p.line("api "), api3: p.line("api3 ")}
}

// cloudDriver looks into bmtestd and makes it fail.
type cloudDriver struct {
	admin
	api, api3 string // where each version answers
}

func (c *cloudDriver) runs() []bmtest.RanCmd { return fetch[[]bmtest.RanCmd](c.admin, "runs") }

// sends counts what arrived of an action, carried out or not.
func (c *cloudDriver) sends(action string) (n int) {
	for _, call := range fetch[[]bmtest.Call](c.admin, "calls") {
		if call.Action == action {
			n++
		}
	}
	return n
}

// awaitSends waits until n calls of an action have arrived.
func (c *cloudDriver) awaitSends(action string, n int) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("%d calls of %s", n, action), func() (string, bool) {
		got := c.sends(action)
		return strconv.Itoa(got), got >= n
	})
}

// fail has the next call of an action go wrong.
func (c *cloudDriver) fail(action, fault string) {
	c.t.Helper()
	c.post("fault", fmt.Sprintf(`{"action":%q,"n":1,"fault":%s}`, action, fault))
}

// slow has the next call of an action take a while.
func (c *cloudDriver) slow(action string, ms int) {
	c.t.Helper()
	c.post("fault", fmt.Sprintf(`{"action":%q,"n":1,"delay_ms":%d}`, action, ms))
}

// redisServer is a real one, with its data in an append-only file, so that it can
// be killed and started again.
type redisServer struct {
	t              testing.TB
	addr, password string
	dir            string
	proc           *process
}

func newRedis(t testing.TB, password string) *redisServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return &redisServer{t: t, addr: ln.Addr().String(), password: password, dir: t.TempDir()}
}

func (r *redisServer) start() {
	r.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(r.addr)
	conf := write(r.t, filepath.Join(r.dir, "redis.conf"), fmt.Sprintf(
		"bind 127.0.0.1\nport %s\ndir %q\nsave \"\"\nloglevel warning\nappendonly yes\nappendfsync always\nrequirepass %q\n", port, r.dir, r.password))
	r.proc = start(r.t, path, conf)
	client := r.client()
	defer client.Close()
	until(r.t, "redis-server answers", func() (string, bool) {
		err := client.Ping(r.t.Context()).Err()
		return fmt.Sprint(err), err == nil
	})
}

func (r *redisServer) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.addr, Password: r.password, Protocol: 2, DisableIdentity: true})
}

// dump is every key with all that is under it.
func (r *redisServer) dump(ctx context.Context) string {
	r.t.Helper()
	client := r.client()
	defer client.Close()
	var b strings.Builder
	keys := client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		k := keys.Val()
		kind, err := client.Type(ctx, k).Result()
		if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintln(&b, k, kind)
		var value any
		switch kind {
		case "string":
			value, err = client.Get(ctx, k).Result()
		case "hash":
			value, err = client.HGetAll(ctx, k).Result()
		case "list":
			value, err = client.LRange(ctx, k, 0, -1).Result()
		case "set":
			value, err = client.SMembers(ctx, k).Result()
		case "zset":
			value, err = client.ZRangeWithScores(ctx, k, 0, -1).Result()
		case "none": // it went away meanwhile
		default:
			r.t.Fatalf("%s is a %s, which this test cannot read", k, kind)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintln(&b, value)
	}
	if err := keys.Err(); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

// without is the secrets less one.
func (w *world) without(name string) map[string]string {
	all := maps.Clone(w.secrets)
	delete(all, name)
	return all
}
