package bmtest

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	longestBody = 8 << 20
	path        = "/v2/index.php"
	hidden      = "[secret]"
)

// request is one request as it arrived.
type request struct {
	api                string // 2.0, 3.0 or tat
	product            product
	id                 string // given to each
	method, host, path string
	params             map[string]string
	wrong              *answer // set when it could not be read at all

	// of API 3.0
	header                          http.Header
	body                            []byte
	fields                          map[string]any
	algorithm, scope, signedHeaders string
}

// read takes one request apart, as the version of the API has it that its path means.
func read(w http.ResponseWriter, r *http.Request) request {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	var req request
	if r.URL.Path == path3 {
		req = read3(r, body)
	} else {
		req = read2(r, body)
	}
	if err != nil {
		req = req.fail("the body cannot be read, or is longer than %d bytes", longestBody)
	}
	return req
}

// read2 takes the parameters from the query of a GET or from the form of a POST, never from both.
func read2(r *http.Request, body []byte) request {
	req := request{api: "2.0", method: r.Method, host: r.Host, path: r.URL.EscapedPath(), params: map[string]string{}}
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost {
		if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/x-www-form-urlencoded") {
			return req.fail("the body of a POST is application/x-www-form-urlencoded, not %q", ct)
		}
		raw = string(body)
	} else if r.Method != http.MethodGet {
		return req.fail("the method is GET or POST, not %s", r.Method)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return req.fail("the parameters are not URL-encoded")
	}
	for k, vs := range values {
		if len(vs) > 1 {
			return req.fail("%s is sent %d times", k, len(vs))
		}
		req.params[k] = vs[0]
	}
	return req
}

func (r request) fail(format string, args ...any) request {
	a := refuse(4000, format, args...)
	r.wrong = &a
	return r
}

// has returns a parameter that must be there, though it may be empty.
func (r request) has(name string) (string, *answer) {
	v, ok := r.params[name]
	if !ok {
		a := refuse(4000, "%s is missing; it is sent and signed also when empty", name)
		return "", &a
	}
	return v, nil
}

func (r request) passwordKey() string {
	if r.api == "3.0" {
		return "Password"
	}
	return "password"
}

// redactedParams is what may be shown of the parameters.
func (r request) redactedParams() map[string]string {
	m := maps.Clone(r.params)
	for _, name := range []string{r.passwordKey(), "Token"} {
		if _, ok := m[name]; ok {
			m[name] = hidden
		}
	}
	return m
}

// hosts reads instanceId.N or instanceIds.N.
func (r request) hosts() (arrayKey string, hosts []string, wrong *answer) {
	for _, name := range []string{"instanceId", "instanceIds"} {
		list, bad := r.indexed(name)
		switch {
		case bad != nil:
			return name, nil, bad
		case len(list) == 0:
		case arrayKey != "":
			return "", nil, reason(4000, "hosts are named under both array keys, instanceId and instanceIds; use one")
		default:
			arrayKey, hosts = name, list
		}
	}
	if len(hosts) == 0 {
		wrong = reason(4000, "no host is named; name them instanceId.0, instanceId.1 or instanceIds.0, instanceIds.1")
	}
	return arrayKey, hosts, wrong
}

// indexed reads name.N, counted from 0 or from 1, without gaps.
func (r request) indexed(name string) (list []string, wrong *answer) {
	byIndex := map[int]string{}
	for k, v := range r.params {
		key, index, ok := strings.Cut(k, ".")
		if n, err := strconv.Atoi(index); ok && err == nil && key == name {
			byIndex[n] = v
		}
	}
	indexes := slices.Sorted(maps.Keys(byIndex))
	for i, n := range indexes {
		if n != indexes[0]+i || indexes[0] < 0 || indexes[0] > 1 {
			return nil, reason(4000, "%s.%d leaves a gap; count from 0", name, n)
		}
		list = append(list, byIndex[n])
	}
	return list, nil
}
