package approvals

import "strings"

// diffLines bounds the shown difference, and the work of finding it.
const (
	diffLines  = 60
	diffMatrix = 2000
	changeLine = 1000 // bytes of a line, or of a value
)

// lineDiff shows the lines that differ, "-" for what was approved and "+" for
// what is there now, without the lines that are the same at both ends. It is kept in the
// record, for each host where one ran something else: long lines are cut.
func lineDiff(was, is string) string {
	if strings.TrimSuffix(was, "\n") == strings.TrimSuffix(is, "\n") {
		return "(only the newline at the end differs)"
	}
	a, b := strings.SplitAfter(was, "\n"), strings.SplitAfter(is, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out []string
	mark := func(sign, line string) {
		if line != "" {
			out = append(out, sign+cutChange(strings.TrimSuffix(line, "\n")))
		}
	}
	if len(a) > diffMatrix || len(b) > diffMatrix {
		return "(too many lines differ to show them)"
	}
	for _, step := range lcs(a, b) {
		mark(step.sign, step.line)
	}
	if len(out) > diffLines {
		out = append(out[:diffLines], "(… more lines differ)")
	}
	return strings.Join(out, "\n")
}

// cutChange bounds a line, or a value, of a change. What is there now may be megabytes.
func cutChange(s string) string { return cutTo(s, changeLine) }

type diffStep struct{ sign, line string }

// lcs walks a longest common subsequence and lists what leaves a and enters b.
func lcs(a, b []string) []diffStep {
	long := make([][]int32, len(a)+1)
	for i := range long {
		long[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	var out []diffStep
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, diffStep{" ", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[i+1][j] >= long[i][j+1]:
			out = append(out, diffStep{"-", a[i]})
			i++
		default:
			out = append(out, diffStep{"+", b[j]})
			j++
		}
	}
	return out
}
