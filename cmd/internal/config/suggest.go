package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// unknown is the text for a key that does not belong at path. The key itself is
// shown only if it is or nearly is a known one: anything else may be a secret
// that slipped out of its place.
func unknown(key, path string, here []string) string {
	if meant := nearest(key, here); meant != "" {
		return fmt.Sprintf("there is no key %q; did you mean %s?", key, meant)
	}
	if places := homes()[key]; len(places) > 0 {
		return fmt.Sprintf("there is no key %q here; it belongs %s", key, strings.Join(places, " or "))
	}
	where := "here"
	if path == "" {
		where = "at the top"
	}
	return fmt.Sprintf("there is no such key; the keys %s are %s", where, strings.Join(here, ", "))
}

// nearest is the known key within two slips of the pen, or one for short keys.
func nearest(key string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		n := approvals.Distance(folded(key), folded(k))
		if n < at && n <= len(k)/3 {
			best, at = k, n
		}
	}
	return best
}

// folded makes botToken, bot-token and bot_token the same.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// homes says for each key where it belongs, in words.
func homes() map[string][]string {
	out := map[string][]string{}
	each(reflect.TypeFor[Config](), "", func(path, key string) {
		place := "at the top"
		if path != "" {
			place = "under " + path
		}
		if !slices.Contains(out[key], place) {
			out[key] = append(out[key], place)
		}
	})
	return out
}

// each calls f for every key that a file may have, with the path it is under.
func each(t reflect.Type, path string, f func(path, key string)) {
	switch t.Kind() {
	case reflect.Slice:
		each(t.Elem(), path, f)
	case reflect.Struct:
		for _, key := range fieldsOf(t) {
			f(path, key.name)
			each(t.Field(key.index).Type, child(path, key.name), f)
		}
	}
}
