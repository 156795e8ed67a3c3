package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func (d *decoder) checkLogins(logins []Login) {
	if !d.sound("logins") {
		return
	}
	d.faultIf(len(logins) == 0, "logins", "the list is empty; say how hosts are entered")
	var earlier []string
	names := map[string]bool{}
	for i, l := range logins {
		at := item("logins", i)
		d.faultIf(!nameForm.MatchString(l.Name), at+".name", "this is no name for a login; "+nameHint)
		d.faultIf(names[l.Name], at+".name", "an earlier login has this name; give it another")
		names[l.Name] = true
		d.faultIf(!userForm.MatchString(l.User), at+".user", "this is no user name; write it without spaces, such as root")
		d.faultIf(len(l.Hosts) == 0, at+".hosts", "the list is empty, so the login would never be used; write patterns such as cpm-* or ins-*")
		d.patterns(at+".hosts", approvals.HostID, l.Hosts)
		d.faultIf(len(earlier) > 0 && len(l.Hosts) > 0 && within(approvals.HostID, l.Hosts, earlier), at+".hosts",
			"no host ever gets this login, since earlier logins take all of its hosts; put the narrower login first")
		earlier = append(earlier, l.Hosts...)
	}
}

// checkEntrances looks for hosts that a rule names and no login enters. A rule of which
// that is all could never be used.
func (d *decoder) checkEntrances(c *Config) {
	if !d.sound("logins", "rules") {
		return
	}
	for i, r := range c.Rules {
		at := item("rules", i) + ".hosts"
		if !d.soundBelow("logins", at) {
			continue
		}
		never, _ := c.WithoutLogin(r.Hosts)
		for j, h := range r.Hosts {
			if len(never) < len(r.Hosts) && slices.Contains(never, h) {
				d.warn(item(at, j), "no login is for this host, so nothing can run on it; add it to a login's hosts")
			}
		}
		d.faultIf(len(r.Hosts) > 0 && len(never) == len(r.Hosts), at,
			"no login is for any of these hosts, so nothing can ever run by this rule; add them to a login's hosts")
	}
}

// WithoutLogin are the patterns of hosts for which there is never a login, and those for
// which it cannot be told whether each of their hosts has one.
func (c *Config) WithoutLogin(patterns []string) (never, perhaps []string) {
	var entered []string
	for _, l := range c.Logins {
		entered = append(entered, l.Hosts...)
	}
	for _, p := range patterns {
		switch {
		case !slices.ContainsFunc(entered, func(l string) bool { return approvals.HostID.Meet(p, l) }):
			never = append(never, p)
		case !within(approvals.HostID, []string{p}, entered):
			perhaps = append(perhaps, p)
		}
	}
	return never, perhaps
}

var (
	// ErrNoLogin says that the config has no login for a host.
	ErrNoLogin = errors.New("there is no login for a host")
	// ErrLoginsDiffer says that the hosts of one request need different logins.
	ErrLoginsDiffer = errors.New("the hosts need different logins")
)

// Login finds the one login for all hosts. Errors wrap [ErrNoLogin],
// [ErrLoginsDiffer] or [approvals.ErrNotID] and name the hosts.
func (c *Config) Login(hosts []string) (approvals.Login, error) {
	if len(hosts) == 0 {
		return approvals.Login{}, fmt.Errorf("%w: no host is named; name at least one", ErrNoLogin)
	}
	var found Login
	for i, h := range hosts {
		if err := approvals.HostID.Check(h); err != nil {
			return approvals.Login{}, err
		}
		l, ok := c.loginOf(h)
		switch {
		case !ok:
			return approvals.Login{}, fmt.Errorf("%w: %s; add it to a login's hosts in the config", ErrNoLogin, h)
		case i > 0 && l.Name != found.Name:
			return approvals.Login{}, fmt.Errorf("%w: %s is entered with %s, %s with %s; ask separately",
				ErrLoginsDiffer, hosts[0], found.Name, h, l.Name)
		}
		found = l
	}
	return approvals.Login{Name: found.Name, User: found.User, Ref: found.Password.String()}, nil
}

// loginOf is the first login with a pattern that matches the host.
func (c *Config) loginOf(host string) (Login, bool) {
	for _, l := range c.Logins {
		if slices.ContainsFunc(l.Hosts, func(p string) bool { return match(p, host) }) {
			return l, true
		}
	}
	return Login{}, false
}

// LoginRef says where the password of the login of this name is.
func (c *Config) LoginRef(name string) (vault.Ref, bool) {
	for _, l := range c.Logins {
		if l.Name == name {
			return l.Password, true
		}
	}
	return vault.Ref{}, false
}

// Target is which cloud is called, and how. The config does not know the
// account: AppID is empty.
func (c *Config) Target() approvals.Target {
	return approvals.Target{API: c.BM.API, Endpoint: c.BM.Endpoint, Region: c.BM.Region, ArrayKey: c.BM.ArrayKey}
}

// Place is a reference and where in the file it stands.
type Place struct {
	Ref  vault.Ref
	Key  string // such as slack.bot_token; of a login, logins.NAME.password
	Line int
}

// Refs are all references of the file, in its order. One reference may stand in
// several places.
func (c *Config) Refs() []Place {
	out := slices.Clone(c.places)
	for i, p := range out {
		for j, l := range c.Logins {
			if rest, ok := strings.CutPrefix(p.Key, item("logins", j)); ok {
				out[i].Key = "logins." + l.Name + rest
			}
		}
	}
	return out
}
