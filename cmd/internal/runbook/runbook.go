// Package runbook finds the bot's command lines in a Markdown file: lines of code blocks
// and of HTML's <pre>, and inline code, that begin with the slash command or a mention of
// the same name. Prose that only mentions the command is not a line to run, and neither
// is an inline name of the command alone.
//
// # Why goldmark
//
// Where code begins and ends is told by containers (lists in lists, quotes), by the
// number of backticks, and by tables and HTML. Rules of thumb over lines missed some and
// cut others, and nobody noticed. github.com/yuin/goldmark is the kept CommonMark parser,
// without dependencies. And since no parser knows what an author meant, each place where
// the command stands with words behind it and was not taken is named.
package runbook

import (
	"bytes"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Line is one command line of a runbook.
type Line struct {
	N    int    // line number, from 1
	Text string // after the command, as it would be typed
}

// Read finds the lines of a Markdown text that begin with command, such as "/bmcmd", or
// with a mention, "@bmcmd". missed are the numbers of the lines where one of them stands
// with words behind it and was not taken.
func Read(markdown, command string) (lines []Line, missed []int) {
	r := &reader{source: []byte(strings.ReplaceAll(markdown, "\r\n", "\n")), names: []string{command, "@" + strings.TrimPrefix(command, "/")}}
	md := goldmark.New(goldmark.WithExtensions(extension.Table))
	_ = ast.Walk(md.Parser().Parse(text.NewReader(r.source)), r.visit) // visit returns no error
	slices.SortStableFunc(r.lines, func(a, b Line) int { return a.N - b.N })
	return r.lines, r.missed()
}

type reader struct {
	source []byte
	names  []string
	lines  []Line
}

func (r *reader) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch n := n.(type) {
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		for i := range n.Lines().Len() {
			at := n.Lines().At(i)
			r.add(at.Start, string(at.Value(r.source)), true)
		}
	case *ast.HTMLBlock:
		r.markup(n)
	case *ast.CodeSpan:
		r.span(n)
		return ast.WalkSkipChildren, nil
	case *ast.Paragraph, *ast.TextBlock:
		r.indented(n)
		r.tagged(n)
	}
	return ast.WalkContinue, nil
}

// add takes s, which begins at byte at, if it is a command. alone: the name of the command
// is one, too.
func (r *reader) add(at int, s string, alone bool) {
	s = strings.TrimPrefix(strings.TrimLeft(strings.TrimRight(s, "\r\n"), " \t"), "$ ")
	for _, name := range r.names {
		rest, ok := strings.CutPrefix(s, name)
		if !ok || rest == "" && !alone || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		n := 1 + bytes.Count(r.source[:at], []byte("\n"))
		r.lines = append(r.lines, Line{N: n, Text: strings.TrimLeft(rest, " \t")})
	}
}

// span reads inline code; where it is broken over lines, a line end is a blank.
func (r *reader) span(n *ast.CodeSpan) {
	var s strings.Builder
	at := -1
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			if at < 0 {
				at = t.Segment.Start
			}
			s.Write(t.Segment.Value(r.source))
		}
	}
	if at >= 0 {
		r.add(at, strings.ReplaceAll(s.String(), "\n", " "), false)
	}
}

var (
	// The tags that style text. Others in angle brackets are holes to fill in.
	tags      = regexp.MustCompile(`(?i)</?(?:pre|code|kbd|samp|tt|p|div|span|b|i|u|em|strong|a|li|ul|ol|td|th|tr|table|tbody|thead|details|summary|blockquote|hr)(?:\s[^<>]*)?/?>`)
	lineBreak = regexp.MustCompile(`(?i)<br\s*/?>`)
	opens     = regexp.MustCompile(`(?i)^<(?:code|kbd|samp|tt)(?:\s[^<>]*)?>$`)
	closes    = regexp.MustCompile(`(?i)^</(?:code|kbd|samp|tt)>$`)
)

// markup reads the lines of HTML as they are shown. Comments are not shown.
func (r *reader) markup(n *ast.HTMLBlock) {
	if n.HTMLBlockType == ast.HTMLBlockType2 {
		return
	}
	all := n.Lines().Sliced(0, n.Lines().Len())
	if n.HasClosure() {
		all = append(slices.Clone(all), n.ClosureLine)
	}
	for _, at := range all {
		for _, s := range lineBreak.Split(string(at.Value(r.source)), -1) {
			r.add(at.Start, html.UnescapeString(tags.ReplaceAllString(s, "")), true)
		}
	}
}

// indented reads the lines of a list's paragraph that are indented like a code block, as
// their authors mean them: in a list, that takes more blanks than four.
func (r *reader) indented(n ast.Node) {
	if _, item := n.Parent().(*ast.ListItem); !item {
		return
	}
	for i := range n.Lines().Len() {
		at := n.Lines().At(i)
		begin := bytes.LastIndexByte(r.source[:at.Start], '\n') + 1
		blanks := bytes.ReplaceAll(r.source[begin:at.Start], []byte("\t"), []byte("    "))
		if len(bytes.TrimLeft(blanks, " ")) == 0 && len(blanks) >= 4 {
			r.add(at.Start, string(at.Value(r.source)), false)
		}
	}
}

// tagged reads <code>…</code> in a paragraph.
func (r *reader) tagged(n ast.Node) {
	var s strings.Builder
	at := -1
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.RawHTML:
			tag := string(c.Segments.Value(r.source))
			switch {
			case opens.MatchString(tag):
				at = c.Segments.At(0).Start
				s.Reset()
			case closes.MatchString(tag) && at >= 0:
				r.add(at, html.UnescapeString(s.String()), false)
				at = -1
			default:
				s.WriteString(tags.ReplaceAllString(tag, ""))
			}
		case *ast.Text:
			s.Write(c.Segment.Value(r.source))
			if c.SoftLineBreak() {
				s.WriteByte(' ')
			}
		}
	}
}

// missed are the lines that name the command with words behind it more often than lines
// of it were taken, also where the name or the blank behind it is spelled otherwise.
func (r *reader) missed() (missed []int) {
	taken := map[int]int{}
	for _, l := range r.lines {
		taken[l.N]++
	}
	named := regexp.MustCompile(`(?i)(?:^|[^\w/@.-])(?:` + regexp.QuoteMeta(r.names[0]) + `|` + regexp.QuoteMeta(r.names[1]) + ")(?:[ \\t]+[^\\s.,:;)]|`[ \\t]+(?:run|show|status|list)\\b)")
	for i, row := range strings.Split(string(r.source), "\n") {
		row = strings.Map(plainly, emphasis.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(row, "")), ""))
		if len(named.FindAllString(row, -1)) > taken[i+1] {
			missed = append(missed, i+1)
		}
	}
	return missed
}

var emphasis = regexp.MustCompile(`\*+|__|~~|\\`)

// plainly has the wide forms and blanks of a text plain, and leaves out what nobody sees.
func plainly(r rune) rune {
	switch {
	case r >= '！' && r <= '～':
		return r - '！' + '!'
	case unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}
