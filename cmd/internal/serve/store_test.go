package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// onRedis is a server with the store at this address, and what it logs.
func onRedis(t *testing.T, addr, durability string) (*Server, *bytes.Buffer) {
	t.Helper()
	s := parts(t, secretFiles(t, allFiles...), "web")
	s.cfg.Redis.Addresses, s.cfg.Redis.Durability, s.here = []string{addr}, durability, "T1"
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	if err := s.openRedis(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// TestStoreThatForgets has the start and a check say the same of a Redis that does not
// tell whether it keeps what it confirms, and of one that is away.
func TestStoreThatForgets(t *testing.T) {
	redis := miniredis.RunT(t)
	s, log := onRedis(t, redis.Addr(), config.Strong)
	err := s.openStore(t.Context())
	if !errors.Is(err, redisstore.ErrForgets) || log.Len() != 0 {
		t.Fatalf("started: %v, %s", err, log)
	}
	const says = "redis may forget what it confirmed, and then a run could be sent twice: " +
		"it does not tell its role (ERR). Let its user call INFO and CONFIG GET, or write durability: weak"
	if err.Error() != says {
		t.Errorf("it says %q", err)
	}
	if p := probed(t, s); !slices.Contains(p, Probed{"redis", Bad, err.Error()}) {
		t.Errorf("a check says %v, a start %v", p, err)
	}

	s, log = onRedis(t, redis.Addr(), config.Weak)
	if err := s.openStore(t.Context()); err != nil || strings.Count(log.String(), "level=WARN") != 1 || s.durable() != nil {
		t.Errorf("weak: %v, it logs %q", err, log)
	}
	if p := probed(t, s); p[0].How != Doubt || !strings.Contains(p[0].Says, "it may forget") {
		t.Errorf("weak: a check says %v", p)
	}

	s, log = onRedis(t, "127.0.0.1:1", config.Strong)
	if err := s.openStore(t.Context()); err != nil || !strings.Contains(log.String(), "asked again before each run") || s.durable() == nil {
		t.Errorf("away: %v, it logs %q", err, log)
	}
	if p := probed(t, s); len(p) != 1 || p[0].How != Bad || strings.Contains(p[0].Says, "forget") {
		t.Errorf("away: a check says %v", p)
	}
}

// probed is what a check says of Redis.
func probed(t *testing.T, s *Server) (all []Probed) {
	p := &probe{Server: s, yield: func(one Probed) bool { all = append(all, one); return true }}
	p.redis(t.Context())
	return all
}

// TestSignedWithRedisTime has a cloud and a Redis agree on a time that is not this
// machine's: reads are taken as soon as Redis has answered once.
func TestSignedWithRedisTime(t *testing.T) {
	now := time.Now().Add(-24 * time.Hour)
	api := bmtest.New(bmtest.Now(func() time.Time { return now }))
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	api.AddScript(bmtest.Script{CmdID: "cmd-1", Content: []byte("echo 1")})
	api.AddKey("value-of-read_id", "value-of-read_key", bmtest.MayRead)
	redis := miniredis.RunT(t)
	redis.SetTime(now)
	s, _ := onRedis(t, redis.Addr(), config.Weak)
	s.cfg.BM.ReadKey = config.Key{ID: fileRef(t, "value-of-read_id"), Secret: fileRef(t, "value-of-read_key")}
	s.cfg.BM.Endpoint = api.URL()
	for _, part := range []func(context.Context) error{s.openCloud, s.openStore} {
		if err := part(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.cloud.Script(t.Context(), "cmd-1"); err == nil {
		t.Error("a date that is a day off was taken")
	}
	if _, err := s.store.Load(t.Context(), "r-none"); err == nil {
		t.Fatal("there is a request")
	}
	if _, err := s.cloud.Script(t.Context(), "cmd-1"); err != nil {
		t.Errorf("signed with Redis' time: %v", err)
	}
}

// TestValid holds that nobody may settle that a run did not run while the API could
// still take what was signed for it.
func TestValid(t *testing.T) {
	for api, window := range map[string]time.Duration{bmclient.API2: 2 * time.Hour, bmclient.API3: 5 * time.Minute, bmclient.APITAT: 5 * time.Minute} {
		if v := valid(api); v < window+bot.ClockSkew {
			t.Errorf("API %s takes what is %v old, and a claim is dead after %v", api, window, v)
		}
	}
}
