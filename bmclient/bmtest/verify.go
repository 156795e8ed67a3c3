package bmtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verify checks, in this order: the common parameters, the key, the signature, the time, the nonce, the right. The lock is held.
func (s *Server) verify(r request, right Rights) *answer {
	if s.onlyHTTPS {
		return reason(4600, "use https")
	}
	for _, name := range []string{"SecretId", "Signature", "Timestamp", "Nonce"} {
		if r.params[name] == "" {
			return reason(4000, "%s is missing", name)
		}
	}
	stamp, err := strconv.ParseInt(r.params["Timestamp"], 10, 64)
	if err != nil || stamp <= 0 {
		return reason(4000, "Timestamp is not a UNIX time in seconds: %q", r.params["Timestamp"])
	}
	nonce, err := strconv.ParseUint(r.params["Nonce"], 10, 63)
	if err != nil || nonce == 0 {
		return reason(4000, "Nonce is not a positive integer: %q", r.params["Nonce"])
	}
	k, ok := s.keys[r.params["SecretId"]]
	switch {
	case !ok:
		return reason(4104, "there is no such SecretId")
	case k.token != r.params["Token"]:
		return reason(4105, "Token is missing, wrong, or not wanted for this key")
	}
	if a := r.verifySignature(k.secret); a != nil {
		return a
	}
	now := s.now()
	switch age := now.Sub(time.Unix(stamp, 0)); {
	case age > s.window:
		return reason(4200, "Timestamp is %s old; %s is allowed", age.Truncate(time.Second), s.window)
	case -age > s.window:
		return reason(4500, "Timestamp is %s in the future; %s is allowed", -age.Truncate(time.Second), s.window)
	case !s.nonces.fresh(r.params["SecretId"]+" "+r.params["Nonce"], now, s.window):
		return reason(4500, "Nonce %d was used before; take a fresh one for every send", nonce)
	case k.may&right == 0:
		return reason(4101, "this key may not use %s", r.params["Action"])
	}
	return nil
}

func reason(code int, format string, args ...any) *answer {
	a := refuse(code, format, args...)
	return &a
}

// verifySignature signs again and compares. Where they differ it names the mistake that would explain it, and the text it signed,
// in which password and token are hidden.
func (r request) verifySignature(secret string) *answer {
	want := r.style()
	got := r.params["Signature"]
	if hmac.Equal([]byte(want.sign(r, secret)), []byte(got)) {
		return nil
	}
	shown := want
	shown.hide = true
	for _, m := range mistakes {
		if wrong := m.make(want); wrong.sign(r, secret) == got {
			return reason(4100, "%s; the text to sign is %q, with %s", m.what, shown.text(r), want.name())
		}
	}
	return reason(4100, "the signature does not fit; the text to sign is %q, with %s and this key's secret", shown.text(r), want.name())
}

// style is one way to sign; the right one, or one with a usual mistake.
type style struct {
	method    string
	sha256    bool
	skipFiles bool // values that begin with "@" are left out, as the vendor's clients do for POST
	encoded   bool
	foldCase  bool
	dropEmpty bool
	hide      bool
}

var mistakes = []struct {
	what string
	make func(style) style
}{
	{"the values were URL-encoded before signing", func(s style) style { s.encoded = true; return s }},
	{"the keys were sorted without regard to case", func(s style) style { s.foldCase = true; return s }},
	{"empty values were left out of the text", func(s style) style { s.dropEmpty = true; return s }},
	{"a value that begins with \"@\" was signed, which POST leaves out", func(s style) style { s.skipFiles = false; return s }},
	{"the text begins with the other method", func(s style) style { s.method = otherMethod(s.method); return s }},
	{"the other hash was used; only SignatureMethod=HmacSHA256 means SHA-256", func(s style) style { s.sha256 = !s.sha256; return s }},
}

func otherMethod(m string) string {
	if m == http.MethodGet {
		return http.MethodPost
	}
	return http.MethodGet
}

// style is what the documents ask for. Only the exact word HmacSHA256 selects SHA-256.
func (r request) style() style {
	return style{method: r.method, sha256: r.params["SignatureMethod"] == "HmacSHA256", skipFiles: r.method == http.MethodPost}
}

func (s style) name() string {
	if s.sha256 {
		return "HmacSHA256"
	}
	return "HmacSHA1"
}

func (s style) sign(r request, secret string) string {
	h := func() hash.Hash { return sha1.New() }
	if s.sha256 {
		h = sha256.New
	}
	mac := hmac.New(h, []byte(secret))
	mac.Write([]byte(s.text(r)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// text is METHOD, host, path, "?", and every parameter but Signature, by key.
func (s style) text(r request) string {
	byKey := map[string]string{}
	for k, v := range r.params {
		if k == "Signature" || s.skipFiles && strings.HasPrefix(v, "@") || s.dropEmpty && v == "" {
			continue
		}
		switch {
		case s.hide && (k == "password" || k == "Token"):
			v = hidden
		case s.encoded:
			v = url.QueryEscape(v)
		}
		byKey[strings.ReplaceAll(k, "_", ".")] = v
	}
	keys := slices.Sorted(maps.Keys(byKey))
	if s.foldCase {
		slices.SortStableFunc(keys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	}
	pairs := make([]string, len(keys))
	for i, k := range keys {
		pairs[i] = k + "=" + byKey[k]
	}
	return s.method + r.host + r.path + "?" + strings.Join(pairs, "&")
}

// nonceBook remembers nonces for at least twice the window, in two halves that are thrown away in turn.
type nonceBook struct {
	young, old map[string]bool
	turned     time.Time
}

func (b *nonceBook) fresh(nonce string, now time.Time, window time.Duration) bool {
	if b.young == nil || now.Sub(b.turned) > 2*window {
		b.old, b.young, b.turned = b.young, map[string]bool{}, now
	}
	if b.young[nonce] || b.old[nonce] {
		return false
	}
	b.young[nonce] = true
	return true
}
