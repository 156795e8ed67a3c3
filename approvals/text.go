package approvals

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How is how a script is run, where the API keeps that beside its content: TAT. It is zero on Bare Metal.
type How struct {
	Type     string        `json:"type,omitempty"`    // SHELL, POWERSHELL or BAT
	User     string        `json:"user,omitempty"`    // that the script is stored with; it runs as the login's
	Dir      string        `json:"dir,omitempty"`     // where it begins; empty: the API's own default
	Timeout  time.Duration `json:"timeout,omitempty"` // in nanoseconds
	Bucket   string        `json:"bucket,omitempty"`  // where its output is copied to; empty: nowhere
	Prefix   string        `json:"prefix,omitempty"`
	Fillable bool          `json:"fillable,omitempty"` // the {{names}} in it are to be filled in
	Defaults []Default     `json:"defaults,omitempty"` // of those names
}

// Default is what stands for a name in a script if nobody says otherwise.
type Default struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
}

// names are the names that are to be filled in, with their defaults.
func (h How) names() string {
	if !h.Fillable {
		return "none"
	}
	var all []string
	for _, d := range h.Defaults {
		all = append(all, d.Name+"="+strconv.Quote(d.Value))
	}
	return "filled in; " + strings.Join(all, ", ")
}

var slot = regexp.MustCompile(`\{\{([a-zA-Z0-9_-]{1,64})\}\}`)

// Slots are the places {{Name}} that are to be filled in, in order, with nothing put there yet; none where [How.Fillable] is not set.
func (s Script) Slots() (all []Edit) {
	if !s.How.Fillable {
		return nil
	}
	for _, at := range slot.FindAllSubmatchIndex(s.Content, -1) {
		all = append(all, Edit{At: at[0], Del: at[1] - at[0], Name: string(s.Content[at[2]:at[3]])})
	}
	return all
}

// Names are what is to be filled in, each once.
func (s Script) Names() (all []string) {
	for _, p := range s.Slots() {
		if !slices.Contains(all, p.Name) {
			all = append(all, p.Name)
		}
	}
	return all
}

// Default is what stands for a name if nobody says otherwise.
func (h How) Default(name string) (value string, has bool) {
	d, has := find(h.Defaults, func(d Default) bool { return d.Name == name })
	return d.Value, has
}

// Edit is one difference between the stored script and what is sent: at byte At of the stored content, Del bytes
// give way to Put. Edits are in order and do not overlap.
type Edit struct {
	At   int    `json:"at"`
	Del  int    `json:"del,omitempty"`
	Put  string `json:"put"`
	Name string `json:"name,omitempty"` // the parameter that was filled in; empty: the line with the request's id
}

// Text is what is sent, where the API is sent the script: its content with the edits.
func (p Plan) Text() []byte {
	return p.TextWith(func(kept []byte) []byte { return kept }, func(e Edit) string { return e.Put })
}

// TextWith is the text with what keep makes of each part of the stored script, and put of each edit.
func (p Plan) TextWith(keep func([]byte) []byte, put func(Edit) string) (out []byte) {
	at := 0
	for _, e := range p.Edits {
		if e.At < at || e.Del < 0 || e.At+e.Del > len(p.Script.Content) {
			return nil // not one of ours
		}
		out = append(append(out, keep(p.Script.Content[at:e.At])...), put(e)...)
		at = e.At + e.Del
	}
	return append(out, keep(p.Script.Content[at:])...)
}

// Named reports whether what is sent holds the request's id, so that its task can be told from all others.
func (p *Plan) Named() bool {
	return p != nil && slices.ContainsFunc(p.Edits, func(e Edit) bool { return e.Name == "" })
}

// Fact is what the cloud said of a host when the plan was made, and what a rule, a login or the line that was typed went by.
type Fact struct {
	Host  string `json:"host"`
	What  string `json:"what"` // "name", or "tag " and its key
	Value string `json:"value"`
}

func (f Fact) key() string { return f.What + " of " + f.Host }

// HostNote is what a card shows beside a host's id.
type HostNote struct {
	Host    string `json:"host"`
	Name    string `json:"name,omitempty"`
	Matched string `json:"matched,omitempty"` // what of the rule it fits, where that is not its id
}

// changedFacts are the facts that are not what they were.
func changedFacts(was, is []Fact) (out []Change) {
	value := func(all []Fact, key string) string {
		if i := slices.IndexFunc(all, func(f Fact) bool { return f.key() == key }); i >= 0 {
			return all[i].Value
		}
		return "not known"
	}
	seen := map[string]bool{}
	for _, f := range slices.Concat(was, is) {
		if key := f.key(); !seen[key] && value(was, key) != value(is, key) {
			out = append(out, Change{What: key, Was: cutChange(value(was, key)), Is: cutChange(value(is, key))})
		}
		seen[f.key()] = true
	}
	return out
}
