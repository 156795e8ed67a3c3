package redisstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// mostOutput bounds what is kept of one request's outputs together, in bytes
// before they are packed.
const mostOutput = 16 << 20

// noteRoom is how much of a cut output its note may take.
const noteRoom = 160

// KeepOutputs is as [approvals.Store] says. More than 16 MiB together are cut: the
// longest lose their middles, each with a note that says so in its place.
func (s *Store) KeepOutputs(ctx context.Context, id string, out approvals.Outputs) error {
	args := make([]any, 1, 1+2*len(out))
	args[0] = s.opts.KeepOutputs.Milliseconds()
	each := share(out, s.most)
	packer, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		packed, err := pack(packer, cut(out[name], each, s.most))
		if err != nil {
			return fmt.Errorf("outputs of %s: %w", id, err)
		}
		args = append(args, name, packed)
	}
	_, err = s.write(ctx, keepScript, []string{s.keys.outputs(id)}, args...)
	return err
}

// Outputs is as [approvals.Store] says.
func (s *Store) Outputs(ctx context.Context, id string) (approvals.Outputs, error) {
	a, err := s.read(ctx, outputsScript, []string{s.keys.outputs(id)})
	if err != nil {
		return nil, err
	}
	out := approvals.Outputs{}
	for i := 0; i+1 < len(a.rest); i += 2 {
		if out[a.text(i)], err = unpack(a.text(i+1), s.most+noteRoom); err != nil {
			return nil, fmt.Errorf("%w: an output of %s is not what bmcmd wrote", approvals.ErrUnreadable, id)
		}
	}
	return out, nil
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

func pack(w *gzip.Writer, o []byte) ([]byte, error) {
	var b bytes.Buffer
	w.Reset(&b)
	if _, err := w.Write(o); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// unpack reads no more than can have been packed: whoever wrote more was not bmcmd.
func unpack(packed string, most int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader([]byte(packed)))
	if err != nil {
		return nil, err
	}
	o, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(o) > most {
		err = io.ErrShortBuffer
	}
	return o, err
}

// keepScript keeps outputs instead of those kept before; with none, it only takes
// those away.
//
// KEYS: 1 outputs.
// ARGV: 1 time to keep them, then name and output of each, then the departure.
// Returns: seconds, microseconds.
var keepScript = redis.NewScript(clock + `
redis.call('DEL', KEYS[1])
for i = 2, #ARGV - 2, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {t[1], t[2]}
`)

// outputsScript reads outputs.
//
// KEYS: 1 outputs.
// Returns: seconds, microseconds, then name and output of each.
var outputsScript = redis.NewScript(clock + `
local out = {t[1], t[2]}
for _, s in ipairs(redis.call('HGETALL', KEYS[1])) do out[#out + 1] = s end
return out
`)
