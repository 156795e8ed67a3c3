package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// longestID bounds every kind of id, in bytes.
const longestID = approvals.LongestID

// cut shortens what is quoted in an answer.
func cut(s string) string {
	for i, n := 0, 0; i < len(s); n++ {
		if n == longestID {
			return s[:i] + "…"
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return s
}

// scriptPrefix is what the ids of scripts begin with.
const scriptPrefix = "cmd-"

// scriptWord reads a script's id or alias.
func scriptWord(s string) (string, error) {
	const instead = "Give its id, like cmd-nozcbhuw; list scripts shows them."
	bad := outside(s, isIDRune)
	switch {
	case approvals.ScriptID.Nearest(s) != "":
		return "", meant(s, approvals.ScriptID.Nearest(s), sentence(approvals.ScriptID.Check(s)))
	case bad != noRune && s != unset(s) && outside(unset(s), isIDRune) == noRune:
		return "", meant(s, unset(s), fmt.Sprintf("%q is no script: it holds %s; did you mean %s?", cut(s), nameRune(bad), cut(unset(s))))
	case bad != noRune:
		return "", wrong("%q is no script: it holds %s. %s", cut(s), nameRune(bad), instead)
	case s == "", s == scriptPrefix:
		return "", wrong("%q is no script. %s", s, instead)
	case len(s) > longestID:
		return "", wrong("%q is too long for a script. %s", cut(s), instead)
	}
	if err := approvals.ScriptID.Check(s); err != nil && approvals.LikeScript(s) {
		return "", wrong("%s", sentence(err))
	}
	return s, nil
}

// hosts reads instance ids parted by commas, semicolons, spaces or all of them. Quotes
// around them are dropped where it is certain that instances stand in them.
func (l *words) hosts(in []word) (once, repeated []string, err error) {
	seen := map[string]int{}
	for _, w := range in {
		parts := partsHosts
		if w.opened {
			w.text = l.fillIn(w.text)
			parts = func(r rune) bool { return partsHosts(r) || unicode.IsSpace(r) || isDouble(r) || isSingle(r) }
		}
		for id := range strings.FieldsFuncSeq(w.text, parts) {
			switch {
			case w.opened && !approvals.LikeHost(cmp.Or(approvals.HostID.Nearest(id), id)) && !IsOpen(id) && !unmarked.MatchString(id):
				return nil, nil, wrong("%q stands in quotes, so I cannot tell what it is. "+otherwise, cut(w.text))
			case slices.Contains(verbs, Verb(id)):
				return nil, nil, wrong("%q begins a second command. Send one at a time.", id)
			case unmarked.MatchString(id):
				id = l.fill(id)
			}
			if err := cmp.Or(notAnID(id), checkHost(id)); err != nil {
				return nil, nil, err
			}
			if seen[id]++; seen[id] == 1 {
				once = append(once, id)
			} else if seen[id] == 2 {
				repeated = append(repeated, id)
			}
		}
	}
	return once, repeated, nil
}

func partsHosts(r rune) bool { return strings.ContainsRune(",;，；、", r) }

// otherwise is where something goes that is neither an id nor a name of letters, digits, -, _ and dots.
const otherwise = "The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --."

// checkHost is nil for what can be an instance's id or its name.
func checkHost(id string) error {
	near, named := approvals.HostID.Nearest(id), approvals.HostName.Check(id) == nil
	switch bad := outside(id, isIDRune); {
	case strings.ContainsAny(id, "*?{["):
		return wrong("%q is a pattern. Name each instance, so that everybody sees where it runs.", cut(id))
	case approvals.LikeScript(id):
		return wrong("%q is a second script id. One request runs one script: ask for the other in a line of its own.", cut(id))
	case near != "" && (!named || approvals.LikeHost(near)):
		return meant(id, near, sentence(approvals.HostID.Check(id)))
	case named:
		return nil
	case bad != noRune:
		return wrong("%q is no instance id: it holds %s. "+otherwise, cut(id), nameRune(bad))
	case len(id) > longestID:
		return wrong("%q is too long for an instance id. Part instances by commas or spaces. "+otherwise, cut(id))
	}
	if err := approvals.HostID.Check(id); err != nil {
		return wrong("%s %s", sentence(err), otherwise)
	}
	return nil
}

// isIDRune is for what stands in aliases and names of hosts, too.
func isIDRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// noRune is none: not even NUL, which somebody may send.
const noRune rune = -1

// outside is the first rune of s that is not allowed, or noRune.
func outside(s string, allowed func(rune) bool) rune {
	for _, r := range s {
		if !allowed(r) {
			return r
		}
	}
	return noRune
}
