// Package config reads the one file that says how bmcmd runs: settings and
// rules, in YAML, strictly. [Example] is such a file with every key explained.
//
// # What it promises
//
// Every problem of a file is reported at once, each as
//
//	file:line: key: what is wrong; what was meant
//
// Unknown keys, wrong types, keys given twice, keys without a value and rules
// that could never work are all errors. Nothing is guessed, no environment
// variable changes a setting, and a file is either wholly right or not used.
//
// No error repeats a value of the file. A value may be a secret that was typed
// into the wrong place, so a line number points at it instead. The parser's own
// errors, which show the source, are replaced for the same reason. An unknown
// key is shown only if it is nearly a known one. The one thing quoted is a
// reference that [vault.ParseRef] spells out in a hint.
//
// # Why anchors, aliases, merge keys and tags are refused
//
// A rule says who may run what as root. Whoever reads or reviews it must see the
// whole of it where it stands, and not a part that a merge key brought in from
// another place.
//
// # Why an empty list is refused in a rule
//
// A criterion that is left out matches everything. Were "hosts: []" or "hosts:"
// with all its lines commented out taken the same way, removing the last host
// from a rule would open it to every host. The same goes for tags and names
// without values, and for parameters without choices.
//
// # Why a rule or a login that can never be used is an error
//
// The first match decides. A strict rule that somebody adds below a wider one
// looks as if it were in force and is not.
//
// # Why a login is for the hosts of one region
//
// On TAT a call goes to one region and names machines of that one. So a login is
// for hosts that were found in its region, or in bm.region if it names none, and a
// machine elsewhere goes on to the next login. Where a machine was not looked up,
// a login of another region may be the right one and is not skipped: the error
// wraps [approvals.ErrHostUntold].
//
// # Why TAT refuses a password
//
// TAT needs none on hosts. One that stands in the file would be looked after, and
// shown by check, without ever being used.
package config
