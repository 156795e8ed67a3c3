package slacksim

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fields is an answer that is built on the way.
type fields map[string]any

// refusal is an answer with "ok": false.
type refusal struct {
	code     string
	needed   string   // scopes, for missing_scope
	provided string   // scopes, for missing_scope
	messages []string // for response_metadata.messages, without "[ERROR] "
	status   int      // HTTP status; 0 is 200
	retry    int      // seconds, for Retry-After
}

func refuse(code string, messages ...string) *refusal {
	return &refusal{code: code, messages: messages}
}

func (r *refusal) body() []byte {
	out := fields{"ok": false, "error": r.code}
	if r.needed != "" {
		out["needed"], out["provided"] = r.needed, r.provided
	}
	if len(r.messages) > 0 {
		said := make([]string, len(r.messages))
		for i, m := range r.messages {
			said[i] = "[ERROR] " + m
		}
		out["errors"], out["response_metadata"] = r.messages, fields{"messages": said}
	}
	b, _ := json.Marshal(out)
	return b
}

// call is one request to the Web API.
type call struct {
	method string
	args   args
	token  string
	at     time.Time
}

// method is what the simulator knows of one Web API method.
type method struct {
	scope string // that the token needs; empty for none
	app   bool   // wants the app token, in the header, instead of the bot token
	tier  int    // calls a minute; 0 for one a second a channel
	run   func(*Slack, *call) (any, *refusal)
}

var methods map[string]method

func init() { // not a literal: the handlers reach the table through the rate limits
	methods = map[string]method{
		"api.test":                     {tier: 100, run: func(*Slack, *call) (any, *refusal) { return fields{"ok": true}, nil }},
		"auth.test":                    {tier: 600, run: (*Slack).authTest},
		"apps.connections.open":        {scope: "connections:write", app: true, tier: 50, run: (*Slack).connectionsOpen},
		"chat.postMessage":             {scope: "chat:write", run: (*Slack).chatPost},
		"chat.update":                  {scope: "chat:write", tier: 50, run: (*Slack).chatUpdate},
		"chat.delete":                  {scope: "chat:write", tier: 50, run: (*Slack).chatDelete},
		"chat.postEphemeral":           {scope: "chat:write", tier: 100, run: (*Slack).chatEphemeral},
		"chat.getPermalink":            {tier: 600, run: (*Slack).chatPermalink},
		"users.info":                   {scope: "users:read", tier: 100, run: (*Slack).usersInfo},
		"bots.info":                    {scope: "users:read", tier: 50, run: (*Slack).botsInfo},
		"usergroups.list":              {scope: "usergroups:read", tier: 20, run: (*Slack).groupsList},
		"usergroups.users.list":        {scope: "usergroups:read", tier: 20, run: (*Slack).groupUsers},
		"conversations.info":           {tier: 50, run: (*Slack).conversationInfo},
		"conversations.open":           {scope: "im:write", tier: 50, run: (*Slack).conversationOpen},
		"views.open":                   {tier: 100, run: (*Slack).viewsOpen},
		"views.update":                 {tier: 100, run: (*Slack).viewsUpdate},
		"views.push":                   {tier: 100, run: (*Slack).viewsPush},
		"files.getUploadURLExternal":   {scope: "files:write", tier: 100, run: (*Slack).filesURL},
		"files.completeUploadExternal": {scope: "files:write", tier: 100, run: (*Slack).filesComplete},
	}
}

func (s *Slack) serveMethod(w http.ResponseWriter, r *http.Request, name string) {
	start := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	a, bad := parseArgs(r, body)
	s.traffic.request(r, a.withoutToken())
	fault, hit := s.faults.take(name)
	if hit && !s.survives(w, r, name, a, fault) {
		return
	}
	c := &call{method: name, args: a, at: s.cfg.Now()}
	answer, no := any(nil), bad
	if no == nil {
		answer, no = s.run(r, c)
	}
	s.answer(w, c, answer, no, start, hit && fault.LoseReply)
}

func (s *Slack) run(r *http.Request, c *call) (any, *refusal) {
	m, ok := methods[c.method]
	if !ok {
		return nil, refuse("unknown_method")
	}
	if no := s.authorise(r, c, m); no != nil {
		return nil, no
	}
	if no := s.pace(c, m); no != nil {
		return nil, no
	}
	return m.run(s, c)
}

func (s *Slack) answer(w http.ResponseWriter, c *call, answer any, no *refusal, start time.Time, lose bool) {
	status := http.StatusOK
	body, isRaw := answer.(json.RawMessage)
	switch {
	case no != nil:
		body = no.body()
		if no.status != 0 {
			status = no.status
		}
	case !isRaw:
		body, _ = json.Marshal(answer)
	}
	s.record(c.method, c.args, body, status, start)
	if lose {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	if no != nil && no.retry > 0 {
		h.Set("Retry-After", itoa(no.retry))
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-OAuth-Scopes", strings.Join(s.cfg.Scopes, ","))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// authorise finds the token where the method wants it and checks its kind, state and scopes.
func (s *Slack) authorise(r *http.Request, c *call, m method) *refusal {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" && !m.app && !c.args.isJSON { // JSON and app tokens: in the header only
		token = c.args.str("token")
	}
	c.token = token
	var scopes []string
	switch token {
	case "":
		return refuse("not_authed")
	case s.cfg.BotToken:
		if m.app {
			return refuse("not_allowed_token_type")
		}
		scopes = s.cfg.Scopes
	case s.cfg.AppToken:
		if !m.app {
			return refuse("not_allowed_token_type")
		}
		scopes = s.cfg.AppScopes
	default:
		return refuse("invalid_auth")
	}
	if code := s.faults.tokenState(token); code != "" {
		return refuse(code)
	}
	if m.scope != "" && !slices.Contains(scopes, m.scope) {
		return &refusal{code: "missing_scope", needed: m.scope, provided: strings.Join(scopes, ",")}
	}
	return nil
}

func (s *Slack) authTest(*call) (any, *refusal) {
	out := fields{
		"ok": true, "url": "https://" + s.cfg.Team.Domain + ".slack.com/", "team": s.cfg.Team.Name, "user": s.cfg.BotName,
		"team_id": s.cfg.Team.ID, "user_id": s.cfg.BotUserID, "bot_id": s.cfg.BotID, "is_enterprise_install": false,
	}
	if e := s.cfg.Team.EnterpriseID; e != "" {
		out["enterprise_id"] = e
	}
	return out, nil
}

func (s *Slack) botsInfo(c *call) (any, *refusal) {
	if id := c.args.str("bot"); id != "" && id != s.cfg.BotID {
		return nil, refuse("bot_not_found")
	}
	return fields{"ok": true, "bot": fields{
		"id": s.cfg.BotID, "deleted": false, "name": s.cfg.BotName, "app_id": s.cfg.AppID, "user_id": s.cfg.BotUserID,
	}}, nil
}
