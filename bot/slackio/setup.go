package slackio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrSetup says that Slack will not go on until somebody changes a setting. What to change is in the
// error's own words.
var ErrSetup = errors.New("slack must be set up differently")

// setupError is one sentence for whoever runs the bot.
type setupError struct{ text string }

func (e *setupError) Error() string        { return e.text }
func (e *setupError) Is(target error) bool { return target == ErrSetup }

func setup(format string, args ...any) error { return &setupError{fmt.Sprintf(format, args...)} }

// token is which of the two tokens a call was made with.
type token struct{ name, place string }

var (
	botToken = token{"bot token", "api.slack.com/apps → OAuth & Permissions"}
	appToken = token{"app token", "api.slack.com/apps → Basic Information → App-Level Tokens"}
)

var errLinkDisabled = setup("Socket Mode is switched off for this app: switch it on at api.slack.com/apps → Socket Mode")

// setupFault is the sentence for an error code that only a person can mend, or nil.
func setupFault(t token, code, needed string) error {
	say := func(format string, args ...any) error {
		return setup("slack: the %s %s (%s)", t.name, fmt.Sprintf(format, args...), code)
	}
	switch code {
	case "invalid_auth":
		return say("is not one that Slack knows: copy it again from %s", t.place)
	case "not_authed":
		return say("is empty: set it; it stands at %s", t.place)
	case "token_revoked":
		return say("was revoked: make a new one at %s", t.place)
	case "account_inactive":
		return say("belongs to an app that was removed from the workspace: install the app again at api.slack.com/apps → Install App, and copy the new token")
	case "malformed":
		return say("holds a blank, a line end or a character that no token has: copy it again from %s", t.place)
	case "missing_scope":
		return missingScope(t, strings.Split(needed, ","))
	case "not_allowed_token_type":
		return say("is of the wrong kind: the bot token begins with xoxb- and the app token with xapp-; take this one from %s", t.place)
	case "token_expired":
		return say("has expired: switch token rotation off at api.slack.com/apps → OAuth & Permissions, install the app again, and copy the new token")
	case "team_access_not_granted":
		return say("has no access to this workspace: have an organisation admin add the app to it")
	case "link_disabled":
		return errLinkDisabled
	case "forbidden_team", "access_denied", "no_permission", "enterprise_is_restricted", "org_login_required", "two_factor_setup_required":
		return say("is refused: look whether Socket Mode is on at api.slack.com/apps → Socket Mode, and whether an admin has approved the app")
	}
	return nil
}

// formFault is the sentence for a token that no server could know, or nil: a header of HTTP takes no
// blanks and line ends.
func formFault(t token, value string) error {
	switch {
	case value == "":
		return setupFault(t, "not_authed", "")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return setupFault(t, "malformed", "")
	}
	return nil
}

// notSlack is the sentence for an address at which there is no Slack.
func notSlack(what string) error {
	return setup("slack: what answers at slack.api_url is not Slack's API (%s): correct slack.api_url, or remove it; if a proxy stands in between, look at that", what)
}

// outages are the error codes with which Slack says that it is not well.
var outages = []string{"internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout", "ratelimited", "rate_limited"}

// lasting is err if it may pass by itself, else the sentence for somebody who can mend it. It is for the
// first calls: later, Slack has been there.
func lasting(method string, err error) error {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok || errors.Is(err, ErrSetup):
		return err
	case f.foreign != "":
		return notSlack(f.foreign)
	case f.code == "unknown_method":
		return notSlack("it does not know " + method)
	case f.code != "" && later(err) == 0 && !slices.Contains(outages, f.code):
		return setup("slack: %s is refused with %s: look at the app at api.slack.com/apps, and whether an admin has approved it", method, f.code)
	}
	return err
}

// missingScope names the scopes that t needs and where they are added.
func missingScope(t token, needed []string) error {
	var list []string
	for _, n := range needed {
		if n = plainCode(strings.TrimSpace(n)); n != "" {
			list = append(list, n)
		}
	}
	what := "a scope that it needs"
	switch len(list) {
	case 0:
	case 1:
		what = "the scope " + list[0]
	default:
		what = "the scopes " + strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
	}
	if t == appToken {
		return setup("slack: the app token lacks %s: make a new one with it at %s", what, t.place)
	}
	return setup("slack: the bot token lacks %s: add it at %s → Scopes, then install the app again", what, t.place)
}

// plainCode is s if it looks like an error code or a scope, else empty. What a server sends is not
// printed unseen.
func plainCode(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("_:.-", r) {
			return ""
		}
	}
	return s
}
