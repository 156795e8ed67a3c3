package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// search is what came of looking for every credential in every byte that left
// the bot.
type search struct {
	bytes int
	found []string // which credential, and where
}

// searchSecrets looks through Slack's traffic, Redis, the log and what was
// printed, for each credential raw, URL-encoded, in hex, and in base64 at each
// alignment.
func (w *world) searchSecrets(printed []byte) search {
	places := map[string][]byte{
		"what was sent to Slack": w.slack.Traffic(),
		"Redis":                  []byte(w.redis.Dump()),
		"the log":                w.logs.Bytes(),
		"this output":            printed,
	}
	var s search
	for where, text := range places {
		s.bytes += len(text)
		for name, value := range w.secrets {
			for _, form := range forms(value) {
				if bytes.Contains(text, []byte(form)) {
					s.found = append(s.found, fmt.Sprintf("%s in %s", name, where))
					break
				}
			}
		}
	}
	sort.Strings(s.found)
	return s
}

func (s search) String() string {
	if len(s.found) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", len(s.found), strings.Join(s.found, "; "))
}

// forms are the ways a value may be written. Base64 of something longer that
// holds the value has, but for its ends, one of three forms.
func forms(value string) []string {
	out := []string{value, url.QueryEscape(value), hex.EncodeToString([]byte(value)), strconv.Quote(value)}
	for shift := range 3 {
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + value))
		out = append(out, enc[(shift*8+5)/6:len(enc)-4])
	}
	return out
}
