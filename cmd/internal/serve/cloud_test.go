package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/quota"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// rotated is a cloud whose cached key is no good any more, and that has another once
// it is forgotten.
func rotated(t *testing.T, s *bmtest.Server, api string) (c cloud, forgotten *atomic.Int32) {
	t.Helper()
	s.AddKey("AKIDnew", "new", bmtest.MayRead)
	forgotten = new(atomic.Int32)
	key := func(context.Context) (bmclient.Key, error) {
		if forgotten.Load() == 0 {
			return bmclient.Key{ID: "AKIDold", Secret: vault.NewSecret("old")}, nil
		}
		return bmclient.Key{ID: "AKIDnew", Secret: vault.NewSecret("new")}, nil
	}
	endpoint := map[string]string{bmclient.API2: s.URL(), bmclient.API3: s.URL3(), bmclient.APITAT: s.URLTAT()}[api]
	client, err := bmclient.New(bmclient.Config{API: api, Endpoint: endpoint, Region: "ap-beijing", ReadKey: key, ForgetKey: func() { forgotten.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return cloud{client}, forgotten
}

func startCloud(t *testing.T) *bmtest.Server {
	t.Helper()
	s := bmtest.New()
	s.AddScript(bmtest.Script{CmdID: "cmd-1", Content: []byte("echo 1")})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestRefusedKeyIsReadAgain has every kind of read meet a key that was rotated.
func TestRefusedKeyIsReadAgain(t *testing.T) {
	for api, task := range map[string]string{bmclient.API2: "cmdtask-none", bmclient.API3: "cmdtask-none", bmclient.APITAT: "inv-none"} {
		for name, read := range map[string]func(context.Context, cloud) error{
			"script":  func(ctx context.Context, c cloud) error { _, err := c.Script(ctx, "cmd-1"); return err },
			"scripts": func(ctx context.Context, c cloud) error { _, err := c.Scripts(ctx, bmclient.ScriptQuery{}); return err },
			"tasks":   func(ctx context.Context, c cloud) error { _, err := c.Tasks(ctx, bmclient.Page{}); return err },
			"hosts": func(ctx context.Context, c cloud) error {
				if _, err := c.EachHost(ctx, task, noHost); !errors.Is(err, bmclient.ErrNoTask) && err != nil {
					return err
				}
				return nil
			},
			"machines": func(ctx context.Context, c cloud) error { _, err := c.FindMachines(ctx, ""); return err },
			"sent": func(ctx context.Context, c cloud) error {
				_, err := c.Sent(ctx, bmclient.SentQuery{Hosts: []string{"ins-1"}, Content: []byte("x")})
				return err
			},
		} {
			if name == "sent" && api != bmclient.APITAT {
				continue
			}
			t.Run(api+" "+name, func(t *testing.T) {
				s := startCloud(t)
				c, forgotten := rotated(t, s, api)
				actions := 1
				if api == bmclient.APITAT && name == "machines" {
					actions = 2 // at the same time
				}
				if err := read(t.Context(), c); err != nil || forgotten.Load() != int32(actions) {
					t.Errorf("forgotten %d times: %v", forgotten.Load(), err)
				}
				want := 3 * actions // a refused one and two more
				if err := read(t.Context(), c); err != nil || len(s.Calls()) != want {
					t.Errorf("%d calls arrived, want %d: %v", len(s.Calls()), want, err)
				}
			})
		}
	}
}

// TestBadKeyIsNotAskedForEver holds that a key that stays bad is said after the second
// time.
func TestBadKeyIsNotAskedForEver(t *testing.T) {
	s := startCloud(t)
	c, forgotten := rotated(t, s, bmclient.API2)
	s.RemoveKey("AKIDnew")
	if _, err := c.Script(t.Context(), "cmd-1"); !bmclient.BadKey(err) || forgotten.Load() != 1 || len(s.Calls()) != 2 {
		t.Errorf("forgotten %d times, %d calls: %v", forgotten.Load(), len(s.Calls()), err)
	}
}

// TestHostsOnceThoughKeyChanges has the key refused between two pages of hosts: who
// counts them must not count twice.
func TestHostsOnceThoughKeyChanges(t *testing.T) {
	s := startCloud(t)
	const n = bmclient.LargestPage + 10
	var hosts []string
	for i := range n {
		hosts = append(hosts, fmt.Sprint("ins-", i))
		s.AddHost(hosts[i], nil)
	}
	task, err := s.RunByHand("cmd-1", hosts, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, forgotten := rotated(t, s, bmclient.API2)
	forgotten.Add(1) // the good key, until it is switched off
	seen := map[string]int{}
	total, err := c.EachHost(t.Context(), task, func(h bmclient.HostRun) error {
		if seen[h.Host]++; len(seen) == 1 {
			s.FailNext("GetUserCmdTaskDetailList", bmtest.Fault{Code: 4104}, 1)
		}
		return nil
	})
	if err != nil || total != n || len(seen) != n || forgotten.Load() != 2 {
		t.Errorf("%d hosts of %d, forgotten %d times: %v", len(seen), total, forgotten.Load(), err)
	}
	for h, times := range seen {
		if times != 1 {
			t.Errorf("%s was handed on %d times", h, times)
		}
	}
	stop := errors.New("enough")
	if _, err := c.EachHost(t.Context(), task, func(bmclient.HostRun) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of who counts came back as %v", err)
	}
}

// TestQuota has people's looks use up what they may of an action: their next one fails and says when to come again; what an
// approved run reads, and the run, find room. A refusal by the cloud is waited for in one place, and holds back the next read, too.
func TestQuota(t *testing.T) {
	api := startCloud(t)
	api.AddKey("AKID", "key", bmtest.MayRead|bmtest.MayRun)
	api.AddHost("ins-1", map[string]string{"root": "pass"})
	s := parts(t, secretFiles(t, allFiles...), "web")
	s.cfg.BM.Endpoint, s.quotas = api.URL(), quota.Documented
	s.cfg.BM.ReadKey = config.Key{ID: fileRef(t, "AKID"), Secret: fileRef(t, "key")}
	if err := s.openCloud(t.Context()); err != nil {
		t.Fatal(err)
	}
	people := looks{cloud: s.cloud}
	for n := range 15 { // three tenths of a half of a hundred
		if _, err := people.Script(t.Context(), bot.Looker{User: fmt.Sprint("U", n%2)}, "cmd-1"); err != nil {
			t.Fatal(err)
		}
	}
	short, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	var wait *bot.Later
	if _, err := people.Script(short, bot.Looker{User: "U0ALICE"}, "cmd-1"); !errors.Is(err, bot.ErrQuota) || !errors.Is(err, bmclient.ErrNotSent) || !errors.As(err, &wait) || wait.After > time.Minute {
		t.Errorf("a look beyond its share of the quota: %v", err)
	}
	if _, err := s.cloud.Script(t.Context(), "cmd-1"); err != nil {
		t.Errorf("what an approved run reads: %v", err)
	}
	api.FailNext("GetUserCmdTaskList", bmtest.Fault{Code: 4400}, 1)
	began := time.Now()
	if _, err := s.cloud.Tasks(t.Context(), bmclient.Page{}); err != nil || api.Count("GetUserCmdTaskList") != 2 || time.Since(began) < 400*time.Millisecond {
		t.Errorf("a read that was refused once: %v, after %v", err, time.Since(began))
	}
	api.FailAlways("GetUserCmdTaskList", bmtest.Fault{Code: 4400})
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.cloud.Tasks(soon, bmclient.Page{}); !bmclient.OverQuota(err) || !errors.Is(err, bot.ErrQuota) || errors.Is(err, bmclient.ErrNotSent) {
		t.Errorf("a read that is refused for as long as it may take: %v", err)
	}
	if _, err := s.cloud.Tasks(soon, bmclient.Page{}); !errors.Is(err, bot.ErrQuota) || api.Count("GetUserCmdTaskList") != 3 {
		t.Errorf("the next read is sent into a closed door: %v", err)
	}
	run := bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Password: vault.NewSecret("pass")}
	if _, err := s.cloud.Run(t.Context(), bmclient.Key{ID: "AKID", Secret: vault.NewSecret("key")}, run); err != nil {
		t.Errorf("a run: %v", err)
	}
}

// fileRef refers to a file with this value.
func fileRef(t *testing.T, value string) vault.Ref {
	t.Helper()
	dir := secretFiles(t, "x")
	writeSecret(t, dir, "x", value)
	ref, err := vault.ParseRef("ref+file://" + dir + "/x")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestOpenReads holds that an operator's terminal needs nothing but the key for reads.
func TestOpenReads(t *testing.T) {
	api := startCloud(t)
	api.AddKey("value-of-read_id", "value-of-read_key", bmtest.MayRead)
	cfg := parts(t, secretFiles(t, "read_id", "read_key"), "web").cfg
	cfg.BM.Endpoint = api.URL()
	r, err := OpenReads(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.Script(t.Context(), "cmd-1"); err != nil || string(s.Content) != "echo 1" {
		t.Errorf("%q, %v", s.Content, err)
	}
	if _, can := any(r).(interface {
		Run(context.Context, bmclient.Key, bmclient.Run) (bmclient.Accepted, error)
	}); can {
		t.Error("what an operator's terminal gets can run scripts")
	}
}

// TestReadsPageByPage has more scripts than one page holds.
func TestReadsPageByPage(t *testing.T) {
	api := startCloud(t)
	const n = 2*bmclient.LargestPage + 7
	for i := range n {
		api.AddScript(bmtest.Script{CmdID: fmt.Sprint("cmd-n", i), Alias: "many", Content: []byte("x"), Created: time.Unix(int64(i), 0)})
	}
	c, forgotten := rotated(t, api, bmclient.API3)
	forgotten.Add(1)
	r := &Reads{&Server{cloud: c, log: slog.New(slog.DiscardHandler)}}
	for most, want := range map[int]int{0: n, 1: 1, 150: 150, n + 1: n} {
		list, err := r.Scripts(t.Context(), "many", most)
		ids := map[string]bool{}
		for _, s := range list.Scripts {
			ids[s.CmdID] = true
		}
		if err != nil || len(list.Scripts) != want || len(ids) != want || list.Total != n {
			t.Errorf("at most %d: %d rows, %d different, of %d: %v", most, len(list.Scripts), len(ids), list.Total, err)
		}
	}
	if _, err := r.Script(t.Context(), "many"); !errors.Is(err, ErrAlias) {
		t.Errorf("an alias of many: %v", err)
	}
}
