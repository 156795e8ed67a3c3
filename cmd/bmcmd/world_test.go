package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/vault/vaulttest"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

type object = world.Object

const (
	alice, bob, carol, dave = world.Alice, world.Bob, world.Carol, world.Dave
	patience                = world.Patience
)

// settings are what a test wants otherwise.
type settings struct {
	world.Settings
	vault bool // secrets are in a real Vault; else in files
}

// scene is a world, in which secrets may be in a real Vault behind a gate.
type scene struct {
	*world.World
	t        testing.TB
	vaultAt  *world.Gate // what the bot takes for the vault; nil with files
	vaultURL string      // the vault itself
	path     string      // in the vault
}

func newWorld(t testing.TB, with settings) *scene {
	t.Helper()
	w := &scene{t: t}
	if with.vault {
		with.Vault = w.startVault
	}
	with.SlackArgs = append([]string{"-ack-within", "9s", "-trigger-life", "30s"}, with.SlackArgs...)
	config := with.Config
	with.Config = func(made *world.World, text string) string {
		if config != nil {
			text = config(made, text)
		}
		return w.patient(text)
	}
	w.World = world.New(t, built(t), with.Settings)
	return w
}

func (w *scene) startVault(secrets map[string]string) world.Vault {
	url, token := vaulttest.Start(w.t)
	w.vaultURL, w.path = url, vaulttest.Path("bmcmd")
	w.vaultAt = world.NewGate(w.t, url)
	w.fill(token, secrets)
	return world.Vault{Address: w.vaultAt.URL(), Token: token, Place: w.place}
}

// putSecrets writes a new version of what the vault holds.
func (w *scene) putSecrets(all map[string]string) {
	w.t.Helper()
	w.fill(w.Secrets["vault_token"], all)
}

// fill writes secrets to three places, since a place is read as a whole and what runs
// need is read for an approved run only.
func (w *scene) fill(token string, all map[string]string) {
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
		vaulttest.Call(w.t, w.vaultURL, token, http.MethodPost, mount+"/data/"+rest, map[string]any{"data": fields})
	}
}

// place is where in the vault a secret is.
func (w *scene) place(name string) string {
	switch name {
	case "run_id", "run_key":
		return w.path + "-run"
	case "web", "db":
		return w.path + "-hosts"
	}
	return w.path
}

// bmcmd starts the program with these arguments, as a process.
func bmcmd(t testing.TB, args ...string) *world.Process {
	t.Helper()
	return world.Start(t, nil, program(t, "bmcmd"), args...)
}

// patient gives calls of the cloud times that a busy machine keeps, where the world's are
// the shortest that do. They are what a hanging call and a lost lease are waited for.
func (w *scene) patient(text string) string {
	w.t.Helper()
	for short, long := range map[string]string{"\n  timeout: 2s\n": "\n  timeout: 10s\n", "\n  run_timeout: 3s\n": "\n  run_timeout: 10s\n", "\n  lease: 13s\n": "\n  lease: 20s\n"} {
		if !strings.Contains(text, short) {
			w.t.Fatalf("the config does not hold %q", short)
		}
		text = strings.Replace(text, short, long, 1)
	}
	return text
}

// awaitCards waits until there are n cards, and the buttons of each do what they say: a
// card is up a moment before its request is open.
func (w *scene) awaitCards(n int) {
	w.t.Helper()
	w.Slack.AwaitCards(n)
	client := w.Redis.Client()
	defer client.Close()
	store := redisstore.New(client, theTeam, redisstore.Options{})
	world.Until(w.t, "no request that is still looked up", func() (string, bool) {
		all, err := store.Open(w.t.Context(), 100)
		lookedUp := func(k approvals.Kept) bool { return k.State == approvals.Received }
		return fmt.Sprint(len(all), " are open, ", err), err == nil && !slices.ContainsFunc(all, lookedUp)
	})
}

// theTeam is the simulator's workspace, under which everything lies in Redis.
const theTeam = "T0SIM"

// edit puts text into the config before the first place that reads as before.
func (w *scene) edit(text, before string) {
	w.t.Helper()
	data, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	head, tail, ok := strings.Cut(string(data), before)
	if !ok {
		w.t.Fatalf("the config does not hold %q", before)
	}
	world.Write(w.t, w.Config, head+"  "+text+tail)
}
