package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestProcessKilledBetweenDecisionAndRun kills a replica with -9 while it reads the
// script once more after the last approval. Another takes the request up.
func TestProcessKilledBetweenDecisionAndRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.Serve()
	w.opens()
	w.Cloud.Fail("GetUserCmd", `{"hang":true}`)
	reads := w.Cloud.Sends("GetUserCmd")
	w.Slack.Presses(bob, "Approve")
	w.Cloud.AwaitSends("GetUserCmd", reads+1)
	first.Kill()
	second := w.Serve()
	w.succeeds()
	second.Term()
	w.noSecretLeft()
}

// TestProcessKilledRightAfterAnAck kills a replica with -9 as soon as Slack has the ack of the last
// approval. The approval counts all the same: it was recorded before.
func TestProcessKilledRightAfterAnAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.Serve()
	w.opens()
	w.Slack.Presses(bob, "Approve")
	first.Kill()
	second := w.Serve()
	w.Slack.ThreadSays("@" + bob)
	second.Term()
	w.noSecretLeft()
}

// TestProcessKilledWhileSending kills a replica with -9 after RunUserCmd has arrived at
// the API. Nobody can know whether it runs, and nobody sends it again: another finds its
// task, and follows it.
func TestProcessKilledWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.Serve()
	w.opens()
	w.Cloud.Fail("RunUserCmd", `{"execute":true,"hang":true}`)
	w.Slack.Presses(bob, "Approve")
	w.Cloud.AwaitSends("RunUserCmd", 1)
	first.Kill()
	second := w.Serve()
	w.Slack.ThreadSays("Nobody can know whether this ran.", "@"+alice, "@"+bob, "It ran: its task was found.", "Ran on the host, exit code 0")
	w.Slack.CardSays("Ran on the host, exit code 0")
	second.Term()
	if n := w.Cloud.Sends("RunUserCmd"); n != 1 {
		t.Errorf("the run was sent %d times, want once", n)
	}
}

// TestProcessKilledWhileFollowing kills a replica with -9 after the API has accepted a
// run. Another follows it to its end, and says what the host printed.
func TestProcessKilledWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.Cloud.Post("host", object{"id": "ins-web1", "manual": true, "output": "restarted on ins-web1"})
	first := w.Serve()
	w.opens()
	w.Slack.Presses(bob, "Approve")
	w.Slack.ThreadSays("Accepted by the API")
	first.Kill()
	w.Cloud.Post("end", object{})
	second := w.Serve()
	w.succeeds()
	w.Slack.ThreadSays("restarted on ins-web1")
	second.Term()
	w.noSecretLeft()
}

// TestProcessKilledWhileAttaching kills a replica with -9 while the file of a result is on its way. The
// result was posted and is not posted again; another brings the file.
func TestProcessKilledWhileAttaching(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.Cloud.Post("host", object{"id": "ins-web1", "output": strings.Repeat("a line of a long output\n", 2000)})
	first := w.Serve()
	w.opens()
	w.Slack.Post("fault", `{"method":"upload","fault":{"hang":true},"n":1}`)
	w.Slack.Presses(bob, "Approve")
	world.Until(t, "an upload", func() (string, bool) {
		calls := world.Fetch[[]slacksim.APICall](w.Slack.Admin, "calls")
		return "", slices.ContainsFunc(calls, func(c slacksim.APICall) bool { return c.Method == "upload" })
	})
	first.Kill()
	second := w.Serve()
	w.Slack.ThreadSays("[file: What happened on the hosts")
	w.Slack.CardSays("Ran on the host, exit code 0", "What they printed stands in this thread.")
	second.Term()
	if n := strings.Count(w.Slack.Thread(), "1 of 1 host ran what was approved"); n != 1 {
		t.Errorf("the result was posted %d times", n)
	}
}

// TestProcessFileThatIsNotTaken has Slack answer internal_error for ever when a file is put into the
// thread: the result stands there once, its bytes are handed over once, and a line says what is known.
func TestProcessFileThatIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.Cloud.Post("host", object{"id": "ins-web1", "output": strings.Repeat("a line of a long output\n", 2000)})
	bot := w.Serve()
	w.opens()
	w.Slack.Post("fault", `{"method":"files.completeUploadExternal","fault":{"error":"internal_error"},"n":1000}`)
	w.Slack.Presses(bob, "Approve")
	w.Slack.ThreadSays("Slack did not say whether it has attached the full output.", "internal_error")
	bot.Term()
	if n := strings.Count(w.Slack.Thread(), "1 of 1 host ran what was approved"); n != 1 {
		t.Errorf("the result was posted %d times", n)
	}
	calls := map[string]int{}
	for _, c := range world.Fetch[[]slacksim.APICall](w.Slack.Admin, "calls") {
		calls[c.Method]++
	}
	if calls["upload"] != 1 || calls["files.completeUploadExternal"] != 3 {
		t.Errorf("calls: %v", calls)
	}
}

