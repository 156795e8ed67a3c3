package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// ask is the body of every POST; each verb reads the fields that it needs. Durations are text: "2s".
type ask struct {
	User     string            `json:"user"`
	Channel  string            `json:"channel"`
	Command  string            `json:"command"`
	Text     string            `json:"text"`
	ThreadTS string            `json:"thread_ts"`
	TS       string            `json:"ts"`
	Button   string            `json:"button"` // action_id or label
	Stale    bool              `json:"stale"`
	View     string            `json:"view"`
	Values   map[string]string `json:"values"`
	Wait     string            `json:"wait"` // how long to wait for the ack; default 10s; "0s" not at all

	Method     string         `json:"method"`
	Fault      slacksim.Fault `json:"fault"`
	Delay      string         `json:"delay"`
	RetryAfter string         `json:"retry_after"`
	N          int            `json:"n"`
	On         bool           `json:"on"`
	Reason     string         `json:"reason"`
	Envelope   string         `json:"envelope"`
	Token      string         `json:"token"`
	Code       string         `json:"code"`
}

type verb func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error)

// did makes a verb of something that has no outcome to wait for.
func did(f func(s *slacksim.Slack, a ask)) verb {
	return func(_ context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) { f(s, a); return nil, nil }
}

var verbs = map[string]verb{
	"slash": func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return s.Slash(ctx, a.User, a.Channel, a.Command, a.Text)
	},
	"mention": func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return s.Mention(ctx, a.User, a.Channel, a.ThreadTS, a.Text)
	},
	"click": func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		if a.Stale {
			return s.ClickStale(ctx, a.User, a.Channel, a.TS, a.Button)
		}
		return s.Click(ctx, a.User, a.Channel, a.TS, a.Button)
	},
	"submit": func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return s.Submit(ctx, a.User, a.View, a.Values)
	},
	"close-view": func(ctx context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return s.CloseView(ctx, a.User, a.View)
	},
	"redeliver": func(_ context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return nil, s.Redeliver(a.Envelope)
	},
	"retry-event": func(_ context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		return nil, s.RetryEvent(a.Envelope)
	},
	"fault": func(_ context.Context, s *slacksim.Slack, a ask) (_ *slacksim.Turn, err error) {
		if a.Fault.Delay, err = time.ParseDuration(cmp.Or(a.Delay, "0s")); err != nil {
			return nil, err
		}
		if a.Fault.RetryAfter, err = time.ParseDuration(cmp.Or(a.RetryAfter, "0s")); err != nil {
			return nil, err
		}
		s.FailNext(a.Method, a.Fault, max(1, a.N))
		return nil, nil
	},
	"clear-faults": did(func(s *slacksim.Slack, _ ask) { s.ClearFaults() }),
	"slow": func(_ context.Context, s *slacksim.Slack, a ask) (*slacksim.Turn, error) {
		d, err := time.ParseDuration(cmp.Or(a.Delay, "0s"))
		if err == nil {
			s.Slow(d)
		}
		return nil, err
	},
	"down":         did(func(s *slacksim.Slack, a ask) { s.Down(a.On) }),
	"outage":       did(func(s *slacksim.Slack, a ask) { s.Outage(a.On) }),
	"socket-mode":  did(func(s *slacksim.Slack, a ask) { s.SwitchSocketMode(a.On) }),
	"disconnect":   did(func(s *slacksim.Slack, a ask) { s.Disconnect(a.Reason) }),
	"drop":         did(func(s *slacksim.Slack, _ ask) { s.DropConnections() }),
	"black-hole":   did(func(s *slacksim.Slack, a ask) { s.BlackHole(max(1, a.N)) }),
	"refuse-token": did(func(s *slacksim.Slack, a ask) { s.RefuseToken(a.Token, a.Code) }),
	"invite":       did(func(s *slacksim.Slack, a ask) { s.Invite(a.Channel, a.User) }),
	"kick":         did(func(s *slacksim.Slack, a ask) { s.Kick(a.Channel, a.User) }),
}

