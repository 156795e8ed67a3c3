package config

import (
	"log/slog"
	"reflect"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// ref reads a secret setting. Its text is not used in any message.
func (d *decoder) ref(n ast.Node, path string, to *vault.Ref) {
	s, ok := stringOf(n)
	if !ok {
		d.breaks(path, "this must be a reference to a secret; write ref+vault://mount/path#/field, ref+file:///absolute/path or ref+env://NAME")
		return
	}
	ref, err := vault.ParseRef(s)
	if err != nil {
		d.breaks(path, err.Error())
		return
	}
	*to = ref
	d.places = append(d.places, Place{Ref: ref, Key: path, Line: d.line(path)})
}

func (d *decoder) duration(n ast.Node, path string, to *time.Duration) {
	s, ok := stringOf(n)
	v, err := time.ParseDuration(s)
	switch {
	case !ok || err != nil:
		d.breaks(path, "this is not a duration; write a number with s, m or h, such as 30s, 2m or 720h (30 days)")
	case v <= 0:
		d.breaks(path, "this must be longer than nothing; write a duration such as 30s, 2m or 720h")
	default:
		*to = v
	}
}

func (d *decoder) level(n ast.Node, path string, to *slog.Level) {
	s, _ := stringOf(n)
	switch s {
	case "debug":
		*to = slog.LevelDebug
	case "info":
		*to = slog.LevelInfo
	case "warn":
		*to = slog.LevelWarn
	case "error":
		*to = slog.LevelError
	default:
		d.breaks(path, "this must be debug, info, warn or error")
	}
}

func (d *decoder) who(n ast.Node, path string, to *approvals.Who) {
	if s, ok := stringOf(n); ok && s == "anyone" {
		to.Anyone = true
		return
	}
	if _, ok := pairsOf(n); !ok {
		d.breaks(path, "this must say who; write the word anyone, or {users: [U…], groups: [S…]}")
		return
	}
	d.mapping(n, path, reflect.ValueOf(to).Elem())
}
