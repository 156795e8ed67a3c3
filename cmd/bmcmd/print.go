package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

func exampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a config with every key explained",
		Args:  alone,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Example)
			return err
		},
	}
}

//go:embed manifest.yaml
var manifest string

// commandForm is what Slack takes as the name of a slash command.
var commandForm = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)

func manifestCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "manifest",
		Short: "Print the Slack app manifest to paste at api.slack.com/apps",
		Args:  alone,
		RunE: func(c *cobra.Command, _ []string) error {
			if !commandForm.MatchString(name) {
				return fmt.Errorf("%q is no slash command: give a / and up to 31 of a-z, 0-9, - and _", name)
			}
			_, err := fmt.Fprint(c.OutOrStdout(), strings.ReplaceAll(manifest, "/bmcmd", name))
			return err
		},
	}
	c.Flags().StringVar(&name, "command", "/bmcmd", "the slash command, as in the config's slack.command")
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the Go it was built with",
		Args:  alone,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "bmcmd", version())
			return err
		},
	}
}

// version is what the Go tool recorded at the build: a tag, or a commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	return v + " " + info.GoVersion
}
