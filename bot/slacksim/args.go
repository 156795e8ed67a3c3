package slacksim

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// args are the arguments of a call, whether they came as a form, in the query or as JSON.
type args struct {
	isJSON bool
	form   url.Values
	body   []byte // of a JSON call
	json   map[string]json.RawMessage
}

func parseArgs(r *http.Request, body []byte) (args, *refusal) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return args{}, refuse("method_not_supported_for_channel_type")
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		a := args{isJSON: true, body: body}
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, &a.json); err != nil {
				return a, refuse("invalid_json")
			}
		}
		return a, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return args{}, refuse("invalid_form_data")
	}
	query := r.URL.Query()
	query.Del("token") // Slack takes no token from an address
	for k, v := range query {
		form[k] = append(form[k], v...)
	}
	return args{form: form}, nil
}

// str returns an argument as text; numbers and booleans as they are written.
func (a args) str(name string) string {
	if !a.isJSON {
		return a.form.Get(name)
	}
	raw := a.json[name]
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// has reports whether the argument was given at all.
func (a args) has(name string) bool {
	if a.isJSON {
		raw, ok := a.json[name]
		return ok && string(raw) != "null"
	}
	return a.form.Has(name)
}

// raw returns a structured argument: an object, or text that holds one. Nil when it was not given.
func (a args) raw(name string) json.RawMessage {
	if a.isJSON {
		if raw := a.json[name]; len(raw) > 0 && raw[0] != '"' && string(raw) != "null" {
			return raw
		}
	}
	if v := a.str(name); v != "" {
		return json.RawMessage(v)
	}
	return nil
}

func (a args) flag(name string) bool {
	v, _ := strconv.ParseBool(a.str(name))
	return v
}

// withoutToken returns the body as sent, without its token field.
func (a args) withoutToken() []byte {
	if a.isJSON {
		return a.body
	}
	token := a.form["token"]
	delete(a.form, "token")
	out := a.form.Encode()
	if token != nil {
		a.form["token"] = token
	}
	return []byte(out)
}

func itoa(n int) string { return strconv.Itoa(n) }
