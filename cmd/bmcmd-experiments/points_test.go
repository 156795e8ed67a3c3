package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlan holds that a seed repeats its plan, and that all that was dealt is in it.
func TestPlan(t *testing.T) {
	for _, n := range []int{1, 40, 1000} {
		one, two := shuffled(deal(n), rand.New(rand.NewPCG(7, 1))), shuffled(deal(n), rand.New(rand.NewPCG(7, 1)))
		if !slices.Equal(one, two) {
			t.Errorf("a seed makes two plans of %d kills", n)
		}
		got := map[string]int{}
		total := 0
		for _, b := range batches(one, 100) {
			for _, d := range b.plan {
				got[d.point]++
				total++
			}
		}
		want := deal(n)
		maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
		if diff := cmp.Diff(want, got); diff != "" || total < n-1 || total > n+1 {
			t.Errorf("%d kills of %d: %s", total, n, diff)
		}
	}
}

// TestPlanKnowsEveryMove holds the plan against the table in the README of approvals.
func TestPlanKnowsEveryMove(t *testing.T) {
	readme, err := os.ReadFile("../../approvals/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([a-z]+) \| (?:the bot|who (?:may|asked)|that worker)`).FindAllSubmatch(readme, -1)
	if len(rows) < 15 {
		t.Fatalf("the README has %d moves", len(rows))
	}
	for _, row := range rows {
		if m := string(row[1]); !slices.Contains(moves, m) && !slices.Contains(elsewhere, m) {
			t.Errorf("the move %s is in no plan", m)
		}
	}
}
