package main

import "testing"

// TestProcessKilledBetweenDecisionAndRun kills a replica with -9 while it reads the
// script once more after the last approval. Another takes the request up.
func TestProcessKilledBetweenDecisionAndRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.serve()
	w.opens()
	w.cloud.fail("GetUserCmd", `{"hang":true}`)
	reads := w.cloud.sends("GetUserCmd")
	w.slack.presses(bob, "Approve")
	w.cloud.awaitSends("GetUserCmd", reads+1)
	first.kill()
	second := w.serve()
	w.succeeds()
	second.term()
	w.noSecretLeft()
}

// TestProcessKilledWhileSending kills a replica with -9 after RunUserCmd has arrived at
// the API. Nobody can know whether it runs, and nobody sends it again.
func TestProcessKilledWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	first := w.serve()
	w.opens()
	w.cloud.slow("RunUserCmd", 500)
	w.slack.presses(bob, "Approve")
	w.cloud.awaitSends("RunUserCmd", 1)
	first.kill()
	second := w.serve()
	w.slack.cardSays("Unknown, nobody can know whether it ran")
	w.slack.threadSays("Nobody can know whether this ran.", "@"+alice, "@"+bob)
	second.term()
	if n := w.cloud.sends("RunUserCmd"); n != 1 {
		t.Errorf("the run was sent %d times, want once", n)
	}
}

// TestProcessKilledWhileFollowing kills a replica with -9 after the API has accepted a
// run. Another follows it to its end, and says what the host printed.
func TestProcessKilledWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.cloud.post("host", object{"id": "ins-web1", "manual": true, "output": "restarted on ins-web1"})
	first := w.serve()
	w.opens()
	w.slack.presses(bob, "Approve")
	w.slack.threadSays("Accepted by the API")
	first.kill()
	w.cloud.post("end", object{})
	second := w.serve()
	w.succeeds()
	w.slack.threadSays("restarted on ins-web1")
	second.term()
	w.noSecretLeft()
}

// TestProcessRedisAwayAtStart starts the bot before Redis. What is asked for meanwhile is
// said to be not recorded, and then all is well without a restart.
func TestProcessRedisAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{redisLater: true})
	bot := w.serve()
	w.slack.types(alice, "run cmd-rst9w2kd ins-web1")
	w.slack.sees(alice, "This was NOT recorded")
	w.redis.start()
	until(t, "a request that is recorded", func() (string, bool) {
		if len(w.slack.cards()) > 0 {
			return "", true
		}
		w.slack.types(alice, "run cmd-rst9w2kd ins-web1") // the same request, if it was recorded
		return "", false
	})
	w.slack.presses(bob, "Approve")
	w.succeeds()
	bot.logs("the store is away")
	bot.logs("the store is back")
	bot.term()
	w.noSecretLeft()
}

// TestProcessSlackAwayAtStart starts the bot while Slack answers nothing usable. It
// waits, says so, and needs no restart; SIGTERM ends the wait.
func TestProcessSlackAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	w.slack.post("down", object{"on": true})
	first, second := start(t, program(t, "bmcmd"), "serve", "-c", w.config), start(t, program(t, "bmcmd"), "serve", "-c", w.config)
	w.bots = append(w.bots, first, second)
	first.logs("slack cannot be reached yet")
	second.logs("slack cannot be reached yet")
	second.term()
	w.slack.post("down", object{"on": false})
	w.slack.connected(2)
	w.opens()
	w.slack.presses(bob, "Approve")
	w.succeeds()
	first.term()
	w.noSecretLeft()
}

// TestProcessRedisKilledBetweenDecisionAndRun kills Redis while the script is read once
// more after the last approval, and starts it again with what it had stored.
func TestProcessRedisKilledBetweenDecisionAndRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bot := w.serve()
	w.opens()
	w.cloud.fail("GetUserCmd", `{"hang":true}`)
	reads := w.cloud.sends("GetUserCmd")
	w.slack.presses(bob, "Approve")
	w.cloud.awaitSends("GetUserCmd", reads+1)
	w.redis.proc.kill()
	w.slack.types(carol, "list")
	w.slack.sees(carol, "my store is away")
	w.redis.start()
	w.succeeds()
	bot.term()
}

// TestProcessRedisKilledWhileSending kills Redis after the run was claimed and sent. The
// answer is kept until Redis has it.
func TestProcessRedisKilledWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bot := w.serve()
	w.opens()
	w.cloud.slow("RunUserCmd", 500)
	w.slack.presses(bob, "Approve")
	w.cloud.awaitSends("RunUserCmd", 1)
	w.redis.proc.kill()
	bot.logs("an answer is not stored yet")
	w.redis.start()
	w.succeeds()
	bot.term()
}

// TestProcessVaultAway stops the vault between the card and the approval. The card says
// that it waits; when the vault is back, the run goes out by itself.
func TestProcessVaultAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true})
	bot := w.serve()
	w.opens()
	w.vaultAt.shut()
	w.slack.presses(bob, "Approve")
	w.slack.cardSays("Approved, but not sent", "The credentials could not be read from the vault.", "Nothing was sent")
	if n := w.cloud.sends("RunUserCmd"); n != 0 {
		t.Errorf("%d runs were sent without a vault", n)
	}
	w.vaultAt.open()
	w.succeeds()
	bot.term()
	w.noSecretLeft()
}

// TestProcessVaultLacksAField removes a login's password from the vault. The log names
// the reference, the card does not; when it is there again, the run goes out.
func TestProcessVaultLacksAField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true})
	bot := w.serve()
	w.opens()
	w.putSecrets(w.without("web"))
	w.slack.presses(bob, "Approve")
	w.slack.cardSays("Approved, but not sent", "The credentials could not be read from the vault.")
	bot.logs(w.ref("web") + ": no such field")
	w.putSecrets(w.secrets)
	w.succeeds()
	bot.term()
	w.noSecretLeft()
}
