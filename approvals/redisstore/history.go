package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// History is what is left of one request: its record, its events and all that Redis
// keeps beside them, of the same moment.
type History struct {
	ID        string
	Record    approvals.Request
	RecordErr error // nil: Record is it; ErrNotFound: it is gone; ErrUnreadable

	Events     []approvals.Event // oldest first
	EventsErr  error             // ErrUnreadable: what lies there is no list
	Unreadable []int             // places in Events, from 1, of what is no event: it is empty there
	Refusals   []approvals.Refusal
	Lost       []int     // places in Refusals, from 1, of what is no refused click, or is missing
	Newest     time.Time // when the last event was written, in milliseconds

	Odd    []string // what is not as bmcmd writes it, in words
	Lacks  []string // what the bot goes by and does not find there, and what to do, in words
	Stray  []string // keys of the request, though it has neither record nor events
	Marked bool     // the store has a mark

	Indexed time.Time // when the index says that the newest event was; zero: it is not in the index
	Now     time.Time // Redis' clock

	pressed int // refused clicks, by the counts of all people
}

// Empty reports whether neither record nor events are left of the request.
func (h History) Empty() bool {
	return len(h.Events) == 0 && h.EventsErr == nil && errors.Is(h.RecordErr, approvals.ErrNotFound)
}

// historyScript reads requests, and what is derived from them.
//
// KEYS: 1 index, 2 due, 3 open, 4 mark, then request, events, refused clicks and outputs
// of each.
// ARGV: 1 how many events of each, 2 "1": leave out those that are in the index,
// 3 prefix of twins, then the id of each, then the departure.
// Returns: seconds, microseconds, "1" if there is a mark, then of each: id, when it came,
// body ("" for none), ms in the index or "", how many events ("?" if they are no list), the
// first of them, field and text of each that lies among its refused clicks ("?" if they are no
// hash), "1" if it has outputs, and what [beside] reads.
var historyScript = redis.NewScript(clock + `
local out = {t[1], t[2], text(redis.call('HEXISTS', KEYS[4], 'mark'))}
for i = 5, #KEYS, 4 do
  local id = ARGV[3 + (i - 1) / 4]
  local ms = redis.call('ZSCORE', KEYS[1], id)
  if not (ms and ARGV[2] == '1') then
    local at, body, n, first, clicks, beside = '', '', '0', {}, {}, {}
    if redis.call('EXISTS', KEYS[i]) == 1 then
      body = '?'
      if redis.call('TYPE', KEYS[i]).ok == 'hash' then
        local h = redis.call('HMGET', KEYS[i], 'body', 'at', 'rev', 'on', 'refused', 'holds', 'twin')
        body, at = h[1] or '?', h[2] or ''
        beside = {h[3] or '', h[4] or '', h[5] or '', h[6] or '', redis.call('ZSCORE', KEYS[2], id) or '',
          redis.call('ZSCORE', KEYS[3], id) or '', redis.call('GET', ARGV[3] .. (h[7] or '')) or ''}
      end
    end
    if redis.call('EXISTS', KEYS[i + 1]) == 1 then
      n = '?'
      if redis.call('TYPE', KEYS[i + 1]).ok == 'list' then
        n = text(redis.call('LLEN', KEYS[i + 1]))
        first = redis.call('LRANGE', KEYS[i + 1], 0, ARGV[1] - 1)
      end
    end
    local kind = redis.call('TYPE', KEYS[i + 2]).ok
    if kind == 'hash' then
      clicks = redis.call('HGETALL', KEYS[i + 2])
    elseif kind ~= 'none' then
      clicks = {'?', ''}
    end
    for _, x in ipairs({id, at, body, ms and text(tonumber(ms)) or '', n, first, clicks, text(redis.call('EXISTS', KEYS[i + 3])), beside}) do out[#out + 1] = x end
  end
end
return out
`)

// eventsScript reads more events.
//
// KEYS: 1 events.
// ARGV: 1 from, 2 to.
// Returns: seconds, microseconds, events.
var eventsScript = redis.NewScript(clock + `
return {t[1], t[2], redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])}
`)

