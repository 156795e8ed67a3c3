package view

// Shown is a script as it is shown.
func Shown(content string) string {
	shown, _ := scriptText([]byte(content))
	return shown
}

// OddProse is what is said of a reason.
func OddProse(reason string) []string { return oddities(reason, false, 10) }

// Odd is what is said of a script.
func Odd(content string) []string { return oddities(unixLines(content), true, 10) }
