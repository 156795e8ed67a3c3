// Package slackio is the bot's way to Slack: the only Socket Mode code of the house. It receives
// what people type and press, answers in time, shows cards, and looks people up. It decides
// nothing: a [Handler] does, and the requests' records say what is shown.
//
// # What it promises
//
// Every envelope that is taken on is acknowledged within Slack's three seconds, whatever else is slow
// or down: each is handled in a goroutine of its own. The ack goes out when what it asks for is stored
// or refused, and after [Config.AckWithin] in any case: the person is then told that nothing is recorded
// yet, and what came of it as soon as that is known. So a process that dies takes no press with it that
// its person was not told to be unrecorded.
//
// Decisions have a room of their own (room.go), and what people ask and look at another, so that no
// flood of questions keeps a press of Approve from being recorded. Nobody has more than an eighth of
// a room. More envelopes at a time than fit ([Config.AtOnce]) are not handled. Another pool
// tells people "busy"; a mention gets no ack, so that Slack delivers it again. When that pool is full,
// too, a command is told "busy" in its ack, and nothing else is acked: Slack shows whoever pressed that
// it did not work. The log says so.
//
// An envelope that Slack delivers again is acked as it was the first time, and handled once (repeats).
// That is the memory of one process; another may be given the same one. Then the request's record knows
// a press that was counted, and a command or mention is the same request as the first. A form is opened
// by a trigger_id that Slack takes once. What remains: a press that was refused leaves a second refusal.
//
// Every person whose envelope is taken on is answered: also for an unknown button, a form of an
// earlier version, a workspace that is not ours, and a handler that panicked.
//
// An answer to a person waits up to five minutes for a Slack that is away or asks to wait. What is
// answered by a call, as every mention is, comes out of a quota that everybody shares: so one person
// has ten such answers in a minute from one process, and more wait for the next. That somebody sends
// too much is said to them once a minute, and not repeated.
//
// A card, a notice or a result that Slack does not take is an error to whoever asked for it, who keeps
// what is owed and tries again; nothing here stands in a queue of its own, so nothing holds up anything
// else, and an ack or a decision waits for no message. Slack takes about one message a second in a
// channel: once it has asked to wait there, messages about one person's requests are tried once a
// second, so that the cards of others find their turn.
//
// A fault that only a person can mend (a wrong token, a missing scope, Socket Mode switched off) is
// one sentence that says what to do, wraps [ErrSetup], and is not retried for ever. All else is
// retried with a growing, jittered wait.
//
// Tokens, socket addresses, response_urls and what people typed are in no error and no log line.
// net/http and slack-go put addresses into their errors, so none of those errors is passed on: see
// failure.
//
// # Why an own receive loop
//
// slack-go's types and its Web API client are used; its socketmode package is not, for four things
// measured on v0.35.0. It never delivers disconnect, and drops the old socket the moment that Slack
// warns: a command that was on its way there is lost. An ack whose connection has gone is sent over
// the next one, and what Slack makes of that is written nowhere. What it has queued when it stops is
// lost without a word. And it retries missing_scope, not_allowed_token_type, token_expired and
// team_access_not_granted for ever.
//
// Here two connections (a setting) stand side by side. An ack goes out on the connection its
// envelope came from; if that has gone, the log says so and the answer takes another way. When Slack
// announces the end of a connection, its replacement is opened first and the old one is read until
// it closes; if it announces the end of both, they are replaced one after the other. Own pings with a
// deadline find a connection that is dead but open.
//
// # Why no connection is replaced before Slack asks for it
//
// hello says about how long a connection will live, so one could be left before. But who closes a
// connection cannot acknowledge what Slack was sending on it at that moment, and a command without an
// ack is told to people as failed. Slack knows when it sends nothing more on a connection; we do not.
//
// # Why own structs for clicks and mentions
//
// slack-go decodes the whole message that was clicked, block by block, and refuses all of it for one
// block that it does not know. Only a handful of ids is needed, so only they are decoded.
//
// # Where things are
//
//	slackio.go    Config, New, Run
//	check.go      what is looked at before anything is received
//	setup.go      faults that people must mend, a sentence each
//	failure.go    any other error of a call, without secrets
//	sockets.go    a number of connections, kept open
//	link.go       one connection
//	room.go       how many envelopes are handled at a time
//	turn.go       one envelope: its ack, its answer, a panic
//	repeats.go    an envelope that comes again
//	typed.go      commands and mentions
//	clicked.go    buttons and the deny form
//	confirm.go    what somebody is asked about a line, and the press that answers it
//	plain.go      Slack's markup back to what was typed
//	say.go        an answer to one person, by whichever way works
//	outlast.go    … also while Slack is away, and as many as one person may have
//	replies.go    response_urls, in memory only
//	board.go      cards, notices, links
//	report.go     what happened on the hosts, and the file with all of it
//	directory.go  people and user groups
//	cache.go      answers that are good for a minute
package slackio
