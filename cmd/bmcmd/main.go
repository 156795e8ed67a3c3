// Command bmcmd lets a team show and run, from Slack, the scripts stored in
// Tencent Cloud: a run waits until a colleague approves it.
//
// See OPERATIONS.md for running it, README.md at the top for what it is.
//
// # What it prints
//
// What was asked for goes to standard output, all else to standard error. An
// error is one sentence that says what to do, and status 1 (audit verify also has 2);
// only a config has one line for each of its problems, with file and line in front, as
// compilers do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, errorText(err))
		os.Exit(exitStatus(err))
	}
}

// run is the whole program. The first SIGINT or SIGTERM ends ctx, so that what
// runs is finished; a second one kills.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second signal its usual meaning back
	root := &cobra.Command{
		Use:   "bmcmd",
		Short: "Show and run scripts of Tencent Cloud from Slack, with a colleague's approval",
		Long: "Show and run scripts of Tencent Cloud from Slack, with a colleague's approval.\n\n" +
			"To begin: bmcmd manifest makes the Slack app, bmcmd example the config,\n" +
			"bmcmd check looks whether both are right, bmcmd serve serves.\n" +
			"bmcmd call asks the cloud for scripts and for what was run,\n" +
			"bmcmd audit asks Redis for what happened, and whether anybody changed it.",
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
	}
	root.AddCommand(serveCommand(), checkCommand(), callCommand(), auditCommand(), manifestCommand(), exampleCommand(), versionCommand())
	neverEmpty(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists them", err, c.CommandPath())
	})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// given is a flag that takes no empty value: that mostly is a variable which is not set,
// and must not pass for a flag that was not given.
type given struct{ pflag.Value }

func (v given) Set(s string) error {
	if s == "" {
		return errors.New("it is empty; give it a value, or leave the flag out")
	}
	return v.Value.Set(s)
}

// neverEmpty makes every flag of c and of its commands such a one.
func neverEmpty(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Value = (given{f.Value}); f.DefValue == "[]" {
				f.DefValue = "" // else the help says that this is the default
			}
		})
	}
	for _, sub := range c.Commands() {
		neverEmpty(sub)
	}
}

// errorText is what is said of an error: who says it, and what. Problems of a
// config already begin with their place.
func errorText(err error) string {
	if p, ok := errors.AsType[config.Problems](err); ok {
		return p.Error()
	}
	return "bmcmd: " + err.Error()
}

// knownCommand refuses what is no command, with the nearest that is.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		meant = " did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("there is no command %q;%s bmcmd --help lists them", args[0], meant)
}

// alone refuses words after a command that takes none.
func alone(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no words after it, but there is %q; bmcmd %[1]s --help shows its flags", strings.TrimPrefix(c.CommandPath(), "bmcmd "), args[0])
}
