// Command bmcmd lets a team show and run, from Slack, the scripts stored in
// Tencent Cloud Bare Metal: a run waits until a colleague approves it.
//
// See OPERATIONS.md for running it, README.md at the top for what it is.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bmcmd:", err)
		os.Exit(1)
	}
}

// run is the whole program. The first SIGINT or SIGTERM ends ctx, so that what
// runs is finished; a second one kills.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the second signal its usual meaning back
	root := &cobra.Command{
		Use:           "bmcmd",
		Short:         "Show and run Bare Metal scripts from Slack, with a colleague's approval",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), checkCommand(), manifestCommand(), exampleCommand(), versionCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}
