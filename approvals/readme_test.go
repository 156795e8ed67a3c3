package approvals

import (
	"os"
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
		if m[1] != "move" {
			words = append(words, m[1])
		}
	}
	for _, a := range allowed {
		table = append(table, strings.Join([]string{string(a.from), string(a.to), a.move}, " "))
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
	if strings.Count(string(text), "-->") != len(allowed)+1 {
		t.Error("the chart has an arrow that this test does not read")
	}
}
