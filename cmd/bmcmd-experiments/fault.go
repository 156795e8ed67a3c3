package main

import (
	"fmt"

	"github.com/spf13/cobra"

	faults "github.com/bmcmd/bmcmd/cmd/bmcmd-experiments/fault"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// faultCommand has faults happen one after the other.
func faultCommand() *cobra.Command {
	var api string
	cmd := &cobra.Command{
		Use: "fault [name]", Short: "Have things between the processes go wrong, then judge", Args: cobra.MaximumNArgs(1),
		Long: "Has things between the processes go wrong, all that there are or those whose name begins so, and judges each.\n" +
			"It needs redis-server and, for one of them, redis-sentinel.",
		RunE: func(c *cobra.Command, args []string) error {
			all := faults.Named(append(args, "")[0])
			if len(all) == 0 {
				return fmt.Errorf("no fault has a name that begins with %q", args[0])
			}
			return built(func(p world.Programs) error {
				var rows []faults.Result
				for _, f := range all {
					fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", f.Name(), f.What())
					err := onStage(c.Context(), c.ErrOrStderr(), func(s *stage) { rows = append(rows, f.On(api).Run(s, p)...) })
					if err != nil {
						return err
					}
				}
				if n := faults.Write(c.OutOrStdout(), rows); n > 0 {
					return fmt.Errorf("%w: %d", errViolated, n)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&api, "api", "2.0", "the `API` of the cloud, for faults that are not of one: 2.0, 3.0 or tat")
	return cmd
}
