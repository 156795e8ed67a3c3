package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		why, old, replacement string
		want                  []string
	}{
		{
			"a regular expression that is a pattern, too",
			"[cmd-nozcbhuw]",
			`['cmd-\d*', "cmd-[a|b]"]`,
			[]string{
				`c.yaml:16: rules.scripts item 1: a \ takes the next character as it stands, and ids need none; in a pattern, [0-9] is a digit`,
				"c.yaml:16: rules.scripts item 2: […] is one character, and this one has more than single characters of ids and ranges such as 0-9 or a-f; write several patterns as several items",
			},
		},
		{
			"a pattern may match ids",
			"[cmd-nozcbhuw]",
			`["*-web"]`,
			nil,
		},
		{
			"a password in the clear",
			`["127.0.0.1:6379"]`,
			`["redis:6379"]` + "\n  password: ref+env://P",
			[]string{"c.yaml:6: redis.password: the password goes over the network readable; set redis.tls: true if the server can"},
		},
		{
			"a password that stays on the machine",
			`["127.0.0.1:6379"]`,
			`["localhost:6379"]` + "\n  password: ref+env://P",
			nil,
		},
		{
			"a password over TLS",
			`["127.0.0.1:6379"]`,
			`["redis:6379"]` + "\n  password: ref+env://P\n  tls: true",
			nil,
		},
		{
			"a search that may be over before the API lists the task",
			"bm:\n",
			"run: {search_for: 4m59s}\nbm:\n",
			[]string{"c.yaml:6: run.search_for: this is short: how late the API lists a task is not documented, and people may be told that there is none before it is listed"},
		},
		{"a search that is long enough", "bm:\n", "run: {search_for: 5m}\nbm:\n", nil},
		{
			"the only approver asks",
			"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
			"    ask: {users: [U0ALICE, U0BOB]}\n    approve: {users: [U0BOB, U0BOB]}",
			[]string{"c.yaml:17: rules.ask.users item 2: what this person asks for can never be approved, since nobody approves their own request; name more people under approve"},
		},
		{
			"another requester may ask, too",
			"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
			"    requesters: {users: [U0BOB, U0DAVE]}\n    ask: anyone\n    approve: {users: [U0BOB]}",
			nil,
		},
		{
			"a group may hold others",
			"    ask: anyone\n    approve: {users: [U0BOB, U0CAROL]}",
			"    ask: {users: [U0BOB]}\n    approve: {users: [U0BOB], groups: [S0LEADS]}",
			nil,
		},
		{
			"a host that nobody can enter",
			"    ask: anyone",
			"    hosts: [ins-1, cpm-1, \"cpm-*\"]\n    ask: anyone",
			[]string{
				"c.yaml:17: rules.hosts item 2: no login is for this host, so nothing can run on it; add it to a login's hosts",
				"c.yaml:17: rules.hosts item 3: no login is for this host, so nothing can run on it; add it to a login's hosts",
			},
		},
	} {
		if diff := cmp.Diff(tc.want, mustParse(t, edit(t, tc.old, tc.replacement)).Warnings); diff != "" {
			t.Errorf("%s:\n%s", tc.why, diff)
		}
	}
}

// A rule's own expression or choice may undo what its parameters are for.
func TestWarningsOfParameters(t *testing.T) {
	for _, tc := range []struct{ why, keys, where, signs string }{
		{"anything", `example: x, match: ".*"`, "match", "$ ` ; | & < > \" ' \\"},
		{"anything but one letter", `example: x, match: '(?s)[^a]*'`, "match", "$ ` ; | & < > \" ' \\"},
		{"one of several ways", `example: x, match: 'a|.*;.*|x'`, "match", "$ ` ; | & < > \" ' \\"},
		{"at the end only", `example: v1, match: 'v[0-9;]+'`, "match", ";"},
		{"at the beginning only", `example: v1, match: '[$v][$0-9v]*'`, "match", "$"},
		{"in the middle of a certain length", `example: v1.2, match: 'v1[.|]2'`, "match", "|"},
		{"on both sides only", `example: x, match: '"?x"|x'`, "match", "\""},
		{"signs of words", `example: v1, match: '[A-Za-z0-9@%_+=:,./ #~^!*?-]+'`, "", ""},
		{"neither", `example: v1`, "", ""},
		{"a command among the choices", `example: x, choices: [x, '$(reboot)', y;z]`, "choices item 2", "$"},
		{"choices", `example: x, choices: [x, a.b, a/b=c]`, "", ""},
	} {
		var want []string
		if tc.where != "" {
			want = []string{"c.yaml:17: rules.parameters." + tc.where + ": a value may hold " + tc.signs + " here, which a shell takes for more than text; leave out what is not needed"}
		}
		if strings.HasPrefix(tc.where, "choices") {
			want = append(want, "c.yaml:17: rules.parameters.choices item 3: a value may hold ; here, which a shell takes for more than text; leave out what is not needed")
		}
		got := mustParse(t, edit(t, "    ask: anyone", "    parameters: [{name: a, "+tc.keys+"}]\n    ask: anyone")).Warnings
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", tc.why, diff)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, tc := range []struct {
		why          string
		narrow, wide []string
		want         bool
	}{
		{"no patterns match everything", []string{"a"}, nil, true},
		{"everything is not within something", nil, []string{"a*"}, false},
		{"everything is within a star", nil, []string{"*"}, true},
		{"the same pattern, whatever it is", []string{"a[bc]?"}, []string{"a[bc]?"}, true},
		{"an id that a pattern matches", []string{"ab"}, []string{"a?"}, true},
		{"a longer beginning", []string{"ins-db-*"}, []string{"ins-*"}, true},
		{"a shorter beginning", []string{"ins-*"}, []string{"ins-db-*"}, false},
		{"two globs that only overlap", []string{"a?"}, []string{"?b"}, false},
		{"a star that is meant literally", []string{"ab*"}, []string{`a\*`}, false},
		{"each by another one", []string{"a1", "b1"}, []string{"a*", "b*"}, true},
		{"one of two is outside", []string{"a1", "c1"}, []string{"a*", "b*"}, false},
	} {
		if got := within(approvals.HostID, tc.narrow, tc.wide); got != tc.want {
			t.Errorf("%s: got %v", tc.why, got)
		}
	}
}
