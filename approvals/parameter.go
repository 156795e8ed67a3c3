package approvals

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parameter says what may be filled in for a name.
type Parameter struct {
	Name    string   `json:"name" yaml:"name" need:"give the parameter its name in the script"`
	Example string   `json:"example" yaml:"example" need:"write a value that is right, for people to see"`
	Choices []string `json:"choices,omitempty" yaml:"choices"` // one of these, or
	Match   string   `json:"match,omitempty" yaml:"match"`     // what the whole value matches, as [regexp] has it; neither: see [Parameter.Check]
}

const mostParameters = 20 // as many as the API fills in

var (
	parameterName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	plainValue    = regexp.MustCompile(`^[A-Za-z0-9@%_+=:,./][A-Za-z0-9@%_+=:,./-]*$`)
)

// Check is nil if the value may be filled in: one of the choices, or what the expression matches whole. With neither, it
// is what no shell takes for more than a word, and does not begin with a dash; outside of a shell it holds no %, @ or
// comma either. What cannot be seen never may. The error says in words for people what may be.
func (p Parameter) Check(value string, shell bool) error {
	not := func(why string) error {
		return fmt.Errorf("%q is not a value for %s: %s; an example is %q", value, p.Name, why, p.Example)
	}
	switch {
	case hidden(value):
		return not("it may hold no control character, and no other that cannot be seen")
	case len(p.Choices) > 0:
		if !slices.Contains(p.Choices, value) {
			return not("it has to be one of " + strings.Join(p.Choices, ", "))
		}
	case p.Match != "":
		whole, err := regexp.Compile(`\A(?:` + p.Match + `)\z`)
		if err != nil || !whole.MatchString(value) {
			return not("it has to match " + p.Match)
		}
	case !plainValue.MatchString(value):
		return not("it may have letters, digits and @%_+=:,./- only, and may not begin with -")
	case !shell && strings.ContainsAny(value, "%@,"):
		return not("outside of a shell it may have no %, @ or comma")
	}
	return nil
}

// hidden reports whether s holds what a card cannot show as it is, such as a control character.
func hidden(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// fault says why a parameter could never be used.
func (p Parameter) fault() error {
	_, err := regexp.Compile(p.Match)
	switch {
	case !parameterName.MatchString(p.Name):
		return errors.New("name: use up to 64 letters, digits, - and _")
	case p.Choices != nil && len(p.Choices) == 0:
		return errors.New("choices: the list is empty, so nothing could be filled in; write some, or remove the key")
	case len(p.Choices) > 0 && p.Match != "":
		return errors.New("choices and match are two ways to say the same; keep one")
	case err != nil:
		return errors.New("match: this is not a regular expression")
	}
	for _, c := range p.Choices {
		if c == "" || hidden(c) {
			return errors.New("choices: one is empty or holds a character that cannot be seen")
		}
	}
	if p.Check(p.Example, true) != nil {
		return errors.New("example: this is not a value that the parameter takes; write one")
	}
	return nil
}

// Parameters are those of a rule, in order.
type Parameters []Parameter

// Of is the parameter of a name.
func (ps Parameters) Of(name string) (Parameter, bool) {
	return find(ps, func(p Parameter) bool { return p.Name == name })
}

// CheckWords holds what goes to a script as a whole, word by word, against the parameters in order: one word for each,
// with single blanks between. Without parameters anything may go.
func (ps Parameters) CheckWords(text string, shell bool) error {
	if len(ps) == 0 {
		return nil
	}
	words := strings.Split(text, " ")
	if text == "" {
		words = nil
	}
	if len(words) != len(ps) {
		return fmt.Errorf("what stands after the -- has to be like %q, word by word, with single blanks between", ps)
	}
	for i, p := range ps {
		if err := p.Check(words[i], shell); err != nil {
			return err
		}
	}
	return nil
}

// String is an example of all.
func (ps Parameters) String() string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Example)
	}
	return strings.Join(all, " ")
}

func (ps Parameters) faults() (errs []error) {
	if ps != nil && len(ps) == 0 {
		errs = append(errs, errors.New("parameters: the list is empty; write what may be filled in, or remove the key"))
	}
	seen := map[string]bool{}
	for i, p := range ps {
		err := p.fault()
		if err == nil && seen[p.Name] {
			err = errors.New("name: an earlier parameter has this name; give it another")
		}
		if err == nil && i == mostParameters {
			err = fmt.Errorf("there are more than %d parameters, and the API fills in no more", mostParameters)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("parameters: item %d: %w", i+1, err))
		}
		seen[p.Name] = true
	}
	return errs
}
