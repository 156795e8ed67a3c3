package view

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Help says what there is, by example. command is how the bot is called, such as
// "/bmcmd"; unknown is the word that was typed and is none of ours, nearest what
// may have been meant; both may be empty.
func Help(command, unknown, nearest string) Message {
	p := &page{}
	switch {
	case unknown != "" && nearest != "":
		p.line(say("There is no “"), said(unknown, 60), say("”. Did you mean “"), said(nearest, 60), say("”?"))
	case unknown != "":
		p.line(say("There is no “"), said(unknown, 60), say("”."))
	}
	c := cutLine(command, 60)
	for _, h := range []struct {
		example string
		means   safe
	}{
		{"list scripts web", "stored scripts with “web” in their id or alias; without a word, all of them"},
		{"show cmd-nozcbhuw", "a script, for your eyes only; its alias does as well"},
		{"run cmd-nozcbhuw cpm-an5a9wv4,ins-2", "ask for approval to run it on these hosts; its alias does as well"},
		{`run cmd-nozcbhuw ins-1 --reason "disk full" -- --force /var`, "parameters: all that follows the lone -- goes to the script as it stands"},
		{"status r-abcdefghjk", "how a request stands"},
		{"list", "what is open here, what you asked for, what waits for you"},
		{"help", "this"},
	} {
		p.line(code(c+" "+h.example, maxName), say(" – "+h.means))
	}
	p.line(say("Nothing runs before somebody else has approved it. Inside a thread, mention the bot with the same words."))
	p.quiet(public)
	return p.message("help")
}

// token is what [Words] shows as more than letters: a mention, code in backticks, or a time.
var token = regexp.MustCompile("<@[UW][A-Z0-9]{1,31}>|<!subteam\\^S[A-Z0-9]{1,31}>|<!date\\^[0-9]{1,12}\\^[{}a-z_ ]{1,40}\\|[0-9: -]{1,20} UTC>|`[^`\n]+`")

// Words are one or two sentences for one person, with a link to the card of
// request. In text, mentions (<@U…>, <!subteam^S…>) and code between backticks are
// shown as such; all else is plain. Nobody is called: only one person sees it.
func Words(text, request, address string) Message {
	p := &page{}
	p.line(spoken(text)...)
	open, linked := link(address, "Open the card")
	switch {
	case linked && request != "":
		p.line(open, say(" of "), code(request, maxID))
	case linked:
		p.line(open)
	case request != "":
		p.line(say("Request "), code(request, maxID))
	}
	return p.message("words")
}

// mostPaste is how long a text to paste may be: people have to see that they have all of it.
const mostPaste = 2 * maxRich

// Paste are sentences that end in what to paste, in a block that keeps tabs, line ends
// and rows of blanks. What would not arrive there byte for byte is not offered.
func Paste(text, paste string) Message {
	p := &page{}
	p.line(spoken(text)...)
	if size(paste) > mostPaste || Visible(paste) != paste {
		p.line(say("It cannot be shown here as it is, so type it again by hand."))
		return p.message("words")
	}
	p.write(continued(paste, textReason))
	p.mono(paste, size(paste))
	return p.message("words")
}

// People names who, for the text of [Words] or [Said]: "<!subteam^S1> or <@U1>".
// It is empty for nobody.
func People(who approvals.Who) string {
	if who.Anyone {
		return "anyone"
	}
	var all []safe
	for _, id := range slices.Concat(who.Groups, who.Users) {
		switch {
		case isGroup(id):
			all = append(all, mentionGroup(id))
		case isUser(id):
			all = append(all, mention(id))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return string(several(all, "or"))
}

// When is a time as each reader's clock has it, for the text of [Words] or [Said].
func When(t time.Time) string { return string(at(t).text) }

// mostTokens is how many mentions and pieces of code one answer shows as such.
const mostTokens = 30

// spoken takes the bot's own sentences apart.
func spoken(text string) []span {
	text = cut(text, maxRich)
	var out []span
	for len(out) < 2*mostTokens {
		at := token.FindStringIndex(text)
		if at == nil {
			break
		}
		if at[0] > 0 {
			out = append(out, said(text[:at[0]], maxRich))
		}
		out = append(out, tokenSpan(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	if text != "" || len(out) == 0 {
		out = append(out, said(text, maxRich))
	}
	return out
}

func tokenSpan(t string) span {
	if id, ok := strings.CutPrefix(t, "<@"); ok {
		return user(strings.TrimSuffix(id, ">"))
	}
	if id, ok := strings.CutPrefix(t, "<!subteam^"); ok {
		return group(strings.TrimSuffix(id, ">"))
	}
	if date, ok := strings.CutPrefix(t, "<!date^"); ok {
		unix, _, _ := strings.Cut(date, "^")
		sec, _ := strconv.ParseInt(unix, 10, 64)
		return at(time.Unix(sec, 0))
	}
	return code(strings.Trim(t, "`"), maxRich)
}

// mostListed is how many requests of each kind a list shows.
const mostListed = 10

// Lists are the open requests that concern one person.
type Lists struct {
	Here    []approvals.Listed // of the channel
	Mine    []approvals.Listed // of the one who asks
	Waiting []approvals.Listed // that wait for that person
	More    bool               // more are open than were looked at
	Untold  bool               // Slack did not tell who is in a group: some may be missing from Waiting
}

// List shows open requests, and what may be missing.
func List(l Lists) Message {
	p := &page{}
	if len(l.Here)+len(l.Mine)+len(l.Waiting) == 0 && !l.More && !l.Untold {
		p.line(say("Nothing is open here, you have asked for nothing that is open, and nothing waits for you."))
		return p.message("list")
	}
	p.listed("Waiting for you", l.Waiting)
	p.listed("Asked by you", l.Mine)
	p.listed("Open in this channel", l.Here)
	if l.Untold {
		p.quiet("Slack does not tell right now who is in a group, so more may be waiting for you. Ask again in a minute.")
	}
	if l.More {
		p.quiet("More requests are open than are looked at for a list, so some may be missing.")
	}
	return p.message("list")
}

func (p *page) listed(title safe, all []approvals.Listed) {
	if len(all) == 0 {
		p.line(label(title), say(": none"))
		return
	}
	p.line(label(title), say(safe(" ("+number(len(all))+")")))
	start := p.cost
	for i, l := range all {
		if i == mostListed || p.cost-start > maxCost/3-1600 {
			p.line(say(safe("and " + number(len(all)-i) + " more")))
			break
		}
		r := l.Request
		row := []span{say("• "), said(what(r), maxName), say(", asked by "), user(r.Requester.User), say(": " + state(r))}
		if !r.Expires.IsZero() && undecided(r) {
			row = append(row, say(", open until "), at(r.Expires))
		}
		row = append(row, say(" · "), requestLink(r.ID, l.Link))
		p.line(row...)
	}
}

// requestLink is the request's id, as a link where there is one.
func requestLink(id, address string) span {
	if isRequest(id) {
		if s, ok := link(address, safe(id)); ok {
			return s
		}
	}
	return code(id, maxID)
}
