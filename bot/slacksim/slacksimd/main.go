// Command slacksimd runs the local Slack as a process of its own, for tests that start the real
// programs. It prints two lines, "api URL" and "admin URL", and then answers until it is ended.
//
// The workspace comes from a JSON file:
//
//	{"people": [{"id": "U1", "name": "alice"}], "groups": [{"id": "S1", "handle": "ops", "members": ["U1"]}],
//	 "channels": [{"id": "C1", "name": "incidents", "members": ["U1", "U0BOT"]}]}
//
// The admin port takes the driver's verbs as JSON; see the table in admin.go. Every answer is JSON;
// a verb that a person could not do is a 400 with {"error": …}.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "slacksimd:", err)
		os.Exit(1)
	}
}

type workspace struct {
	People   []slacksim.Person  `json:"people"`
	Groups   []slacksim.Group   `json:"groups"`
	Channels []slacksim.Channel `json:"channels"`
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	var cfg slacksim.Config
	flags := flag.NewFlagSet("slacksimd", flag.ContinueOnError)
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "loopback `address` of the Web API and the sockets")
	flags.StringVar(&cfg.BotToken, "bot-token", slacksim.DefaultBotToken, "the bot's `token`, xoxb-sim-…")
	flags.StringVar(&cfg.AppToken, "app-token", slacksim.DefaultAppToken, "the app's `token`, xapp-sim-…")
	flags.Func("scopes", "`scopes` of the bot's token, with commas; all that it may need if not given", func(list string) error {
		cfg.Scopes = strings.Split(list, ",")
		return nil
	})
	flags.StringVar(&cfg.Team.EnterpriseID, "enterprise", "", "Enterprise Grid `id`")
	flags.DurationVar(&cfg.AckWithin, "ack-within", 3*time.Second, "how long an envelope may stay unacknowledged")
	flags.DurationVar(&cfg.TriggerLife, "trigger-life", 3*time.Second, "how long a press may open a form")
	flags.DurationVar(&cfg.PingEvery, "ping-every", 5*time.Second, "between WebSocket pings")
	flags.BoolVar(&cfg.Pace, "pace", false, "keep Slack's real rate limits")
	flags.BoolVar(&cfg.Lean, "lean", false, "keep no transcript, calls and traffic")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "choose connections at random from this `seed`, not in turn")
	world := flags.String("world", "", "JSON `file` with people, groups and channels")
	admin := flags.Uint("admin-port", 0, "`port` of the verbs on 127.0.0.1; 0 takes a free one")
	follow := flags.Bool("stdin", false, "end when standard input ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := slacksim.Start(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := populate(s, *world); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *admin))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: adminHandler(s), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	defer srv.Close()
	ended := make(chan struct{})
	if *follow {
		go func() { _, _ = io.Copy(io.Discard, stdin); close(ended) }()
	}
	fmt.Fprintf(stdout, "api %s\nadmin http://%s/\n", s.APIURL(), ln.Addr())
	select {
	case <-ctx.Done():
	case <-ended:
	case err := <-failed:
		return err
	}
	return nil
}

func populate(s *slacksim.Slack, file string) error {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var w workspace
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, p := range w.People {
		s.AddPerson(p)
	}
	for _, g := range w.Groups {
		s.AddGroup(g)
	}
	for _, c := range w.Channels {
		s.AddChannel(c)
	}
	return nil
}
