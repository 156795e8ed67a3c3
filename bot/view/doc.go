// Package view turns values into Slack messages: pure functions from requests,
// scripts and answers to Block Kit. It asks nobody anything and keeps nothing, so
// the same value always gives the same message.
//
// # What it promises
//
// People's text (names, reasons, parameters, scripts, aliases, what the API says)
// never reaches a mrkdwn object. It goes into plain_text without emoji, or into
// text elements of rich_text, where nothing is a mention, a link or markup. What
// cannot be seen is spelled out by [Visible]. A mention is made only of an id that
// has the form of one. Nor can it look like a line of ours: where it has lines, it
// stands in a preformatted element, and in Text each further line is marked.
//
// Nothing that would run is out of sight: long rows of blanks and of empty lines are
// counted (\u{20}×2600), and one line on the card, "Look closely", says what in script,
// parameters, hosts, reason and alias looks otherwise than it is, and on which line.
// That is decided by rules of Unicode (odd.go, letters.go), not by a list of tricks: what
// any language writes by itself earns no note, or each card would have one.
//
// A card shows the whole script, the whole parameters, all hosts and the whole
// reason, or there is no card: [Card] answers [approvals.ErrTooLong] or [approvals.ErrNotText].
// Whether a card fits depends on nothing that changes later, so a card that could
// be posted can be drawn again in every later state.
//
// "Accepted" never looks like success, and an unknown end never looks like a
// failure after which one simply tries again. A run looks like one only if every
// host ended with exit code 0 and its record says that it ran what was approved.
//
// A request that nobody knows the end of says what is done about it, or what people have to do; who
// has said what; and whether its hosts are kept. One that has ended says in the last message of its
// thread where its chain of events ends, so that Slack is a witness of it.
//
// A result loses nothing silently: what does not fit into the message stands in a
// file, and what does not stand there either is counted.
//
// # Why two texts
//
// Each message carries blocks for those who look and Text for those who listen:
// screen readers read Text instead of the blocks, and notifications show it. A line is
// written from the same spans into both. What may be long (reason, hosts, parameters,
// differences, outputs, the script) is written into each by itself, from the same
// string; Text takes only as much of it as leaves room for the other facts, and says
// how much is missing. The script stands last in Text, so nothing in it can
// look like a fact behind it. A bar is not in Text: the words beside it say the same.
// Text is parsed by Slack as mrkdwn; in it people's text is escaped.
//
// # Why 12,000 and 100
//
// Slack refuses a message as msg_blocks_too_long without a documented number.
// Others have measured: refused at about 13,200 characters of text once & < > are
// escaped, with about 100 more for each block (bolt-js issues 2509 and 2867). We
// count the same way, add 25 for each element of rich text, and stop at 12,000.
package view
