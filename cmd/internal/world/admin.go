package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Admin speaks to a simulator's own port.
type Admin struct {
	T    T
	Base string // with a slash at the end
}

// Object is JSON as it is written by hand.
type Object = map[string]any

// ErrAdmin says that a simulator could not do what it was asked for.
var ErrAdmin = errors.New("the simulator refuses")

// client keeps connections for as many callers as an experiment has.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// Get reads what a simulator has.
func (a Admin) Get(path string) []byte {
	a.T.Helper()
	body, err := a.Try(a.T.Context(), path, nil)
	if err != nil {
		a.T.Fatalf("%v", err)
	}
	return body
}

// Post sends JSON: a text, or what becomes one.
func (a Admin) Post(path string, body any) []byte {
	a.T.Helper()
	answer, err := a.Try(a.T.Context(), path, body)
	if err != nil {
		a.T.Fatalf("%v", err)
	}
	return answer
}

// Try is Post, or Get without a body, for whoever wants the error: [ErrAdmin], the
// network's, or that of ctx. It may be called concurrently.
func (a Admin) Try(ctx context.Context, path string, body any) ([]byte, error) {
	method, text := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		text = marshal(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %s %s %s: %s: %s", ErrAdmin, method, path, text, resp.Status, answer)
	}
	return answer, err
}

// marshal leaves texts as they are.
func marshal(body any) []byte {
	if text, ok := body.(string); ok {
		return []byte(text)
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // only maps and texts of ours come here
	}
	return b
}

// Fetch reads what a simulator has into a value.
func Fetch[V any](a Admin, path string) (v V) {
	a.T.Helper()
	if err := json.Unmarshal(a.Get(path), &v); err != nil {
		a.T.Fatalf("%s: %v", path, err)
	}
	return v
}
