package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
)

// drop is a reply to be lost.
type drop struct {
	matches func(command []string) bool
	reply   func(text []byte) bool // the beginning of the reply matches, too; nil: any does
	lost    chan struct{}
	left    int
}

// DropReplies loses the replies to the next n commands that match: each command
// reaches Redis, and when its reply comes, the connection is reset instead. The
// channel, which holds n, gets a value for each that was lost. matches is called
// with a command's name and arguments, one call at a time, and must not call the
// proxy. A proxy that was not made by [Redis] sees no commands and loses nothing.
func (p *Proxy) DropReplies(n int, matches func(command []string) bool) (lost <-chan struct{}) {
	return p.DropRepliesThat(n, matches, nil)
}

// DropRepliesThat is DropReplies of the next n replies that match, too: others reach
// the client. reply is called with what came of the reply first, one call at a time,
// and must not call the proxy; nil: every reply matches.
func (p *Proxy) DropRepliesThat(n int, matches func(command []string) bool, reply func(text []byte) bool) (lost <-chan struct{}) {
	d := &drop{matches, reply, make(chan struct{}, n), n}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = append(p.drops, d)
	return d.lost
}

// KeepReplies forgets what DropReplies has planned and not done yet.
func (p *Proxy) KeepReplies() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = nil
}

// noteCommand is called before a command goes on to Redis.
func (c *pair) noteCommand(command []string) {
	p := c.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.drops {
		if !d.matches(command) {
			continue
		}
		if d.reply == nil {
			p.spend(d)
		}
		c.dropping.Store(d)
		return
	}
}

// spend counts a reply as lost, if there are any left to lose. The lock is held.
func (p *Proxy) spend(d *drop) bool {
	i := slices.Index(p.drops, d)
	if i < 0 {
		return false
	}
	if d.left--; d.left == 0 {
		p.drops = slices.Delete(slices.Clone(p.drops), i, i+1)
	}
	return true
}

// losing reports whether a reply that begins so is to be lost, and says that it is.
func (c *pair) losing(text []byte) bool {
	d := c.dropping.Swap(nil)
	if d == nil {
		return false
	}
	if d.reply != nil {
		p := c.proxy
		p.mu.Lock()
		defer p.mu.Unlock()
		if !d.reply(text) || !p.spend(d) {
			return false
		}
	}
	d.lost <- struct{}{}
	return true
}

// longest is the longest command that is read, in bytes.
const longest = 64 << 20

// commands gives one command of Redis' protocol at a time, each noted before. What
// is no array of strings passes as it comes, unread, to the stream's end.
func commands(r *bufio.Reader, note func([]string)) source {
	rest := pieces(r)
	plain := false
	return func() ([]byte, error) {
		if plain {
			return rest()
		}
		raw, command, err := readCommand(r)
		if err != nil {
			plain = true // if the stream has ended, the next read says so
		} else {
			note(command)
		}
		return raw, nil
	}
}

var errNoCommand = errors.New("not a command")

// readCommand reads *n and n times $len with len bytes. With an error, raw is what
// was read until then.
func readCommand(r *bufio.Reader) (raw []byte, command []string, err error) {
	var all bytes.Buffer
	n, err := readHead(r, &all, '*')
	for i := 0; i < n && err == nil; i++ {
		var size int
		if size, err = readHead(r, &all, '$'); err != nil {
			break
		}
		from := all.Len()
		if _, err = io.CopyN(&all, r, int64(size)+2); err == nil {
			command = append(command, string(all.Bytes()[from:from+size]))
		}
	}
	return all.Bytes(), command, err
}

// readHead reads a line such as *3 or $14 and gives its number.
func readHead(r *bufio.Reader, all *bytes.Buffer, kind byte) (int, error) {
	line, err := r.ReadSlice('\n')
	all.Write(line)
	if err != nil {
		return 0, err
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) < 2 || line[0] != kind {
		return 0, errNoCommand
	}
	n, err := strconv.Atoi(string(line[1:]))
	if err != nil || n < 0 || n > longest {
		return 0, errNoCommand
	}
	return n, nil
}
