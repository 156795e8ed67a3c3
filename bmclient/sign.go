package bmclient

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/url"
	"slices"
	"strings"
)

const (
	// HmacSHA256 and HmacSHA1 are the two signature methods the API knows.
	HmacSHA256 = "HmacSHA256"
	HmacSHA1   = "HmacSHA1"
)

// param is one parameter as it is sent. The value is raw; nothing is escaped before signing.
type param struct{ key, value string }

type params []param

func (ps *params) add(key, value string) { *ps = append(*ps, param{key, value}) }

// textToSign is METHOD host path ? k=v&k=v…: keys in byte order with "_" as ".", values raw, empty values included.
func textToSign(method, host, path string, ps params) []byte {
	sorted := slices.Clone(ps)
	size := len(method) + len(host) + len(path) + 1
	for i := range sorted {
		sorted[i].key = strings.ReplaceAll(sorted[i].key, "_", ".")
		size += len(sorted[i].key) + len(sorted[i].value) + 2
	}
	slices.SortStableFunc(sorted, func(a, b param) int { return strings.Compare(a.key, b.key) })
	text := make([]byte, 0, size)
	text = append(text, method...)
	text = append(text, host...)
	text = append(text, path...)
	for i, p := range sorted {
		if i == 0 {
			text = append(text, '?')
		} else {
			text = append(text, '&')
		}
		text = append(text, p.key...)
		text = append(text, '=')
		text = append(text, p.value...)
	}
	return text
}

// signature is the base64 of the HMAC. Any method but HmacSHA256 is SHA-1, as at the API.
func signature(method, secret string, text []byte) string {
	h := func() hash.Hash { return sha1.New() }
	if method == HmacSHA256 {
		h = sha256.New
	}
	mac := hmac.New(h, []byte(secret))
	mac.Write(text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// encode is the form body or query. A space becomes %20, which means the same to every reader.
func (ps params) encode() string {
	size := 0
	for _, p := range ps {
		size += len(p.key) + len(p.value) + len(p.value)/4 + 2
	}
	var b strings.Builder
	b.Grow(size)
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.key))
		b.WriteByte('=')
		b.WriteString(escape(p.value))
	}
	return b.String()
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
