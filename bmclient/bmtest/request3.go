package bmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	path3    = "/"
	version3 = "2018-04-23"
	apiTAT   = "tat"
)

// product is what a call names by its version: what is signed for, where it is, and what it is in the history.
type product struct {
	service, version, api string
	regions               []string
}

var products = []product{{"bm", version3, "3.0", regions3}, {"tat", "2020-10-28", apiTAT, regionsTAT}, {"cvm", "2017-03-12", apiTAT, regionsTAT}}

// productOf is Bare Metal where the version is not known: it says so.
func productOf(version string) product {
	for _, p := range products {
		if p.version == version {
			return p
		}
	}
	return products[0]
}

// family is which actions a call may name.
func (r request) family() string {
	if r.api == apiTAT {
		return r.product.service
	}
	return r.api
}

// hasRoom counts a call of TAT or CVM. The lock is held.
func (s *Server) hasRoom(action string) bool {
	if now := s.now().Unix(); now != s.at || s.second == nil {
		s.at, s.second = now, map[string]int{}
	}
	s.second[action]++
	return s.aSecond == 0 || s.second[action] <= s.aSecond
}

// read3 takes the parameters from the JSON of a POST, and the common ones from the headers.
func read3(r *http.Request, body []byte) request {
	p := productOf(r.Header.Get("X-TC-Version"))
	req := request{
		api: p.api, product: p, method: r.Method, host: r.Host, path: r.URL.EscapedPath(), params: map[string]string{}, header: r.Header, body: body,
		fields: map[string]any{},
	}
	req.readAuthorization(r.Header.Get("Authorization"))
	for _, name := range []string{"Action", "Version", "Timestamp", "Region", "Token"} {
		if v := r.Header.Get("X-TC-" + name); v != "" {
			req.params[name] = v
		}
	}
	switch ct := r.Header.Get("Content-Type"); {
	case r.Method != http.MethodPost:
		return req.fail("the method is POST, not %s", r.Method)
	case !strings.HasPrefix(ct, "application/json"):
		return req.fail("the body is application/json, not %q", ct)
	case r.URL.RawQuery != "":
		return req.fail("a POST has no query")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&req.fields); err != nil {
		return req.fail("the body is not a JSON object")
	}
	for k, v := range req.fields {
		req.flatten(k, v)
	}
	return req
}

// flatten keeps a field for the history, a list as name.0, name.1, …
func (r request) flatten(name string, v any) {
	switch v := v.(type) {
	case []any:
		for i, one := range v {
			r.flatten(name+"."+strconv.Itoa(i), one)
		}
	case map[string]any:
		for k, one := range v {
			r.flatten(name+"."+k, one)
		}
	default:
		if _, taken := r.params[name]; !taken {
			r.params[name] = fmt.Sprint(v)
		}
	}
}

// readAuthorization takes the header apart: "TC3-HMAC-SHA256 Credential=ID/DATE/SERVICE/tc3_request, SignedHeaders=a;b, Signature=HEX".
func (r *request) readAuthorization(header string) {
	r.algorithm, header, _ = strings.Cut(header, " ")
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			parts := strings.Split(value, "/")
			n := max(0, len(parts)-3) // the scope is the last three
			r.params["SecretId"], r.scope = strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/")
		case "SignedHeaders":
			r.signedHeaders = value
		case "Signature":
			r.params["Signature"] = value
		}
	}
}

// text3 is a text that must be there.
func (r request) text3(name string) (string, *answer) {
	v, ok := r.fields[name]
	if !ok {
		a := answer{word: "MissingParameter", message: name + " is missing"}
		return "", &a
	}
	s, ok := v.(string)
	if !ok {
		return "", reason(10001, "%s is not a string", name)
	}
	return s, nil
}

// number3 is a number that is written as one.
func (r request) number3(name string, into *int, required bool) *answer {
	v, ok := r.fields[name]
	if !ok {
		if required {
			return &answer{word: "MissingParameter", message: name + " is missing"}
		}
		return nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return reason(10001, "%s is not a number", name)
	}
	i, err := strconv.Atoi(n.String())
	if err != nil {
		return reason(10001, "%s is not a whole number", name)
	}
	*into = i
	return nil
}

// hosts3 is InstanceIds.
func (r request) hosts3() ([]string, *answer) {
	ids, wrong := r.texts3("InstanceIds")
	if wrong == nil && len(ids) == 0 {
		wrong = &answer{word: "MissingParameter", message: "InstanceIds is missing or is not a list with at least one host"}
	}
	return ids, wrong
}

// texts3 is a list of texts, which may be absent.
func (r request) texts3(name string) (all []string, wrong *answer) {
	v, ok := r.fields[name]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, reason(10001, "%s is not a list", name)
	}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, reason(10001, "%s holds something that is not a string", name)
		}
		all = append(all, text)
	}
	return all, nil
}
