package config

import (
	"strings"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// checkApart refuses to keep what a run needs in a vault path that is read before
// any run is approved: a vault hands out a path as a whole.
func (d *decoder) checkApart(c *Config) {
	early := map[string]string{}
	for _, p := range []struct {
		key string
		ref vault.Ref
	}{
		{"slack.bot_token", c.Slack.BotToken},
		{"slack.app_token", c.Slack.AppToken},
		{"redis.password", c.Redis.Password},
		{"bm.read_key", c.BM.ReadKey.ID},
		{"bm.read_key", c.BM.ReadKey.Secret},
		{"bm.read_key", c.BM.ReadKey.Token},
	} {
		if path := vaultPath(p.ref); path != "" {
			early[path] = p.key
		}
	}
	late := func(at string, ref vault.Ref) {
		key, shared := early[vaultPath(ref)]
		d.faultIf(shared, at, "this vault path also holds "+key+", so it would be read before any run is approved; put it into a path of its own")
	}
	late("bm.run_key.id", c.BM.RunKey.ID)
	late("bm.run_key.secret", c.BM.RunKey.Secret)
	late("bm.run_key.token", c.BM.RunKey.Token)
	for i, l := range c.Logins {
		at := item("logins", i)
		late(at+".password", l.Password)
		late(at+".run_key.id", l.RunKey.ID)
		late(at+".run_key.secret", l.RunKey.Secret)
		late(at+".run_key.token", l.RunKey.Token)
	}
}

// vaultPath is the mount and path of a reference into the vault, whichever version
// and field of it; else empty.
func vaultPath(r vault.Ref) string {
	if !inVault(r) {
		return ""
	}
	path, _, _ := strings.Cut(r.String(), "#")
	path, _, _ = strings.Cut(path, "?")
	return path
}
