package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A vault hands out a path as a whole, so what a run needs must not share one with
// what is read before any run is approved.
func TestApart(t *testing.T) {
	for _, tt := range []struct{ why, read, run, web, want string }{
		{"paths of their own", "secret/bmcmd", "secret/run", "secret/hosts", ""},
		{"the key for runs beside the one for reads", "secret/bmcmd", "secret/bmcmd", "secret/hosts", "c.yaml:8: bm.run_key.id: this vault path also holds bm.read_key, so it would be read before any run is approved; put it into a path of its own"},
		{"a login beside it, at a version", "secret/bmcmd", "secret/run", "secret/bmcmd?version=3", "c.yaml:13: logins.password: this vault path also holds bm.read_key, so it would be read before any run is approved; put it into a path of its own"},
		{"runs and logins may share", "secret/bmcmd", "secret/run", "secret/run", ""},
	} {
		text := strings.NewReplacer(
			"ref+env://READ_ID", "ref+vault://"+tt.read+"#/id", "ref+env://RUN_ID", "ref+vault://"+tt.run+"#/run_id",
			"ref+env://WEB_ROOT", "ref+vault://"+tt.web+"#/web",
		).Replace(base) + "vault: {address: \"https://vault.example.com\", token: \"ref+env://VAULT\"}\n"
		_, err := Parse("c.yaml", []byte(text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}
