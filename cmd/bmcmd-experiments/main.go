// Command bmcmd-experiments tries to break what bmcmd promises under crash and loss, and
// measures what it costs. It starts everything as processes of its own: replicas of the
// program, a real redis-server that writes before it confirms, Slack's simulator and the
// API's. It needs Go and redis-server, and no network.
//
//	go run ./cmd/bmcmd-experiments crash -kills 200
//	go run ./cmd/bmcmd-experiments fault -api tat
//	go run ./cmd/bmcmd-experiments flood -api tat
//	go run ./cmd/bmcmd-experiments load -quick
//
// crash kills replicas with -9 at named points and at random times while people ask for
// runs, approve, deny and cancel. Then everything settles, and it judges from the API's
// history, Slack's messages and Redis.
//
// fault has things between the processes go wrong, one kind after the other in a world
// of its own: see package fault, which needs redis-sentinel, too.
//
// load measures what a run costs and how long people wait, in multiples of the least bot
// that does what people see: see package load. It judges nothing.
//
// It promises: exit status 1 if and only if a promise did not hold (2 if the experiment
// itself could not go on), and that a seed repeats its plan: which points, in which
// order, at which passage, and what people ask for. What happens between the processes
// is not repeated; a violation prints all that is known of its request.
//
// # Why named points, and not random times alone
//
// Between two outside effects there are microseconds. A process that is killed at a
// random time is nearly always waiting, and the gaps that matter would be hit once in
// a hundred thousand kills.
//
// # Why no settling between kills
//
// A killed worker's lease takes twelve seconds. So kills go on while others' requests
// wait for that, and only a batch settles as a whole, in a world of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil:
		return
	case errors.Is(err, errViolated):
		fmt.Fprintln(os.Stderr, "bmcmd-experiments:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "bmcmd-experiments:", err)
	os.Exit(2)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use: "bmcmd-experiments", Short: "Try to break what bmcmd promises, and measure what it costs",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(crashCommand(), faultCommand(), floodCommand(), loadCommand())
	root.SetArgs(goFlags(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// goFlags lets -kills do as well as --kills, as people who know Go type it.
func goFlags(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			out[i] = "-" + a
		}
	}
	return out
}

// built builds the programs for one run, with the points in bmcmd.
func built(do func(world.Programs) error) error {
	dir, err := os.MkdirTemp("", "bmcmd-programs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := world.Build(dir, "experiment")
	if err != nil {
		return err
	}
	return do(p)
}

func crashCommand() *cobra.Command {
	var kills, each, sent int
	var only []string
	e := crash{}
	c := &cobra.Command{
		Use: "crash", Short: "Kill replicas at named points and at random times, then judge", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			e.out, e.log = c.OutOrStdout(), c.ErrOrStderr()
			var err error
			if e.dealt, err = dealt(kills, each, sent, only); err != nil {
				return err
			}
			if e.seed == 0 {
				e.seed = rand.Uint64()
			}
			return built(func(p world.Programs) error {
				e.programs = p
				return e.run(c.Context())
			})
		},
	}
	c.Flags().IntVar(&kills, "kills", 200, "how many kills in all, or at each -point")
	c.Flags().IntVar(&each, "each", 0, "so many kills at each named point, in place of -kills")
	c.Flags().IntVar(&sent, "sent", 0, "with -each: so many at those between claim and stored answer, together")
	c.Flags().StringSliceVar(&only, "point", nil, "kill at this `point` only; may be repeated")
	c.Flags().Uint64Var(&e.seed, "seed", 0, "repeat this plan; 0 takes another each time")
	c.Flags().IntVar(&e.batch, "batch", 150, "kills between two judgements")
	c.Flags().StringVar(&e.api, "api", "", "only what the plan has on this `API` of the cloud: 2.0, 3.0 or tat")
	c.Flags().IntVar(&e.atOnce, "at-once", 24, "requests that people are busy with at a time")
	return c
}

// dealt is how many kills each point gets.
func dealt(kills, each, sent int, only []string) (map[string]int, error) {
	out := map[string]int{}
	switch {
	case len(only) > 0:
		for _, p := range only {
			if !slices.Contains(points(), p) && p != asRandom {
				return nil, fmt.Errorf("there is no point %q; there are %s", p, strings.Join(points(), ", "))
			}
			out[p] = max(kills, each)
		}
	case each > 0:
		for _, p := range append(points(), asRandom) {
			out[p] = each
		}
		for _, p := range between {
			out[p] = max(each, sent/len(between))
		}
	default:
		out = deal(kills)
	}
	return out, nil
}
