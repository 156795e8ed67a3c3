package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

// call is what the sub-commands of call share.
type call struct {
	config string
	json   bool
	most   int
	out    io.Writer
	reads  *serve.Reads
}

func callCommand() *cobra.Command {
	k := &call{}
	c := &cobra.Command{
		Use:   "call",
		Short: "Ask the cloud, from a terminal, for scripts and for what was run",
		Long: "Ask the cloud, from a terminal, for scripts and for what was run, with the key for reads.\n" +
			"Of everything that the config names only the vault and that key are used.\n\n" +
			"There is no call run: a run is asked for in Slack, where a colleague approves it.\n\n" +
			"Tables spell out what could do something to a terminal, as \\u{1b}. --json has everything whole.",
		Args: knownCall,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	show := k.sub("show cmd-… | ALIAS", "Show a script", one("the script's id or alias, such as cmd-nozcbhuw"), k.show)
	scripts := k.sub("scripts [TEXT]", "List scripts, newest first, or those with TEXT in their id or alias", atMostOne, k.scripts)
	tasks := k.sub("tasks", "List what was run, newest first", alone, k.tasks)
	task := k.sub("task cmdtask-… | inv-…", "Show what each host of a task says", one("the task's id, such as cmdtask-8a1c2b3d, or inv-7c1d9e4f of TAT; call tasks lists them"), k.task)
	for _, list := range []*cobra.Command{scripts, tasks} {
		list.Flags().IntVarP(&k.most, "rows", "n", 20, "list at most so `many`; 0 is all")
	}
	c.AddCommand(show, scripts, tasks, task)
	c.PersistentFlags().StringVarP(&k.config, "config", "c", "bmcmd.yaml", "the config `file`; - is standard input")
	c.PersistentFlags().BoolVar(&k.json, "json", false, "print JSON, with everything whole")
	return c
}

// knownCall refuses what is no sub-command, and says where a run belongs.
func knownCall(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case args[0] == "run":
		return errors.New("call only reads: ask for the run in Slack, where a colleague approves it")
	}
	return fmt.Errorf("there is no call %s; bmcmd call --help lists what there is", args[0])
}

// longestCall is how long one command may take.
const longestCall = 2 * time.Minute

// sub makes a sub-command. do gets the word after it, or "".
func (k *call) sub(use, short string, args cobra.PositionalArgs, do func(ctx context.Context, word string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, words []string) error {
		cfg, err := load(c, k.config)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), longestCall)
		defer cancel()
		if k.reads, err = serve.OpenReads(ctx, cfg); err != nil {
			return err
		}
		defer k.reads.Close()
		k.out = c.OutOrStdout()
		return do(ctx, strings.Join(words, ""))
	}}
}

func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 1 && args[0] != "" {
			return nil
		}
		return fmt.Errorf("call %s needs %s", c.Name(), what)
	}
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return fmt.Errorf("call %s takes one word to search for, but there is %q, too", c.Name(), args[1])
}

func (k *call) show(ctx context.Context, word string) error {
	s, err := k.reads.Script(ctx, word)
	if err != nil {
		return err
	}
	sum := s.SHA256()
	s.Content = []byte(k.reads.Scrub(string(s.Content)))
	for i := range s.How.Defaults {
		s.How.Defaults[i].Value = k.reads.Scrub(s.How.Defaults[i].Value)
	}
	if k.json {
		return k.printJSON(scriptJSON(s, sum))
	}
	k.facts([][2]string{
		{"script", s.CmdID},
		{"alias", s.Alias},
		{"os", s.OSType},
		{"account", s.AppID},
		{"created", zoned(s.Created)},
		{"modified", zoned(s.Modified)},
		{"sha256", sum},
	})
	k.facts(howFacts(s.How))
	fmt.Fprintln(k.out)
	k.text(s.Content, "")
	return nil
}

// howFacts are how a script is run, where the cloud keeps that beside it.
func howFacts(h bmclient.How) [][2]string {
	out := [][2]string{{"type", h.Type}, {"user", h.User}, {"directory", h.Dir}}
	if h.Timeout > 0 {
		out = append(out, [2]string{"timeout", h.Timeout.String()})
	}
	if h.Bucket != "" {
		out = append(out, [2]string{"output to", strings.TrimSuffix(h.Bucket+"/"+h.Prefix, "/")})
	}
	for _, d := range h.Defaults {
		out = append(out, [2]string{"default", fmt.Sprintf("%s=%q", d.Name, d.Value)})
	}
	return out
}

