package bot

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// Verb is the first word of a command.
type Verb string

// The verbs there are.
const (
	VerbHelp   Verb = "help"
	VerbShow   Verb = "show"
	VerbRun    Verb = "run"
	VerbStatus Verb = "status"
	VerbList   Verb = "list"
)

var verbs = []Verb{VerbShow, VerbRun, VerbStatus, VerbList, VerbHelp}

// Command is a line typed to the bot, parsed.
type Command struct {
	Verb       Verb
	Unknown    string   // with VerbHelp: the word that is none of ours
	Nearest    Verb     // with Unknown: what may have been meant, or empty
	Script     string   // cmdId or alias, for show and run
	Hosts      []string // for run, each once, in the order typed
	Repeated   []string // hosts that were typed more than once
	Parameters string   // for run, byte for byte
	Separator  string   // for run: what stood before them and was read as --; empty if it was --
	Reason     string   // for run
	Doubts     []string // for run: what may be a credential, for the eyes of the one who typed it
	Request    string   // for status
	Scripts    bool     // for list: the stored scripts, not the open requests
	Search     string   // with Scripts: part of an id or alias
	Page       int      // with Scripts: from 1; 0 is the first
}

// ParseError says what is wrong with a line and what to do, in words for people.
type ParseError struct {
	Text  string
	Paste string // what may be meant, to be pasted as it stands; ends Text

	typed, means string // a word of the line that is wrong, and what it should be; typed may be empty
}

func (e *ParseError) Error() string { return strings.TrimSpace(e.Text + " " + e.Paste) }

func wrong(format string, args ...any) error { return &ParseError{Text: fmt.Sprintf(format, args...)} }

// longestLine bounds what is parsed at all, in bytes.
const longestLine = 16 << 10

// Parse reads a line as it was typed, without the slash command or mention. Quotes,
// dashes and spaces that a keyboard or Slack made "smart" are understood around the
// command's own words, and refused in ids and in parameters, which are kept byte for
// byte: the error ends in what to paste. Holes
// that are still to be filled in are refused, too: [ParseTemplate] lets them stand.
// Every error is a *[ParseError].
func Parse(line string) (Command, error) {
	c, holes, err := parse(line)
	if p := (*ParseError)(nil); errors.As(err, &p) && p.typed != "" {
		return c, mended(line, *p)
	}
	if len(holes) > 0 && (c.Unknown == "" || IsOpen(c.Unknown)) {
		return Command{}, unfilled(holes[0])
	}
	return c, err
}

// parse is Parse with the holes that are still to be filled in.
func parse(line string) (c Command, holes []string, err error) {
	if len(line) > longestLine {
		return c, nil, wrong("This line has %d bytes, more than I read (%d). Put long input into the script itself.", len(line), longestLine)
	}
	words, err := split(line)
	if err != nil {
		return c, nil, err
	}
	c, err = words.command()
	return c, words.holes, err
}

func (l *words) command() (Command, error) {
	if len(l.own) > 1 && strings.IndexAny(l.own[0].text, "/@<") == 0 && slices.Contains(verbs, verbOf(l.own[1])) {
		l.own = l.own[1:] // the command or the mention, pasted along
	}
	switch {
	case len(l.own) == 0 && !l.hasParameters:
		return Command{Verb: VerbHelp}, nil
	case len(l.own) == 0:
		return Command{}, wrong("Nothing stands before the --. A run looks like: run cmd-nozcbhuw ins-1,ins-2 -- --fast")
	}
	for len(l.own) > 1 && isPolite(l.own[0].text) {
		l.own = l.own[1:]
	}
	verb, rest := verbOf(l.own[0]), l.own[1:]
	if verb != VerbRun && l.hasParameters && slices.Contains(verbs, verb) {
		return Command{}, wrong("Only run takes parameters after --. Leave them out, or type: help")
	}
	switch verb {
	case VerbHelp:
		return Command{Verb: VerbHelp}, nil
	case VerbShow:
		return parseShow(rest)
	case VerbRun:
		return l.run(rest)
	case VerbStatus:
		return parseStatus(rest)
	case VerbList:
		return parseList(rest)
	}
	return Command{Verb: VerbHelp, Unknown: l.own[0].text, Nearest: nearest(string(verb))}, nil
}

func verbOf(w word) Verb { return Verb(strings.ToLower(unset(w.text))) }

func parseShow(rest []word) (Command, error) {
	if len(rest) != 1 {
		return Command{}, wrong("show takes one script. For example: show cmd-nozcbhuw")
	}
	id, err := scriptWord(rest[0].text)
	if err != nil {
		return Command{}, err
	}
	if approvals.LikeHost(id) {
		return Command{}, wrong("%q is an instance. show takes a script, for example: show cmd-nozcbhuw", id)
	}
	return Command{Verb: VerbShow, Script: id}, nil
}

// parseList reads list, or list scripts [text] [page N].
func parseList(rest []word) (Command, error) {
	c := Command{Verb: VerbList}
	if len(rest) == 0 {
		return c, nil
	}
	if strings.ToLower(rest[0].text) != "scripts" && strings.ToLower(rest[0].text) != "script" {
		return Command{}, wrong("list alone shows the open requests here, yours, and those waiting for you. For stored scripts type: list scripts, or: list scripts web")
	}
	c.Scripts, rest = true, rest[1:]
	if n := len(rest); n >= 2 && strings.ToLower(rest[n-2].text) == "page" {
		page, err := strconv.Atoi(rest[n-1].text)
		if err != nil || page < 1 || page > 1000 {
			return Command{}, wrong("%q is no page. For example: list scripts web page 2", rest[n-1].text)
		}
		c.Page, rest = page, rest[:n-2]
	}
	if len(rest) > 1 {
		return Command{}, wrong("list scripts takes one word to search for. For example: list scripts web")
	}
	if len(rest) == 1 {
		if c.Search = unset(rest[0].text); cut(c.Search) != c.Search {
			return Command{}, wrong("%q is too long to search for. For example: list scripts web", cut(c.Search))
		}
	}
	return c, nil
}