func adminHandler(s *slacksim.Slack) http.Handler {
	mux := http.NewServeMux()
	for name, do := range verbs {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { act(w, r, s, do) })
	}
	post(mux, "person", s.AddPerson)
	post(mux, "group", s.AddGroup)
	post(mux, "channel", s.AddChannel)
	get(mux, "messages", func(r *http.Request) any { return s.Messages(r.FormValue("channel")) })
	get(mux, "ephemerals", func(r *http.Request) any { return s.Ephemerals(r.FormValue("user")) })
	get(mux, "views", func(r *http.Request) any { return s.OpenViews(r.FormValue("user")) })
	get(mux, "calls", func(*http.Request) any { return s.Calls() })
	get(mux, "counts", func(*http.Request) any { return s.CallCounts() })
	get(mux, "entries", func(r *http.Request) any { return entries(s, r) })
	get(mux, "connections", func(r *http.Request) any { return connections(s, r) })
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, s) })
	mux.HandleFunc("GET /traffic", func(w http.ResponseWriter, _ *http.Request) { _ = s.WriteTraffic(w) })
	mux.HandleFunc("GET /transcript", func(w http.ResponseWriter, _ *http.Request) { _ = s.WriteTranscript(w) })
	return mux
}

func get(mux *http.ServeMux, name string, f func(*http.Request) any) {
	mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, f(r)) })
}

func post[T any](mux *http.ServeMux, name string, f func(T)) {
	mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
		var v T
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		f(v)
		answer(w, http.StatusOK, struct{}{})
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// act carries a verb out and answers {"turn": …, "ack": …}; ack is missing if it did not come in time.
func act(w http.ResponseWriter, r *http.Request, s *slacksim.Slack, do verb) {
	var a ask
	var t *slacksim.Turn
	err := json.NewDecoder(r.Body).Decode(&a)
	if err == nil || errors.Is(err, io.EOF) { // many verbs need no words
		t, err = do(r.Context(), s, a)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	out := map[string]any{}
	if t != nil {
		out["turn"] = t
		ctx, cancel := waitContext(r, cmp.Or(a.Wait, "10s"))
		defer cancel()
		if ack, err := t.Wait(ctx); err == nil {
			out["ack"] = ack
		}
	}
	answer(w, http.StatusOK, out)
}

func waitContext(r *http.Request, wait string) (context.Context, context.CancelFunc) {
	d, _ := time.ParseDuration(wait)
	return context.WithTimeout(r.Context(), d)
}

// entries answers those after ?after=N; with ?wait=5s it waits that long for there to be one.
func entries(s *slacksim.Slack, r *http.Request) any {
	after, _ := strconv.Atoi(r.FormValue("after"))
	if wait := r.FormValue("wait"); wait != "" {
		ctx, cancel := waitContext(r, wait)
		defer cancel()
		_, _ = s.WaitFor(ctx, func(e slacksim.Entry) bool { return e.Seq > after })
	}
	all := s.Transcript()
	return all[min(max(after, 0), len(all)):]
}

// stream answers with the entries from now on as they come, one line of JSON each, until the client
// has enough. Messages and modals are left out: text says what they say first. The first line is empty.
func stream(w http.ResponseWriter, r *http.Request, s *slacksim.Slack) {
	entries, stop := s.Subscribe()
	defer stop()
	w.Header().Set("Content-Type", "application/jsonl")
	_, _ = io.WriteString(w, "\n")
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	for {
		if flush.Flush() != nil {
			return
		}
		select {
		case e, more := <-entries:
			if !more {
				return
			}
			e.Message, e.View = slacksim.Message{}, slacksim.View{}
			if out.Encode(e) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// connections answers how many sockets are open; with ?n=2&wait=5s it waits for so many.
func connections(s *slacksim.Slack, r *http.Request) any {
	n, _ := strconv.Atoi(r.FormValue("n"))
	ctx, cancel := waitContext(r, cmp.Or(r.FormValue("wait"), "0s"))
	defer cancel()
	_ = s.WaitConnected(ctx, n)
	return map[string]int{"connections": s.Connections()}
}
