package bmtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Script is one script the API holds. Zero times are the time it was added.
type Script struct {
	CmdID    string
	Alias    string
	OSType   string // "linux" if empty
	Content  []byte
	AppID    string // "251000873" if empty
	How             // as TAT has it
	Created  time.Time
	Modified time.Time
}

// Rights are what a key may do.
type Rights int

const (
	MayRead Rights = 1 << iota // everything else
	MayRun                     // RunUserCmd, RunCommand, InvokeCommand, CancelInvocation
)

type key struct {
	secret, token string
	may           Rights
}

// AddScript adds a script, or replaces the one of the same id.
func (s *Server) AddScript(sc Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, t := range []*time.Time{&sc.Created, &sc.Modified} {
		if t.IsZero() {
			*t = now
		}
	}
	if sc.OSType == "" {
		sc.OSType = "linux"
	}
	if sc.AppID == "" {
		sc.AppID = "251000873"
	}
	sc.Content = slices.Clone(sc.Content)
	s.scripts[sc.CmdID] = sc
}

// ChangeScript gives a script another content under the same id. It reports whether the script exists.
func (s *Server) ChangeScript(cmdID string, content []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, ok := s.scripts[cmdID]
	if !ok {
		return false
	}
	sc.Content, sc.Modified = slices.Clone(content), s.now()
	s.scripts[cmdID] = sc
	return true
}

// Scripts are all scripts, by id.
func (s *Server) Scripts() []Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.scripts), func(a, b Script) int { return cmp.Compare(a.CmdID, b.CmdID) })
}

// RemoveScript takes a script away.
func (s *Server) RemoveScript(cmdID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.scripts, cmdID)
}

// AddHost adds a host with its logins, user to password, or gives other logins to the one of the same id.
func (s *Server) AddHost(id string, logins map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hosts[id]
	if !ok {
		n := len(s.hosts) + 1
		h = &host{id: id, lanIP: fmt.Sprintf("10.0.%d.%d", n/250, n%250+1)}
		s.hosts[id] = h
	}
	h.logins = maps.Clone(logins)
}

// AddKey adds a key, or replaces the one of the same id.
func (s *Server) AddKey(id, secret string, may Rights) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = key{secret: secret, may: may}
}

// AddTemporaryKey adds a key that is good only together with its token.
func (s *Server) AddTemporaryKey(id, secret, token string, may Rights) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = key{secret: secret, token: token, may: may}
}

// RemoveKey takes a key away, as when it is switched off.
func (s *Server) RemoveKey(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, id)
}
