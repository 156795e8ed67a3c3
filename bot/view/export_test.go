package view

// Shown is a script as it is shown.
func Shown(content string) string {
	shown, _ := scriptText([]byte(content))
	return shown
}

// Odd is what is said of a script.
func Odd(content string) []string { return oddities(unixLines(content), 10) }
