package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

func serveCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve Slack until SIGTERM",
		Long: "Serve Slack until SIGTERM or SIGINT; then finish what has begun and exit. A second signal kills.\n" +
			"Any number of replicas may serve one workspace with the same Redis.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			log := newLog(cfg, c.ErrOrStderr())
			for _, w := range cfg.Warnings {
				log.Warn("the config has a doubtful place", "warning", w)
			}
			s, err := serve.New(c.Context(), cfg, log)
			if err != nil {
				return err
			}
			defer s.Close()
			log.Info("serving", "version", version(), "rules", len(cfg.Rules))
			defer log.Info("stopped")
			return s.Run(c.Context())
		},
	}
	configFlag(c, &path)
	return c
}

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "bmcmd.yaml", "the config file")
}

func newLog(cfg *config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.Log.Level}
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
