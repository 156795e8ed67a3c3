package vault

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// A Ref says where a secret is. It holds no value and may be printed, stored
// and compared with ==. The zero Ref points nowhere.
type Ref struct {
	scheme  scheme
	path    string // vault: mount and path; file: absolute path; env: name
	version int    // vault only; 0 is the newest
	field   string // vault only; nested fields joined by "/"
}

type scheme string

const (
	schemeVault scheme = "vault"
	schemeFile  scheme = "file"
	schemeEnv   scheme = "env"
)

const (
	refPrefix = "ref+"
	// refForms ends errors about the form as a whole.
	refForms = "write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME"
	maxRef   = 1024
)

var (
	// One spelling for each reference: no percent-encoding, no spaces.
	segment = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:@-]+$`)
	envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	number  = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)
)

// ParseRef reads a reference:
//
//	ref+vault://mount/path#/field
//	ref+vault://mount/path?version=3#/field/nested
//	ref+file:///absolute/path
//	ref+env://NAME
//
// There is one spelling for each, so String gives back exactly what was
// parsed. Errors wrap [ErrBadRef] and say what is wrong and what is meant.
// They repeat nothing of s but its scheme (and, where the rest is in order,
// the path without "data/"): s may be a secret that someone pasted, or hold
// one in its query.
func ParseRef(s string) (Ref, error) {
	rest, ok := strings.CutPrefix(s, refPrefix)
	switch {
	case s == "":
		return Ref{}, badRef("it is empty; " + refForms)
	case !ok:
		return Ref{}, badRef("it does not begin with ref+, and a secret is never written out (the value is not shown here); " + refForms)
	case len(s) > maxRef:
		return Ref{}, badRef(fmt.Sprintf("it is longer than %d bytes; %s", maxRef, refForms))
	}
	kind, rest, ok := strings.Cut(rest, "://")
	if !ok {
		return Ref{}, badRef("there is no :// after the scheme; " + refForms)
	}
	switch scheme(kind) {
	case schemeVault:
		return parseVault(rest)
	case schemeFile:
		return parseFile(rest)
	case schemeEnv:
		return parseEnv(rest)
	}
	return Ref{}, badRef("its scheme is none of vault, file, env; " + refForms)
}

func badRef(what string) error { return fail(ErrBadRef, what) }

func parseVault(rest string) (Ref, error) {
	rest, field, _ := strings.Cut(rest, "#")
	where, query, hasQuery := strings.Cut(rest, "?")

	ref := Ref{scheme: schemeVault, path: where}
	if hasQuery {
		v, ok := strings.CutPrefix(query, "version=")
		if !ok {
			return Ref{}, badRef("only ?version=N may stand in the query of ref+vault; server, namespace and login are set once, in the config")
		}
		if !number.MatchString(v) {
			return Ref{}, badRef("the version of ref+vault must be a number from 1; leave ?version= out for the newest")
		}
		ref.version, _ = strconv.Atoi(v)
	}
	if !segments(where) || !strings.Contains(where, "/") {
		return Ref{}, badRef("ref+vault needs a mount and a path of plain segments (no empty one, no . or .., no spaces, no %, no / at the end); write ref+vault://mount/path#/field")
	}
	name, ok := strings.CutPrefix(field, "/")
	if !ok || name == "" {
		return Ref{}, badRef("ref+vault names no field; write #/field at its end")
	}
	if !segments(name) {
		return Ref{}, badRef("the field of ref+vault must be plain segments (no empty one, no spaces, no %, no second #); write #/field or #/field/nested")
	}
	ref.field = name

	if mount, after, ok := cutData(where, 1); ok {
		meant := ref
		meant.path = mount + "/" + after
		return Ref{}, badRef("/data/ is not part of a reference, it is added when reading; write " + meant.String())
	}
	return ref, nil
}

// cutData finds "data" as the segment after the first n, as in a path copied
// from the HTTP API of KV version 2.
func cutData(where string, n int) (mount, after string, ok bool) {
	parts := strings.Split(where, "/")
	if len(parts) < n+2 || parts[n] != "data" {
		return "", "", false
	}
	return strings.Join(parts[:n], "/"), strings.Join(parts[n+1:], "/"), true
}

func segments(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "." || part == ".." || !segment.MatchString(part) {
			return false
		}
	}
	return true
}

func parseFile(rest string) (Ref, error) {
	switch {
	case strings.ContainsAny(rest, "?#%"):
		return Ref{}, badRef("ref+file takes a plain path, without ?, # or %; the whole file is the secret")
	case !strings.HasPrefix(rest, "/"):
		return Ref{}, badRef("ref+file needs an absolute path; write three slashes: ref+file:///run/secrets/name")
	case rest == "/" || path.Clean(rest) != rest || !printable(rest):
		return Ref{}, badRef("ref+file needs the plain path of a file (no // or .., no / at the end, no control characters); write ref+file:///run/secrets/name")
	}
	return Ref{scheme: schemeFile, path: rest}, nil
}

func printable(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

func parseEnv(rest string) (Ref, error) {
	if !envName.MatchString(rest) {
		return Ref{}, badRef("ref+env needs the name of a variable (letters, digits and _), never its value; write ref+env://NAME")
	}
	return Ref{scheme: schemeEnv, path: rest}, nil
}

// String gives the reference as it was written.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	var b strings.Builder
	b.WriteString(refPrefix + string(r.scheme) + "://" + r.path)
	if r.version != 0 {
		b.WriteString("?version=" + strconv.Itoa(r.version))
	}
	if r.field != "" {
		b.WriteString("#/" + r.field)
	}
	return b.String()
}

// File is the path of a ref+file; "" of any other.
func (r Ref) File() string {
	if r.scheme != schemeFile {
		return ""
	}
	return r.path
}

// IsZero says whether r points nowhere.
func (r Ref) IsZero() bool { return r == Ref{} }

// MarshalText gives the reference as it was written, so that JSON and slog
// show it.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
