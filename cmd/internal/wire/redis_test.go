package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encoded is a command as a client of Redis writes it.
func encoded(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

func named(name string) func([]string) bool {
	return func(command []string) bool { return command[0] == name }
}

func TestDropReplies(t *testing.T) {
	arrived := make(chan string, 1)
	p := newProxy(t, Redis, serve(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			_, command, err := readCommand(r)
			if err != nil {
				return
			}
			arrived <- strings.Join(command, " ")
			_, _ = io.WriteString(conn, "+OK\r\n")
		}
	}))
	lost := p.DropReplies(2, named("EVAL"))
	ask := func(c *client, words ...string) error {
		t.Helper()
		_, err := c.say(strings.TrimSuffix(encoded(words...), "\n"))
		if got, want := <-arrived, strings.Join(words, " "); got != want {
			t.Errorf("%q arrived, want %q", got, want)
		}
		return err
	}
	for range 2 {
		c := dial(t, p)
		must(t, ask(c, "PING", "EVAL"))
		if err := ask(c, "EVAL", "a\r\nb"); err == nil {
			t.Fatal("a reply came that was to be lost")
		}
		<-lost
	}
	must(t, ask(dial(t, p), "EVAL", "x")) // two were planned
	p.DropReplies(1, named("EVAL"))
	p.KeepReplies()
	must(t, ask(dial(t, p), "EVAL", "x"))
}

// TestDropRepliesThat: a reply that does not match comes, and does not count.
func TestDropRepliesThat(t *testing.T) {
	replies := make(chan string, 1)
	p := newProxy(t, Redis, serve(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			if _, _, err := readCommand(r); err != nil {
				return
			}
			_, _ = io.WriteString(conn, <-replies)
		}
	}))
	lost := p.DropRepliesThat(1, named("EVAL"), func(text []byte) bool { return strings.Contains(string(text), "won") })
	ask := func(command, reply string) error {
		t.Helper()
		replies <- reply
		_, err := dial(t, p).say(strings.TrimSuffix(encoded(command), "\n"))
		return err
	}
	must(t, ask("EVAL", "+conflict\r\n"))
	must(t, ask("GET", "+won\r\n"))
	if err := ask("EVAL", "+won\r\n"); err == nil {
		t.Fatal("a reply came that was to be lost")
	}
	<-lost
	must(t, ask("EVAL", "+won\r\n"))
}

// TestOnlyRedis: a proxy that reads no commands loses no replies.
func TestOnlyRedis(t *testing.T) {
	p := newProxy(t, New, newTarget(t).addr)
	p.DropReplies(1, func([]string) bool { return true })
	dial(t, p).hears("one")
}

// TestCommands reads what commands there are, and hands on every byte.
func TestCommands(t *testing.T) {
	tests := []struct {
		why, stream string
		want        [][]string
	}{
		{"two", encoded("GET", "a") + encoded("PING"), [][]string{{"GET", "a"}, {"PING"}}},
		{"empty words and words with line ends", encoded("EVAL", "", "a\r\n$1\r\n"), [][]string{{"EVAL", "", "a\r\n$1\r\n"}}},
		{"nothing", "", nil},
		{"an inline command is not read, nor is what follows", "PING\r\n" + encoded("GET", "a"), nil},
		{"one that breaks off", encoded("PING") + "*2\r\n$3\r\nGE", [][]string{{"PING"}}},
		{"a length that is none", "*1\r\n$x\r\nPING\r\n", nil},
		{"a length that is too long", "*1\r\n$99999999999\r\nPING\r\n", nil},
		{"a line longer than any", strings.Repeat("x", 3*pieceSize), nil},
	}
	for _, tt := range tests {
		var got [][]string
		next := commands(bufio.NewReaderSize(strings.NewReader(tt.stream), pieceSize), func(c []string) { got = append(got, c) })
		var all strings.Builder
		for err := error(nil); err == nil; {
			var b []byte
			b, err = next()
			all.Write(b)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
		if all.String() != tt.stream {
			t.Errorf("%s: of %d bytes %d were handed on, or others", tt.why, len(tt.stream), all.Len())
		}
	}
}
