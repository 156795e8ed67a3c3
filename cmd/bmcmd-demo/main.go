// Command bmcmd-demo runs all of bmcmd offline: a local Slack, a local script
// API, an in-memory Redis and the very bot that `bmcmd serve` runs, in one
// process, without keys and without network.
//
// Without flags it plays a short incident and exits 0, or 1 if anything differs
// from what is expected. README.md in this folder tells the language of plays.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/runbook"
)

//go:embed incident.play
var incident string

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bmcmd-demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var file, api string
	var interactive bool
	var logs bool
	c := &cobra.Command{
		Use:   "bmcmd-demo",
		Short: "Play an incident with bmcmd, offline",
		Long: "Play an incident with bmcmd, offline: no keys, no network, nothing is left behind.\n\n" +
			"Without flags it plays a short incident. -play plays your own file: a play, or a Markdown\n" +
			"runbook, whose /bmcmd lines alice then types and bob approves. -i reads lines from you.",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			d := demo{out: stdout, api: api}
			if !slices.Contains(apis, api) {
				return fmt.Errorf("there is no API %s; -api is one of %s", api, strings.Join(apis, ", "))
			}
			if logs {
				d.log = stderr
			}
			switch {
			case interactive:
				return d.talk(ctx, in)
			case file != "":
				return d.playFile(ctx, file)
			}
			return d.perform(ctx, incident)
		},
	}
	c.Flags().StringVar(&file, "play", "", "play this file: a play, or a Markdown runbook (.md)")
	c.Flags().StringVar(&api, "api", "2.0", "the `API` of the cloud to play on: Bare Metal's 2.0 or 3.0, or tat")
	c.Flags().BoolVarP(&interactive, "interactive", "i", false, "type lines yourself, such as: alice: /bmcmd help")
	c.Flags().BoolVar(&logs, "log", false, "at the end, print the bot's log to standard error")
	c.SetArgs(goFlags(args))
	c.SetOut(stdout)
	c.SetErr(stderr)
	return c.ExecuteContext(ctx)
}

// goFlags lets -play and -api do as well as --play and --api, as people who know Go
// type them.
func goFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; strings.HasPrefix(a, "-play") || strings.HasPrefix(a, "-api") {
			out[i] = "-" + a
		}
	}
	return out
}

// apis are the cloud's APIs: the two versions of Bare Metal's, and TAT's.
var apis = []string{"2.0", "3.0", bmclient.APITAT}

// demo is one performance.
type demo struct {
	out io.Writer
	api string    // one of apis
	log io.Writer // nil: nobody wants to read it
}

// playFile plays a file. A runbook is one whose name ends in .md.
func (d demo) playFile(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	text := string(data)
	if filepath.Ext(file) == ".md" {
		text = fromRunbook(text)
	}
	return d.perform(ctx, text)
}

// fromRunbook makes a play of a runbook: alice types each line and, where it asks
// for a run, bob and carol approve until it is sent.
func fromRunbook(text string) string {
	var b strings.Builder
	lines, _ := runbook.Read(text, "/bmcmd")
	for _, l := range lines {
		fmt.Fprintf(&b, "alice: /bmcmd %s\n", strings.ReplaceAll(l.Text, "\n", `\n`))
		if strings.HasPrefix(l.Text, "run ") {
			b.WriteString("approved by as many as it takes\n")
		}
	}
	return b.String()
}

// perform plays a text in a world of its own, and prints at the end what it
// counted.
func (d demo) perform(ctx context.Context, text string) error {
	lines, err := parsePlay(text)
	if err != nil {
		return err
	}
	w, err := open(ctx, d.api)
	if err != nil {
		return err
	}
	defer w.close()
	var printed bytes.Buffer
	err = newStage(w, io.MultiWriter(d.out, &printed)).play(ctx, lines)
	return errors.Join(err, d.count(w, printed.Bytes()))
}

// count prints what happened in all, and fails if a secret was found.
func (d demo) count(w *world, printed []byte) error {
	out := d.out
	if d.log != nil {
		_, _ = d.log.Write(w.logs.Bytes())
	}
	found := w.searchSecrets(printed)
	runs, stops := w.cloud.Count("RunUserCmd"), w.cloud.Count("CancelInvocation")
	what := "RunUserCmd"
	if w.api == bmclient.APITAT {
		what = fmt.Sprintf("RunCommand, %d CancelInvocation", stops)
	}
	fmt.Fprintf(out, "\nCalls to API %s: %d reads, %d %s. Scripts started: %d.\n", w.api, len(w.cloud.Calls())-runs-stops, runs, what, len(w.cloud.Runs()))
	fmt.Fprintf(out, "Secrets looked for: %d, in %d bytes of Slack traffic, Redis, logs and this output. Found: %s.\n",
		len(w.secrets), found.bytes, found)
	if len(found.found) > 0 {
		return errors.New("a secret has leaked")
	}
	return nil
}

// talk plays lines as they are typed. A line that goes wrong is said, and the
// next one is read.
func (d demo) talk(ctx context.Context, in io.Reader) error {
	out := d.out
	w, err := open(ctx, d.api)
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Fprint(out, "You are everybody. In #incident there are alice, bob, carol, dave and gus (a guest). Try:\n"+
		"    alice: /bmcmd help\n    alice: /bmcmd run cmd-rst9w2kd ins-web1 --reason \"disk full\" -- nginx\n"+
		"    bob presses Approve\n    bob presses Deny: wrong host\nAn empty line or Ctrl-D ends it.\n")
	s := newStage(w, out)
	lines := bufio.NewScanner(in)
	for n := 1; ctx.Err() == nil && lines.Scan() && strings.TrimSpace(lines.Text()) != ""; n++ {
		l, ok, err := parseLine(n, lines.Text())
		if err == nil && ok {
			err = s.do(ctx, l)
		}
		if err != nil {
			fmt.Fprintln(out, "\n!", err)
		}
		s.print()
	}
	return errors.Join(lines.Err(), d.count(w, nil))
}
