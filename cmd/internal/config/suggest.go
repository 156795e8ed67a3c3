package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
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
		n := distance(folded(key), folded(k))
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

// distance counts the letters to insert, remove, change or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			change := 1
			if s[i-1] == t[j-1] {
				change = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(s)][len(t)]
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
