package approvals

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plan is exactly what would be done if the request is approved.
type Plan struct {
	Script     Script   `json:"script"`
	Parameters string   `json:"parameters"` // as they go to the script, before base64; where the script is sent, as they were typed: see Edits
	Hosts      []string `json:"hosts"`      // in the order asked for
	Login      Login    `json:"login"`
	Target     Target   `json:"target"`
	Rule       Rule     `json:"rule"` // as it was when the plan was made

	Edits []Edit     `json:"edits,omitempty"` // what is sent beside the stored script, where the API is sent it: see [Plan.Text]
	Facts []Fact     `json:"facts,omitempty"` // of hosts, that decided something
	Blind bool       `json:"blind,omitempty"` // the hosts could not be looked up, and the config lets it go on
	Seen  []HostNote `json:"seen,omitempty"`  // what is shown of hosts besides
}

// Script is a stored script as it was read. Alias and times are shown, but are
// not part of the digest: they do not change what runs.
type Script struct {
	CmdID    string    `json:"cmd_id"`
	Alias    string    `json:"alias"`
	OSType   string    `json:"os_type"`
	Content  []byte    `json:"content"`
	Created  time.Time `json:"created,omitzero"`
	Modified time.Time `json:"modified,omitzero"`
	How      How       `json:"how,omitzero"`
}

// SHA256 is the hex SHA-256 of the script's bytes, as sha256sum prints it.
func (s Script) SHA256() string {
	sum := sha256.Sum256(s.Content)
	return hex.EncodeToString(sum[:])
}

// Login is how the hosts are entered: by name, never by value.
type Login struct {
	Name string `json:"name"` // as the config calls it
	User string `json:"user"` // on the hosts
	Ref  string `json:"ref"`  // where its password is kept; empty on TAT, which needs none

	Region string `json:"region,omitempty"`  // of its hosts, if not the config's
	RunKey string `json:"run_key,omitempty"` // where its own key for runs is kept, if it has one
}

// Target is which cloud would be called, and how.
type Target struct {
	API      string `json:"api"` // "2.0"
	Endpoint string `json:"endpoint"`
	Region   string `json:"region,omitempty"`
	AppID    string `json:"app_id,omitempty"`
	ArrayKey string `json:"array_key,omitempty"`
}

// Digest names a Plan: 64 hex digits. People approve a digest.
type Digest string

// Short is what a person is shown.
func (d Digest) Short() string { return string(d[:min(12, len(d))]) }

// digestVersion stands first in what is hashed; a change to the encoding
// changes it, so that an old approval never fits a new meaning.
const digestVersion = "bmcmd plan 1"

// Digest is SHA-256 over a length-prefixed encoding of all that decides what
// runs, where, as whom, by which cloud and under which rule.
func (p Plan) Digest() Digest {
	e := encoder{sha256.New()}
	e.text(digestVersion, p.Script.CmdID, string(p.Script.Content), p.Script.OSType, p.Parameters)
	e.list(p.Hosts)
	e.text(p.Login.Name, p.Login.User, p.Login.Ref)
	e.text(p.Target.API, p.Target.Endpoint, p.Target.Region, p.Target.AppID, p.Target.ArrayKey)
	e.rule(p.Rule)
	e.sent(p)
	e.looked(p)
	return Digest(hex.EncodeToString(e.h.Sum(nil)))
}

// sent is what only an API has that is sent the script. It adds nothing to the digest of others, and never twice the
// same.
func (e encoder) sent(p Plan) {
	if h := p.Script.How; !reflect.DeepEqual(h, How{}) {
		e.text("how", h.Type, h.User, h.Dir, h.Timeout.String(), h.Bucket, h.Prefix, strconv.FormatBool(h.Fillable), strconv.Itoa(len(h.Defaults)))
		for _, d := range h.Defaults {
			e.text(d.Name, d.Value)
		}
	}
	if len(p.Edits) > 0 {
		e.text("edits", strconv.Itoa(len(p.Edits)))
		for _, d := range p.Edits {
			e.text(strconv.Itoa(d.At), strconv.Itoa(d.Del), d.Put, d.Name)
		}
	}
	if p.Login.Region != "" || p.Login.RunKey != "" {
		e.text("login's own", p.Login.Region, p.Login.RunKey)
	}
}

// looked is what was found out about hosts. It adds nothing where that decided nothing.
func (e encoder) looked(p Plan) {
	if p.Blind {
		e.text("blind")
	}
	for _, f := range p.Facts {
		e.text("fact", f.Host, f.What, f.Value)
	}
}

