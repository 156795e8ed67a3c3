package view

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Message is what Slack is given. Text has at most 4,000 characters; Slack parses
// it as mrkdwn, and shows it where it cannot show the blocks.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// page collects a message, its blocks and its Text together.
type page struct {
	blocks []slack.Block
	cost   int
	text   strings.Builder
	script string // for the end of Text, where it may be cut
	foot   []span // the last line of the blocks, if there is one

	// The rich_text block being filled.
	parts   []slack.RichTextElement
	current *slack.RichTextSection // its last part, if that is a section
	held    int                    // size of its text
}

// add ends the rich_text block being filled and adds b, whose text has this size.
func (p *page) add(b slack.Block, size int) {
	p.flush()
	p.blocks = append(p.blocks, b)
	p.cost += blockCost + size
}

func (p *page) flush() {
	if len(p.parts) == 0 {
		return
	}
	p.blocks = append(p.blocks, slack.NewRichTextBlock("", p.parts...))
	p.cost += blockCost
	p.parts, p.current, p.held = nil, nil, 0
}

func (p *page) write(text safe) {
	p.text.WriteString(string(text))
	p.text.WriteByte('\n')
}

// headline is the first line. It may hold people's text.
func (p *page) headline(s string) {
	s = cutLine(s, maxHeader)
	p.write(escape(s))
	p.add(slack.NewHeaderBlock(plain(s)), size(s))
}

// section is a line of our own words and mentions: the only place where a mention calls.
func (p *page) section(s safe) {
	p.write(s)
	p.add(slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, string(s), false, false), nil, nil), len(s))
}

// quiet is a line in small type. It may hold people's text.
func (p *page) quiet(s string) {
	s = cutLine(s, maxContext)
	p.write(escape(s))
	p.add(slack.NewContextBlock("", plain(s)), size(s))
}

// line adds a line to the rich text.
func (p *page) line(spans ...span) {
	for _, s := range spans {
		p.text.WriteString(string(s.text))
	}
	p.text.WriteByte('\n')
	p.fill(spans)
}

// fill is line without Text.
func (p *page) fill(spans []span) {
	added := 0
	for _, s := range spans {
		added += s.size
	}
	p.room(added)
	if p.current == nil {
		p.current = &slack.RichTextSection{Type: slack.RTESection, Elements: make([]slack.RichTextSectionElement, 0, 16)}
		p.parts = append(p.parts, p.current)
	} else {
		p.element(lineEnd)
	}
	for _, s := range spans {
		p.element(s)
	}
}

func (p *page) element(s span) {
	p.current.Elements = append(p.current.Elements, s.rich)
	p.held += s.size
	p.cost += s.size + elementCost
}

// lineEnd is in every message, always the same.
var lineEnd = say("\n")

// room begins a new block if n more characters would be too many for this one.
func (p *page) room(n int) {
	if p.held > 0 && p.held+n > maxRich {
		p.flush()
	}
}

// pre adds preformatted text below a line that names it, over several blocks if
// it is long. What of it goes into Text is the caller's.
func (p *page) pre(name safe, s string, notes ...span) {
	parts := chunks(s, maxRich)
	for i, c := range parts {
		title := []span{label(name)}
		if len(parts) > 1 {
			title = append(title, say(safe(", part "+strconv.Itoa(i+1)+" of "+strconv.Itoa(len(parts)))))
		}
		if c.midway {
			title = append(title, say(" (goes on in the middle of a line)"))
		}
		if i == 0 {
			title = append(title, notes...)
		}
		n := size(c.text)
		p.room(n)
		p.fill(title)
		if c.text != "" { // else a part that is one empty line
			p.mono(c.text, n)
		}
	}
}

// passage is people's text that may have lines, cut to most characters; 0: whole. One
// line stands behind its title. More stand in preformatted type, and in Text behind
// marks: what somebody typed never looks like one of our lines.
func (p *page) passage(title safe, s string, most int) {
	shown := short(Visible(gathered(s)), most)
	switch {
	case shown == "":
		p.line(label(title+": "), say("(empty)"))
	case size(shown) <= textReason && !strings.Contains(shown, "\n"):
		p.line(label(title+": "), styled(escape(shown), shown, nil))
	default:
		p.write(title + ": " + continued(shown, textReason))
		p.pre(title, shown)
	}
}

// lineMark begins each line of people's text in Text, but the one behind our words.
const lineMark = "│ "

// continued is people's text for Text, with its marks cut to a size of at most most.
func continued(s string, most int) safe {
	shown := cut(s, most)
	marks := size(lineMark) * strings.Count(shown, "\n")
	if size(shown)+marks > most {
		shown = cut(s, max(most-marks, most/(1+size(lineMark))))
	}
	return safe(strings.ReplaceAll(string(escape(shown)), "\n", "\n"+lineMark))
}

// mono adds preformatted text of size n to the block being filled.
func (p *page) mono(s string, n int) {
	p.parts = append(p.parts, &slack.RichTextPreformatted{
		Type:     slack.RTEPreformatted,
		Elements: []slack.RichTextSectionElement{slack.NewRichTextSectionTextElement(s, nil)},
	})
	p.current = nil
	p.held += n
	p.cost += n + elementCost
}

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// message ends the page. Each block gets an id that begins with prefix: Slack
// draws a changed message again only where ids are new.
func (p *page) message(prefix string) Message {
	if len(p.foot) > 0 {
		p.fill(p.foot)
	}
	p.flush()
	for i, b := range p.blocks {
		reflect.ValueOf(b).Elem().FieldByName("BlockID").SetString(prefix + "." + strconv.Itoa(i+1)) // there is no method for it
	}
	return Message{Text: p.spoken(), Blocks: p.blocks}
}

const (
	restBelow  = "(… the rest stands in the message itself)\n"
	scriptHead = "The script:\n"
)

// spoken is the Text: whole lines as far as they fit, then as much of the script
// as fits.
func (p *page) spoken() string {
	text := p.text.String()
	if units(text) > maxText {
		text = wholeLines(text, maxText-units(restBelow)) + restBelow
	}
	room := maxText - units(text) - len(scriptHead)
	if p.script == "" || room < maxHeader {
		return strings.TrimSuffix(text, "\n")
	}
	script := escape(cut(p.script, room))
	if over := units(string(script)) - room; over > 0 { // escape breaks up some words
		script = escape(cut(p.script, max(maxHeader/2, min(room, size(p.script))-over)))
	}
	return text + scriptHead + string(script)
}

// wholeLines is the longest start of text that has at most most characters and
// ends with a line.
func wholeLines(text string, most int) string {
	n, end := 0, 0
	for i, r := range text {
		if n++; r > 0xffff {
			n++
		}
		if n > most {
			break
		}
		if r == '\n' {
			end = i + 1
		}
	}
	return text[:end]
}

// units is the length of s in UTF-16, as it stands.
func units(s string) int {
	n := len(s)
	for _, r := range s {
		switch {
		case r > 0xffff, r == utf8.RuneError:
			n -= 2
		case r > 0x7ff:
			n -= 2
		case r > 0x7f:
			n--
		}
	}
	return n
}
