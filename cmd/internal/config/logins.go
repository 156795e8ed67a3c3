package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func (d *decoder) checkLogins(logins []Login, b BM) {
	if !d.sound("logins") {
		return
	}
	d.faultIf(len(logins) == 0, "logins", "the list is empty; say how hosts are entered")
	earlier := map[string]approvals.HostSet{} // by region
	names := map[string]bool{}
	for i, l := range logins {
		at := item("logins", i)
		d.faultIf(!nameForm.MatchString(l.Name), at+".name", "this is no name for a login; "+nameHint)
		d.faultIf(names[l.Name], at+".name", "an earlier login has this name; give it another")
		names[l.Name] = true
		d.faultIf(!userForm.MatchString(l.User), at+".user", "this is no user name; write it without spaces, such as root")
		d.faultIf(len(l.Hosts) == 0, at+".hosts", "the list is empty, so the login would never be used; write patterns such as cpm-* or ins-*")
		d.checkLoginFor(at, l, b)
		d.hostSet(at+".hosts", l.Hosts)
		in := b.regionOf(l)
		d.faultIf(len(l.Hosts) > 0 && len(earlier[in]) > 0 && withinHosts(l.Hosts, earlier[in]), at+".hosts",
			"no host ever gets this login, since earlier logins take all of its hosts; put the narrower login first")
		earlier[in] = append(earlier[in], l.Hosts...)
	}
}

// regionOf is where the hosts of a login are: machines of other regions are not its own.
func (b BM) regionOf(l Login) string { return cmp.Or(l.Region, b.Region) }

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
		hint := ""
		if slices.ContainsFunc(never, func(id string) bool { return !approvals.LikeHost(id) }) {
			hint = `; names of machines are written {names: ["web-*"]}`
		}
		for j, h := range r.Hosts {
			if len(never) < len(r.Hosts) && slices.Contains(never, h.ID) {
				d.warn(item(at, j), "no login is for this host, so nothing can run on it; add it to a login's hosts"+hint)
			}
		}
		d.faultIf(len(r.Hosts) > 0 && len(never) == len(r.Hosts), at,
			"no login is for any of these hosts, so nothing can ever run by this rule; add them to a login's hosts"+hint)
	}
}

// WithoutLogin are the patterns of hosts for which there is never a login, and those hosts for
// which it cannot be told whether each has one, in whichever region it is.
func (c *Config) WithoutLogin(hosts approvals.HostSet) (never, perhaps []string) {
	var all approvals.HostSet
	entered := map[string]approvals.HostSet{c.BM.Region: nil}
	for _, l := range c.Logins {
		all = append(all, l.Hosts...)
		entered[c.BM.regionOf(l)] = append(entered[c.BM.regionOf(l)], l.Hosts...)
	}
	ids, plain := all.Patterns()
	for _, m := range hosts {
		if plain && m.ID != "" && !slices.ContainsFunc(ids, func(l string) bool { return approvals.HostID.Meet(m.ID, l) }) {
			never = append(never, m.ID)
			continue
		}
		for _, set := range entered {
			if !inside(m, set) {
				perhaps = append(perhaps, m.String())
				break
			}
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
// [ErrLoginsDiffer], [approvals.ErrHostUntold] or [approvals.ErrNotID] and name the hosts.
func (c *Config) Login(hosts []approvals.Host) (approvals.Login, error) {
	if len(hosts) == 0 {
		return approvals.Login{}, fmt.Errorf("%w: no host is named; name at least one", ErrNoLogin)
	}
	var found Login
	for i, h := range hosts {
		if err := approvals.HostID.Check(h.ID); err != nil {
			return approvals.Login{}, err
		}
		l, ok, err := c.loginOf(h)
		switch {
		case err != nil:
			return approvals.Login{}, err
		case !ok:
			return approvals.Login{}, fmt.Errorf("%w: %s; add it to a login's hosts in the config", ErrNoLogin, h.ID)
		case i > 0 && l.Name != found.Name:
			return approvals.Login{}, fmt.Errorf("%w: %s is entered with %s, %s with %s; ask separately",
				ErrLoginsDiffer, hosts[0].ID, found.Name, h.ID, l.Name)
		}
		found = l
	}
	return found.approved(), nil
}

// approved is the login as requests name it.
func (l Login) approved() approvals.Login {
	out := approvals.Login{Name: l.Name, User: l.User, Region: l.Region, RunKey: l.RunKey.place()}
	if l.Password != (vault.Ref{}) {
		out.Ref = l.Password.String()
	}
	return out
}

// LoginNow is the login of this name as requests name it.
func (c *Config) LoginNow(name string) (approvals.Login, bool) {
	l, _, known := c.LoginNamed(name)
	return l.approved(), known
}

// loginOf is the first login that takes the host, where it was found. Where that is not known, one of another region
// than the config's may be the host's, and is not skipped.
func (c *Config) loginOf(host approvals.Host) (Login, bool, error) {
	for _, l := range c.Logins {
		in := c.BM.regionOf(l)
		if host.Region != "" && host.Region != in {
			continue
		}
		_, takes, err := l.Hosts.Match(host)
		if takes && host.Region == "" && in != c.BM.Region {
			err = fmt.Errorf("%w, nor is its region: %s; the login %s is for hosts in %s", approvals.ErrHostUntold, host.ID, l.Name, in)
		}
		if takes || err != nil {
			return l, takes, err
		}
	}
	return Login{}, false, nil
}

// LoginAsks are the kinds of facts about hosts that the logins go by, up to the one of this name.
func (c *Config) LoginAsks(name string) (kinds []string) {
	for _, l := range c.Logins {
		kinds = append(kinds, l.Hosts.Asks()...)
		if l.Name == name {
			break
		}
	}
	return kinds
}

// LoginNamed is the login of this name, and the key that its runs are signed with.
func (c *Config) LoginNamed(name string) (l Login, run Key, known bool) {
	for _, l := range c.Logins {
		if l.Name == name {
			return l, cmp.Or(l.RunKey, c.BM.RunKey), true
		}
	}
	return Login{}, Key{}, false
}

// RunKeyAt is the key for runs that requests name so: a login's own, or empty for the config's.
func (c *Config) RunKeyAt(place string) (k Key, known bool) {
	if place == "" {
		return c.BM.RunKey, true
	}
	for _, l := range c.Logins {
		if l.RunKey.place() == place {
			return l.RunKey, true
		}
	}
	return Key{}, false
}

// Regions are those that logins name besides the cloud's own, each once.
func (c *Config) Regions() (all []string) {
	for _, l := range c.Logins {
		if l.Region != "" && l.Region != c.BM.Region && !slices.Contains(all, l.Region) {
			all = append(all, l.Region)
		}
	}
	return all
}

// place is where a key is kept, in one line; empty for none.
func (k Key) place() string {
	if k == (Key{}) {
		return ""
	}
	all := k.ID.String() + " " + k.Secret.String()
	if k.Token != (vault.Ref{}) {
		all += " " + k.Token.String()
	}
	return all
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
