// Package bot is what happens: a command becomes a request, a request a decision,
// a decision a run, a run a report. It knows no Slack, no Redis and no vault; what
// it needs of them stands in ports.go. This is the tour of the house.
//
// # What a command goes through
//
//   - Somebody types a line. The chat (package slackio) hands it in as [Typed], and
//     command.go, split.go, parameters.go, holes.go and ids.go read it: [Parse]; mend.go
//     offers the line that may have been meant. pasted.go
//     and judge.go look for credentials in it, and confirm.go asks the person first where
//     a line may mean two things.
//   - limits.go says how much of that one person may send.
//   - typed.go keeps a run as a request before it answers "Recorded". Its id is made
//     from the chat's event, so the same event twice, on two replicas, is one request.
//   - lookup.go finds out who asks, which rule applies and what exactly would run: the
//     plan. machines.go looks the hosts up; where the script itself is sent, fill.go fills
//     it in and nameline.go puts the request's id into it. That is stored, then the card
//     goes up, then people may decide.
//   - Somebody presses a button: [Click]. clicked.go looks up who that is and what the
//     rules say now (facts.go), and stores the decision before it answers. deny.go says who
//     is asked for a reason first.
//   - dispatch.go takes an approved request, reads everything again and holds it
//     against what was approved. That the approvals hold opens the login; only what was
//     approved is claimed.
//     hindered.go says what else may keep it waiting: a store that forgets or may have
//     forgotten (recall.go: that has gone back, or lost it; before.go: while this process was not
//     there), or (waitfor.go) another run of the script on the same hosts.
//   - send.go claims the run in the store, calls the API once and stores the answer.
//     stop.go stops it, if people say so or it does not begin.
//   - search.go looks for a run whose answer nobody has, and asks people if that does
//     not tell. What they say comes in by clicked.go. candidates.go says which of the
//     API's tasks may be a run, and from when to when; package ledger reads the list.
//   - An accepted run is followed. Where the answer named no task, infer.go says which it is.
//     reading.go reads what each host says and holds it against what was approved, and
//     follow.go says when to look again, and when it has ended. Then the thread is told.
//   - scripts.go lists the scripts that somebody may see, and finds the one that an
//     alias stands for.
//   - post.go brings card and thread up to date with the record. work.go says how one
//     step follows another, and bot.go decides who works on what, and when.
//   - explain.go is what people are told when something goes wrong: two sentences, what
//     happened and what to do.
//
// Rules, states and moves are package approvals'; each step here ends in one of its
// moves. The API is package bmclient's. Package view draws.
//
// # What it promises
//
// What was approved is what runs: script, hosts, login, rules and people are read again
// after the approval, and a difference stops the run and is shown.
//
// Never twice: the call that runs is made only after a claim was stored, once for each claim,
// and by the process that made it. Only an answer that proves that nothing ran, or a
// proof that no byte left, allows another claim. A run of which nobody knows whether it
// ran is never sent again: asking again is a new request.
//
// Never lost: what a person was told is recorded is in the store, and whatever a request
// still needs is found by any bot that shares the store, after any crash.
//
// A run has succeeded only if every host ended with exit code 0 and its own record says
// that it ran the approved bytes. A record that says something else is an alarm as soon
// as it is seen.
//
// Nothing secret leaves: texts from the cloud, the vault and the chat go through
// Config.Scrub before they reach a record, a log or a person.
//
// # Why who may not is told so before anything is kept
//
// A request that is kept costs a record for a month, a look-up and a call of the API's
// quota, which everybody shares. So the person's own look-up, which is remembered, and
// the rules come first, and a no leaves a line in the log and one small event for the audit,
// twenty of a person in an hour. Slack gets a second and a half for it. If it does not tell by then, the request is kept as if it had,
// for a command that was typed is not to be lost; its look-up asks again in any case. An
// alias is looked for only for those who may ask for something from that channel.
//
// What one person may ask for in any minute is bounded: requests where they are created,
// for all replicas together, and commands of every kind in each process. Decisions are not counted: nobody
// is to be kept from a denial.
//
// The chat has quotas, too, which everybody shares. So a press by somebody without the right
// opens no form and draws no card, but for a few a minute where that cannot be told at once;
// who has the right is never behind them.
//
// # Why look-ups have places of their own
//
// They wait for an API that may be slow, and anybody can make many of them. So a look-up
// takes no place from what was approved or falls due, and one that waits for its turn is
// no work yet.
//
// The quota is shared out in the same way, in each process its own part of it: [Looks] may
// use half, and waits for a [Cloud] that waits, so that there is room for what an approved run
// has to read. In that half, looks and look-ups have shares of their own, and no person more
// than two thirds of one: a list of scripts may be ten calls. A look-up that finds no room
// leaves its place to others, and comes again. Package quota, beside the wiring, counts.
//
// # Why level-triggered
//
// No step remembers that another is to follow. A bot takes a request, asks its record
// what it still needs, does that, stores it, and asks again. So there is one way through
// the life of a request, with or without a crash, a lost reply or a second replica, and
// every test of one is a test of the other. A move nudges this bot at once; the loop in
// Run finds what nobody was nudged for.
//
// # Why the claim comes before the call
//
// Between a call and its answer a process can die. Without a claim, the next one would
// find an approved request and run it again as root. With it, the next one finds that
// somebody may have sent it, waits out the lease, and says that nobody knows.
//
// A claim is worth as much as the store that keeps it. So before each one the store is
// asked whether it keeps what it confirms, unless the config says that it need not. And a
// request remembers which store it came to: if that is another by now, it may be an older
// copy of itself, from before a claim, or from before a denial. Then the API's own list is
// searched first, for as long as a task may take to be listed after that store was first
// met. It is an answer that no store can give. After that a person presses Run: nothing
// as root starts by itself ten minutes after people had decided on something else.
//
// A store that goes back to what it was, identity and all, shows that only to a process that
// has seen it before. So one that is younger than an approval reads the API's list once
// before the claim (before.go). It does not wait for a person: most processes are young
// because somebody has rolled out a new version.
//
// # Why a process remembers what was confirmed to it
//
// What the store forgets, the process that moved it still knows. So a desk remembers, of
// some thousand requests, the newest version that it was shown, and moves none that is
// older and could still run: [approvals.ErrOlder]. Instead recall.go puts it right: what
// was claimed becomes unknown, with the claim as it was, so that an answer that is still
// under way finds its place; what had ended is refused. Every quarter of a minute, and
// whenever the store has lost its mark, all that is remembered is held against it in one
// call: so a denial is not lost with the request that nobody here would look at again, and
// people hear of a request whose record is gone.
//
// Its hold on hosts is gone with a record. So while a store is young, a run waits for what
// the API lists as begun before the store was first met and not ended on its hosts. That
// costs no call where there is nothing of the kind.
//
// The record is not written back from memory. What one process remembers may be older
// than what another one knew, and a request that was denied there would live again.
//
// # Why people are asked what they mean
//
// A card is public and kept. What is certainly a credential never gets there, and prose
// about one always may; between the two nobody but its author can tell, so the author is
// asked, alone, before anything is kept. So are authors of slash commands that hold &amp;,
// &lt; or &gt;: Slack does not say whether it escapes there, and one of the two readings
// would run what nobody typed. The buttons carry the line, so a restart between the
// question and the press does not matter, and a press does no more than typing would.
//
// # Why an unknown run is searched for, and then left to people
//
// The API has no word for "did it run?", but it keeps a list of tasks. One that was not
// there before the claim, with the same script, hosts, content and parameters, is the
// run: two of those could only come from one approved request or from a colleague, and
// runs of one script on the same hosts wait for each other here. One with other content
// is no proof of anything, and is only told. How late a task is listed is in no
// document, so "there is none" is said only after SearchFor; and the search goes on,
// rarely, after people were asked.
//
// Then people look at the hosts. Two of them have to say the same. "It did not run" is
// heard only when the API would refuse what was signed with the time of the claim: until
// then a process that was stopped in the middle could wake up and send it.
//
// # Why the answer is kept in memory until it is stored
//
// It is the one thing that cannot be read again. So the sender tries for an hour to
// store it, also after its lease: others may have called the outcome unknown by then,
// and its answer still settles that. A process that finds its own claim and remembers
// no call knows for sure that it made none, and gives the claim back.
//
// # Why a run that is refused for the quota is claimed anew
//
// The API's documents say that a call over the quota was refused before anything was done. So
// nothing ran, and the run goes back to approved, waits for longer each time, and goes through
// everything again: what was approved is read once more, and the next call has a claim of its
// own. That ends with DispatchWithin of the last approval or press of Run, like all that the bot
// tries by itself. Any other refusal is a person's to look at.
//
// # Why a lost reply is asked after
//
// A move whose reply was lost may have been stored, or may be stored in a moment. A
// touch, which changes nothing but the revision, tells which and shuts the door behind
// it: what was on its way comes too late. Without it people would wait for a hold to end.
//
// # Why a run carries its name
//
// Where the API is sent the script ([bmclient.Sends]), nobody can change it between the last
// reading and the run, and the request's id stands in it as a comment line, which people
// have seen and approved. So a lost answer needs no guess: a task whose whole recorded text
// is what was approved is the run, whatever else ran beside it. A line can be copied, so
// nothing less than the whole text counts, and two such tasks are an alarm. No list is read
// before the claim, and none after an answer. Where an interpreter has no such comments there
// is no line, nothing is guessed, and people say what they see.
//
// What is filled in is filled in here, before people look, and the API is told to fill in
// nothing. What is sent is kept as edits of the stored script: they say what was filled in
// where, and they cannot mean anything else to a later version.
//
// # Why what has not begun is stopped
//
// An API may put a start off for an hour. People agreed to a run now, so what has not begun
// on a host within DispatchWithin of the send is stopped there, by name. That and a person's
// Stop are one thing: an order in the record, with an event, and then the call, repeated until
// the cloud took it. Only such an order opens the key for runs, and only to stop. If the cloud has
// not confirmed it within ten seconds, or refuses, the thread is told, because then somebody has to
// stop it by hand. An order that Redis had confirmed and lost is given again: twice does no harm.
//
// # Why hosts are looked up
//
// The API refuses a whole call for one bad host, and names it badly. So before anybody is
// asked the cloud is asked whether the hosts are there and up; people see their names. Rules
// and logins may go by names and tags, and are held against them again before the send. What
// is not known is never skipped: behind it may be a weaker rule. So the request waits, or is
// refused where the cloud never tells.
//
// # Why a run's task is searched for
//
// The API's older version answers a run with "accepted" and no more. So the list of tasks is
// read before the claim, and the newest in it is kept as a mark. What the list had then is not the
// run; what has begun since, on its hosts, and is not another request's, may be it. Both times are
// the API's own, so how its clock differs from ours does not matter.
//
// A task with other parameters is somebody else's, since the parameters were sent with
// the run. One with another script is not: a script can be changed under its id between
// the second reading and the send, and that is what the proof is for. So it counts, also
// beside a good one, which whoever changed the script could put up to hide it; and a
// colleague who runs another version on the same hosts in these minutes is worth an alarm.
// Alone it counts once the run would be confirmed, because a task may be listed late, and a
// false alarm calls everybody. Where the API names the task, none of this is needed.
//
// All of it rests on what the documents say of lists: that a task names its script, how
// many hosts it has and when it began. If a list does not, the run is given up and that
// is said; nothing is taken for it that is not on exactly its hosts.
//
// # Why a result is confirmed later
//
// How late a task is listed is in no document, and that there is no other task at one look
// proves nothing: a colleague's, or one that was put up to hide ours, may be listed a minute
// before ours. So what a run came to is told as soon as its one candidate has ended, and is final
// ConfirmFor after the API took it, by a reading of the list that began then, if it is still the only
// one. A task whose hosts have no records yet counts as another: it may be on these hosts. Tasks have been planned for here that are listed a minute late; the default is half as much
// again, and those who know their account set another. Until then the hosts are kept: what has
// ended may be somebody else's task, while ours still runs. That costs people who want to run the
// same once more a minute and a half, and only where the API names no task.
//
// Two candidates cannot be told apart, and are never a success: each is read for the alarm. A run
// whose mark could not be read is sent all the same, because people wait for it; but a task from
// before may then be taken for it, so the best that comes of it is "ended, but not proved". An
// unknown run without a mark is left to people.
//
// # Why each thing that people see has its own mark
//
// Two effects that are noted together are repeated together: a file that the chat does
// not take would have the result posted anew each half minute, with all whom it calls.
// So each step of post.go does one thing and notes it: the card is drawn, a notice is
// posted, a result's file is handed over, and put into the thread. Each has its own next
// try, and none holds up another for longer than a minute. Where the chat is closed to the
// bot and people are told alone, the notice remembers who has been.
//
// A file gets minutes, not a day: what fits is in the thread, so a line that says why
// there is no more is enough. Whether the chat takes the same file twice is in no
// document, so putting it into the thread is tried three times at most. A message of
// which the chat does not say whether it took it is repeated, since none may be missing;
// but ever more rarely, since it may stand there each time.
//
// # Why looks become rare, and drawings too
//
// The quota is everybody's, and most scripts end within seconds or take minutes. So looks come
// after 1, 2, 4 and 8 seconds and then each 15, and a card shows progress every ten seconds at
// most. On Bare Metal one reading of the list serves all runs that are open, and has its own
// counts; the hosts of a task are read at its end, once before that if it lasts, and then rarely.
// After three minutes the list would have to be read too deep for a run whose task is certain, and
// its hosts are read instead.
//
// A status that is not documented counts as running: it is looked at until the run is
// given up, and then named. The last look comes after the time is over, so that an end
// during an outage is still seen.
//
// # Why the card is drawn while sending only if that is slow
//
// Most answers come within a moment, and the card then shows them at once. Drawing
// "being sent" each time would cost one message more and could land after the answer.
// So it is drawn after 700 ms, and the next drawing waits for it: one writer.
package bot
