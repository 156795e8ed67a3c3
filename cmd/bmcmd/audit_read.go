package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/bmcmd/bmcmd/approvals"
)

// errNoExport says that a file is no export of bmcmd, or one of a newer bmcmd.
var errNoExport = errors.New("this is no export that this bmcmd can read")

// mostLine bounds a line of an export, in bytes. One event is far smaller.
const mostLine = 16 << 20

// exportReader is one export being read. It keeps one request at a time.
type exportReader struct {
	find func(finding)
	see  func(past)
	key  ed25519.PublicKey // that it has to be signed with; nil: any, or none

	version int // of the export's form
	n       int // of the line, from 1
	sum     hash.Hash
	open    *past           // of which a head is still awaited
	ids     map[string]bool // of the requests so far
	events  int
	ended   bool
	signs   signatureLine // of kind signature once that was read
}

// readExport reads an export line by line: its first line goes to begin, each request
// to see, and what is wrong with lines to find. With a key it has to be signed. signed
// says by which key it is, and whether that was looked at. An error says that it could not
// be read, or wraps [errNoExport].
func readExport(in io.Reader, key ed25519.PublicKey, find func(finding), begin func(exportLine), see func(past)) (signed string, err error) {
	x := &exportReader{find: find, see: see, key: key, sum: sha256.New(), ids: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostLine)
	lines.Split(wholeLines)
	for lines.Scan() {
		x.n++
		if x.n > 1 {
			x.line(lines.Bytes())
			continue
		}
		first, err := beginning(lines.Bytes())
		if err != nil {
			return "", err
		}
		if x.version = first.Version; !asWritten(first, lines.Bytes()) {
			x.wrong("is not as bmcmd wrote it")
		}
		x.sum.Write(lines.Bytes())
		begin(first)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", fmt.Errorf("%w: line %d is longer than any of bmcmd's; export again", errNoExport, x.n+1)
	case err != nil:
		return "", fmt.Errorf("the export cannot be read: %w", err)
	case x.n == 0:
		return "", fmt.Errorf("%w: it is empty; export again", errNoExport)
	}
	if !x.ended {
		x.close("")
		x.find(finding{"the file", fmt.Sprintf("it is cut after line %d: the last line, of kind end, is missing", x.n), askExport})
	}
	if x.key != nil && x.signs.Kind == "" {
		x.find(finding{"the file", "it is not signed", askExport})
	}
	return x.signs.words(x.key), nil
}

// wholeLines splits into lines with their ends, so that a cut one is seen.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func beginning(line []byte) (exportLine, error) {
	var first exportLine
	if json.Unmarshal(line, &first) != nil || first.Kind != "export" {
		return first, fmt.Errorf("%w: its first line is not of kind export; name a file that bmcmd audit export wrote", errNoExport)
	}
	if first.Version > exportVersion {
		return first, fmt.Errorf("%w: a newer bmcmd wrote it; upgrade this one", errNoExport)
	}
	return first, nil
}

// line takes one line after the first.
func (x *exportReader) line(text []byte) {
	if x.ended {
		x.signature(text)
		return
	}
	var kind struct {
		Kind string `json:"kind"`
	}
	if !bytes.HasSuffix(text, []byte("\n")) || json.Unmarshal(text, &kind) != nil {
		kind.Kind = ""
	}
	switch kind.Kind {
	case "event":
		x.eventLine(text)
	case "refused":
		x.click(text)
	case unreadable:
		if l, ok := take[unreadableLine](x, text); ok {
			if x.event(l.Request, approvals.Event{}, false); l.N != len(x.open.events) {
				x.wrong("is not as bmcmd wrote it")
			}
		}
	case "head":
		if l, ok := take[headLine](x, text); ok {
			x.head(l)
		}
	case "end":
		if l, ok := take[endLine](x, text); ok {
			x.end(l)
		}
	default:
		x.wrong("is not a line of an export, or half of one")
	}
	x.sum.Write(text)
}

// signature takes the one line that may stand after the end.
func (x *exportReader) signature(text []byte) {
	l, ok := signatureLine{}, false
	if x.signs.Kind == "" && bytes.HasPrefix(text, []byte(`{"kind":"signature",`)) {
		l, ok = take[signatureLine](x, text)
	}
	if !ok {
		x.wrong("stands after the end")
		return
	}
	x.signs = l
	key, which := x.key, "this key"
	if key == nil {
		key, which = l.key(), "the key that it names"
	}
	if !l.by(key, x.sum.Sum(nil)) {
		x.find(finding{"the file", "its signature is not one of " + which + " for these lines: some were changed, or another key signed it", askExport})
	} else if !key.Equal(l.key()) {
		x.find(finding{"the file", "its signature is right, and names another key than the one that made it", askExport})
	}
}

