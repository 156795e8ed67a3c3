package bot

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// A script of an API that is sent it may have {{names}} that are to be filled in. That is done here, so that
// people approve the text that will run; the API is told to fill in nothing.

const nearName = `([a-zA-Z0-9_-]{1,64})\s*[=＝:：]\s*`

var (
	oddSlot   = regexp.MustCompile(`\{\{(\s*tat-hidden:[^{}]*|\s+[a-zA-Z0-9_-]{1,64}\s*|[a-zA-Z0-9_-]{1,64}\s+)\}\}`)
	typedPart = regexp.MustCompile(`^([a-zA-Z0-9_-]{1,64})=(?:"([^"]*)"|'([^']*)'|([^\s"']\S*)?)(?:\s+|$)`)
	nearPart  = regexp.MustCompile(`(^|\s)(?:(")` + nearName + `([^"]*)|(')` + nearName + `([^']*)|` + nearName + `("[^"]*"|'[^']*'|\S*))`)
)

// edits are what is sent besides the stored script, where the API is sent it. Errors are refusals.
func edits(p approvals.Plan, id string) ([]approvals.Edit, error) {
	if !bmclient.Sends(p.Target.API) {
		return nil, MayFill(p, p.Rule)
	}
	fills, err := fillIn(p.Script, p.Parameters)
	if err == nil {
		err = MayFill(p, p.Rule)
	}
	if err != nil {
		return nil, err
	}
	p.Edits = withName(p.Script, fills, id)
	if n := base64.StdEncoding.EncodedLen(len(p.Text())); n > bmclient.MostContent {
		return nil, refuse("The text that would run has %d bytes in base64, and the cloud takes %d. Shorten the script.", n, bmclient.MostContent)
	}
	return p.Edits, nil
}

// MayFill is nil if a rule takes the parameters of a plan, and the defaults of those that it names and nobody typed. Its error
// is in words for people.
func MayFill(p approvals.Plan, rule approvals.Rule) error {
	shell := p.Script.How.Type != "POWERSHELL" && p.Script.How.Type != "BAT" && p.Script.OSType != "windows"
	if !bmclient.Sends(p.Target.API) {
		if err := rule.Parameters.CheckWords(p.Parameters, shell); err != nil {
			return refuse("%s. Nothing ran: the rule %q says what may stand after the --.", strings.TrimSuffix(sentence(err), "."), rule.Name)
		}
		return nil
	}
	values, err := typedValues(p.Parameters, p.Script)
	if err != nil {
		return err
	}
	for _, name := range compact(append(slices.Collect(maps.Keys(values)), p.Script.Names()...)) {
		takes, named := rule.Parameters.Of(name)
		value, typed := values[name]
		stored, has := p.Script.How.Default(name)
		instead := ""
		switch {
		case typed && !named:
			return refuse("The rule %q does not let anybody fill in %s. Leave it out, or ask whoever keeps the rules.", rule.Name, name)
		case !typed && (!named || !has): // nobody can choose it
			continue
		case !typed:
			value, instead = stored, " That is what the script is stored with: type "+name+"=… with another value after the --."
		}
		if err := takes.Check(value, shell); err != nil {
			return refuse("%s%s Nothing ran: the rule %q says what may be filled in.", sentence(err), instead, rule.Name)
		}
	}
	return nil
}

// fillIn are the edits that put values for the names of a script in their places, each once: a value is not looked into
// for names. Errors are refusals.
func fillIn(s approvals.Script, typed string) ([]approvals.Edit, error) {
	values, err := typedValues(typed, s)
	if err != nil {
		return nil, err
	}
	if odd := oddSlot.FindString(string(s.Content)); odd != "" && s.How.Fillable {
		why := "no document says what the cloud makes of that"
		if strings.Contains(odd, ":") {
			why = "the card would not show what is hidden"
		}
		return nil, refuse("The script %s has %s in it, and %s. Store it with plain names, like {{name}}.", s.CmdID, cut(odd), why)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(s.Names(), name) {
			return nil, refuse("The script %s has no {{%s}} to be filled in. %s", s.CmdID, name, takes(s))
		}
	}
	var edits []approvals.Edit
	var missing []string
	for _, p := range s.Slots() {
		value, given := values[p.Name]
		if !given {
			value, given = s.How.Default(p.Name)
		}
		if given {
			p.Put = value
			edits = append(edits, p)
		} else if !slices.Contains(missing, p.Name) {
			missing = append(missing, p.Name)
		}
	}
	if len(missing) > 0 {
		return nil, refuse("The script %s needs a value for %s. %s", s.CmdID, few(missing), takes(s))
	}
	return edits, nil
}

// takes says what may be typed for a script.
func takes(s approvals.Script) string {
	if s.CmdID == "" { // nobody has looked
		return "What the script takes is seen with show."
	}
	var all, line []string
	for _, name := range s.Names() {
		line = append(line, name+"=…")
		if value, has := s.How.Default(name); has {
			name += fmt.Sprintf(" (else %q)", cut(value))
		}
		all = append(all, name)
	}
	if len(all) == 0 {
		return "It takes no parameters: leave out the -- and what follows it."
	}
	return fmt.Sprintf("It takes %s, typed like: -- %s", strings.Join(all, ", "), strings.Join(line, " "))
}

// typedValues reads name=value parted by blanks. A value that holds blanks stands in quotes; nothing else in it has
// a meaning.
func typedValues(typed string, s approvals.Script) (map[string]string, error) {
	values := map[string]string{}
	for rest := strings.TrimSpace(typed); rest != ""; {
		m := typedPart.FindStringSubmatch(rest)
		if m == nil {
			return nil, refuse("%q is not name=value, with a value that holds blanks in quotes. %s", cut(strings.Fields(rest)[0]), takes(s))
		}
		if _, twice := values[m[1]]; twice {
			return nil, refuse("There are two values for %s. Give one.", m[1])
		}
		values[m[1]], rest = m[2]+m[3]+m[4], rest[len(m[0]):]
	}
	return values, nil
}

// nearlyAssigned says what to paste instead of what is name=value but for its quotes, blanks or another = than the plain one.
func nearlyAssigned(typed string) error {
	paste := strings.TrimSpace(nearPart.ReplaceAllString(typed, "$1$3$6$8=$2$5$4$7$9"))
	_, err := typedValues(typed, approvals.Script{})
	_, unread := typedValues(paste, approvals.Script{})
	if err == nil || unread != nil || strings.Contains(paste, "=//") { // an address
		return nil
	}
	typed = strings.TrimSpace(typed)
	at := 0
	for at < min(len(typed), len(paste)) && typed[at] == paste[at] {
		at++
	}
	odd, _ := utf8.DecodeRuneInString(typed[at:])
	return &ParseError{
		Text:  fmt.Sprintf("The parameters hold %s at character %d after the --, where name=value has none. If you meant this, paste it after --:", nameRune(odd), utf8.RuneCountInString(typed[:at])+1),
		Paste: paste,
	}
}
