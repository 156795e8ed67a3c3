package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// watch is what everybody in Slack sees, as it comes.
type watch struct {
	stop func()

	mu       sync.Mutex
	changed  chan struct{}
	messages map[string]slacksim.Message // by ts, as they are now
	posted   []string                    // their ts, in order
	cards    map[string]slacksim.Message // the newest by the host that it is for
	copies   map[string]int              // how many cards a request has
	told     map[string][]string         // what each person alone was told, in order
	warned   map[string]int              // how often Slack itself told them that it failed
}

var requestID = regexp.MustCompile(`\br-[a-hjkmnp-z2-9]{10}\b`)

// watching begins to watch, until stop.
func watching(ctx context.Context, slack world.Admin) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		changed: make(chan struct{}), messages: map[string]slacksim.Message{}, cards: map[string]slacksim.Message{},
		copies: map[string]int{}, told: map[string][]string{}, warned: map[string]int{},
	}
	ended := make(chan struct{})
	w.stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		for seq := 0; ctx.Err() == nil; {
			text, err := slack.Try(ctx, fmt.Sprintf("entries?after=%d&wait=2s", seq), nil)
			var entries []slacksim.Entry
			if err != nil || json.Unmarshal(text, &entries) != nil {
				pause(ctx, 50*time.Millisecond)
				continue
			}
			for _, e := range entries {
				seq = e.Seq
				w.take(e)
			}
			pause(ctx, 10*time.Millisecond) // so that a burst is read at once
		}
	}()
	return w
}

func (w *watch) take(e slacksim.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case slacksim.KindMessage, slacksim.KindUpdate, slacksim.KindDelete, slacksim.KindFile:
		w.message(e)
	case slacksim.KindEphemeral:
		w.told[e.UserID] = append(w.told[e.UserID], slacksim.Render(e.Message))
	case slacksim.KindWarning:
		w.warned[e.UserID]++
	default:
		return
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// message takes a message of the bot. One in the channel that names a host is a card.
func (w *watch) message(e slacksim.Entry) {
	m := e.Message
	if _, known := w.messages[m.TS]; !known {
		w.posted = append(w.posted, m.TS)
		if m.ReplyTo == "" && !m.Deleted {
			w.copies[requestID.FindString(m.Text)]++
		}
	}
	w.messages[m.TS] = m
	if host := hostIn(m.Text); m.ReplyTo == "" && !m.Deleted && host != "" {
		w.cards[host] = m
	}
}

func hostIn(text string) string {
	if at := strings.Index(text, "ins-load"); at >= 0 && len(text) >= at+len("ins-load00") {
		return text[at : at+len("ins-load00")]
	}
	return ""
}

// await waits until what is seen is so; false if it is not in time. is is called with
// the lock held.
func (w *watch) await(ctx context.Context, d time.Duration, is func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		w.mu.Lock()
		ok, changed := is(), w.changed
		w.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// look reads what is seen.
func look[T any](w *watch, read func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return read()
}

// thread is what the bot wrote under a card, in order.
func (w *watch) thread(ts string) (out []string) {
	for _, at := range w.posted {
		if m := w.messages[at]; m.ReplyTo == ts && !m.Deleted {
			out = append(out, slacksim.Render(m))
		}
	}
	return out
}
