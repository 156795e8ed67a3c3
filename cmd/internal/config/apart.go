package config

import (
	"strings"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// checkApart refuses to keep what a run needs in a vault path that is read before
// any run is approved: a vault hands out a path as a whole.
func (d *decoder) checkApart() {
	early := map[string]string{}
	forRuns := func(p Place) bool {
		return strings.HasPrefix(p.Key, "bm.run_key.") || strings.HasPrefix(p.Key, "logins")
	}
	for _, p := range d.places {
		if path := vaultPath(p.Ref); path != "" && !forRuns(p) {
			early[path] = p.Key
			if strings.HasPrefix(p.Key, "bm.read_key.") {
				early[path] = "bm.read_key"
			}
		}
	}
	for _, p := range d.places {
		key, shared := early[vaultPath(p.Ref)]
		d.faultIf(shared && forRuns(p), p.Key, "this vault path also holds "+key+", so it would be read before any run is approved; put it into a path of its own")
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