// eventLine takes an event, whose bytes are just those that are stored: their hash is
// made anew.
func (x *exportReader) eventLine(text []byte) {
	l := eventLine{}
	if x.version < exportVersion {
		l.Event = append([]byte("{"), bytes.TrimPrefix(bytes.TrimSuffix(text, []byte("\n")), []byte(`{"kind":"event",`))...)
	} else if l, _ = take[eventLine](x, text); l.Event == nil {
		return
	}
	e, err := approvals.DecodeEvent(l.Event)
	if err != nil {
		x.wrong("is not as bmcmd wrote it")
	}
	if x.version >= exportVersion {
		e.Hash = l.Hash                                // Verify holds it against the event
		if (e.N == 1) == l.At.IsZero() && err == nil { // the first event's time stands here, and no other's
			x.wrong("is not as bmcmd wrote it")
		}
	}
	if e.N == 1 && !l.At.IsZero() {
		e.At = l.At
	}
	x.event(e.Request, e, true)
}

// click takes a refused click.
func (x *exportReader) click(text []byte) {
	l, ok := take[clickLine](x, text)
	if !ok {
		return
	}
	x.begin(l.Request)
	c, err := approvals.DecodeRefusal(l.Click)
	if err != nil || c.Hash != l.Hash {
		x.open.lost = true
	}
	x.open.clicks = append(x.open.clicks, c)
}

// take reads a line of a known kind. It has to be the very bytes that bmcmd writes:
// else a field could stand twice, once for people and once for this.
func take[L any](x *exportReader, text []byte) (l L, ok bool) {
	err := json.Unmarshal(text, &l)
	if err != nil || !asWritten(l, text) {
		x.wrong("is not as bmcmd wrote it")
	}
	return l, err == nil
}

func asWritten(l any, text []byte) bool {
	again, err := encodeLine(l)
	return err == nil && bytes.Equal(again, text)
}

func (x *exportReader) wrong(what string) {
	x.find(finding{fmt.Sprintf("line %d", x.n), what, askExport})
}

func (x *exportReader) event(id string, e approvals.Event, readable bool) {
	x.begin(id)
	x.events++
	x.open.events = append(x.open.events, e)
	if !readable {
		x.open.odd = append(x.open.odd, len(x.open.events))
	}
}

// begin has a request open: this one.
func (x *exportReader) begin(id string) {
	x.close(id)
	if x.open == nil {
		x.open = &past{id: id}
	}
}

// close ends the request that is open, unless it is this one: its head is missing.
func (x *exportReader) close(id string) {
	if x.open == nil || x.open.id == id {
		return
	}
	x.find(finding{x.open.id, fmt.Sprintf("its head is missing before line %d", x.n), askExport})
	x.hand(*x.open)
}

// hand hands a request out.
func (x *exportReader) hand(p past) {
	if x.ids[p.id] {
		x.find(finding{p.id, fmt.Sprintf("it stands a second time before line %d", x.n), askExport})
	}
	x.open, x.ids[p.id] = nil, true
	x.see(p)
}

func (x *exportReader) head(l headLine) {
	x.close(l.Request)
	p := past{id: l.Request}
	if x.open != nil {
		p = *x.open
	}
	p.word = l.word
	if len(p.clicks) != l.Clicks {
		x.find(finding{p.id, fmt.Sprintf("%s stand above its head on line %d, which says %d: some were removed or added",
			counted(len(p.clicks), "refused click"), x.n, l.Clicks), askExport})
	}
	if len(p.events) != l.Lines || p.last() != l.Last {
		x.find(finding{p.id, fmt.Sprintf("%s stand above its head on line %d, which says %d and names the last: some were changed, removed or added",
			counted(len(p.events), "event"), x.n, l.Lines), askExport})
	}
	x.hand(p)
}

func (x *exportReader) end(l endLine) {
	x.close("")
	x.ended = true
	if l.SHA256 != hex.EncodeToString(x.sum.Sum(nil)) {
		x.find(finding{"the file", "its lines are not those that it was closed with: some were changed, removed, added or moved", askExport})
	}
	if l.Requests != len(x.ids) || l.Events != x.events {
		x.find(finding{"the file", fmt.Sprintf("it has %s with %s, and its last line says %s with %s: some were removed or added",
			counted(len(x.ids), "request"), counted(x.events, "event"), counted(l.Requests, "request"), counted(l.Events, "event")), askExport})
	}
}
