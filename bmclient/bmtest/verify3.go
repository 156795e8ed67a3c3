package bmtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm3 = "TC3-HMAC-SHA256"
)

// verify3 checks, in this order: the common headers, the version, the region, the key, the signature, the time, the right. The lock is
// held.
func (s *Server) verify3(r request, right Rights) *answer {
	if s.onlyHTTPS {
		return reason(4600, "use https")
	}
	for _, name := range []string{"Timestamp", "Version", "Region"} {
		if r.params[name] == "" {
			return &answer{word: "MissingParameter", message: "the header X-TC-" + name + " is missing"}
		}
	}
	at, err := strconv.ParseInt(r.params["Timestamp"], 10, 64)
	switch {
	case err != nil || at <= 0:
		return reason(4000, "X-TC-Timestamp is not a UNIX time in seconds: %q", r.params["Timestamp"])
	case r.params["Version"] != r.product.version:
		return &answer{word: "NoSuchVersion", message: "the version of bm is " + version3}
	case !slices.Contains(r.product.regions, r.params["Region"]):
		return &answer{word: "UnsupportedRegion", message: r.product.service + " is in " + strings.Join(r.product.regions, ", ")}
	case r.algorithm != algorithm3 || r.params["SecretId"] == "" || r.params["Signature"] == "":
		return &answer{word: "AuthFailure.InvalidAuthorization", message: "the header Authorization is missing, or is not " + algorithm3}
	}
	k, ok := s.keys[r.params["SecretId"]]
	switch {
	case !ok:
		return reason(4104, "there is no such SecretId")
	case k.token != r.params["Token"]:
		return reason(4105, "X-TC-Token is missing, wrong, or not wanted for this key")
	}
	if wrong := r.verifySignature3(k.secret, time.Unix(at, 0)); wrong != nil {
		return wrong
	}
	switch age := s.now().Sub(time.Unix(at, 0)); {
	case age.Abs() > s.window:
		return reason(4200, "X-TC-Timestamp is off by %s; %s is allowed", age.Truncate(time.Second), s.window)
	case k.may&right == 0:
		return reason(4101, "this key may not use %s", r.params["Action"])
	}
	return nil
}

// regions3 are where the product is, by its page.
var regions3 = []string{"ap-beijing", "ap-shanghai", "ap-guangzhou", "ap-chongqing"}

// verifySignature3 signs again and compares. The text that it shows holds no secret: of the body it has a hash.
func (r request) verifySignature3(secret string, at time.Time) *answer {
	signed := strings.Split(r.signedHeaders, ";")
	switch {
	case !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host"):
		return &answer{word: "AuthFailure.SignatureFailure", message: "content-type and host are to be signed"}
	case !slices.IsSorted(signed) || r.signedHeaders != strings.ToLower(r.signedHeaders):
		return &answer{word: "AuthFailure.SignatureFailure", message: "SignedHeaders are in lower case and in order"}
	case r.scope != at.UTC().Format(time.DateOnly)+"/"+r.product.service+"/tc3_request":
		return &answer{word: "AuthFailure.SignatureFailure", message: "the scope is the timestamp's date in UTC/" + r.product.service + "/tc3_request"}
	}
	request := canonical(r.method, r.canonicalHeaders(signed), r.signedHeaders, r.body)
	text := textToSign3(at, r.scope, request)
	want := sign3(secret, at.UTC().Format(time.DateOnly), r.product.service, text)
	if hmac.Equal([]byte(want), []byte(r.params["Signature"])) {
		return nil
	}
	return &answer{word: "AuthFailure.SignatureFailure", message: "the signature does not fit; the canonical request is " +
		strconv.Quote(request) + ", the text to sign " + strconv.Quote(text)}
}

// canonicalHeaders are the signed headers, "name:value" each on a line, values in lower case and without blanks around.
func (r request) canonicalHeaders(signed []string) string {
	var b strings.Builder
	for _, name := range signed {
		v := r.header.Get(name)
		if name == "host" {
			v = r.host
		}
		b.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(v)) + "\n")
	}
	return b.String()
}

// canonical is step 1 of the documents: the path is "/" and a POST has no query.
func canonical(method, headers, signedHeaders string, body []byte) string {
	return strings.Join([]string{method, "/", "", headers, signedHeaders, hashed(body)}, "\n")
}

// textToSign3 is step 2.
func textToSign3(at time.Time, scope, canonical string) string {
	return strings.Join([]string{algorithm3, strconv.FormatInt(at.Unix(), 10), scope, hashed([]byte(canonical))}, "\n")
}

// sign3 is step 3: a key derived for a day and a service.
func sign3(secret, date, service, text string) string {
	key := []byte("TC3" + secret)
	for _, part := range []string{date, service, "tc3_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hashed(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
