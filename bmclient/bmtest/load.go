package bmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
)

// State is a server's contents as JSON.
type State struct {
	Scripts  []ScriptState                `json:"scripts"`
	Hosts    map[string]map[string]string `json:"hosts"`    // host to user to password
	Machines map[string]Machine           `json:"machines"` // what is known of hosts, where it is more than that they are there
	Keys     []struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
		Token  string `json:"token"` // empty unless temporary
		May    string `json:"may"`   // "read", "run" or "read,run"
	} `json:"keys"`
	CheckLogins  bool   `json:"check_logins"`
	OnlyArrayKey string `json:"only_array_key"`
	Lean         bool   `json:"lean"`
}

// ScriptState is a script as JSON, its content as plain text.
type ScriptState struct {
	CmdID   string `json:"cmd_id"`
	Alias   string `json:"alias"`
	OSType  string `json:"os_type"`
	Content string `json:"content"`
	How
}

// Load makes a server from a State in JSON. Unknown fields are an error.
func Load(r io.Reader) (*Server, error) {
	var st State
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&st); err != nil {
		return nil, fmt.Errorf("the state is not JSON as expected: %w", err)
	}
	opts := []Option{OnlyArrayKey(st.OnlyArrayKey)}
	if st.CheckLogins {
		opts = append(opts, CheckLogins())
	}
	if st.Lean {
		opts = append(opts, Lean())
	}
	s := New(opts...)
	for _, sc := range st.Scripts {
		s.PutScript(sc)
	}
	for id, logins := range st.Hosts {
		s.AddHost(id, logins)
	}
	for id, m := range st.Machines {
		if !s.SetMachine(id, m) {
			return nil, fmt.Errorf("machines names %q, which is not among hosts", id)
		}
	}
	for _, k := range st.Keys {
		may, err := parseRights(k.May)
		if err != nil {
			return nil, err
		}
		s.AddTemporaryKey(k.ID, k.Secret, k.Token, may)
	}
	return s, nil
}

// PutScript changes the content of a script, or adds it.
func (s *Server) PutScript(sc ScriptState) {
	if !s.ChangeScript(sc.CmdID, []byte(sc.Content)) {
		s.AddScript(Script{CmdID: sc.CmdID, Alias: sc.Alias, OSType: sc.OSType, Content: []byte(sc.Content), How: sc.How})
	}
}

func parseRights(words string) (may Rights, err error) {
	for w := range strings.SplitSeq(words, ",") {
		switch strings.TrimSpace(w) {
		case "read":
			may |= MayRead
		case "run":
			may |= MayRun
		default:
			return 0, fmt.Errorf("what a key may do is read, run or read,run; not %q", words)
		}
	}
	return may, nil
}

// Listen opens a listener on a loopback address, written as an IP, and refuses any other before it is opened.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not on loopback; listen on 127.0.0.1", addr)
	}
	return net.Listen("tcp", addr)
}
