package slacksim

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxShareChannels is how many channels one upload may be shared to.
const maxShareChannels = 100

// upload is a file on its way: announced, sent, then shared.
type upload struct {
	file   File
	length int
	sent   bool
	shared bool
}

func (s *Slack) filesURL(c *call) (any, *refusal) {
	name := c.args.str("filename")
	n, err := strconv.Atoi(c.args.str("length"))
	if name == "" || err != nil || n <= 0 {
		return nil, refuse("missing_argument")
	}
	u := &upload{file: File{ID: newID("F"), Name: name}, length: n}
	s.mu.Lock()
	s.uploads[u.file.ID] = u
	s.mu.Unlock()
	return fields{"ok": true, "upload_url": s.origin + "/upload/" + u.file.ID, "file_id": u.file.ID}, nil
}

func (s *Slack) serveUpload(w http.ResponseWriter, r *http.Request, id string) {
	const name = "upload"
	start := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	s.traffic.request(r, body)
	a := args{form: map[string][]string{"file_id": {id}}}
	fault, hit := s.faults.take(name)
	if hit && !s.survives(w, r, name, a, fault) {
		return
	}
	status := s.storeUpload(id, fileBytes(r.Header.Get("Content-Type"), body))
	s.record(name, a, nil, status, start)
	if hit && fault.LoseReply {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = io.WriteString(w, "OK - "+itoa(len(body)))
	}
}

func (s *Slack) storeUpload(id string, content []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	switch {
	case u == nil || u.shared:
		return http.StatusNotFound
	case len(content) != u.length:
		return http.StatusBadRequest
	}
	u.file.Content, u.file.Size, u.sent = content, len(content), true
	return http.StatusOK
}

// fileBytes returns the file itself: the body, or the first file of a multipart form.
func fileBytes(contentType string, body []byte) []byte {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return body
	}
	parts := multipart.NewReader(strings.NewReader(string(body)), params["boundary"])
	for {
		p, err := parts.NextPart()
		if err != nil {
			return nil
		}
		if p.FileName() != "" {
			b, _ := io.ReadAll(p)
			return b
		}
	}
}

func (s *Slack) filesComplete(c *call) (any, *refusal) {
	var list []struct{ ID, Title string }
	if json.Unmarshal(c.args.raw("files"), &list) != nil || len(list) == 0 {
		return nil, refuse("invalid_arguments", "missing required field: files [json-pointer:/files]")
	}
	channels, no := s.shareTo(c)
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	files := make([]File, 0, len(list))
	for _, f := range list {
		u := s.uploads[f.ID]
		if u == nil || !u.sent || u.shared {
			s.mu.Unlock()
			return nil, refuse("file_not_found")
		}
		u.file.Title = f.Title
		files = append(files, u.file)
	}
	for _, f := range files {
		s.uploads[f.ID].shared = true
		if s.cfg.Lean {
			delete(s.uploads, f.ID)
		}
	}
	for _, t := range channels {
		s.postLocked(Message{
			Channel: t.channel, ReplyTo: t.thread, UserID: s.cfg.BotUserID, BotID: s.cfg.BotID,
			Text: c.args.str("initial_comment"), Files: files,
		}, KindFile)
	}
	s.mu.Unlock()
	out := make([]fields, len(files))
	for i, f := range files {
		out[i] = fields{"id": f.ID, "title": f.Title}
	}
	return fields{"ok": true, "files": out}, nil
}

type shareTarget struct{ channel, thread string }

// shareTo checks where an upload is to appear. Nowhere is fine: then the file stays private.
func (s *Slack) shareTo(c *call) ([]shareTarget, *refusal) {
	var ids []string
	if id := c.args.str("channel_id"); id != "" {
		ids = append(ids, id)
	}
	if more := c.args.str("channels"); more != "" {
		ids = append(ids, strings.Split(more, ",")...)
	}
	if len(ids) > maxShareChannels {
		return nil, refuse("channel_limit_exceeded")
	}
	var out []shareTarget
	for _, id := range ids {
		ch, no := s.mayPost(id)
		if no != nil {
			return nil, no
		}
		if !s.roster.isMember(ch.ID, s.cfg.BotUserID) { // chat:write.public does not reach files
			return nil, refuse("not_in_channel")
		}
		parent, no := s.parentOf(ch.ID, c.args.str("thread_ts"))
		if no != nil {
			return nil, no
		}
		out = append(out, shareTarget{ch.ID, parent})
	}
	return out, nil
}
