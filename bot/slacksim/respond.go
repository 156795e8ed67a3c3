package slacksim

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Limits of a response_url.
const (
	responseUses = 5
	responseLife = 30 * time.Minute
)

// responseURL is where the bot may answer without being a member of the channel.
type responseURL struct {
	channel   string
	user      string
	original  string // ts of the message or ephemeral that was clicked; empty after a slash command
	born      time.Time
	used      int
	ephemeral bool // the original is one
}

// newResponseURL makes an address. Call with Slack.mu held.
func (s *Slack) newResponseURL(r responseURL) string {
	id := newID("")
	r.born = s.cfg.Now()
	s.responses[id] = &r
	return s.origin + "/respond/" + id
}

// response is what a bot may say: to a response_url or in an ack.
type response struct {
	Text            string          `json:"text"`
	Blocks          json.RawMessage `json:"blocks"`
	Attachments     json.RawMessage `json:"attachments"`
	ResponseType    string          `json:"response_type"`
	ThreadTS        string          `json:"thread_ts"`
	ReplaceOriginal bool            `json:"replace_original"`
	DeleteOriginal  bool            `json:"delete_original"`
}

func (s *Slack) serveResponse(w http.ResponseWriter, r *http.Request, id string) {
	const name = "response_url"
	start := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	a := args{isJSON: true, body: body}
	s.traffic.request(r, body)
	fault, hit := s.faults.take(name)
	if hit && !s.survives(w, r, name, a, fault) {
		return
	}
	no := s.respond(id, body)
	status, said := http.StatusOK, "ok"
	if no != nil {
		status, said = no.status, string(no.body())
	}
	s.record(name, a, []byte(said), status, start)
	if hit && fault.LoseReply {
		panic(http.ErrAbortHandler)
	}
	if no != nil {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, said)
}

func (s *Slack) respond(id string, body []byte) *refusal {
	s.mu.Lock()
	r := s.responses[id]
	no := r.spend(s.cfg.Now())
	if no != nil {
		s.mu.Unlock()
		return no
	}
	to := *r
	s.mu.Unlock()
	var msg response
	if json.Unmarshal(body, &msg) != nil {
		return &refusal{code: "invalid_payload", status: http.StatusBadRequest}
	}
	if no := s.say(to, msg, "response_url"); no != nil {
		no.status = http.StatusBadRequest
		return no
	}
	return nil
}

// spend takes one use of the address.
func (r *responseURL) spend(now time.Time) *refusal {
	switch {
	case r == nil:
		return &refusal{code: "invalid_url", status: http.StatusNotFound}
	case now.Sub(r.born) >= responseLife:
		return &refusal{code: "expired_url", status: http.StatusNotFound}
	case r.used >= responseUses:
		return &refusal{code: "used_url", status: http.StatusNotFound}
	}
	r.used++
	return nil
}

// say shows what the bot answered: to one person, unless it asked for the channel.
func (s *Slack) say(r responseURL, msg response, via string) *refusal {
	if msg.DeleteOriginal || msg.ReplaceOriginal && r.original != "" {
		return s.touchOriginal(r, msg)
	}
	w, no := readWords(msg.Text, msg.Blocks, len(msg.Attachments) > 4)
	if no != nil {
		return no
	}
	parent, no := s.parentOf(r.channel, msg.ThreadTS)
	if no != nil {
		return no
	}
	if msg.ResponseType == "in_channel" {
		s.post(Message{
			Channel: r.channel, ReplyTo: parent, UserID: s.cfg.BotUserID, BotID: s.cfg.BotID,
			Text: cutRunes(w.text, maxPostText), Blocks: w.blocks,
		}, KindMessage)
		return nil
	}
	s.whisper(Ephemeral{
		UserID: r.user, Channel: r.channel, ThreadTS: parent, Text: cutRunes(w.text, maxPostText), Blocks: w.blocks, Via: via,
	})
	return nil
}

// touchOriginal replaces or deletes what was clicked. A slash command's own line cannot be touched.
func (s *Slack) touchOriginal(r responseURL, msg response) *refusal {
	var w words
	if !msg.DeleteOriginal {
		var no *refusal
		if w, no = readWords(msg.Text, msg.Blocks, len(msg.Attachments) > 4); no != nil {
			return no
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.ephemeral {
		e := s.ephemeralByTS[r.original]
		if e == nil || e.Deleted {
			return refuse("message_not_found")
		}
		if msg.DeleteOriginal {
			e.Deleted = true
		} else {
			e.History = append(e.History[:len(e.History):len(e.History)], Version{Text: e.Text, Blocks: e.Blocks})
			e.Text, e.Blocks, e.Replaced = w.text, w.blocks, true
		}
		s.emitEphemeral(e)
		return nil
	}
	m := s.messageLocked(r.channel, r.original)
	switch {
	case m == nil || m.Deleted:
		return refuse("message_not_found")
	case msg.DeleteOriginal:
		s.remove(m)
	default:
		s.change(m, w.text, w.blocks)
	}
	return nil
}