func parseStatus(rest []word) (Command, error) {
	if len(rest) != 1 {
		return Command{}, wrong("status takes one request id. For example: status r-k3m9q2xabc; list shows the open ones.")
	}
	id := strings.ToLower(rest[0].text)
	if near := unset(id); near != id && outside(near, isIDRune) == noRune {
		return Command{}, meant(rest[0].text, near, fmt.Sprintf("%q is no request id; did you mean %s?", cut(id), near))
	}
	if !strings.HasPrefix(id, "r-") {
		id = "r-" + id
	}
	if bad := outside(id, isIDRune); bad != noRune {
		return Command{}, wrong("%q is no request id: it holds %s. Ids look like r-k3m9q2xabc.", cut(id), nameRune(bad))
	}
	if len(id) < len("r-x") || len(id) > longestID {
		return Command{}, wrong("%q is no request id. Ids look like r-k3m9q2xabc.", cut(id))
	}
	return Command{Verb: VerbStatus, Request: id}, nil
}

func (l *words) run(rest []word) (Command, error) {
	c := Command{Verb: VerbRun, Parameters: l.parameters}
	if l.separator != "--" {
		c.Separator = l.separator
	}
	if err := checkParameters(l.parameters); err != nil {
		return Command{}, err
	}
	rest, reason, err := takeReason(rest)
	if err != nil {
		return Command{}, err
	}
	c.Reason = reason
	if len(rest) == 0 {
		return Command{}, wrong("run takes a script and the instances to run it on. For example: run cmd-nozcbhuw ins-1,ins-2")
	}
	if slices.ContainsFunc(rest[1:], func(w word) bool { return approvals.LikeScript(w.text) }) {
		if err = notAnID(rest[0].text); err != nil {
			return Command{}, err
		}
	}
	if c.Script, err = scriptWord(rest[0].text); err != nil {
		return Command{}, err
	}
	isScript := func(w word) bool { return strings.HasPrefix(w.text, scriptPrefix) }
	if approvals.LikeHost(c.Script) || !isScript(rest[0]) && slices.ContainsFunc(rest[1:], isScript) {
		return Command{}, wrong("%q stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2", c.Script)
	}
	if c.Hosts, c.Repeated, err = l.hosts(rest[1:]); err != nil {
		return Command{}, err
	}
	if len(c.Hosts) == 0 {
		return Command{}, wrong("On which instances? For example: run %s ins-1,ins-2", c.Script)
	}
	if c.Doubts, err = weigh(c); err != nil {
		return Command{}, err
	}
	return c, nil
}

// weigh refuses what is certainly a credential, and names what may be one.
func weigh(c Command) (doubts []string, err error) {
	for _, part := range []struct{ name, holds, text, instead string }{
		{"parameters", "hold", c.Parameters, "let the script read it on the host"},
		{"reason", "holds", c.Reason, "ask again without it"},
	} {
		switch f := looksSecret(part.text); f.verdict {
		case certain:
			return nil, wrong("The %s %s what looks like %s, and what is typed into Slack is public and kept. Change that credential now if it is real, and %s.", part.name, part.holds, f.what, part.instead)
		case doubtful:
			doubts = append(doubts, fmt.Sprintf("The %s may hold %s: “%s”.", part.name, f.what, f.text))
		}
	}
	return doubts, nil
}

// takeReason takes --reason and its value out of the words of a run.
func takeReason(in []word) (rest []word, reason string, err error) {
	for i := 0; i < len(in); i++ {
		w := in[i]
		if w.quoted || !strings.HasPrefix(w.text, "-") {
			rest = append(rest, w)
			continue
		}
		flag, value, joined := strings.Cut(w.text, "=")
		if before, after, colon := strings.Cut(w.text, ":"); colon && isReason(unset(before)) {
			flag, value, joined = before, after, true
		}
		flag = unset(flag)
		if !isReason(flag) {
			return nil, "", wrong("I do not know the option %s. What goes to the script stands after --, for example: run cmd-nozcbhuw ins-1 -- %s", cut(flag), cut(w.text))
		}
		if reason != "" {
			return nil, "", wrong("There are two reasons. Give one, in quotes: --reason \"disk full\"")
		}
		given := word{text: value, quoted: w.opened}
		if !joined {
			if i++; i == len(in) {
				return nil, "", errNoReason
			}
			given = in[i]
		}
		if reason, err = oneReason(given, in[i+1:]); err != nil {
			return nil, "", err
		}
	}
	return rest, reason, nil
}

var errNoReason = wrong("--reason has no text after it. Give it in quotes: --reason \"disk full\"")

// oneReason is the text of a reason, if what stands behind it leaves no doubt where
// it ends.
func oneReason(w word, behind []word) (string, error) {
	switch {
	case !w.quoted && strings.HasPrefix(w.text, "-"):
		return "", errNoReason
	case !w.quoted && len(behind) > 0 && !strings.HasPrefix(behind[0].text, "cmd-") && !strings.HasPrefix(behind[0].text, "-"):
		return "", wrong("I cannot tell where the reason ends. Put it in quotes: --reason \"%s …\"", cut(w.text))
	case strings.TrimSpace(w.text) == "":
		return "", wrong("The reason is empty. Give it in quotes: --reason \"disk full\"")
	case slices.Contains(strings.Fields(w.text), "--"):
		return "", wrong("The reason holds a -- that stands alone, so I cannot tell where its quote was meant to end. Write the reason without it.")
	}
	return w.text, nil
}
