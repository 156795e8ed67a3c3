package bot

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// A run that carries its script carries its name, too: a comment line with the request's id. The API names
// the run only in its answer, and that may be lost; see search.go. The line goes where it changes nothing that
// the script does, or there is none: so not in a script that may read itself by the numbers of its lines.

const bom = "\ufeff"

// commented are the interpreters in which a # begins a comment, without the version in their names. Not
// listed are those that have another comment, such as node and php, and those that nobody has thought of.
var commented = strings.Fields("sh bash dash ash ksh mksh zsh fish csh tcsh python pypy perl ruby awk gawk mawk nawk sed make gmake expect tclsh wish pwsh Rscript")

var (
	// plainStart is a #! line without anything that a shell, or an interpreter with continued comments, would
	// read on from: below a byte-order mark bash takes it for a command.
	plainStart = regexp.MustCompile(`^#![ \t]*([\w/.+=:@, \t-]*[\w/.+=:@,-])[ \t]*$`)
	coding     = regexp.MustCompile(`^[ \t\f]*#.*coding[:=]`) // Python and Ruby heed it on the second line, not below
	versioned  = regexp.MustCompile(`[\d.]*$`)
	// namesItself is a script's own file, which it may read by lines, as one with an archive below it does; onlyName is where it is no
	// more than a name, or not a word of a shell.
	namesItself = regexp.MustCompile(`\$\{?0\b|\bBASH_SOURCE\b|\b__file__\b|\bsys\.argv\[0\]|\$PSCommandPath\b|\$MyInvocation\b`)
	batchItself = regexp.MustCompile(`%(~f)?0`) // the same in BAT; elsewhere the form of a number
	onlyName    = regexp.MustCompile(`(?im)^\s*#.*$|^.*\busage\b.*$|\b(echo|printf|logger|die|error|warn|log)\s+(-\w+\s+)*"[^"\n]*"|'[^'\n]*'|` +
		`\b(basename|dirname|readlink|realpath)\s+(-\w+\s+)*(-- )?"?\$(\{?0\}?|\{?BASH_SOURCE(\[0\])?\}?)"?|\$\{0[#%][^}\n]*\}|` +
		`\b(dirname|abspath|realpath|basename|Path)\((os\.path\.\w+\()?__file__|\bexec\s+(\w*(sh|wish|perl|python[\d.]*|ruby)\s+)?"?\$0"?`)
	fromFile = regexp.MustCompile(`\s-\w*f`) // without it, sed and awk take the script for what they are to read
)

// nameLine is the edit that puts the line with the id into a script of this type (SHELL, POWERSHELL, BAT).
// There is none where a # may not be a comment.
func nameLine(content []byte, kind, id string) (approvals.Edit, bool) {
	mark := len(content) - len(bytes.TrimPrefix(content, []byte(bom)))
	line, at, ok := "# bmcmd "+id, mark, true
	switch {
	case kind == "BAT":
		line, ok = "@rem bmcmd "+id, mark == 0 // cmd would take the mark for part of a command
	case kind != "SHELL" && kind != "POWERSHELL":
		return approvals.Edit{}, false
	case bytes.HasPrefix(content[mark:], []byte("#!")):
		at, ok = belowStart(content, mark)
	case kind == "SHELL":
		ok = mark == 0 // nor would bash take # for a comment behind it
	}
	itself := namesItself
	if kind == "BAT" {
		itself = batchItself
	}
	if itself.Match(onlyName.ReplaceAll(content, nil)) {
		return approvals.Edit{}, false
	}
	before := content[:at]
	switch {
	case at == mark || bytes.HasSuffix(before, []byte("\n")) && !bytes.HasSuffix(before, []byte("\r\n")):
		line += "\n"
	case bytes.HasSuffix(before, []byte("\r\n")):
		line += "\r\n"
	default: // the script ends in the line before it, without a line end
		line = "\n" + line
	}
	return approvals.Edit{At: at, Put: line}, ok
}

// withName adds the line to the edits that fill a script in. Where it goes is decided by the text with what is
// filled in.
func withName(s approvals.Script, fills []approvals.Edit, id string) []approvals.Edit {
	line, ok := nameLine(approvals.Plan{Script: s, Edits: fills}.Text(), s.How.Type, id)
	if !ok {
		return fills
	}
	i, longer := 0, 0 // the text is so much longer than the script, up to here
	for ; i < len(fills) && fills[i].At+longer < line.At; i++ {
		if fills[i].At+longer+len(fills[i].Put) > line.At {
			return fills // it would stand within what is filled in
		}
		longer += len(fills[i].Put) - fills[i].Del
	}
	line.At -= longer
	return slices.Insert(slices.Clip(fills), i, line)
}

// belowStart is the place below the #! line at begin and the comment lines that directly follow it.
func belowStart(content []byte, begin int) (at int, ok bool) {
	at = begin
	for n, line := range slices.Collect(bytes.Lines(content[begin:])) {
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if n == 0 {
			m := plainStart.FindStringSubmatch(text)
			if m == nil {
				return at, false
			}
			name := interpreter(m[1])
			if !slices.Contains(commented, name) || (name == "sed" || strings.HasSuffix(name, "awk")) && !fromFile.MatchString(m[1]) {
				return at, false
			}
		} else if !strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") || strings.HasSuffix(text, `\`) || strings.Contains(text, "\r") {
			return at, n > 1 || !coding.MatchString(text) // make and Tcl read on behind a \, Python behind a CR
		}
		at += len(line)
	}
	return at, true
}

// interpreter is the program that a #! line names, also through env, without directory and version.
func interpreter(start string) string {
	words := strings.Fields(start)
	if b := base(words[0]); b == "env" || b == "busybox" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return w == "-S" || w == "-i" || strings.Contains(w, "=") })
	}
	if len(words) == 0 {
		return ""
	}
	return versioned.ReplaceAllString(base(words[0]), "")
}

func base(file string) string { return file[strings.LastIndexByte(file, '/')+1:] }
