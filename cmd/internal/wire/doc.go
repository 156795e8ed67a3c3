// Package wire is a TCP proxy that misbehaves on demand: it stands between two
// programs and cuts, refuses, delays or swallows what they say to each other.
// Experiments and tests use it; nothing that ships does.
//
// A [Proxy] listens on loopback and has one target. What it does with connections
// is one of these, at any moment, for those that are open and those to come:
//
//   - [Proxy.Pass]: hands on what it gets, at once.
//   - [Proxy.Delay]: hands it on a while later, each way.
//   - [Proxy.Hold]: takes bytes and delivers nothing. Neither side is told; so look
//     a router that lost its table, and a firewall that forgot.
//   - [Proxy.Refuse]: resets what is open, and its port refuses connections.
//
// [Proxy.Cut] resets what is open and nothing else. A proxy made by [Redis] also
// reads the commands that pass, and can lose the reply to one: see
// [Proxy.DropReplies] and [Proxy.DropRepliesThat].
//
// # What it promises
//
// A reset is a reset: both sides get an RST, not an orderly end. Bytes that were
// held are never delivered later, since their connections are reset when the hold
// ends. A delay keeps the order. After [Proxy.Close] no goroutine is left.
//
// # Why a dropped reply ends its connection
//
// A reply that is lost on a real network is followed by silence or by a reset. The
// silence is what Hold does; the reset is the harder case, because the client knows
// at once and tries again while the first try's effect is fresh.
package wire
