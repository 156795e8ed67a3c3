package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot/view"
)

// oneLine is a text as it may stand in a line of a terminal.
func oneLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(view.Visible(s))
}

// lay gives rows as lines with columns under each other.
func lay(rows [][]string) []string {
	var wide []int
	for i, row := range rows {
		for j := range row {
			if j == len(wide) {
				wide = append(wide, 0)
			}
			if i > 0 {
				row[j] = oneLine(row[j])
			}
			wide[j] = max(wide[j], utf8.RuneCountInString(row[j]))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			b.WriteString(cell + strings.Repeat(" ", wide[j]-utf8.RuneCountInString(cell)+2))
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// table prints rows under their heads, if there are any.
func (k *call) table(rows [][]string) {
	if len(rows) == 1 {
		return
	}
	for _, l := range lay(rows) {
		fmt.Fprintln(k.out, l)
	}
}

// facts prints one line for each fact that there is.
func (k *call) facts(all [][2]string) {
	for _, f := range all {
		if f[1] != "" {
			fmt.Fprintf(k.out, "%-10s%s\n", f[0], oneLine(f[1]))
		}
	}
}

// rest says how many rows of a list are not shown.
func (k *call) rest(shown, total int, noun string) {
	switch {
	case shown == 0:
		fmt.Fprintf(k.out, "There is no %s.\n", noun)
	case total > shown:
		fmt.Fprintf(k.out, "%d of %s; -n 0 lists all.\n", shown, counted(total, noun))
	}
}

// How much of one text a table shows.
const (
	mostLines = 40
	mostBytes = 4 << 10
)

// text prints a text of any length and content, each line indented. The middle of a
// long one is left out: how it began and how it ended tell most.
func (k *call) text(b []byte, indent string) {
	if len(b) == 0 {
		return
	}
	head, tail := b, []byte(nil)
	if all := bytes.Count(b, []byte("\n")); len(b) > mostBytes || all > mostLines {
		head, tail = ends(b)
	}
	k.indented(head, indent)
	if tail != nil {
		fmt.Fprintf(k.out, "%s[… %d bytes left out; --json has all]\n", indent, len(b)-len(head)-len(tail))
		k.indented(tail, indent)
	}
}

// ends are the first and last lines of a text, as many as half of a table's share,
// or parts of them where lines are long.
func ends(b []byte) (head, tail []byte) {
	head, tail = b[:min(len(b), mostBytes)/2], b[len(b)-min(len(b), mostBytes)/2:]
	if i := nth(head, mostLines/2); i >= 0 {
		head = head[:i+1]
	}
	for n := bytes.Count(tail, []byte("\n")); n > mostLines/2; n-- {
		tail = tail[bytes.IndexByte(tail, '\n')+1:]
	}
	for len(head) > 0 && len(head) < len(b) && !utf8.RuneStart(b[len(head)]) && utf8.Valid(b) {
		head = head[:len(head)-1]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) && utf8.Valid(b) {
		tail = tail[1:]
	}
	return head, tail
}

// nth is where the nth line end stands, or -1.
func nth(b []byte, n int) int {
	at := -1
	for range n {
		i := bytes.IndexByte(b[at+1:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return at
}

func (k *call) indented(b []byte, indent string) {
	for _, l := range strings.Split(strings.TrimSuffix(view.Visible(string(b)), "\n"), "\n") {
		fmt.Fprintln(k.out, strings.TrimRight(indent+l, " "))
	}
}

// when is a time of the API, which gives them in UTC+8; empty for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(china).Format(time.DateTime)
}

// zoned is when with its zone.
func zoned(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return when(t) + " UTC+8"
}

var china = time.FixedZone("UTC+8", 8*60*60)

// lasted is how long something took, or "-".
func lasted(from, to time.Time) string {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return "-"
	}
	return to.Sub(from).String()
}

// ran names what a host ran by the beginning of its digest.
func ran(h bmclient.HostRun) string {
	if len(h.Content) == 0 {
		return "-"
	}
	return digest(h.Content)[:12]
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
