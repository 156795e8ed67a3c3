package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// happenings are the things that a play may do to the world.
var happenings = []struct {
	form *regexp.Regexp
	do   func(ctx context.Context, s *stage, m []string) error
}{
	{regexp.MustCompile(`^script (\S+) becomes: (.*)$`), func(_ context.Context, s *stage, m []string) error {
		if !s.w.cloud.ChangeScript(m[1], []byte(unescape(m[2]))) {
			return fmt.Errorf("there is no script %s", m[1])
		}
		return nil
	}},
	{regexp.MustCompile(`^script (\S+) becomes, while it is sent: (.*)$`), func(ctx context.Context, s *stage, m []string) error {
		return s.changeOnTheWay(ctx, m[1], []byte(unescape(m[2])))
	}},
	{regexp.MustCompile(`^(\d+) hosts$`), func(_ context.Context, s *stage, m []string) error {
		for _, h := range hostNames(times(m[1])) {
			s.w.addHost(h)
		}
		return nil
	}},
	{regexp.MustCompile(`^host (\S+) (.+)$`), func(_ context.Context, s *stage, m []string) error { return s.behave(m[1], m[2]) }},
	{regexp.MustCompile(`^(\w+) runs (\S+) on (\S+) by hand(?: with \[(.*)\])?$`), func(_ context.Context, s *stage, m []string) error {
		parameters := []byte(m[4])
		if s.w.api == bmclient.APITAT && m[4] != "" {
			parameters = fmt.Appendf(nil, `{"service":%q}`, m[4])
		}
		_, err := s.w.cloud.RunByHand(m[2], strings.Split(m[3], ","), nil, parameters)
		return err
	}},
	{regexp.MustCompile(`^(\w+) copies the last script(?: and adds (.+))? on (\S+) by hand$`), func(_ context.Context, s *stage, m []string) error {
		runs := s.w.cloud.Runs()
		if len(runs) == 0 {
			return errors.New("nothing was started yet")
		}
		content := append(slices.Clone(runs[len(runs)-1].Content), unescape(m[2])...)
		_, err := s.w.cloud.RunByHand("cmd-nozcbhuw", strings.Split(m[3], ","), content, nil)
		return err
	}},
	{regexp.MustCompile(`^the API (lists|names) tasks (.+)$`), func(_ context.Context, s *stage, m []string) error { return s.list(m[2]) }},
	{regexp.MustCompile(`^Slack (escapes|keeps) commands$`), func(_ context.Context, s *stage, m []string) error {
		s.w.slack.SetEscapeCommands(m[1] == "escapes")
		return nil
	}},
	{regexp.MustCompile(`^script (\S+) is removed$`), func(_ context.Context, s *stage, m []string) error {
		s.w.cloud.RemoveScript(m[1])
		return nil
	}},
	{regexp.MustCompile(`^the API answers (\w+) with (\d+)(?: (\d+) times)?$`), func(_ context.Context, s *stage, m []string) error {
		code, _ := strconv.Atoi(m[2])
		s.w.cloud.FailNext(m[1], bmtest.Fault{Code: code, Echo: true}, times(m[3]))
		return nil
	}},
	{regexp.MustCompile(`^the API answers (\w+) with ([A-Z][A-Za-z.]+)(?: (\d+) times)?$`), func(_ context.Context, s *stage, m []string) error {
		s.w.cloud.FailNext(m[1], bmtest.Fault{Error: m[2], Echo: true}, times(m[3]))
		return nil
	}},
	{regexp.MustCompile(`^the API answers (\w+) with a web page$`), func(_ context.Context, s *stage, m []string) error {
		s.w.cloud.FailNext(m[1], bmtest.Fault{Status: 502, HTML: true}, 1)
		return nil
	}},
	{regexp.MustCompile(`^the API runs the next script and loses its answer$`), func(_ context.Context, s *stage, _ []string) error {
		s.w.cloud.FailNext("RunUserCmd", bmtest.Fault{Drop: bmtest.DropAfter}, 1)
		return nil
	}},
	{regexp.MustCompile(`^the API writes its codes as text$`), func(_ context.Context, s *stage, _ []string) error {
		s.w.cloud.FailAlways("", bmtest.Fault{CodeAsText: true})
		return nil
	}},
	{regexp.MustCompile(`^the vault is away$`), func(_ context.Context, s *stage, _ []string) error { return os.Rename(s.w.dir, s.w.dir+".away") }},
	{regexp.MustCompile(`^the vault is back$`), func(_ context.Context, s *stage, _ []string) error { return os.Rename(s.w.dir+".away", s.w.dir) }},
	{regexp.MustCompile(`^redis is away$`), func(_ context.Context, s *stage, _ []string) error { s.w.redis.SetError("LOADING demo"); return nil }},
	{regexp.MustCompile(`^redis is back$`), func(_ context.Context, s *stage, _ []string) error { s.w.redis.SetError(""); return nil }},
	{regexp.MustCompile(`^bmcmd (leaves|joins) #(\w+)$`), func(_ context.Context, s *stage, m []string) error {
		c, err := channelID(m[2])
		if m[1] == "joins" {
			s.w.slack.Invite(c, s.w.slack.BotUserID())
		} else {
			s.w.slack.Kick(c, s.w.slack.BotUserID())
		}
		return err
	}},
	{regexp.MustCompile(`^(\w+) is deactivated$`), func(_ context.Context, s *stage, m []string) error {
		p, err := personNamed(m[1])
		p.Deleted = true
		s.w.slack.SetPerson(p)
		return err
	}},
	{regexp.MustCompile(`^slack answers (\S+) with (\S+)(?: (\d+) times)?$`), func(_ context.Context, s *stage, m []string) error {
		s.w.slack.FailNext(m[1], slacksim.Fault{Error: m[2]}, times(m[3]))
		return nil
	}},
	{regexp.MustCompile(`^slack delivers the last command again$`), func(_ context.Context, s *stage, _ []string) error {
		return s.w.slack.Redeliver(s.envelope)
	}},
	{regexp.MustCompile(`^approved by as many as it takes$`), func(ctx context.Context, s *stage, _ []string) error { return s.approveAll(ctx) }},
	{regexp.MustCompile(`^(\d+[smh]) pass$`), func(_ context.Context, s *stage, m []string) error {
		d, err := time.ParseDuration(m[1])
		s.w.pass(d)
		return err
	}},
}

func times(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1
	}
	return n
}

// findWorld finds what a line does to the world.
func findWorld(text string) (func(context.Context, *stage) error, bool) {
	for _, h := range happenings {
		if m := h.form.FindStringSubmatch(text); m != nil {
			return func(ctx context.Context, s *stage) error { return h.do(ctx, s, m) }, true
		}
	}
	return nil, false
}

func channelID(name string) (string, error) {
	for _, c := range channels {
		if c.Name == name {
			return c.ID, nil
		}
	}
	return "", fmt.Errorf("there is no channel #%s", name)
}

func personNamed(name string) (slacksim.Person, error) {
	var names []string
	for _, p := range people {
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return slacksim.Person{}, fmt.Errorf("there is no %s; there are %s", name, strings.Join(names, ", "))
}

// approveAll has bob and carol approve the newest card while it asks for it.
func (s *stage) approveAll(ctx context.Context) error {
	for _, name := range []string{"bob", "carol"} {
		m, _ := s.w.slack.Message(s.channel, s.card)
		if !slices.Contains(m.Buttons(), "Approve") {
			return nil
		}
		if err := s.press(ctx, line{who: name, what: "Approve"}); err != nil {
			return err
		}
	}
	return nil
}
