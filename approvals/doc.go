// Package approvals holds the rules and the life of a Request: who may see a
// script, who may ask to run it, who must agree, and what state a request is
// in. It is the standard library only, and its rules are pure: no clock, no
// I/O and no map order decide anything; the moment is an argument.
//
// # The parts
//
//   - A [Person] is one human, whichever of their Slack ids they use.
//   - A [Policy] is an ordered list of [Rule]s. The first that matches wins; no
//     match refuses.
//   - A [Plan] is exactly what would be done; its [Digest] is what people approve.
//   - A [Request] is the record of one run asked for. A [Move] is one step in its
//     life; the table of allowed moves is in moves.go and, as a chart, in README.md.
//     What people decide about a pending run is in decide.go, about an unknown one in
//     unsure.go; when somebody has to look at a request is in due.go.
//   - A [Store] keeps requests and swaps a new version for an old one. It knows no
//     rules.
//   - A [Desk] applies moves to stored requests.
//
// # What it promises
//
// What was approved is what is granted: an approval counts only for the digest
// it was given for, and [Request.Hold], without which nobody gets a login, holds
// both the rule as it was when the card was shown and the rule of today against
// every approver. Only with what would run now it becomes a [Grant], without which
// nothing is claimed. The requester's own approval never counts, on no path: it is
// refused when cast and left out again when counted.
//
// A request is claimed before it is sent. The claim is a move like any other, so
// of many workers one wins.
//
// # Why a Move is a value
//
// A move is a pure function with a name. The same value can be tried again after
// a conflict on the newer version of the record, and tests can drive a request
// through its life without any store.
//
// # Why events are hashed as bytes, and name the record
//
// A hash over fields says that two readers would see the same only if both read them alike.
// JSON lets a key stand twice, or in capitals, and then they do not. So what is hashed is
// what is stored, and what is not exactly what bmcmd would write is not read as an event.
//
// The record is what people approve and what the bot acts on, but it is written over. So
// each event names a hash of what it says, [Request.Facts], which only moves with an event
// change; nobody has to say twice what a decision or a send was. And the events themselves
// carry what was asked, shown, answered and found, because the record goes first.
//
// # Why hosts are matched one by one
//
// If one rule had to match all hosts together, adding a harmless host to a
// request could lift a strict host out of its strict rule and into a later, weaker
// one. So every host is looked up by itself, and all must meet the same rule.
//
// # Why what is not known of a host is never skipped
//
// Rules and logins may go by tags and names, and the cloud does not always tell them: it may
// be away, and of some machines it never does. A rule that may be for the host, and that
// was passed over, could reach a weaker one behind it. So [Policy.Match] fails with
// [ErrHostUntold] there, unless another item of the same rule fits for sure; only rules that
// are for another script, channel or person are passed over. What rules went by is kept in
// [Plan.Facts] and is in the digest, so that a host that was tagged or renamed since does not
// run. [Policy.MayMeetAny], which is asked before anything is looked up, takes what is not
// known as possible: it turns away only who surely may not.
//
// # Why an id has one spelling
//
// Rules, logins, host locks and digests compare ids byte for byte, and nobody knows
// whether the API does. If ins-DB1 were let through, it would fall out of the rule for
// ins-db* into a weaker one, and perhaps run on ins-db1. So [IDForm] refuses it, with
// the spelling that was meant, at every way in: [Desk.Receive], [Policy.Match], the
// config's logins. Folding it instead would take for granted that the API does the same.
// A pattern that can match no such id is refused by
// [Policy.Validate], for the same reason: its hosts would meet a weaker rule.
package approvals
