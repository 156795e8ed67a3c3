// Package slacksim is a local Slack on loopback. It speaks Socket Mode and the Web API methods
// that bmcmd uses to the unmodified slack-go client, and lets a test, the demo or a benchmark be
// the people in the workspace: they type commands, press buttons, fill in modals, and see what a
// person would see.
//
// # What it promises
//
// It refuses what a real Slack refuses, with the same error code, so that a test that passes here
// does not fail there: token kinds, scopes, membership, thread parents, Block Kit sizes, the life
// of a trigger_id and of a response_url, three seconds for an ack. Each payload goes to exactly
// one of the open connections, and nothing says which.
//
// It can misbehave on demand, once or for as long as asked: errors, HTTP statuses, lost replies,
// hanging calls, dropped and black-holed sockets, a whole outage, the same envelope twice.
//
// It records what became visible ([Slack.Transcript]), what was called ([Slack.Calls]) and every
// byte that the bot sent ([Slack.WriteTraffic]), the tokens' own places excepted, so that a test
// can look for a secret in all of it.
//
// # Why it refuses real tokens and other addresses
//
// A simulator that is given a real token by mistake would put it into its records. It accepts only
// tokens that say "-sim-" and listens on loopback only, so neither mistake can get far.
//
// # Why it is strict where Slack is vague
//
// Where Slack documents a thing as best avoided (a reply's ts as thread_ts) it is refused here.
// A bot that is right here is right there; the other way round is not a promise worth making.
//
// # Time
//
// Stamps, trigger lives, response_url lives and pace are measured with [Config.Now]. The ack limit,
// pings and retries run on real timers of the lengths that [Config] names.
//
// All methods may be called from many goroutines at once.
package slacksim
