package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
)

// baseTAT is base for TAT, with a login in another region before the one of base.
func baseTAT(t *testing.T) string {
	t.Helper()
	return strings.NewReplacer("bm:\n", "bm:\n  api: tat\n  region: ap-beijing\n", "    password: ref+env://WEB_ROOT\n", "",
		"logins:\n", `logins:
  - name: sh
    hosts: [ins-sh, "lhins-*", {tags: {env: [prod, dev]}}]
    user: deploy
    region: ap-shanghai
    run_key: {id: ref+env://SH_ID, secret: ref+env://SH_SECRET, token: ref+env://SH_TOKEN}
`).Replace(base)
}

func TestTargetTAT(t *testing.T) {
	c := mustParse(t, baseTAT(t))
	want := approvals.Target{API: "tat", Endpoint: "https://tat.tencentcloudapi.com", Region: "ap-beijing"}
	if got := c.Target(); got != want || c.BM.Signature != "" {
		t.Errorf("got %+v, signature %q", got, c.BM.Signature)
	}
	if diff := cmp.Diff([]string{"ap-shanghai"}, c.Regions()); diff != "" {
		t.Error(diff)
	}
}

// A login's own key may run anything where its policy reaches: it is kept as far from what is read early as the other.
func TestErrorsTAT(t *testing.T) {
	for _, tc := range []struct{ why, old, replacement, want string }{
		{
			"a key that only reads", "{id: ref+env://SH_ID, secret: ref+env://SH_SECRET", "{id: ref+env://READ_ID, secret: ref+env://READ_SECRET",
			"c.yaml:16: logins.run_key.id: this is the same reference as in read_key; make a second key that may run scripts, and let the first only read\n" +
				"c.yaml:16: logins.run_key.secret: this is the same reference as in read_key; make a second key that may run scripts, and let the first only read",
		},
		{
			"two values in one place", "secret: ref+env://SH_SECRET", "secret: ref+env://SH_ID",
			"c.yaml:16: logins.run_key.secret: this is the same reference as id; they are two values, SecretId and SecretKey",
		},
		{"half a key", ", secret: ref+env://SH_SECRET", "", "c.yaml:16: logins.run_key.secret: this is missing; write a reference to the SecretKey"},
		{"a region of Bare Metal", "region: ap-shanghai", "region: sh", "c.yaml:15: logins.region: this is not a region as the cloud writes it; write one such as ap-beijing"},
		{
			"a key in a vault path that is read early", "read_key: {id: ref+env://READ_ID, secret: ref+env://READ_SECRET}",
			"read_key: {id: ref+env://READ_ID, secret: ref+vault://secret/a#/b}",
			"",
		},
		{
			"the same login again, in the same region", "  - name: web-root\n", "  - {name: again, hosts: [\"lhins-*\", {tags: {env: dev, role: web}}], user: root, region: ap-shanghai}\n  - name: web-root\n",
			"c.yaml:17: logins.hosts: no host ever gets this login, since earlier logins take all of its hosts; put the narrower login first",
		},
		{"the same hosts in another region", "  - name: web-root\n", "  - {name: again, hosts: [\"lhins-*\"], user: root, region: ap-chengdu}\n  - name: web-root\n", ""},
		{"a value of several words", "    ask: anyone\n", "    parameters: [{name: a, example: a b, choices: [a b, c]}]\n    ask: anyone\n", ""},
	} {
		text := baseTAT(t)
		if strings.Count(text, tc.old) != 1 {
			t.Fatalf("%s: %q is not there once", tc.why, tc.old)
		}
		text = strings.Replace(text, tc.old, tc.replacement, 1)
		if tc.why == "a key in a vault path that is read early" {
			text = "vault: {address: https://v:8200, token: ref+file:///t}\n" + strings.Replace(text, "ref+env://SH_TOKEN", "ref+vault://secret/a#/c", 1)
			tc.want = "c.yaml:17: logins.run_key.token: this vault path also holds bm.read_key, so it would be read before any run is approved; put it into a path of its own"
		}
		_, err := Parse("c.yaml", []byte(text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q", tc.why, got)
		}
	}
}

func TestLoginOfARegion(t *testing.T) {
	c := mustParse(t, baseTAT(t))
	sh := approvals.Login{Name: "sh", User: "deploy", Region: "ap-shanghai", RunKey: "ref+env://SH_ID ref+env://SH_SECRET ref+env://SH_TOKEN"}
	web := approvals.Login{Name: "web-root", User: "root"}
	prod := map[string]string{"env": "prod"}
	for _, tc := range []struct {
		why  string
		host approvals.Host
		want approvals.Login
		is   error
	}{
		{"by its id, where it was found", approvals.Host{ID: "ins-sh", Region: "ap-shanghai"}, sh, nil},
		{"by its tags", approvals.Host{ID: "ins-1", Region: "ap-shanghai", Told: true, Tags: prod}, sh, nil},
		{"the same tags elsewhere", approvals.Host{ID: "ins-1", Region: "ap-beijing", Told: true, Tags: prod}, web, nil},
		{"the same id elsewhere", approvals.Host{ID: "ins-sh", Region: "ap-beijing"}, web, nil},
		{"elsewhere, and nothing is known of it", approvals.Host{ID: "ins-1", Region: "ap-beijing"}, web, nil},
		{"a login of the config's region takes none of another", approvals.Host{ID: "ins-1", Region: "ap-shanghai", Told: true}, approvals.Login{}, ErrNoLogin},
		{"tags that the cloud does not tell", approvals.Host{ID: "rins-1", Region: "ap-shanghai"}, approvals.Login{}, approvals.ErrHostUntold},
		{"an id that the cloud tells no tags of", approvals.Host{ID: "lhins-1", Region: "ap-shanghai"}, sh, nil},
		{"where it is is not known, and it may be the login's", approvals.Host{ID: "ins-sh"}, approvals.Login{}, approvals.ErrHostUntold},
		{"a region in which nothing is looked for", approvals.Host{ID: "ins-1", Region: "ap-chengdu"}, approvals.Login{}, ErrNoLogin},
	} {
		got, err := c.Login([]approvals.Host{tc.host})
		if !errors.Is(err, tc.is) || got != tc.want {
			t.Errorf("%s: got %+v, %v", tc.why, got, err)
		}
	}
	if diff := cmp.Diff([]string{"tag env", "tag env"}, append(c.LoginAsks("sh"), c.LoginAsks("web-root")...)); diff != "" {
		t.Error(diff)
	}
	if _, key, _ := c.LoginNamed("sh"); key != c.Logins[0].RunKey {
		t.Error("the login's runs are signed with another key than its own")
	}
	if _, key, _ := c.LoginNamed("web-root"); key != c.BM.RunKey {
		t.Error("the runs of a login without a key are not signed with the config's")
	}
}

func TestWithoutLogin(t *testing.T) {
	tag := func(key string, values ...string) approvals.HostMatch {
		return approvals.HostMatch{Tags: map[string][]string{key: values}}
	}
	plain := func(ids ...string) []Login { return []Login{{Hosts: approvals.PlainHosts(ids...)}} }
	for _, tc := range []struct {
		why            string
		logins         []Login
		host           approvals.HostMatch
		never, perhaps []string
	}{
		{"an id that no login takes", plain("ins-*"), approvals.HostMatch{ID: "cpm-*"}, []string{"cpm-*"}, nil},
		{"an id that a login by tags may take", append(plain("ins-*"), Login{Hosts: approvals.HostSet{tag("a", "b")}}), approvals.HostMatch{ID: "cpm-1"}, nil, []string{"cpm-1"}},
		{"some of a pattern's", plain("ins-a*"), approvals.HostMatch{ID: "ins-*"}, nil, []string{"ins-*"}},
		{"all of a pattern's", plain("ins-*"), approvals.HostMatch{ID: "ins-a*"}, nil, nil},
		{"tags, where any id has a login", plain("*"), tag("a", "b"), nil, nil},
		{"tags, where some have", plain("ins-*"), tag("a", "b"), nil, []string{"tags a=b"}},
		{"tags, where all logins go by others", []Login{{Hosts: approvals.HostSet{tag("c", "d")}}}, tag("a", "b"), nil, []string{"tags a=b"}},
		{"tags, where a login goes by the same", []Login{{Hosts: approvals.HostSet{tag("a", "c", "b")}}}, tag("a", "b"), nil, nil},
		{"any id, but in one of two regions only", []Login{{Hosts: approvals.PlainHosts("*"), Region: "ap-shanghai"}}, approvals.HostMatch{ID: "ins-1"}, nil, []string{"ins-1"}},
		{"any id in each region", append(plain("*"), Login{Hosts: approvals.PlainHosts("ins-*"), Region: "ap-shanghai"}), approvals.HostMatch{ID: "ins-1"}, nil, nil},
	} {
		c := &Config{BM: BM{Region: "ap-beijing"}, Logins: tc.logins}
		never, perhaps := c.WithoutLogin(approvals.HostSet{tc.host})
		if !cmp.Equal(never, tc.never) || !cmp.Equal(perhaps, tc.perhaps) {
			t.Errorf("%s: never %q, perhaps %q", tc.why, never, perhaps)
		}
	}
}

// What is said to lie within other hosts does, whatever tags and names a host has.
func TestInsideIsNeverWrong(t *testing.T) {
	ids, keys, values, names := rapid.SampledFrom([]string{"ins-*", "ins-1", "*", "cpm-?"}), rapid.SampledFrom([]string{"a", "b"}),
		rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 1, 3, rapid.ID[string]), rapid.SliceOfN(rapid.SampledFrom([]string{"w*", "w?", "v"}), 0, 2)
	match := rapid.Custom(func(t *rapid.T) approvals.HostMatch {
		m := approvals.HostMatch{Tags: rapid.MapOfN(keys, values, 0, 2).Draw(t, "tags"), Names: names.Draw(t, "names")}
		if rapid.Bool().Draw(t, "id") || m.Check() != nil {
			return approvals.HostMatch{ID: ids.Draw(t, "pattern")}
		}
		return m
	})
	host := rapid.Custom(func(t *rapid.T) approvals.Host {
		return approvals.Host{
			ID: rapid.SampledFrom([]string{"ins-1", "ins-2", "cpm-1"}).Draw(t, "id"), Told: true, Name: rapid.SampledFrom([]string{"w", "w1", "v", ""}).Draw(t, "name"),
			Tags: rapid.MapOfN(keys, rapid.SampledFrom([]string{"x", "y", "z"}), 0, 2).Draw(t, "tags"),
		}
	})
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		m, set := match.Draw(t, "narrow"), approvals.HostSet(rapid.SliceOfN(match, 0, 3).Draw(t, "wide"))
		if !inside(m, set) {
			return
		}
		said++
		h := host.Draw(t, "host")
		_, narrow, _ := approvals.HostSet{m}.Match(h)
		if _, wide, _ := set.Match(h); narrow && (!wide || len(set) == 0) {
			t.Fatalf("%+v fits %v and none of %v", h, m, set)
		}
	})
	if said == 0 {
		t.Error("nothing was said to lie within anything")
	}
}
