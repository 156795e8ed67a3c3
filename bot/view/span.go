package view

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// safe is mrkdwn made of our own words and of ids that were checked. People's text
// is a string; only escape turns it into safe.
type safe string

// span is a piece of a line, once for the message's Text and once for its blocks.
type span struct {
	text safe
	rich slack.RichTextSectionElement
	size int // of the text that the blocks show
}

var (
	bold = &slack.RichTextSectionTextStyle{Bold: true}
	mono = &slack.RichTextSectionTextStyle{Code: true}
)

func styled(text safe, s string, style *slack.RichTextSectionTextStyle) span {
	return span{text, slack.NewRichTextSectionTextElement(s, style), size(s)}
}

// say is our own words. They contain no & < >.
func say(s safe) span { return styled(s, string(s), nil) }

// label is our own words in bold.
func label(s safe) span { return styled(s, string(s), bold) }

// said is people's text, inside a line, cut to most characters.
func said(s string, most int) span { return theirs(s, most, nil) }

// code is said in the type of code.
func code(s string, most int) span { return theirs(s, most, mono) }

func theirs(s string, most int, style *slack.RichTextSectionTextStyle) span {
	if s = cutLine(s, most); s == "" {
		return say("(empty)")
	}
	return styled(escape(s), s, style)
}

// user mentions a person.
func user(id string) span {
	if !isUser(id) {
		return someone(id)
	}
	return span{mention(id), slack.NewRichTextSectionUserElement(id, nil), len(id)}
}

func someone(id string) span {
	if id == "" {
		return say("somebody")
	}
	return code(id, maxID)
}

// mention mentions a person in mrkdwn.
func mention(id string) safe {
	if !isUser(id) {
		return someone(id).text
	}
	return safe("<@" + id + ">")
}

// mentionGroup mentions a user group in mrkdwn.
func mentionGroup(id string) safe {
	if !isGroup(id) {
		return someone(id).text
	}
	return safe("<!subteam^" + id + ">")
}

func isUser(id string) bool  { return isID(id, "UW") }
func isGroup(id string) bool { return isID(id, "S") }

func isID(id, first string) bool {
	if len(id) < 2 || len(id) > 32 || !strings.Contains(first, id[:1]) {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

const (
	toMinute = "{date_short_pretty} {time}"
	toSecond = "{date_short_pretty} {time_secs}"
)

// at is a moment in the reader's own zone, with UTC where that cannot be shown.
func at(t time.Time) span { return moment(t, toMinute, "2006-01-02 15:04 UTC") }

// atSecond is at, to the second.
func atSecond(t time.Time) span { return moment(t, toSecond, "2006-01-02 15:04:05 UTC") }

func moment(t time.Time, format, layout string) span {
	if t.IsZero() {
		return say("an unknown time")
	}
	fallback := t.UTC().Format(layout)
	text := "<!date^" + strconv.FormatInt(t.Unix(), 10) + "^" + format + "|" + fallback + ">"
	return span{safe(text), slack.NewRichTextSectionDateElement(t.Unix(), format, nil, &fallback), len(text)}
}

// link is a link with our own words. It is not ok if address is no web address.
func link(address string, words safe) (s span, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		len(address) > maxURL || strings.ContainsAny(address, "<>|\"` ") || inline(address) != address {
		return span{}, false
	}
	return span{
		safe("<" + strings.ReplaceAll(address, "&", "&amp;") + "|" + string(words) + ">"),
		slack.NewRichTextSectionLinkElement(address, string(words), nil), size(address) + size(string(words)),
	}, true
}

// broadcast matches words that would call a whole channel if names were linked.
var broadcast = regexp.MustCompile(`(?i)@(channel|here|everyone|group)\b`)

var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes people's text, already visible, safe in mrkdwn.
func escape(s string) safe {
	if strings.Contains(s, "@") {
		s = broadcast.ReplaceAllString(s, "@ $1")
	}
	return safe(entities.Replace(s))
}

// zone is the API's own: it tells times without one.
var zone = time.FixedZone("UTC+8", 8*60*60)

// stamp is a time of the API, as its console shows it.
func stamp(t time.Time) safe {
	if t.IsZero() {
		return "not known"
	}
	return safe(t.In(zone).Format("2006-01-02 15:04:05") + " UTC+8")
}

// lasting is a span of time, as people say it.
func lasting(d time.Duration) safe {
	if d < time.Minute {
		return safe(strconv.Itoa(int(d/time.Second)) + " s")
	}
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case hours == 0:
		return safe(strconv.Itoa(minutes) + " min")
	case minutes == 0:
		return safe(strconv.Itoa(hours) + " h")
	}
	return safe(strconv.Itoa(hours) + " h " + strconv.Itoa(minutes) + " min")
}

// group mentions a user group.
func group(id string) span {
	if !isGroup(id) {
		return someone(id)
	}
	return span{mentionGroup(id), slack.NewRichTextSectionUserGroupElement(id), len(id)}
}

// plain is what a span shows, without its looks.
func (s span) plain() string {
	if t, ok := s.rich.(*slack.RichTextSectionTextElement); ok {
		return t.Text
	}
	return string(s.text)
}