func (k *call) scripts(ctx context.Context, search string) error {
	list, err := k.reads.Scripts(ctx, search, k.most)
	if err != nil {
		return err
	}
	if k.json {
		return k.printJSON(scriptsJSON(list))
	}
	rows := [][]string{{"ID", "ALIAS", "OS", "MODIFIED (UTC+8)"}}
	for _, s := range list.Scripts {
		rows = append(rows, []string{s.CmdID, s.Alias, s.OSType, when(s.Modified)})
	}
	k.table(rows)
	k.rest(len(list.Scripts), list.Total, "script")
	return nil
}

func (k *call) tasks(ctx context.Context, _ string) error {
	list, err := k.reads.Tasks(ctx, k.most)
	if err != nil {
		return err
	}
	if k.json {
		return k.printJSON(tasksJSON(list))
	}
	rows := [][]string{{"TASK", "SCRIPT", "ALIAS", "STATE", "HOSTS", "BEGUN (UTC+8)", "TOOK"}}
	for _, t := range list.Tasks {
		rows = append(rows, []string{t.ID, t.CmdID, t.Alias, taskState(t), amount(t.Hosts), when(t.Begun), lasted(t.Begun, t.Finished)})
	}
	k.table(rows)
	k.rest(len(list.Tasks), list.Total, "task")
	return nil
}

func taskState(t bmclient.Task) string {
	switch {
	case !t.Ended:
		return "running"
	case t.Failed > 0:
		return fmt.Sprintf("ended, %d failed", t.Failed)
	}
	return "ended"
}

// amount is a number that the API may leave out.
func amount(n int) string {
	if n < 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

// task prints a row for each host, those that went wrong first, each with what it
// printed below.
func (k *call) task(ctx context.Context, id string) error {
	hosts, err := k.reads.Task(ctx, id)
	if err != nil {
		return err
	}
	slices.SortStableFunc(hosts, func(a, b bmclient.HostRun) int { return cmp.Compare(wellness(a), wellness(b)) })
	for i := range hosts {
		hosts[i].Output, hosts[i].Reason = []byte(k.reads.Scrub(string(hosts[i].Output))), k.reads.Scrub(hosts[i].Reason)
	}
	if k.json {
		return k.printJSON(hostsJSON(id, hosts))
	}
	rows := [][]string{{"HOST", "STATE", "EXIT", "TOOK", "RAN (SHA256)", "OUTPUT"}}
	for _, h := range hosts {
		rows = append(rows, []string{h.Host, hostState(h), exit(h.Exit), lasted(h.Begun, h.Finished), ran(h), counted(len(h.Output), "byte")})
	}
	all := lay(rows)
	fmt.Fprintln(k.out, all[0])
	for i, h := range hosts {
		fmt.Fprintln(k.out, all[i+1])
		k.text(h.Output, "    ")
		if h.Dropped > 0 {
			fmt.Fprintf(k.out, "    [%s more were not kept by the cloud]\n", counted(h.Dropped, "byte"))
		}
		if h.URL != "" {
			fmt.Fprintf(k.out, "    [all of it: %s]\n", oneLine(h.URL))
		}
	}
	return nil
}

// wellness is 0 for a host that failed, and more the better it went.
func wellness(h bmclient.HostRun) int {
	switch {
	case h.State == bmclient.HostEnded && h.Exit == 0:
		return 2
	case h.State == bmclient.HostRunning:
		return 1
	}
	return 0
}

func hostState(h bmclient.HostRun) string {
	switch {
	case h.BadLogin():
		return "failed, login refused"
	case h.Word != "" && h.State != bmclient.HostEnded && h.State != bmclient.HostRunning:
		return strings.TrimSuffix(h.State.String()+", "+h.Word+": "+h.Reason, ": ")
	case h.State == bmclient.HostFailed || h.State == bmclient.HostOther:
		return fmt.Sprintf("%s, status %d", h.State, h.Status)
	}
	return h.State.String()
}

func exit(code int) string {
	if code < 0 {
		return "-"
	}
	return fmt.Sprint(code)
}