// encoder writes each text after its length, and each list after its count, so
// that no two different plans give the same bytes.
type encoder struct{ h hash.Hash }

func (e encoder) text(all ...string) {
	for _, s := range all {
		e.h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		e.h.Write([]byte(s))
	}
}

func (e encoder) list(l []string) {
	e.text(strconv.Itoa(len(l)))
	e.text(l...)
}

func (e encoder) who(w Who) {
	e.text(strconv.FormatBool(w.Anyone))
	e.list(w.Users)
	e.list(w.Groups)
}

// hosts writes patterns as a list, and what goes by tags or names behind a count that no list has.
func (e encoder) hosts(s HostSet) {
	ids, whole := s.Patterns()
	if whole {
		e.list(ids)
		return
	}
	e.text("matches", strconv.Itoa(len(s)))
	for _, m := range s {
		e.text(m.ID, strconv.Itoa(len(m.Tags)))
		for _, key := range slices.Sorted(maps.Keys(m.Tags)) {
			e.text(key)
			e.list(m.Tags[key])
		}
		e.list(m.Names)
	}
}

func (e encoder) rule(r Rule) {
	e.text(r.Name)
	e.list(r.Scripts)
	e.hosts(r.Hosts)
	e.list(r.Channels)
	for _, w := range []Who{r.Requesters, r.Show, r.Ask, r.Approve} {
		e.who(w)
	}
	e.text(strconv.Itoa(r.Quorum), r.Lifetime.String())
	for _, p := range r.Parameters {
		e.text("parameter", p.Name, p.Example, p.Match)
		e.list(p.Choices)
	}
}

// Change is one difference between what was approved and what would run now.
type Change struct {
	What string `json:"what"` // in people's words: "script", "host list", …
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
	Diff string `json:"diff,omitempty"` // for a script: the changed lines
}

// Changes lists what differs between p, which was approved, and now. It is empty
// exactly if both have the same digest; rule changes are not spelled out but named.
func (p Plan) Changes(now Plan) []Change {
	var out []Change
	add := func(what, was, is string) {
		if was != is {
			out = append(out, Change{What: what, Was: cutChange(was), Is: cutChange(is)})
		}
	}
	add("script id", p.Script.CmdID, now.Script.CmdID)
	if string(p.Script.Content) != string(now.Script.Content) {
		out = append(out, Change{
			What: "script", Was: p.Script.SHA256(), Is: now.Script.SHA256(),
			Diff: lineDiff(string(p.Script.Content), string(now.Script.Content)),
		})
	}
	add("operating system", p.Script.OSType, now.Script.OSType)
	add("parameters", p.Parameters, now.Parameters)
	add("hosts", strings.Join(p.Hosts, ", "), strings.Join(now.Hosts, ", "))
	add("login", p.Login.Name, now.Login.Name)
	add("user on the hosts", p.Login.User, now.Login.User)
	add("place of the login's password", p.Login.Ref, now.Login.Ref)
	add("API version", p.Target.API, now.Target.API)
	add("API endpoint", p.Target.Endpoint, now.Target.Endpoint)
	add("region", p.Target.Region, now.Target.Region)
	add("account (appId)", p.Target.AppID, now.Target.AppID)
	add("array key", p.Target.ArrayKey, now.Target.ArrayKey)
	add("region of the hosts", p.Login.Region, now.Login.Region)
	add("place of the login's key", p.Login.RunKey, now.Login.RunKey)
	add("type of the script", p.Script.How.Type, now.Script.How.Type)
	add("user of the script", p.Script.How.User, now.Script.How.User)
	add("directory", p.Script.How.Dir, now.Script.How.Dir)
	add("timeout", p.Script.How.Timeout.String(), now.Script.How.Timeout.String())
	add("bucket for the output", p.Script.How.Bucket+" "+p.Script.How.Prefix, now.Script.How.Bucket+" "+now.Script.How.Prefix)
	add("names and defaults", p.Script.How.names(), now.Script.How.names())
	add("hosts are looked up", strconv.FormatBool(!p.Blind), strconv.FormatBool(!now.Blind))
	if string(p.Script.Content) == string(now.Script.Content) {
		add("text that is sent", string(p.Text()), string(now.Text()))
	}
	out = append(out, changedFacts(p.Facts, now.Facts)...)
	if len(out) == 0 && p.Digest() != now.Digest() {
		add("rule", p.Rule.Name, now.Rule.Name+" (as it reads today)")
	}
	return out
}