// TestProcessRedisAwayAtStart starts the bot before Redis. What is asked for meanwhile is
// said to be not recorded, and then all is well without a restart.
func TestProcessRedisAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{RedisLater: true}})
	bot := w.Serve()
	w.Slack.Types(alice, "run cmd-rst9w2kd ins-web1")
	w.Slack.Sees(alice, "This was NOT recorded")
	w.Redis.Start()
	world.Until(t, "a request that is recorded", func() (string, bool) {
		if len(w.Slack.Cards()) > 0 {
			return "", true
		}
		w.Slack.Types(alice, "run cmd-rst9w2kd ins-web1") // the same request, if it was recorded
		return "", false
	})
	w.awaitCards(1)
	w.Slack.Presses(bob, "Approve")
	w.succeeds()
	bot.Logs("the store is away")
	bot.Logs("the store is back")
	bot.Term()
	w.noSecretLeft()
}

// TestProcessSlackAwayAtStart starts the bot while Slack answers nothing usable. It
// waits, says so, and needs no restart; SIGTERM ends the wait.
func TestProcessSlackAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.Slack.Post("down", object{"on": true})
	first, second := bmcmd(t, "serve", "-c", w.Config), bmcmd(t, "serve", "-c", w.Config)
	w.Bots = append(w.Bots, first, second)
	first.Logs("slack cannot be reached yet")
	second.Logs("slack cannot be reached yet")
	second.Term()
	w.Slack.Post("down", object{"on": false})
	w.Slack.Connected(2)
	w.opens()
	w.Slack.Presses(bob, "Approve")
	w.succeeds()
	first.Term()
	w.noSecretLeft()
}

// TestProcessRedisKilledBetweenDecisionAndRun kills Redis while the script is read once
// more after the last approval, and starts it again with what it had stored. The bot
// cannot know that this is all that Redis had confirmed: it searches for a send that may
// be forgotten, asks for a press of Run, and then sends, once.
func TestProcessRedisKilledBetweenDecisionAndRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.edit("search_for: 1s\n  lease:", "  lease:")
	bot := w.Serve()
	w.opens()
	w.Cloud.Fail("GetUserCmd", `{"hang":true}`)
	reads := w.Cloud.Sends("GetUserCmd")
	w.Slack.Presses(bob, "Approve")
	w.Cloud.AwaitSends("GetUserCmd", reads+1)
	w.Redis.Kill()
	w.Slack.Types(carol, "list")
	w.Slack.Sees(carol, "my store is away")
	w.Redis.Start()
	w.Slack.CardSays("Redis has changed since this was asked for", "Nothing is sent before")
	w.Slack.ThreadSays("@"+alice, "then press Run to start it, or Cancel.")
	w.Slack.Presses(bob, "Run")
	w.succeeds()
	bot.Term()
}

// TestProcessRedisKilledWhileSending kills Redis after the run was claimed and sent. The
// answer is kept until Redis has it.
func TestProcessRedisKilledWhileSending(t *testing.T) {
	t.Parallel()
	w, api := newHeld(t)
	bot := w.Serve()
	w.opens()
	w.Slack.Presses(bob, "Approve")
	api.await()
	w.Redis.Kill()
	api.release()
	bot.Logs("an answer is not stored yet")
	w.Redis.Start()
	w.succeeds()
	bot.Term()
}

// TestProcessVaultAway stops the vault between the card and the approval. The card says
// that it waits; when the vault is back, the run goes out by itself.
func TestProcessVaultAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true})
	bot := w.Serve()
	w.opens()
	w.vaultAt.Shut()
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Approved, but not sent", "The credentials could not be read from the vault.", "This try sent nothing")
	if n := w.Cloud.Sends("RunUserCmd"); n != 0 {
		t.Errorf("%d runs were sent without a vault", n)
	}
	w.vaultAt.Open()
	w.succeeds()
	bot.Term()
	w.noSecretLeft()
}

// TestProcessVaultLacksAField removes a login's password from the vault. The log names
// the reference, the card does not; when it is there again, the run goes out.
func TestProcessVaultLacksAField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true})
	bot := w.Serve()
	w.opens()
	w.putSecrets(w.Without("web"))
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Approved, but not sent", "The credentials could not be read from the vault.")
	bot.Logs(w.Ref("web") + ": no such field")
	w.putSecrets(w.Secrets)
	w.succeeds()
	bot.Term()
	w.noSecretLeft()
}
