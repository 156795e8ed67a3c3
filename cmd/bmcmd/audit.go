package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

// audit is what the sub-commands of audit share.
type audit struct {
	config, workspace string
	from, head        string // of verify
	key, against      string // of verify: files
	sign              string // of export: a reference
	choice            choice
}

func auditCommand() *cobra.Command {
	a := &audit{}
	c := &cobra.Command{
		Use:   "audit",
		Short: "Export what happened, and verify that nobody changed it since",
		Long: "Export what happened, and verify that nobody changed it since.\n\n" +
			"Every move of a request is an event. The events of a request are a chain: each names the hash\n" +
			"of the one before it, of what the record says after it, and of the clicks that were refused.\n" +
			"The newest hash, the head, stands in the request's record and in its thread in Slack.\n\n" +
			"Of the config only Redis is used, the vault for its password, and keep. Nothing is written.\n" +
			"Events hold what people typed. They are kept for keep.events, also when the record is gone.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("there is no audit %s; bmcmd audit --help lists what there is", args[0])
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVarP(&a.config, "config", "c", "bmcmd.yaml", "the config `file`; - is standard input")
	c.PersistentFlags().StringVar(&a.workspace, "workspace", "", "the workspace's `id`, T… or E…, if Redis has several")
	a.choice.flags(c)
	c.AddCommand(a.exportCommand(), a.verifyCommand())
	return c
}

func (a *audit) exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Print events as JSON lines",
		Long: "Print events as JSON lines, one event a line, in the order of the requests' newest events.\n\n" +
			"Filters choose requests. A request that is chosen is exported whole, also its events that no\n" +
			"filter fits: only a whole chain can be verified without Redis.\n\n" +
			"Lines have a kind. export comes first: of which workspace, when and with which filters.\n" +
			"event is one event, just as it is stored; those of a request stand together, oldest first:\n" +
			"receive says what was asked, open what would run, with the script in base64, answer what\n" +
			"the API said, finish what became of each host. refused are clicks that were not taken. Then\n" +
			"comes its head: what the record says of all that, or that the record is gone. end comes last,\n" +
			"with the SHA-256 of all lines before it: a file without it is not whole. With --sign, one more\n" +
			"follows: a signature of all lines before it. bmcmd audit verify --from FILE looks at it.",
		Args: alone,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.choice.parse(time.Now()); err != nil {
				return err
			}
			_, past, err := a.open(c)
			if err != nil {
				return err
			}
			defer past.Close()
			x := newExport(c.OutOrStdout())
			if a.sign != "" {
				if x.key, err = past.Signer(c.Context(), a.sign); err != nil {
					return fmt.Errorf("--sign: %w", err)
				}
			}
			if err := x.run(c.Context(), past, a.choice); err != nil {
				return fmt.Errorf("the export stopped after %s, and what was printed is not whole: %w; do it again", counted(x.requests, "request"), err)
			}
			fmt.Fprintln(c.ErrOrStderr(), x.summary())
			return x.shortOf()
		},
	}
	c.Flags().StringVar(&a.sign, "sign", "", "sign the export with the Ed25519 key (PEM, PKCS #8) under this `reference`: ref+vault://…, ref+file://…")
	return c
}

func (a *audit) verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Look whether events were changed, removed or added",
		Long: "Look whether events were changed, removed or added: in Redis every request, or those that\n" +
			"the filters choose; with --from in an export, without config and Redis.\n\n" +
			"Of each request: its chain holds, and its record says what the newest event names. In Redis\n" +
			"also: nothing is gone before its time, the index has it, and bots would take it up. What hosts\n" +
			"printed is not looked at: it is not evidence.\n" +
			"Anyone who can write to Redis could make a whole new chain, or put back an older copy of all.\n" +
			"Only what lies elsewhere tells then: --head looks for a head that a thread in Slack shows,\n" +
			"--against holds everything against an earlier export. Likewise anyone who can write to an\n" +
			"export could make its last line anew: --key looks for your signature.\n\n" +
			"Status 0: all holds. 1: there are findings, one a line. 2: it could not be looked at, or no\n" +
			"request is there that the filters choose.",
		Args: func(c *cobra.Command, args []string) error { return unseen(alone(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.choice.parse(time.Now()); err != nil {
				return unseen(err)
			}
			v, err := newVerdict(c.OutOrStdout(), a.choice, a.head)
			if err == nil {
				err = v.prepare(a)
			}
			if err != nil {
				return unseen(err)
			}
			look := v.redis
			if a.from != "" {
				look = v.file
			}
			if err := look(c, a); err != nil {
				return unseen(errors.Join(v.flush(), err))
			}
			return v.end()
		},
	}
	c.Flags().StringVar(&a.from, "from", "", "look at this export `file` instead of Redis; - is standard input")
	c.Flags().StringVar(&a.key, "key", "", "the exports of --from and --against have to be signed, and this PEM `file` has the public key")
	c.Flags().StringVar(&a.against, "against", "", "hold what is looked at against this earlier export `file`: all of it is still there")
	c.Flags().StringVar(&a.head, "head", "", "look for this head, the `hash` that a thread in Slack shows")
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return unseen(fmt.Errorf("%w; %s --help lists them", err, c.CommandPath()))
	})
	return c
}

// open opens what the config says is kept.
func (a *audit) open(c *cobra.Command) (*config.Config, *serve.Audit, error) {
	cfg, err := load(c, a.config)
	if err != nil {
		return nil, nil, err
	}
	past, err := serve.OpenAudit(c.Context(), cfg, a.workspace)
	return cfg, past, err
}

// openFile opens an export.
func (a *audit) openFile(c *cobra.Command) (io.ReadCloser, error) {
	if a.from == "-" {
		return io.NopCloser(c.InOrStdin()), nil
	}
	f, err := os.Open(a.from)
	if err != nil {
		return nil, fmt.Errorf("the export cannot be opened: %w; correct its path or its mode", err)
	}
	return f, nil
}

// each hands out the requests that may be chosen.
func each(ctx context.Context, past *serve.Audit, ch choice, see func(redisstore.History) error) error {
	if len(ch.requests) > 0 {
		return past.Read(ctx, ch.requests, see)
	}
	return past.Each(ctx, ch.newest(), see)
}

// ending is an error that ends the program with another status than 1.
type ending struct {
	error
	status int
}

func (e *ending) Unwrap() error { return e.error }

// unseen says that audit verify could not look.
func unseen(err error) error {
	if err == nil {
		return nil
	}
	return &ending{err, 2}
}

// exitStatus is what the program ends with after an error.
func exitStatus(err error) int {
	if e, ok := errors.AsType[*ending](err); ok {
		return e.status
	}
	return 1
}
