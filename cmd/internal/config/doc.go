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
// from a rule would open it to every host.
//
// # Why a rule or a login that can never be used is an error
//
// The first match decides. A strict rule that somebody adds below a wider one
// looks as if it were in force and is not.
package config
