package config

import (
	"regexp"
	"strings"
)

// idKind is one sort of Slack id, and where a person finds one.
type idKind struct {
	form *regexp.Regexp
	what string
	find string
}

// Names and handles can be given to somebody else; ids cannot.
var (
	userID = idKind{
		regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`), "a person's id (U… or W…)",
		"in Slack, open the person's profile, then ⋮ and Copy member ID",
	}
	groupID = idKind{
		regexp.MustCompile(`^S[A-Z0-9]{2,20}$`), "a user group's id (S…)",
		"Slack's method usergroups.list shows it beside the group's handle",
	}
	channelID = idKind{
		regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`), "a channel's id (C… or G…)",
		"in Slack, press the channel's name and look at the end of About",
	}
	directID = regexp.MustCompile(`^D[A-Z0-9]{2,20}$`)
)

func (d *decoder) ids(at string, list []string, kind idKind) {
	for i, id := range list {
		if !kind.form.MatchString(id) {
			d.fault(item(at, i), kind.fault(id))
		}
	}
}

func (k idKind) fault(id string) string {
	switch {
	case k.what != userID.what && userID.form.MatchString(id):
		return "this is a person's id; " + k.what + " is meant here, people belong under users"
	case k.what != groupID.what && groupID.form.MatchString(id):
		return "this is a user group's id; " + k.what + " is meant here, groups belong under groups"
	case k.what != channelID.what && channelID.form.MatchString(id):
		return "this is a channel's id; " + k.what + " is meant here, channels belong under channels"
	case directID.MatchString(id):
		return "this is a direct message; " + k.what + " is meant here"
	case strings.HasPrefix(id, "@") || strings.HasPrefix(id, "#") || strings.ToUpper(id) != id:
		return "names and handles are not taken, since they can change hands; write " + k.what + ": " + k.find
	}
	return "this is not " + k.what + "; " + k.find
}
