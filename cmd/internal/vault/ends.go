package vault

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// ends refuses a value with something at one of its ends that nobody sees: no secret
// means it, and what takes the secret would only say that it is wrong.
func ends(value string) error {
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	switch {
	case unseen(first) != "":
		return fail(ErrUnusable, "it begins with "+unseen(first)+"; store the value without it")
	case unseen(last) != "":
		return fail(ErrUnusable, "it ends with "+unseen(last)+"; store the value without it")
	}
	return nil
}

// unseen names a character that nobody sees; empty for any other.
func unseen(r rune) string {
	switch {
	case r == '\n' || r == '\r':
		return "a line end"
	case r == '\t':
		return "a tab"
	case r == ' ':
		return "a blank"
	case r == '\uFEFF':
		return "a byte order mark"
	case unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf):
		return fmt.Sprintf("a character that is not seen (%U)", r)
	}
	return ""
}
