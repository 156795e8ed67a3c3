package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/cmd/bmcmd-experiments/load"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

func loadCommand() *cobra.Command {
	e := load.Experiment{Delay: 100 * time.Millisecond, Single: 10, Idle: 5 * time.Second}
	var quick bool
	c := &cobra.Command{
		Use: "load", Short: "Measure what a run costs, in multiples of the least bot there can be", Args: cobra.NoArgs,
		Long: "Measures what a run costs and how long people wait, beside a bot that does the least that people see of it,\n" +
			"in the same minutes: with so many runs at once, one by one, with slow calls, and with much that is there\n" +
			"already. Aims stand beside the figures; no time makes it fail. It needs Linux, whose /proc it reads.",
		RunE: func(c *cobra.Command, _ []string) error {
			e.Log = c.ErrOrStderr()
			if quick {
				e = e.Quick()
			}
			if len(e.APIs) == 0 || len(e.AtOnce) == 0 || e.Runs < 1 {
				return errors.New("there is nothing to measure: give an -api, an -at-once and -runs")
			}
			return built(func(p world.Programs) error {
				if err := p.Add(nil, "cmd/bmcmd-experiments/yardstick"); err != nil {
					return err
				}
				return e.Run(c.OutOrStdout(), p, func(do func(world.T)) error {
					return onStage(c.Context(), c.ErrOrStderr(), func(s *stage) { do(s) })
				})
			})
		},
	}
	c.Flags().StringSliceVar(&e.APIs, "api", apis, "on these `APIs` of the cloud")
	c.Flags().IntSliceVar(&e.AtOnce, "at-once", []int{1, 16, 64}, "with so many `runs` at a time; the middle one for the last part")
	c.Flags().IntVar(&e.Runs, "runs", 300, "how many are measured in a step; the yardstick has four times as many")
	c.Flags().IntVar(&e.Open, "open", 10_000, "open requests in Redis, in the last part")
	c.Flags().IntVar(&e.Finished, "finished", 100_000, "finished requests in Redis, in the last part")
	c.Flags().IntVar(&e.Tasks, "tasks", 2000, "tasks of others in the cloud's list, in the last part")
	c.Flags().StringVar(&e.Profile, "profile", "", "write a profile of the bot's CPU to this `file`: of the first -api, at the middle -at-once")
	c.Flags().StringVar(&e.Setting, "run-setting", "confirm_for: 3s", "a `line` for the section run of the bot's config; tasks are listed at once here")
	c.Flags().BoolVar(&quick, "quick", false, "little of everything, on the first -api: under a minute")
	return c
}
