package redisstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// mostOutput bounds what is kept of one request's outputs together, in bytes
// before they are packed.
const mostOutput = 16 << 20

// noteRoom is how much of a cut output its note may take.
const noteRoom = 160

// outputs packs what is kept of them. More than 16 MiB together are cut: the longest lose
// their middles, each with a note that says so in its place. There is one text for all:
// hosts print much the same.
func (s *Store) outputs(out approvals.Outputs) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	each := share(out, s.most)
	for _, name := range slices.Sorted(maps.Keys(out)) {
		for _, part := range [][]byte{[]byte(name), cut(out[name], each, s.most)} {
			if _, err := w.Write(append(binary.AppendUvarint(nil, uint64(len(part))), part...)); err != nil {
				return nil, err
			}
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

// Outputs is as [approvals.Store] says.
func (s *Store) Outputs(ctx context.Context, id string) (approvals.Outputs, error) {
	a, err := s.read(ctx, outputsScript, []string{s.keys.outputs(id)})
	if err != nil {
		return nil, err
	}
	out := approvals.Outputs{}
	if len(a.rest) == 1 {
		out, err = s.unpackAll(a.text(0))
	}
	for i := 0; err == nil && i+1 < len(a.rest); i += 2 { // each by itself, as up to schema 4
		var one []byte
		one, err = gunzip(a.text(i+1), s.most+noteRoom)
		out[a.text(i)] = one
	}
	if err != nil {
		return nil, fmt.Errorf("%w: an output of %s is not what bmcmd wrote", approvals.ErrUnreadable, id)
	}
	return out, nil
}

// unpackAll reads what outputs packed.
func (s *Store) unpackAll(text string) (approvals.Outputs, error) {
	all, err := gunzip(text, 2*s.most)
	out, name := approvals.Outputs{}, ""
	for n := 0; err == nil && len(all) > 0; n++ {
		size, used := binary.Uvarint(all)
		if used <= 0 || size > uint64(len(all)-used) {
			return nil, io.ErrUnexpectedEOF
		}
		part := all[used : used+int(size)]
		if all = all[used+int(size):]; n%2 == 0 {
			name = string(part)
		} else {
			out[name] = part
		}
	}
	return out, err
}

// share is how long each output may be, so that all are no more than total: only
// the longest lose anything.
func share(out approvals.Outputs, total int) int {
	var sizes []int
	for _, o := range out {
		sizes = append(sizes, len(o))
	}
	slices.Sort(sizes)
	left := total
	for i, size := range sizes {
		each := left / (len(sizes) - i)
		if size > each {
			return each
		}
		left -= size
	}
	return total
}

// cut takes the middle out of an output that is longer than each may be, where all
// may be total: how it began and how it ended tell more. It cuts between characters.
func cut(o []byte, each, total int) []byte {
	if len(o) <= each {
		return o
	}
	part := max(0, each-noteRoom) / 2
	head, tail := part, len(o)-part
	for i := 0; i < utf8.UTFMax && head > 0 && !utf8.RuneStart(o[head]); i++ {
		head--
	}
	for i := 0; i < utf8.UTFMax && tail < len(o) && !utf8.RuneStart(o[tail]); i++ {
		tail++
	}
	note := fmt.Sprintf("\n[bmcmd: %d of %d bytes are cut out here: all hosts of a request together may keep %d]\n",
		tail-head, len(o), total)
	return slices.Concat(o[:head], []byte(note), o[tail:])
}

// gunzip reads no more than can have been packed: whoever wrote more was not bmcmd.
func gunzip(text string, most int) ([]byte, error) {
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	o, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(o) > most {
		err = io.ErrShortBuffer
	}
	return o, err
}

// outputsScript reads outputs.
//
// KEYS: 1 outputs.
// Returns: seconds, microseconds, then all of them, or as up to schema 4 name and output of each.
var outputsScript = redis.NewScript(clock + `
local out = {t[1], t[2]}
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  for _, s in ipairs(redis.call('HGETALL', KEYS[1])) do out[#out + 1] = s end
else
  out[3] = redis.call('GET', KEYS[1]) or nil
end
return out
`)
