package serve

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// late is Slack's API, which can be told to keep one answer back.
type late struct {
	*httptest.Server
	hold func() (asked <-chan struct{}, answer func()) // the next users.info
}

func lateSlack(t *testing.T, slack *slacksim.Slack) late {
	t.Helper()
	to, err := url.Parse(slack.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	to.Path = ""
	pass := httputil.NewSingleHostReverseProxy(to)
	type wait struct{ asked, answer chan struct{} }
	next := make(chan wait, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/users.info") {
			select {
			case held := <-next:
				close(held.asked)
				<-held.answer
			default:
			}
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return late{s, func() (<-chan struct{}, func()) {
		held := wait{make(chan struct{}), make(chan struct{})}
		answer := sync.OnceFunc(func() { close(held.answer) })
		t.Cleanup(answer)
		next <- held
		return held.asked, answer
	}}
}

// serving is a server with everything around it, each in this process.
func serving(t *testing.T, ctx context.Context) (s *Server, slack *slacksim.Slack, api late, cloud *bmtest.Server) {
	t.Helper()
	slack, err := slacksim.Start(slacksim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	for _, id := range []string{"U0ALICE", "U0BOB"} {
		slack.AddPerson(slacksim.Person{ID: id, Name: id})
	}
	slack.AddChannel(slacksim.Channel{ID: "C0OPS", Name: "ops", Members: []string{"U0ALICE", "U0BOB", slack.BotUserID()}})
	api = lateSlack(t, slack)
	cloud = startCloud(t)
	cloud.AddKey("value-of-read_id", "value-of-read_key", bmtest.MayRead)
	cloud.AddKey("value-of-run_id", "value-of-run_key", bmtest.MayRun)
	cloud.AddHost("ins-1", map[string]string{"root": "value-of-web"})

	dir := secretFiles(t, append([]string{"read_id", "read_key"}, allFiles...)...)
	writeSecret(t, dir, "bot", slacksim.DefaultBotToken)
	writeSecret(t, dir, "app", slacksim.DefaultAppToken)
	cfg := parts(t, dir, "web").cfg
	cfg.Slack.APIURL = api.URL + "/api/"
	cfg.Redis.Addresses, cfg.Redis.Durability = []string{miniredis.RunT(t).Addr()}, config.Weak
	cfg.BM.Endpoint, cfg.BM.RunKey.Token = cloud.URL(), vault.Ref{}
	if s, err = New(ctx, cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, slack, api, cloud
}

// TestTheBotWorksUntilSlackHasHandedOnTheLast has a replica told to end while a press of
// Approve is still being looked into. The press counts, so this replica sends the run:
// others would wait until its hold ends, and then perhaps for a press of Run.
func TestTheBotWorksUntilSlackHasHandedOnTheLast(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // what must come comes long before
	defer cancel()
	s, slack, api, cloud := serving(t, ctx)
	until, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(until) }()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(slack.WaitConnected(ctx, 2))

	_, err := slack.Slash(ctx, "U0ALICE", "C0OPS", "/bmcmd", "run cmd-1 ins-1")
	must(err)
	card, err := slack.WaitFor(ctx, func(e slacksim.Entry) bool { return e.Channel == "C0OPS" && strings.Contains(e.Text, "echo 1") })
	must(err)
	for tick := time.NewTicker(5 * time.Millisecond); s.Busy() > 0; <-tick.C { // until the card's buttons count
		must(ctx.Err())
	}

	asked, answer := api.hold()
	_, err = slack.Click(ctx, "U0BOB", "C0OPS", card.TS, "Approve")
	must(err)
	select {
	case <-asked:
	case <-ctx.Done():
		t.Fatal("nobody asked who presses")
	}
	end()
	must(slack.WaitFewer(ctx, 1)) // Run has seen its end: it hands on what it was sent, and takes nothing more
	answer()
	must(<-ended)
	if n := len(cloud.Runs()); n != 1 {
		t.Errorf("%d runs were sent before the replica ended, want the one that was approved", n)
	}
}