// hostsScript says which of a request's hosts are not kept for it.
//
// KEYS: 1 request, 2 hosts of its script.
// ARGV: 1 id, then hosts, then the departure.
// Returns: seconds, microseconds, the request's revision, and those hosts.
var hostsScript = redis.NewScript(clock + `
local out = {t[1], t[2], redis.call('HGET', KEYS[1], 'rev') or ''}
for i = 2, #ARGV - 1 do
  if redis.call('HGET', KEYS[2], ARGV[i]) ~= ARGV[1] then out[#out + 1] = ARGV[i] end
end
return out
`)

// history makes one request of an answer, from place i on, and reads the rest of its
// events: they are only added, so those that there were at that moment still are.
func (a *Audit) history(ctx context.Context, got answer, i int) (History, error) {
	h := History{ID: got.text(i), Now: got.now, Marked: got.text(0) == "1"}
	b := besideOf(got.rest[i+8])
	body := got.text(i + 2)
	switch body {
	case "":
		h.RecordErr = approvals.ErrNotFound
	default:
		h.Record, h.RecordErr = a.texts.body(ctx, body)
		if h.RecordErr != nil && !errors.Is(h.RecordErr, approvals.ErrUnreadable) {
			return h, h.RecordErr
		}
	}
	clicks, _ := got.rest[i+6].([]any)
	h.clicks(clicks)
	if ms := got.text(i + 3); ms != "" {
		h.Indexed = time.UnixMilli(number(ms)).UTC()
	}
	if err := a.events(ctx, &h, got, i); err != nil {
		return h, err
	}
	if h.Empty() {
		h.stray(a.keys, len(clicks) > 0, got.text(i+7) == "1")
	}
	if h.RecordErr == nil {
		h.written(body, got.text(i+1), b)
		if h.Record.Received.IsZero() {
			h.Record.Received = millis(got.text(i + 1))
		}
		h.Record.Refused = refusedClicks(b.refused)
		h.derived(b)
		return h, a.hosts(ctx, &h)
	}
	return h, nil
}

func (a *Audit) events(ctx context.Context, h *History, got answer, i int) error {
	if got.text(i+4) == "?" {
		h.EventsErr = fmt.Errorf("%w: the events of %s are no list: look at them with redis-cli", approvals.ErrUnreadable, h.ID)
		return nil
	}
	lines, _ := got.rest[i+5].([]any)
	for n := int(number(got.text(i + 4))); ; {
		for _, l := range lines {
			if err := h.add(ctx, a.texts, fmt.Sprint(l)); err != nil {
				return err
			}
		}
		if len(h.Events) >= n {
			return nil
		}
		more, err := a.read(ctx, eventsScript, []string{a.keys.events(h.ID)}, len(h.Events), min(n, len(h.Events)+auditEvents)-1)
		if err != nil {
			return err
		}
		if lines, _ = more.rest[0].([]any); len(lines) == 0 {
			return fmt.Errorf("%w: the events of %s went away while they were read", approvals.ErrConflict, h.ID)
		}
	}
}

// hosts looks whether a request that took its hosts still has them. One that moved since
// it was read is left alone: somebody works on it.
func (a *Audit) hosts(ctx context.Context, h *History) error {
	if !h.Record.Holds() || h.gaveUp() {
		return nil
	}
	args := []any{h.ID}
	for _, host := range h.Record.Asked.Hosts {
		args = append(args, host)
	}
	got, err := a.read(ctx, hostsScript, []string{a.keys.request(h.ID), a.keys.hosts(h.Record.Asked.Script)}, args...)
	if err != nil || number(got.text(0)) != h.Record.Revision || len(got.rest) == 1 {
		return err
	}
	h.lacks("hosts:%s does not keep %s for it: another run of the script can start there beside it; approve none before it has ended", h.Record.Asked.Script, got.text(1))
	return nil
}

// add takes one line of the events' list.
func (h *History) add(ctx context.Context, t *texts, line string) error {
	e, err := t.event(ctx, line)
	if err != nil && !errors.Is(err, approvals.ErrUnreadable) {
		return err
	}
	if err != nil {
		e, h.Unreadable = approvals.Event{}, append(h.Unreadable, len(h.Events)+1)
	}
	ms, _, _ := strings.Cut(line, " ")
	at := millis(ms)
	h.Events = append(h.Events, e)
	if err == nil {
		h.timed(ms, at, e.At)
	}
	h.Newest = at
	return nil
}
