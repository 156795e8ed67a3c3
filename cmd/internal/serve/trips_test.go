package serve

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// TestRoundTripsOfARun counts what a whole run asks of Redis, from the command to the
// result in the thread, by a replica that has run something before: so scripts, people and
// groups are known. With -v it lists them.
func TestRoundTripsOfARun(t *testing.T) {
	for _, tt := range []struct {
		api  string
		most int
	}{
		{bmclient.API2, 14}, // its result is told, and confirmed
		{bmclient.API3, 13},
		{bmclient.APITAT, 13},
	} {
		t.Run(tt.api, func(t *testing.T) {
			r := newRuns(t, tt.api, 2)
			r.run(1, 2)
			r.trips.seen = nil // at rest, nobody adds any
			r.run(2, 2)
			t.Logf("%d round trips:\n%s", len(r.trips.seen), strings.Join(r.trips.seen, "\n"))
			if n := len(r.trips.seen); n > tt.most {
				t.Errorf("a run takes %d round trips, want %d at most", n, tt.most)
			}
		})
	}
}

// TestWhatARunKeeps weighs what lies in Redis of a run that has ended, but for the text of
// its script, which all have together, and for what its hosts printed.
func TestWhatARunKeeps(t *testing.T) {
	const further = 40
	r := newRuns(t, bmclient.API2, 2+further)
	two, many := r.weigh(r.run(1, 2)), r.weigh(r.run(2, 2+further))
	t.Logf("a run of two hosts keeps %d bytes, and of %d hosts %d, %d a further host", two, 2+further, many, (many-two)/further)
	if two > 4000 {
		t.Errorf("a run of two hosts keeps %d bytes, want 4000 at most", two)
	}
	if each := (many - two) / further; each > 150 {
		t.Errorf("a further host costs %d bytes, want 150 at most", each)
	}
}

// trips notes each round trip to Redis, by who asked for it: functions of ours, the
// outermost last.
type trips struct {
	mu   sync.Mutex
	seen []string
}

func (t *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (t *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		t.note(cmd)
		return err
	}
}

func (t *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		t.note(cmds[0])
		return err
	}
}

// mute are functions that say nothing of why Redis was asked.
var mute = []string{"serve.(*trips)", "redisstore.once", "redisstore.caller", "Store).call", "Store).swap", "Desk)", "bot.(*Bot).advance", "bot.(*Bot).work", "start.func", "slackio."}

// note leaves out what comes with time and not with a run: looks at what is due that find
// nothing, and at what is remembered. A new connection begins with hello.
func (t *trips) note(cmd redis.Cmder) {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	var by []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		_, name, ours := strings.Cut(f.Function, "/bmcmd/bmcmd/")
		name = name[strings.LastIndex(name, "/")+1:]
		if ours && !slices.ContainsFunc(mute, func(less string) bool { return strings.Contains(name, less) }) {
			by = append(by, name)
		}
	}
	all := strings.Join(by, " < ")
	idle := false
	if eval, is := cmd.(*redis.Cmd); is && strings.Contains(all, "Store).Take") {
		answer, _ := eval.Slice()
		idle = len(answer) <= 6
	}
	if idle || cmd.Name() == "hello" || strings.Contains(all, "Recollect") || strings.Contains(all, "Budget") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, all)
}

// runs is a replica, with everything around it and a Redis that forgets nothing.
type runs struct {
	*testing.T
	ctx   context.Context
	s     *Server
	slack *slacksim.Slack
	hosts []string
	trips *trips
}

