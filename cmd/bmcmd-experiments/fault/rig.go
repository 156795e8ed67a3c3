package fault

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/wire"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// patience is how long is waited for what must come.
const patience = 90 * time.Second

// usual is how many requests there are at most, besides the one that probes.
const usual = 12

// replica is one `bmcmd serve`, with the wires that it reaches the others through.
type replica struct {
	*world.Process
	redis, slack, sockets, cloud *wire.Proxy // nil unless the fault is wired
	killed                       bool        // by the fault
}

// newRig starts a world and three bots in it.
func newRig(t world.T, programs world.Programs, f Fault) *rig {
	t.Helper()
	r := &rig{fault: f, ctx: t.Context()}
	if f.plans != nil {
		r.plans = f.plans()
	}
	r.World = world.New(t, programs, world.Settings{
		SlackArgs: []string{"-world", world.Write(t, filepath.Join(t.TempDir(), "people.json"), people())},
		Config:    r.config, State: hosts, API: f.api,
	})
	r.seen = watching(r.ctx, r.Slack.Admin)
	t.Cleanup(r.seen.stop)
	shared := r.Config
	for i := range replicas {
		b := &replica{}
		if f.wired {
			r.wire(b, shared, i)
		}
		env := []string{"BMCMD_EXPERIMENT_HOLD=2s"}
		if f.env != nil {
			env = append(env, f.env(i)...)
		}
		b.Process = r.Launch(env...)
		r.bot = append(r.bot, b)
	}
	r.Slack.Connected(2 * replicas)
	return r
}

// config adds what the experiment needs to be over in seconds.
func (r *rig) config(w *world.World, text string) string {
	text = strings.Replace(text, "  lease: 13s\n", "  lease: 13s\n  search_for: 3s\n", 1)
	text = strings.Replace(text, "logins:\n", "limits: {open_requests: 1000, commands_a_minute: 1000}\nlogins:\n", 1)
	if r.fault.config != nil {
		return r.fault.config(w, text)
	}
	return text
}

// bot0 is the first bot, or one that is none yet.
func (r *rig) bot0() *replica {
	if len(r.bot) == 0 {
		return &replica{}
	}
	return r.bot[0]
}

// wire puts wires around a bot, and makes a config for it.
func (r *rig) wire(b *replica, shared string, i int) {
	slack, cloud := address(r.T, r.Slack.API), address(r.T, r.Cloud.API)
	if r.fault.api == "3.0" || r.fault.api == "tat" {
		cloud = address(r.T, r.Cloud.API3)
	}
	b.redis = r.proxy(wire.Redis, r.Redis.Addr)
	b.slack, b.sockets = r.proxy(wire.New, slack), r.proxy(wire.New, slack)
	// The API's address is part of what people approve, so all bots have one.
	if b.cloud = r.bot0().cloud; b.cloud == nil {
		b.cloud = r.proxy(wire.New, cloud)
	}
	// Slack says where its sockets are, and where to answer.
	for _, err := range []error{
		b.slack.Swap("ws://"+slack, "ws://"+b.sockets.Addr()),
		b.sockets.Swap("http://"+slack+"/respond", "http://"+b.slack.Addr()+"/respond"),
	} {
		if err != nil {
			r.T.Fatalf("%v", err)
		}
	}
	text, err := os.ReadFile(shared)
	if err != nil {
		r.T.Fatalf("%v", err)
	}
	own := strings.NewReplacer(r.Redis.Addr, b.redis.Addr(), slack, b.slack.Addr(), cloud, b.cloud.Addr()).Replace(string(text))
	r.Config = world.Write(r.T, filepath.Join(r.Dir, fmt.Sprintf("bmcmd-%d.yaml", i)), own)
}

func (r *rig) proxy(make func(string) (*wire.Proxy, error), target string) *wire.Proxy {
	p, err := make(target)
	if err != nil {
		r.T.Fatalf("%v", err)
	}
	r.T.Cleanup(p.Close)
	return p
}

// address is the host:port of a URL.
func address(t world.T, text string) string {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return u.Host
}

const most = 40 // people of each kind; half as many requests in one world

// Each request has its own host, its own requester and its own approver: so what
// people were told, and what was sent, is told apart.
func hostOf(n int) string     { return fmt.Sprintf("ins-load%02d", n) }
func askerOf(n int) string    { return fmt.Sprintf("U0ASKS%02d", n) }
func approverOf(n int) string { return fmt.Sprintf("U0SAYS%02d", n) }

// witnessOf is one more who may approve, where two have to say the same.
func witnessOf(n int) string { return approverOf(most - 1 - n) }

func people() string {
	var persons, ask, approve []string
	for n := range most {
		for _, id := range []string{askerOf(n), approverOf(n)} {
			persons = append(persons, fmt.Sprintf(`{"id":%q,"name":%q}`, id, strings.ToLower(id[2:])))
		}
		ask, approve = append(ask, fmt.Sprintf("%q", askerOf(n))), append(approve, fmt.Sprintf("%q", approverOf(n)))
	}
	list := func(items ...[]string) string {
		var all []string
		for _, i := range items {
			all = append(all, i...)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	return fmt.Sprintf(`{"people":%s,
		"groups":[{"id":"S0ONCALL","handle":"oncall","members":%s},{"id":"S0LEADS","handle":"leads","members":%s}],
		"channels":[{"id":%q,"name":"incident","members":%s}]}`,
		list(persons), list(ask), list(approve), world.Incident, list(ask, approve, []string{`"U0BOT"`}))
}

// hosts gives the cloud a host for each request.
func hosts(_ *world.World, state world.Object) {
	all := state["hosts"].(world.Object)
	logins := all["ins-web1"]
	for n := range most {
		all[hostOf(n)] = logins
	}
}
