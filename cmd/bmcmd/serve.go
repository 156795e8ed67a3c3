package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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
			"Up to five replicas may serve one workspace with the same Redis: Slack allows ten connections, and each has two.\n\n" +
			"What only a person can mend (the config, a token, a scope) ends it with status 1 and one sentence.\n" +
			"Slack, Redis and the cloud may be away: it says so and goes on when they are back.",
		Args: alone,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c, path)
			if err != nil {
				return err
			}
			log := newLog(cfg, c.ErrOrStderr())
			for _, w := range cfg.Warnings {
				log.Warn("the config has a doubtful place", "warning", w)
			}
			if err := config.Guarded(path); err != nil {
				log.Warn("the config is not guarded", "error", err)
			}
			s, err := serve.New(c.Context(), cfg, log)
			if err != nil && c.Context().Err() != nil {
				return nil // told to end before it had begun
			}
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
	c.Flags().StringVarP(path, "config", "c", "bmcmd.yaml", "the config `file`; - is standard input")
}

// load reads the config.
func load(c *cobra.Command, path string) (*config.Config, error) {
	if path == "-" {
		data, err := io.ReadAll(c.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("the config cannot be read from standard input: %w; name a file with -c", err)
		}
		return config.Parse("standard input", data)
	}
	cfg, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no config %s: name it with -c, or begin with bmcmd example > %[1]s", path)
	}
	return cfg, err
}

func newLog(cfg *config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.Log.Level}
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
