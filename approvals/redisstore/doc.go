// Package redisstore is the [approvals.Store] on Redis, for one server, Sentinel
// or Cluster, from version 6.2 on. It knows no rules: it swaps one version of a
// record for the next if nobody was faster.
//
// # What lies in Redis
//
// Every key begins with bmcmd:{workspace}: so that all keys of a workspace share
// one slot of a cluster.
//
//	request:ID     hash: body (JSON, packed once it has ended), rev, at (when it came, ms),
//	               on (the store that it came to), twin, moves (ids of the last 32 moves),
//	               holder and until (ms) while held, holds while its hosts are kept,
//	               script (the SHA-256 of its script's text), refused ("all kept head" of
//	               its refused clicks)
//	script:SHA     the text of a script, once for all requests that have it; gone with the
//	               last of what names it
//	script:SHA:open  sorted set of the open requests that have it, by when they moved (ms)
//	due            sorted set of ids by when somebody must look at them (ms)
//	open           sorted set of the ids that have not ended, by when they came (ms)
//	twin:TWIN      the id of the open request that asks for just this
//	asked:USER     sorted set of the ids that a person has asked for, by when (ms): those
//	               of the last minute and those that are open, which limits count
//	hosts:SCRIPT   hash: the request that holds each host for a run of the script
//	audit          sorted set of ids by when their newest event was written (ms), for
//	               as long as that event stays
//	events:ID      list of "ms" and packed JSON, oldest first; outlives the request. Up to
//	               schema 4 they are "ms hash JSON", or "ms JSON" with the hash inside. A
//	               run that was refused as it was typed has one, and no request
//	refused:ID     hash: "hash JSON" of each refused click that is kept, under its number,
//	               how often each person pressed, and recent: the envelopes of the last
//	               ones; as long as the events
//	mark           hash: mark, a random word that the first bot wrote; server, which
//	               store that makes this; since, when it was first met (ms); count, how
//	               often a request or a move was written
//	gone:MESSAGE   who says that a request is lost, or "done"; gone after a month
//	take:ID        list of what one Take handed out, for a lost reply; short-lived
//	outputs:ID     what the hosts printed, by task and host, together (gzip); gone after a
//	               set time
//	members:GROUP  JSON list of a user group's members, or that Slack did not tell; gone
//	               when it is too old
//	looking:GROUP  who is asking for them at this moment
//	check:RANDOM:… the keys of a rehearsal, named as the others; gone within a minute
//
// README.md of approvals shows how to read them with redis-cli.
//
// # What is packed, and why
//
// Events and what has ended stay for months and say much the same: they are deflated with
// a dictionary of this package, behind the byte 1 that names it. Hashes are of the text
// before that. Open requests are not packed: they are written often, and people look at
// them. The text of a script is in none of them; where it stood is its SHA-256, which a
// text is held against when it is read. Without its text a record or an event cannot be
// read ([approvals.ErrUnreadable]); a move of a process that has it writes it again.
//
// # What it promises
//
// A move is one round trip and one script, so record, indexes and event change
// together or not at all. Redis' own clock decides what is due, held or too late.
// Garbage is collected by TTLs; no TTL decides anything else.
//
// A repeated call changes nothing: each script looks for its own random id before it
// writes. So a call whose reply was lost is sent again here,
// a few times, and a method fails with [approvals.ErrUncertain] only if an attempt
// may have reached Redis and none was answered. [approvals.ErrUnavailable] means
// that nothing was written; reads never fail with anything worse.
//
// Two runs of one script never hold the same host: the move that claims takes the
// hosts, in the same script, or is refused with who holds them. A host belongs to a
// request only as long as that one's record says that it holds: a record that was lost
// keeps nobody waiting. Whoever ends lets go.
//
// # Why refused clicks are no moves
//
// A click that is not taken changes nothing, and anybody can press. As a move it would
// raise the revision, and whoever presses each half second would keep a look that takes a
// second from ever being stored. So refused clicks lie beside the record, twenty of a
// person and 200 of a request at most, and the rest is a number. They are a chain of their
// own; the request's next event names its newest, and with it all before.
//
// # Why every answer says which store gave it
//
// A server that was started again may have read an older state from its disk, and a
// replica that took its place may have been behind: a claim can be gone as if it had
// never been. The record then looks as good as any. The server's run id shows both. It
// does not show a master that was made its replica's replica and a master again, which
// has thrown away what the replica lacked: that changes its replication id. And neither
// shows FLUSHALL, SWAPDB or an eviction: those take the mark, a random word under one
// key. So the three together are the store's identity. It comes with each answer, stays
// with the request it was given for, and every swap is bound to it:
// [approvals.ErrRestarted]. It costs Redis some 5 microseconds in a script (two INFO).
// The replication id is another for harmless reasons, too; then a run only waits.
//
// All three come back with an older copy of the keys, or with a master that was left and
// never restarted. Such a store looks like itself, but not to who has seen it: so each
// process remembers which stores it has left, and how far the last had counted what it
// wrote. Whoever finds it otherwise gives the store another mark, and to everybody it is
// another store.
//
// A mark that is missing is not simply written anew: requests that people still wait for
// may be gone with it. No script reads or writes requests without it
// ([approvals.ErrUnmarked]); the bots first say in the threads of those that they
// remember what is lost.
//
// # Why a move waits on the connection that wrote it
//
// WAIT counts, by its documentation, the writes of its own connection only. So script
// and WAIT share one, and a repetition on another connection, which finds that it has
// won and has nothing to write, writes a field once more: else there were nothing to
// wait for. A move that too few replicas have is written all the same, and answers
// [approvals.ErrUncertain]. Replicas make a loss at a failover unlikely, not
// impossible: Sentinel may promote one that has not got it.
//
// # Why a rehearsal runs the same scripts, wrapped
//
// A check that only pings calls a Redis good that refuses the first swap. So
// [Store.Rehearse] goes through [Store]'s own methods, and whatever a script comes to
// need is tried from then on. Only the prefix of its keys is another, and each script is
// wrapped in one that lets its keys expire: in the same step, since a process that dies
// between two would leave keys for ever.
//
// # Why it retries itself
//
// go-redis can repeat a command after a lost reply without saying so. [Dial] turns
// that off, and the last argument of every script is one that notes when it is
// encoded: so the store knows of each attempt whether a byte of it can have left.
// A broken handshake, a full pool or a refused dial come before that moment.
//
// # Why errors hold so little of Redis' text
//
// Redis quotes arguments in some errors, and arguments hold passwords and
// requests. Only the error's first word, such as WRONGPASS, is passed on, or a
// beginning that is known.
package redisstore
