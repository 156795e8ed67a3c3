package main

import (
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestProcessOfARegion has a rule that goes by a tag, and a login of another region with a key of its own: the host is typed by
// its name, the run goes to where it was found, signed with that key; and once it is tagged otherwise nothing runs.
func TestProcessOfARegion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{
		API: "tat",
		Config: func(_ *world.World, text string) string {
			for old, text2 := range map[string]string{
				`  - {name: db-root, hosts: ["ins-db*"], user: root}`: `  - {name: shop, hosts: {tags: {env: prod}}, user: deploy, region: ap-shanghai, run_key: {id: "$sh_id", secret: "$sh_key"}}`,
				`    hosts: ["ins-db*"]`:                              `    hosts: [{tags: {env: [prod, live]}, names: ["shop-*"]}]`,
			} {
				if strings.Count(text, old) != 1 {
					t.Fatalf("the config does not hold %s", old)
				}
				text = strings.Replace(text, old, text2, 1)
			}
			return text
		},
		State: func(w *world.World, state object) {
			w.Secrets["sh_id"], w.Secrets["sh_key"] = "AKIDsh"+world.PlainCanary(), world.Canary()
			w.Set("sh_id", w.Secrets["sh_id"])
			w.Set("sh_key", w.Secrets["sh_key"])
			state["hosts"].(object)["ins-sh1"] = object{"deploy": ""}
			state["machines"] = object{"ins-sh1": object{"name": "shop-1", "region": "ap-shanghai", "tags": object{"env": "prod"}}}
			state["keys"] = append(state["keys"].([]object), object{"id": w.Secrets["sh_id"], "secret": w.Secrets["sh_key"], "may": "run"})
		},
	}})
	bot := w.Serve()
	w.Slack.Types(alice, "run cmd-rst9w2kd shop-1")
	w.awaitCards(1)
	w.Slack.CardSays("ins-sh1", "shop-1", "tags env=prod or live; name shop-*", "deploy", "ap-shanghai")
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Waiting for 1 more approval")
	w.Slack.Presses(carol, "Approve")
	w.Slack.CardSays("Ran on the host, exit code 0")
	if runs := w.Cloud.Runs(); len(runs) != 1 || runs[0].KeyID != w.Secrets["sh_id"] || runs[0].User != "deploy" {
		t.Errorf("what ran is %+v", runs)
	}
	for _, c := range world.Fetch[[]bmtest.Call](w.Cloud.Admin, "calls") {
		if c.Action == "RunCommand" && c.Params["Region"] != "ap-shanghai" {
			t.Errorf("it was sent to %s", c.Params["Region"])
		}
	}

	w.Slack.Types(alice, "run cmd-dropc4ch ins-sh1")
	w.awaitCards(2)
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Waiting for 1 more approval")
	w.Cloud.Post("machine", object{"id": "ins-sh1", "machine": object{"name": "shop-1", "region": "ap-shanghai", "tags": object{"env": "live"}}})
	w.Slack.Presses(carol, "Approve")
	w.Slack.ThreadSays("Refused, nothing ran")
	if n := w.Cloud.Sends("RunCommand"); n != 1 {
		t.Errorf("%d runs were sent", n)
	}
	bot.Term()
	w.noSecretLeft()
}
