package redisstore

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// The dictionary is for ever: this was packed with the first.
func TestWhatWasPackedBefore(t *testing.T) {
	const want = `{"v":2,"request":"r-7hk2mpq4xz","n":4,"revision":4,"move":"vote","from":"pending","to":"approved"}`
	was, err := base64.StdEncoding.DecodeString("AcJWdJtnZBvlFhSaVFRBCnET5KLbhMQCqhYQAAD//w==")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unpack(string(was)); err != nil || got != want {
		t.Errorf("%q, error %v", got, err)
	}
	if got := Unpacked("17 " + string(was)); got != "17 "+want {
		t.Errorf("a line is shown as %q", got)
	}
	for _, broken := range []string{packed, string(was[:len(was)-3]), packed + "{}"} {
		if got, err := unpack(broken); err == nil {
			t.Errorf("%q is unpacked to %q", broken, got)
		}
		if Unpacked(broken) != broken {
			t.Errorf("%q is shown otherwise", broken)
		}
	}
}

// A script's text lies there once for all who have it: as long as a request that has it is
// open, and then as long as what names it.
func TestTheTextOfAScript(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := made(t, New(dial(t, srv.addr), "T0TEST", Options{KeepRequests: time.Hour, KeepEvents: 10 * time.Hour}))
		d := approvals.NewDesk(s, amy, time.Minute)
		rule := facts(1, 1).Rule
		one, two := pending(t, d, asked(1), rule), pending(t, d, asked(2), rule)
		text := string(one.Plan.Script.Content)
		key := s.keys.script(one.Plan.Script.SHA256())
		stays := func(why string, want time.Duration) {
			t.Helper()
			left, err := s.client.PTTL(t.Context(), key).Result()
			if err != nil || want < 0 && left != want || want > 0 && (left > want || left < want-time.Minute) {
				t.Errorf("%s: it stays for %v, want %v, error %v", why, left, want, err)
			}
		}
		for _, k := range []string{s.keys.request(one.ID), s.keys.request(two.ID)} {
			if body := s.client.HGet(t.Context(), k, "body").Val(); strings.Contains(body, base64.StdEncoding.EncodeToString([]byte(text))) {
				t.Errorf("%s holds the text itself", k)
			}
		}
		stays("two are open", -1)
		advance(t, d, one, approvals.Cancel(alice))
		stays("one is open", -1)
		advance(t, d, two, approvals.Cancel(alice))
		stays("none is open", 10*time.Hour)
		three := pending(t, d, asked(3), rule)
		stays("another is open", -1)
		advance(t, d, three, approvals.Cancel(alice))
		stays("that has ended", 10*time.Hour)
		if s.client.Exists(t.Context(), s.keys.having(one.Plan.Script.SHA256())).Val() != 0 {
			t.Error("it is still had by one that is open")
		}

		fresh := New(s.client, "T0TEST", Options{})
		if k, err := fresh.Load(t.Context(), one.ID); err != nil || string(k.Plan.Script.Content) != text {
			t.Errorf("it is read as %q, error %v", k.Plan.Script.Content, err)
		}
		events, err := New(s.client, "T0TEST", Options{}).Events(t.Context(), one.ID, 0)
		if err != nil || approvals.Verify(events) != nil || string(events[2].Plan.Script.Content) != text {
			t.Errorf("the events: %v, %v", err, approvals.Verify(events))
		}
	})
}

// Whoever finds no text, or another, reads nothing; a move of who knows it puts it back.
func TestALostText(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k := pending(t, d, asked(1), facts(1, 1).Rule)
		key := s.keys.script(k.Plan.Script.SHA256())
		for why, lose := range map[string]func() error{
			"none":    func() error { return s.client.Del(t.Context(), key).Err() },
			"another": func() error { return s.client.Set(t.Context(), key, "rm -rf /", 0).Err() },
		} {
			if err := lose(); err != nil {
				t.Fatal(err)
			}
			fresh := New(s.client, "T0TEST", Options{})
			if _, err := fresh.Load(t.Context(), k.ID); !errors.Is(err, approvals.ErrUnreadable) || !strings.Contains(err.Error(), key[strings.LastIndex(key, "script:"):]) {
				t.Errorf("%s: the record is read: %v", why, err)
			}
			if _, err := fresh.Events(t.Context(), k.ID, 0); !errors.Is(err, approvals.ErrUnreadable) {
				t.Errorf("%s: the events are read: %v", why, err)
			}
		}
		if err := s.client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		k = advance(t, d, k, approvals.Redraw())
		if got, err := New(s.client, "T0TEST", Options{}).Load(t.Context(), k.ID); err != nil || string(got.Plan.Script.Content) != string(k.Plan.Script.Content) {
			t.Errorf("after a move: %v", err)
		}
	})
}

// A request that lets go of its plan lets go of the text.
func TestATextThatNobodyNames(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k, _, err := d.Receive(t.Context(), asked(1))
		if err != nil {
			t.Fatal(err)
		}
		k = advance(t, d, k, approvals.Prepare(alice, plan(facts(1, 1).Rule)))
		key := s.keys.script(k.Plan.Script.SHA256())
		advance(t, d, k, approvals.Refuse("the card could not be posted"))
		if left := s.client.PTTL(t.Context(), key).Val(); left <= 0 {
			t.Errorf("it stays for %v", left)
		}
	})
}
