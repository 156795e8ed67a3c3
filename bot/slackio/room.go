package slackio

import (
	"encoding/json"
	"sync"

	"github.com/bmcmd/bmcmd/bot/view"
)

// room is where envelopes of one kind are handled: so many at a time, and of one person so few of them
// that nobody fills it.
type room struct {
	places chan struct{}
	each   int

	mu sync.Mutex
	of map[string]int // by person
}

func newRoom(places int) *room {
	return &room{places: make(chan struct{}, places), each: max(1, places/8), of: make(map[string]int)}
}

// enter takes a place for an envelope of user; nil: there is none.
func (r *room) enter(user string) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[user] >= r.each {
		return nil
	}
	select {
	case r.places <- struct{}{}:
	default:
		return nil
	}
	r.of[user]++
	return func() {
		<-r.places
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.of[user]--; r.of[user] == 0 {
			delete(r.of, user)
		}
	}
}

// roomFor says whose envelope it is, and where it is handled: decisions have a room of their own, so
// that they wait for no question, however many there are.
func (s *Slack) roomFor(f frame) (*room, string) {
	var p struct {
		UserID string `json:"user_id"`
		Event  struct {
			User string `json:"user"`
		} `json:"event"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
		Actions []struct {
			ActionID string `json:"action_id"`
		} `json:"actions"`
	}
	_ = json.Unmarshal(f.Payload, &p) // what cannot be read is said where it is handled
	user := first(p.UserID, p.Event.User, p.User.ID)
	if f.Type != "interactive" || len(p.Actions) > 0 && view.Asks(p.Actions[0].ActionID) {
		return s.questions, user
	}
	return s.decisions, user
}
