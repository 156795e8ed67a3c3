package view

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// From where on a text is odd.
const (
	wideBlanks  = 64  // columns of blanks in a row; a tab has 8
	longRow     = 8   // of one character that is spelled out
	emptyLines  = 10  // in a row
	longLine    = 400 // characters of a line
	shortBase64 = 24  // characters; less may be a word
	manyEmpty   = 60  // lines that are empty or a comment, if they are four of five: a licence may be as long
)

// oddKind is one way in which a line may look otherwise than it is.
type oddKind struct {
	runs bool                  // it matters only in what would run, not in prose
	in   func(line string) int // how much of it is in a line; 0: none
	says func(n int) string
}

// oddKinds are all of them. What cannot be told from the text as it is shown comes
// first: when there is much, the last are only counted.
var oddKinds = []oddKind{
	{false, mixedWords, func(int) string { return "letters from two alphabets in one word" }},
	{false, falseLatin, func(int) string { return "letters that only look like Latin ones" }},
	{true, falseSigns, func(int) string { return "a sign or digit that only looks like a plain one" }},
	{false, rightToLeft, func(int) string { return "letters written from right to left, which may change the order that is seen" }},
	{true, blankAfterBackslash, func(int) string { return `a blank after \, so the line does not continue` }},
	{false, blanksBefore, func(n int) string { return count(n, "blank") + " before more text" }},
	{false, hidden, func(n int) string { return count(n, "character") + ` that cannot be seen, spelled out as \u{…}` }},
	{false, piledMarks, func(n int) string { return count(n, "mark") + " piled on one character, spelled out beyond the third" }},
	{false, blanksBehind, func(n int) string { return count(n, "blank") + " at its end" }},
	{true, tooLong, func(n int) string { return count(n, "character") }},
}

// oddities are what is odd in s, at most so many kinds and how many more there are. Of
// a kind the worst line is named. It is our own words.
func oddities(s string, runs bool, most int) []string {
	var all []string
	if runs && isBase64(s) {
		all = append(all, "it is base64 again, and what that holds is not shown")
	}
	if before, n := emptyRun(s); n > emptyLines {
		all = append(all, count(n, "empty line")+" from line "+number(before+1)+" on")
	} else if first, code, others := sparse(s); runs && others > manyEmpty && others > 4*code && code > 0 {
		all = append(all, "all but "+count(code, "line")+" of "+number(code+others)+" are empty or comments; the first that is not is line "+number(first))
	}
	lines := strings.Split(s, "\n")
	found := make([]struct{ worst, at, lines int }, len(oddKinds))
	for i, l := range lines {
		if ordinary(l) {
			continue
		}
		for k, kind := range oddKinds {
			if kind.runs && !runs {
				continue
			}
			n := kind.in(l)
			if n > 0 {
				found[k].lines++
			}
			if n > found[k].worst {
				found[k].worst, found[k].at = n, i+1
			}
		}
	}
	for k, f := range found {
		if f.lines == 0 {
			continue
		}
		text := oddKinds[k].says(f.worst)
		if len(lines) > 1 {
			text = "line " + number(f.at) + ": " + text
		}
		if f.lines > 1 {
			text += " (and " + count(f.lines-1, "more line") + ")"
		}
		all = append(all, text)
	}
	if over := len(all) - most; over > 0 {
		all = append(all[:most], "and "+number(over)+" more")
	}
	return all
}

