package approvals

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// LongestID bounds the ids of scripts and hosts, in bytes.
const LongestID = 64

// ErrNotID says that something is not an id as rules compare them.
var ErrNotID = errors.New("not an id")

// IDForm is what ids of one sort look like. Rules, logins, host locks and digests
// compare ids byte for byte, and the API may not: its ins-db1 could be typed ins-DB1,
// fall out of the rule for ins-db*, and run all the same. So each id has one spelling,
// and what has another is refused before anything compares it. Nothing is folded
// silently: people approve what they read.
type IDForm struct {
	what   string             // "the id of a host"
	rule   string             // what it looks like, for people
	first  string             // the bytes that it may begin with,
	ends   string             // those that it has, also at its end,
	inside string             // and those that only stand between
	least  int                // bytes
	begins func(cmd int) bool // whether it may begin with so many bytes of cmd-; -1: it begins otherwise
}

// The sorts of ids. The API's scripts are cmd-…; its hosts are cpm-… (Bare Metal),
// ins-…, lhins-…, rins-…, or something else: nothing decides by that.
var (
	ScriptID = IDForm{
		"the id of a script", "it begins with cmd-, and has small letters, digits and - only",
		"c", lower, "-", len("cmd-x"), func(cmd int) bool { return cmd > 0 },
	}
	HostID = IDForm{
		"the id of a host", "it has small letters, digits and - only, and neither begins nor ends with -",
		lower, lower, "-", len("x"), func(cmd int) bool { return cmd < len(scriptStart) },
	}
	// HostName is a name by which a host may be typed. No rule compares it in place of an id.
	HostName = IDForm{
		"the name of a host", "it has letters, digits, -, _ and . only, and begins and ends with a letter or digit",
		lower + upper, lower + upper, "-_.", len("x"), func(cmd int) bool { return cmd < len(scriptStart) },
	}
	ChannelID = IDForm{
		"the id of a channel", "it begins with C or G, and has capitals and digits only",
		"CG", upper, "", len("C0X"), func(int) bool { return true },
	}
)

const (
	lower       = "abcdefghijklmnopqrstuvwxyz0123456789"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	scriptStart = "cmd-"
)

// LikeScript reports whether s means a script by its id, well or badly spelled, and
// not by its alias.
func LikeScript(s string) bool {
	return strings.HasPrefix(plainly(s), scriptStart)
}

var hostStart = regexp.MustCompile(`^(?:cpm|ins|lhins|rins|tcpm|chm)-`)

// LikeHost reports whether s begins as ids of hosts do. What does is never the name of a machine; beyond that only hints
// follow, since such ids may begin with anything.
func LikeHost(s string) bool { return hostStart.MatchString(s) }

// Check is nil if s is an id of this form. Its error wraps [ErrNotID], and names the
// nearest id if there is one.
func (f IDForm) Check(s string) error {
	if f.is(s) {
		return nil
	}
	hint := f.rule
	if near := f.Nearest(s); near != "" {
		hint += "; did you mean " + near + "?"
	}
	quoted := []rune(s)
	if len(quoted) > LongestID {
		quoted = append(quoted[:LongestID], '…')
	}
	return notID(fmt.Sprintf("%q is not %s: %s", string(quoted), f.what, hint))
}

// Nearest is the id that s most likely was before somebody or something set it nicely:
// capitals, wide letters, other dashes. It is empty if s is an id, or nothing like one.
func (f IDForm) Nearest(s string) string {
	if near := plainly(s); near != s && f.is(near) {
		return near
	}
	return ""
}

// plainly has the small letters, digits and hyphens that s seems to mean.
func plainly(s string) string {
	s = strings.NewReplacer("-\u00ad", "-", "\u00ad-", "-").Replace(s)
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～': // the wide forms of ! to ~
			r -= '！' - '!'
		case unicode.Is(unicode.Dash, r), r == '\u00ad':
			r = '-'
		}
		switch {
		case r == '_':
			return '-'
		case unicode.Is(unicode.Cf, r):
			return -1 // not seen, so not meant
		}
		return unicode.ToLower(r)
	}, s), " \t,;\"'`“”‘’")
}

func (f IDForm) is(s string) bool {
	at, ok := place{}, true
	for i := 0; ok && i < len(s); i++ {
		at, ok = f.step(at, s[i])
	}
	return ok && f.whole(at)
}

// place is how far an id has been read, as far as that matters for what may follow.
type place struct {
	n    int  // bytes
	cmd  int  // how many bytes of cmd- it begins with; -1: it begins otherwise
	open bool // the last byte may not be the end
}

// step reads one more byte. It is not ok if no id goes on so.
func (f IDForm) step(at place, c byte) (next place, ok bool) {
	at.open = strings.IndexByte(f.ends, c) < 0
	switch {
	case at.n == LongestID, at.open && strings.IndexByte(f.inside, c) < 0, at.n == 0 && strings.IndexByte(f.first, c) < 0:
		return at, false
	case at.n != at.cmd || at.n == len(scriptStart): // that is settled
	case c == scriptStart[at.n]:
		at.cmd++
	default:
		at.cmd = -1
	}
	at.n++
	return at, f.begins(at.cmd)
}

// whole reports whether an id may end here.
func (f IDForm) whole(at place) bool { return at.n >= f.least && !at.open }

type notID string

func (e notID) Error() string { return string(e) }
func (notID) Is(target error) bool {
	return target == ErrNotID || target == ErrNoRule // rules are for ids only
}

// Distance counts the letters to insert, remove, change or swap with their
// neighbour to make b of a.
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			change := 1
			if s[i-1] == t[j-1] {
				change = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(s)][len(t)]
}
