package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parse reads the one document of a file; nil if it cannot.
func (d *decoder) parse(data []byte) ast.Node {
	if len(data) > maxFile {
		d.add(1, "", fmt.Sprintf("the file is larger than %d KiB; is this the right file?", maxFile>>10))
		return nil
	}
	if line := firstBroken(data); line != 0 {
		d.add(line, "", "this line is not UTF-8 text or holds a zero byte; save the file as UTF-8")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // as some Windows editors save it
	// Keys given twice are found later, so that they do not hide other problems.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	return d.onlyDocument(file)
}

// firstBroken is the first line that cannot be text, or 0.
func firstBroken(data []byte) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
			return i + 1
		}
	}
	return 0
}

func (d *decoder) onlyDocument(file *ast.File) ast.Node {
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
			d.add(lineOf(doc.Body, 1), "", "directives (lines that begin with %) are not taken; remove it")
		case body != nil:
			d.add(lineOf(doc.Body, 1), "", "a second YAML document begins here; a config is one, so join them or remove the line ---")
			return nil // half a config would seem to miss much
		default:
			body = doc.Body
		}
	}
	if body == nil && len(d.errs) == 0 {
		d.add(1, "", "the file is empty; `bmcmd example` prints one to begin with")
	}
	return body
}

// syntaxHints turns the parser's messages into ours: some of its messages, and
// all of its formatted errors, quote the source, which may hold a secret.
var syntaxHints = []struct{ has, text string }{
	{"\t", "a tab stands where only spaces may; indent with spaces"},
	{"tab character", "a tab stands where only spaces may; indent with spaces"},
	{"end character of", "a quote is opened here and never closed; close it"},
	{"not found", "a bracket is opened here and never closed; close it"},
	{"end token", "a bracket is opened here and never closed; close it"},
	{"flow map content", "a bracket is opened here and never closed; close it"},
	{"must be specified", "a comma or a closing bracket is missing; add it here or on the line before"},
	{"corresponding to", "a bracket is closed here that was never opened; remove it, or put the value in quotes"},
	{"reserved character", "a value cannot begin with @ or `; put it in quotes (and where Slack ids are meant, a handle such as @oncall will not do)"},
	{"escape character", "a \\ has a meaning of its own in double quotes; use single quotes"},
	{"scalar value type", "a value is missing here, or begins with * & or % and needs quotes, such as \"*\""},
	{"alias", "a value that begins with * needs quotes, such as \"*\"; YAML aliases are not taken"},
	{"anchor", "a value that begins with & needs quotes; YAML anchors are not taken"},
	{"directive", "a value cannot begin with %; put it in quotes"},
	{"not allowed in this context", "this does not fit the lines around it; look at the indentation, and put a value that holds \": \" in quotes"},
	{"non-map value", "this line is no \"key: value\"; add the colon and a space, or look at the indentation"},
	{"unexpected key name", "this line is no \"key: value\"; add the colon and a space, or look at the indentation"},
}

func (d *decoder) syntax(err error) {
	line, text := 1, "this cannot be read as YAML; look at the indentation, quotes and brackets here and on the line before"
	if e, is := errors.AsType[yaml.Error](err); is {
		line = lineOfToken(e.GetToken(), 1)
		for _, hint := range syntaxHints {
			if strings.Contains(e.GetMessage(), hint.has) {
				text = hint.text
				break
			}
		}
	}
	d.add(line, "", text)
}

func lineOf(n ast.Node, otherwise int) int { return lineOfToken(n.GetToken(), otherwise) }

func lineOfToken(t *token.Token, otherwise int) int {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return otherwise
	}
	return t.Position.Line
}