// ordinary reports quickly that nothing is odd in a line; most lines are so.
func ordinary(line string) bool {
	blanks := 0
	for i := range len(line) {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			blanks += width(line[i : i+1])
		case c < ' ' || c > '~':
			return false
		default:
			blanks = 0
		}
		if blanks > wideBlanks {
			return false
		}
	}
	return len(line) <= longLine && (blanks == 0 || !strings.Contains(line, `\`))
}

// oddRequest says what is odd in what would run and in what was said of it.
func (p *page) oddRequest(r approvals.Request) {
	alias := r.Asked.Alias
	var script []byte
	if r.Plan != nil {
		alias, script = r.Plan.Script.Alias, r.Plan.Text()
	}
	p.lookClosely(
		text{"script", string(script), true, 4}, text{"parameters", parameters(r), true, 2}, text{"hosts", strings.Join(hosts(r), "\n"), true, 1},
		text{"reason", r.Asked.Reason, false, 1}, text{"alias", alias, false, 1},
	)
}

// text is a text to look at, by its name, whether it would run, and how many kinds are
// told of it.
type text struct {
	name, is string
	runs     bool
	most     int
}

// lookClosely says in one line what is odd in the texts, and where.
func (p *page) lookClosely(texts ...text) {
	var all []string
	for _, t := range texts {
		if odd := oddities(unixLines(t.is), t.runs, t.most); len(odd) > 0 {
			all = append(all, t.name+": "+strings.Join(odd, ", "))
		}
	}
	if len(all) > 0 {
		p.line(label("Look closely: "), say(safe(strings.Join(all, "; "))))
	}
}

// unixLines has the line ends of Unix if all of s are those of Windows. Behind a \ the
// CR stays: there it matters.
func unixLines(s string) string {
	if n := strings.Count(s, "\r\n"); n == 0 || n != strings.Count(s, "\n") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\\\r\n", "\\ \n"), "\r\n", "\n")
}

// gathered writes long rows of blanks, of empty lines and of what is spelled out as
// \u{20}×2600, so that what stands behind them stays in sight.
func gathered(s string) string {
	var b strings.Builder
	lines := strings.SplitAfter(s, "\n")
	for i := 0; i < len(lines); {
		n := emptyFrom(lines[i:])
		if n <= emptyLines {
			b.WriteString(repeated(narrowed(lines[i])))
			i++
			continue
		}
		b.WriteString(row(strings.Join(lines[i:i+n], "")))
		b.WriteByte('\n')
		i += n
	}
	return b.String()
}

// wideRow is where the first row of blanks stands in a line that is odd; or -1.
func wideRow(line string) (from, to int) {
	for at := 0; at < len(line); at++ {
		from = at
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
		if width(line[from:at]) > wideBlanks {
			return from, at
		}
	}
	return -1, -1
}

// narrowed is a line with its long rows of blanks counted.
func narrowed(line string) string {
	from, to := wideRow(line)
	if from < 0 {
		return line
	}
	var b strings.Builder
	for ; from >= 0; from, to = wideRow(line) {
		b.WriteString(line[:from] + row(line[from:to]))
		line = line[to:]
	}
	return b.String() + line
}

// repeated is a line with long rows of one character that is spelled out counted.
func repeated(line string) string {
	if ordinary(line) {
		return line
	}
	var e eye
	var b []byte
	for at := 0; at < len(line); {
		r, w := utf8.DecodeRuneInString(line[at:])
		end := at
		for strings.HasPrefix(line[end:], line[at:at+w]) && !e.sees(r) && r != '\n' && r != '\t' {
			end += w
		}
		if n := (end - at) / w; n > longRow {
			b = append(spell(b, r), "×"+strconv.Itoa(n)...)
		} else {
			end = max(end, at+w)
			b = append(b, line[at:end]...)
		}
		at = end
	}
	return string(b)
}

// row is a row of blanks and line ends as it is shown: as it stands, or counted.
func row(blanks string) string {
	ends := strings.Count(blanks, "\n")
	if width(blanks) <= wideBlanks && ends <= emptyLines {
		return blanks
	}
	var b []byte
	for _, c := range "\n \t" {
		if n := strings.Count(blanks, string(c)); n > 0 {
			b = append(spell(b, c), "×"+strconv.Itoa(n)...)
		}
	}
	return string(b)
}

func width(blanks string) int { return len(blanks) + 7*strings.Count(blanks, "\t") }

// emptyFrom is how many lines from the first on are empty or blank, each with its end.
func emptyFrom(lines []string) int {
	n := 0
	for n < len(lines) && strings.HasSuffix(lines[n], "\n") && strings.Trim(lines[n], " \t\n") == "" {
		n++
	}
	return n
}

// emptyRun is the longest row of empty lines, and the line before it.
func emptyRun(s string) (after, n int) {
	lines := strings.SplitAfter(s, "\n")
	for i := 0; i < len(lines); i++ {
		run := emptyFrom(lines[i:])
		if run > n {
			after, n = i, run
		}
		i += run
	}
	return after, n
}

// sparse counts the lines that do something, and those that are empty or a comment.
func sparse(s string) (first, code, others int) {
	for i, line := range strings.Split(s, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || isComment(line) && !strings.HasPrefix(line, "#!"):
			others++
		case code == 0:
			first = i + 1
			fallthrough
		default:
			code++
		}
	}
	return first, code, others
}

// blanksBefore counts the longest row of blanks with text behind it, if that is odd.
func blanksBefore(line string) int {
	line = strings.TrimRight(line, " \t\r")
	worst := 0
	for from, to := wideRow(line); from >= 0; from, to = wideRow(line) {
		worst, line = max(worst, to-from), line[to:]
	}
	return worst
}

func blanksBehind(line string) int {
	if blanks := line[len(strings.TrimRight(line, " \t")):]; width(blanks) > wideBlanks {
		return len(blanks)
	}
	return 0
}

// tooLong counts the characters of a line as it is shown.
func tooLong(line string) int {
	if n := utf8.RuneCountInString(narrowed(line)); n > longLine {
		return n
	}
	return 0
}

// blankAfterBackslash is 1 if blanks stand between the end of a line and a \ that was
// to continue it.
func blankAfterBackslash(line string) int {
	text := strings.TrimRight(line, " \t\r")
	slashes := len(text) - len(strings.TrimRight(text, `\`))
	if len(text) == len(line) || slashes%2 == 0 || isComment(line) {
		return 0
	}
	return 1
}

// isBase64 reports whether the whole text is base64 of a text, in either alphabet and
// with or without the signs that fill it up.
func isBase64(s string) bool {
	s = strings.TrimRight(urlAlphabet.Replace(strings.Join(strings.Fields(s), "")), "=")
	inner, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(s) < shortBase64-2 || !utf8.Valid(inner) {
		return false
	}
	return !strings.ContainsFunc(string(inner), func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}

var urlAlphabet = strings.NewReplacer("-", "+", "_", "/")
