package approvals

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The chart in README.md shows every move of the table and no other, and its
// table of words has every name once.
func TestReadmeShowsTheMoves(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var chart, table, words, names []string
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+) : (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		chart = append(chart, strings.Join(m[1:], " "))
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (\w+) \|`).FindAllStringSubmatch(string(text), -1) {
		if m[1] != "move" && m[1] != "promise" {
			words = append(words, m[1])
		}
	}
	for _, a := range allowed {
		for _, from := range a.from {
			for _, to := range a.to {
				table = append(table, strings.Join([]string{string(from), string(to), a.move}, " "))
			}
		}
		names = append(names, a.move)
	}
	slices.Sort(chart)
	slices.Sort(table)
	slices.Sort(words)
	slices.Sort(names)
	if diff := cmp.Diff(table, chart); diff != "" {
		t.Errorf("the table (-) and the chart (+) differ:\n%s", diff)
	}
	if diff := cmp.Diff(slices.Compact(names), words); diff != "" {
		t.Errorf("the moves (-) and their words (+) differ:\n%s", diff)
	}
	if strings.Count(string(text), "-->") != len(table)+1 {
		t.Error("the chart has an arrow that this test does not read")
	}
}

// Every test that README.md names for a promise is in the package it names.
func TestReadmeNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, promises, _ := strings.Cut(string(text), "## What is promised")
	promises, _, _ = strings.Cut(promises, "\n## ")
	rows := 0
	for line := range strings.Lines(promises) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| promise |") {
			continue
		}
		rows++
		m := regexp.MustCompile("^\\| .+ \\| `([a-z/]+)` (Test\\w+) \\|\n$").FindStringSubmatch(line)
		if m == nil {
			t.Errorf("this row names no test: %s", line)
			continue
		}
		if !slices.Contains(testsIn(t, filepath.Join("..", m[1])), m[2]) {
			t.Errorf("there is no %s in %s", m[2], m[1])
		}
	}
	if rows < 30 {
		t.Errorf("%d rows: the table was not found", rows)
	}
}

// testsIn are the tests of the package in dir.
func testsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}