func newRuns(t *testing.T, api string, hosts int) *runs {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // what must come comes long before
	slack, err := slacksim.Start(slacksim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	for _, id := range []string{"U0ALICE", "U0BOB"} {
		slack.AddPerson(slacksim.Person{ID: id, Name: id})
	}
	slack.AddGroup(slacksim.Group{ID: "S0OPS", Handle: "ops", Members: []string{"U0BOB"}})
	slack.AddChannel(slacksim.Channel{ID: "C0OPS", Name: "ops", Members: []string{"U0ALICE", "U0BOB", slack.BotUserID()}})
	r := &runs{T: t, ctx: ctx, slack: slack, trips: &trips{}}
	cloud := startCloud(t)
	cloud.AddKey("value-of-read_id", "value-of-read_key", bmtest.MayRead)
	cloud.AddKey("value-of-run_id", "value-of-run_key", bmtest.MayRun)
	for range hosts {
		id := "ins-" + strings.ToLower(rand.Text()[:8])
		r.hosts = append(r.hosts, id)
		cloud.AddHost(id, map[string]string{"root": "value-of-web"})
	}
	dir := secretFiles(t, append([]string{"read_id", "read_key", "db_key"}, allFiles...)...)
	writeSecret(t, dir, "bot", slacksim.DefaultBotToken)
	writeSecret(t, dir, "app", slacksim.DefaultAppToken)
	text, endpoint := fmt.Sprintf(testConfig, dir, "web"), cloud.URL()
	switch api {
	case bmclient.API3:
		endpoint = cloud.URL3()
	case bmclient.APITAT:
		text, endpoint = fmt.Sprintf(configTAT, dir, "run_id"), cloud.URLTAT()
	}
	cfg := partsOf(t, strings.Replace(text, "approve: {users: [U0BOB]}", "approve: {groups: [S0OPS]}", 1)).cfg
	cfg.Slack.APIURL, cfg.Redis.Addresses = slack.APIURL(), []string{strictRedis(t)}
	cfg.Run.ConfirmFor = 2 * time.Second
	cfg.BM.API, cfg.BM.Region, cfg.BM.Endpoint, cfg.BM.RunKey.Token = api, "ap-beijing", endpoint, vault.Ref{}
	if r.s, err = New(ctx, cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r.s.redis.AddHook(r.trips)
	ended := make(chan error, 1)
	go func() { ended <- r.s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; r.s.Close() })
	r.must(slack.WaitConnected(ctx, 2))
	return r
}

func (r *runs) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// strictRedis is the address of a redis-server that forgets nothing.
func strictRedis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return addr
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// run has the nth command typed for so many hosts, approved and run to its end, and answers
// the request's id.
func (r *runs) run(n, hosts int) string {
	r.Helper()
	reason := fmt.Sprint("the disk is full, and this is try ", n)
	_, err := r.slack.Slash(r.ctx, "U0ALICE", "C0OPS", "/bmcmd", fmt.Sprintf("run cmd-1 %s --reason %q", strings.Join(r.hosts[:hosts], ","), reason))
	r.must(err)
	card, err := r.slack.WaitFor(r.ctx, func(e slacksim.Entry) bool {
		return e.Kind == slacksim.KindMessage && strings.Contains(e.String(), "Reason: "+reason)
	})
	r.must(err)
	r.rest()
	_, err = r.slack.Click(r.ctx, "U0BOB", "C0OPS", card.TS, "Approve")
	r.must(err)
	_, err = r.slack.WaitFor(r.ctx, func(e slacksim.Entry) bool {
		return e.ThreadTS == card.TS && strings.Contains(e.String(), "exit code 0")
	})
	r.must(err)
	_, err = r.slack.WaitFor(r.ctx, func(e slacksim.Entry) bool {
		return e.TS == card.TS && strings.Contains(e.String(), "exit code 0: run")
	})
	r.must(err)
	r.rest()
	_, after, _ := strings.Cut(card.String(), "Request: ")
	id, _, _ := strings.Cut(after, ",")
	return id
}

// rest waits until nothing is worked on.
func (r *runs) rest() {
	for tick := time.NewTicker(5 * time.Millisecond); r.s.Busy() > 0; <-tick.C {
		r.must(r.ctx.Err())
	}
}

// weigh is the length of all that lies in Redis of a request: in keys of its own, and in
// the indexes.
func (r *runs) weigh(id string) (bytes int) {
	r.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.s.cfg.Redis.Addresses[0]})
	defer client.Close()
	keys, err := client.Keys(r.ctx, "*").Result()
	r.must(err)
	for _, key := range keys {
		switch own := strings.HasSuffix(key, ":"+id); client.Type(r.ctx, key).Val() {
		case "hash":
			for field, value := range client.HGetAll(r.ctx, key).Val() {
				if own || field == id || value == id {
					bytes += len(field) + len(value)
				}
			}
		case "list":
			for _, line := range client.LRange(r.ctx, key, 0, -1).Val() {
				if own {
					bytes += len(line)
				}
			}
		case "string":
			if value := client.Get(r.ctx, key).Val(); own && !strings.Contains(key, ":outputs:") || value == id {
				bytes += len(value)
			}
		case "zset":
			if client.ZScore(r.ctx, key, id).Err() == nil {
				bytes += len(id) + 8
			}
		}
	}
	if bytes == 0 {
		r.Fatalf("nothing is kept of %q", id)
	}
	return bytes
}
