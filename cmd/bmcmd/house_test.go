package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/bmcmd/bmcmd"

// Third parties, each as the beginning of its import paths.
const (
	libSlack     = "github.com/slack-go/slack"
	libSocket    = "github.com/gorilla/websocket"
	libRedis     = "github.com/redis/go-redis"
	libMiniRedis = "github.com/alicebob/miniredis"
	libMarkdown  = "github.com/yuin/goldmark"
	libYAML      = "github.com/goccy/go-yaml"
	libVault     = "github.com/openbao/openbao"
	libCobra     = "github.com/spf13/cobra"
	libFlags     = "github.com/spf13/pflag" // which cobra parses with
	libSync      = "golang.org/x/sync"
	libRate      = "golang.org/x/time/rate"
	libCloud     = "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
)

// testLibraries may be imported by every test, and by nothing else.
var testLibraries = []string{
	"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid",
}

// row says what a package may import besides the standard library: packages of
// ours by their folder, third parties by the beginning of their path.
type row struct {
	may   []string
	tests []string // what its tests may import besides
	only  string   // the one file that may import what is outside of the standard library
}

// house is who may import whom. The order is that of the folders.
var house = map[string]row{
	"approvals":            {},
	"approvals/redisstore": {may: []string{"approvals", libRedis}, tests: []string{libMiniRedis}},

	// API 2.0 is the standard library's; the vendor's client signs for 3.0, in one file.
	"bmclient":                {may: []string{libCloud}, only: "bmclient/sign3.go", tests: []string{"bmclient/bmtest"}},
	"bmclient/bmtest":         {tests: []string{"bmclient"}},
	"bmclient/bmtest/bmtestd": {may: []string{"bmclient/bmtest"}, tests: []string{"bmclient"}},

	"bot": {
		may:   []string{"approvals", "bmclient", "bot/ledger"},
		tests: []string{"approvals/redisstore", "bmclient/bmtest", libRedis, libMiniRedis},
	},
	"bot/ledger": {may: []string{"approvals", "bmclient", libRate}},
	"bot/view":   {may: []string{"approvals", "bmclient", libSlack}, tests: []string{"bot/slacksim"}},
	"bot/slackio": {
		may:   []string{"approvals", "bmclient", "bot", "bot/view", libSlack, libSocket, libSync},
		tests: []string{"bot/slacksim"},
	},
	// The simulator is not built on the client that it is to find faults of.
	"bot/slacksim":           {may: []string{libSocket}, tests: []string{libSlack}},
	"bot/slacksim/slacksimd": {may: []string{"bot/slacksim"}, tests: []string{libSlack}},

	"cmd/bmcmd": {
		may: []string{
			"approvals", "approvals/redisstore", "bmclient", "bot", "bot/view", "cmd/internal/config", "cmd/internal/runbook", "cmd/internal/serve", libCobra, libFlags,
		},
		tests: []string{
			"bmclient/bmtest", "bot/slackio", "bot/slacksim", "cmd/internal/vault", "cmd/internal/vault/vaulttest",
			"cmd/internal/world", libMiniRedis, libYAML,
		},
	},
	"cmd/bmcmd-demo": {may: []string{
		"approvals", "bmclient", "bmclient/bmtest", "bot", "bot/slacksim", "cmd/internal/config", "cmd/internal/runbook",
		"cmd/internal/serve", libCobra, libMiniRedis,
	}},
	"cmd/bmcmd-experiments": {may: []string{
		"approvals", "approvals/redisstore", "bmclient/bmtest", "bot/slacksim", "bot/view", "cmd/bmcmd-experiments/fault",
		"cmd/bmcmd-experiments/load", "cmd/internal/world", libCobra, libRedis,
	}},
	"cmd/bmcmd-experiments/fault": {may: []string{
		"approvals", "approvals/redisstore", "bmclient/bmtest", "bot/slacksim", "cmd/internal/wire", "cmd/internal/world", libRedis,
	}},
	"cmd/bmcmd-experiments/load": {may: []string{
		"approvals", "approvals/redisstore", "bmclient/bmtest", "bot/slacksim", "cmd/internal/world", libRedis,
	}},
	// What bmcmd is measured by is what others would write: the field's client, and nothing of ours.
	"cmd/bmcmd-experiments/yardstick": {may: []string{libSlack}, tests: []string{"bmclient/bmtest", "bot/slacksim"}},

	"cmd/internal/config":  {may: []string{"approvals", "cmd/internal/vault", libYAML}},
	"cmd/internal/quota":   {may: []string{"bmclient", "bot", libRate}},
	"cmd/internal/runbook": {may: []string{libMarkdown}},
	"cmd/internal/serve": {
		may: []string{
			"approvals", "approvals/redisstore", "bmclient", "bot", "bot/slackio", "cmd/internal/config", "cmd/internal/quota", "cmd/internal/vault", libRedis,
		},
		tests: []string{"bmclient/bmtest", "bot/slacksim", "cmd/internal/vault/vaulttest", libMiniRedis},
	},
	"cmd/internal/vault":           {may: []string{libVault, libSync}, tests: []string{"cmd/internal/vault/vaulttest"}},
	"cmd/internal/vault/vaulttest": {},
	"cmd/internal/wire":            {},
	"cmd/internal/world":           {may: []string{"approvals/redisstore", "bmclient/bmtest", "bot/slacksim", libRedis}},
}

// neverShipped is for tests and the demo: no program that people run for real
// may hold it, by whatever way.
var neverShipped = []string{
	"bot/slacksim", "bmclient/bmtest", "cmd/internal/vault/vaulttest", "cmd/internal/wire", "cmd/internal/world", libMiniRedis,
	"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid",
}

// imported is one import of one file.
type imported struct {
	at     string // file:line
	pkg    string // folder of the file
	path   string // ours by their folder
	inTest bool
}

// checkHouse holds every Go file of a tree against the table. Each fault begins
// with file:line. It reads the files themselves: what the Go tool says is cached.
func checkHouse(tree fs.FS, rows map[string]row) (faults []string, err error) {
	all, err := readImports(tree)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if fault := i.fault(rows); fault != "" {
			faults = append(faults, i.at+": "+fault)
		}
	}
	seen := map[string]bool{}
	for _, i := range all {
		seen[i.pkg] = true
	}
	for pkg := range rows {
		if !seen[pkg] {
			faults = append(faults, pkg+": the table has a row for it, and there is no such package")
		}
	}
	faults = append(faults, shipped(all, "cmd/bmcmd")...)
	slices.Sort(faults)
	return slices.Compact(faults), nil
}

// fault says why the import is forbidden, or nothing.
func (i imported) fault(rows map[string]row) string {
	r, known := rows[i.pkg]
	switch {
	case !known:
		return fmt.Sprintf("package %s has no row: say in the table of this test what it may import", i.pkg)
	case i.path == "" || standard(i.path):
		return ""
	case allowed(r.may, i.path) && (i.inTest || r.only == "" || strings.HasPrefix(i.at, r.only+":")):
		return ""
	case allowed(r.may, i.path):
		return fmt.Sprintf("%s may not import %s here: only %s does", i.pkg, i.path, r.only)
	case !i.inTest:
		return fmt.Sprintf("%s may not import %s: %s", i.pkg, i.path, r.rule())
	case i.path == i.pkg || allowed(testLibraries, i.path) || allowed(r.tests, i.path):
		return ""
	}
	return fmt.Sprintf("tests of %s may not import %s: besides test libraries and what the package may, they import %s",
		i.pkg, i.path, list(r.tests))
}

func (r row) rule() string { return "besides the standard library it imports " + list(r.may) }

func list(what []string) string {
	if len(what) == 0 {
		return "nothing"
	}
	return "only " + strings.Join(what, ", ")
}

// allowed reports whether the table's words allow an import. Ours are meant
// exactly, third parties with everything below.
func allowed(words []string, p string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return p == w || strings.Contains(w, ".") && strings.HasPrefix(p, w+"/")
	})
}

// standard reports whether p is of the standard library, whose paths have no dot
// in front. Ours have none either, once they are folders.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && !slices.Contains([]string{"approvals", "bmclient", "bot", "cmd"}, first)
}

// shipped follows imports from a program and finds what is only for tests.
func shipped(all []imported, program string) (faults []string) {
	reached := map[string]bool{program: true}
	for queue := []string{program}; len(queue) > 0; queue = queue[1:] {
		for _, i := range all {
			if i.pkg != queue[0] || i.inTest {
				continue
			}
			if allowed(neverShipped, i.path) {
				faults = append(faults, fmt.Sprintf("%s: %s would be part of %s, and is for tests and the demo", i.at, i.path, program))
			}
			if !reached[i.path] {
				reached[i.path] = true
				queue = append(queue, i.path)
			}
		}
	}
	return faults
}

// readImports reads the imports of every Go file, and one empty import for each
// file, so that a file that imports nothing counts, too.
func readImports(tree fs.FS) (all []imported, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		one := imported{at: name + ":1", pkg: path.Dir(name), inTest: strings.HasSuffix(name, "_test.go")}
		all = append(all, one)
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				return err
			}
			one.path = strings.TrimPrefix(p, module+"/")
			one.at = fmt.Sprintf("%s:%d", name, files.Position(s.Pos()).Line)
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

// root is the top of the tree, from this package's folder.
var root = os.DirFS("../..")

func TestHouse(t *testing.T) {
	faults, err := checkHouse(root, house)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// TestHouseFails adds one forbidden import at a time to a tree that has every
// package: the test above must be able to fail, at every row.
func TestHouseFails(t *testing.T) {
	const ours, test = module + "/", true
	tests := []struct {
		why     string
		pkg     string
		imports string
		inTest  bool
	}{
		{"rules are the standard library's", "approvals", libRedis + "/v9", false},
		{"rules know no Slack", "approvals", libSlack, false},
		{"rules know no cloud", "approvals", ours + "bmclient", false},
		{"a test library is for tests", "approvals", "pgregory.net/rapid", false},
		{"rules are tested without a store", "approvals", ours + "approvals/redisstore", test},
		{"a store knows no bot", "approvals/redisstore", ours + "bot", false},
		{"a store ships without miniredis", "approvals/redisstore", libMiniRedis + "/v2", false},
		{"the client knows no rules", "bmclient", ours + "approvals", false},
		{"the client resolves nothing", "bmclient", ours + "cmd/internal/vault", false},
		{"the client of 2.0 has no library", "bmclient", libCloud, false},
		{"the client has no other library", "bmclient", "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm", false},
		{"the client ships without its simulator", "bmclient", ours + "bmclient/bmtest", false},
		{"the API's simulator is not built on the client that it checks", "bmclient/bmtest", ours + "bmclient", false},
		{"the API's process is that simulator and no more", "bmclient/bmtest/bmtestd", ours + "bmclient", false},
		{"the bot is chat-neutral", "bot", libSlack, false},
		{"the bot is chat-neutral in its tests", "bot", libSlack, test},
		{"the bot does not draw", "bot", ours + "bot/view", false},
		{"the bot does not know where things are kept", "bot", ours + "approvals/redisstore", false},
		{"the bot resolves nothing", "bot", ours + "cmd/internal/vault", false},
		{"what the list says is no decision", "bot/ledger", ours + "bot", false},
		{"drawing is a pure function of records", "bot/view", ours + "bot", false},
		{"drawing receives nothing", "bot/view", libSocket, false},
		{"Slack's side keeps nothing", "bot/slackio", libRedis + "/v9", false},
		{"Slack's side ships without its simulator", "bot/slackio", ours + "bot/slacksim", false},
		{"slack-go is not checked by itself", "bot/slacksim", libSlack, false},
		{"the simulator decides nothing", "bot/slacksim", ours + "approvals", false},
		{"Slack's process is that simulator and no more", "bot/slacksim/slacksimd", ours + "bot", false},
		{"the program ships without Slack's simulator", "cmd/bmcmd", ours + "bot/slacksim", false},
		{"the program ships without the API's simulator", "cmd/bmcmd", ours + "bmclient/bmtest", false},
		{"the program ships without miniredis", "cmd/bmcmd", libMiniRedis + "/v2", false},
		{"the program leaves wiring to serve", "cmd/bmcmd", libSlack, false},
		{"the demo runs what serve wires, and no Redis client of its own", "cmd/bmcmd-demo", libRedis + "/v9", false},
		{"experiments judge a program from outside, and run nothing of it", "cmd/bmcmd-experiments", ours + "cmd/internal/serve", false},
		{"a fault is judged from outside, too", "cmd/bmcmd-experiments/fault", ours + "bot", false},
		{"a load is measured from outside, too", "cmd/bmcmd-experiments/load", ours + "cmd/internal/serve", false},
		{"a yardstick has nothing of what it is to measure", "cmd/bmcmd-experiments/yardstick", ours + "bmclient", false},
		{"YAML is read in one place", "cmd/bmcmd-demo", libYAML, false},
		{"a config reaches nothing", "cmd/internal/config", ours + "bot", false},
		{"a config reads no secret by itself", "cmd/internal/config", libVault + "/api/v2", false},
		{"a quota is one process' own", "cmd/internal/quota", libRedis + "/v9", false},
		{"a runbook is text", "cmd/internal/runbook", ours + "bot", false},
		{"serve wires, and Slack's client is slackio's", "cmd/internal/serve", libSlack, false},
		{"serve wires, and the vault's client is vault's", "cmd/internal/serve", libVault + "/api/v2", false},
		{"serve ships without simulators", "cmd/internal/serve", ours + "bot/slacksim", false},
		{"secrets know nobody", "cmd/internal/vault", ours + "approvals", false},
		{"secrets know no Redis", "cmd/internal/vault", libRedis + "/v9", test},
		{"a vault for tests needs nothing of ours", "cmd/internal/vault/vaulttest", ours + "cmd/internal/vault", false},
		{"a world is what is around the program, as processes", "cmd/internal/world", ours + "cmd/internal/serve", false},
		{"a wire knows nobody", "cmd/internal/wire", libRedis + "/v9", test},
		{"a library nobody chose", "bot", "github.com/stretchr/testify/assert", test},
		{"a name that only begins like an allowed one", "bot/view", libSlack + "er", false},
		{"a package of ours below an allowed one", "bot", ours + "bmclient/extra", false},
	}
	tried := map[string]bool{}
	for _, tt := range tests {
		tried[tt.pkg] = true
		t.Run(tt.why, func(t *testing.T) {
			tree := emptyHouse()
			name := tt.pkg + "/added.go"
			if tt.inTest {
				name = tt.pkg + "/added_test.go"
			}
			tree[name] = &fstest.MapFile{Data: []byte("package x\n\nimport (\n\t\"fmt\"\n\t_ " + strconv.Quote(tt.imports) + "\n)\n")}
			faults, err := checkHouse(tree, house)
			if err != nil {
				t.Fatal(err)
			}
			found := slices.ContainsFunc(faults, func(f string) bool {
				return strings.HasPrefix(f, name+":5: ") && strings.Contains(f, strings.TrimPrefix(tt.imports, module+"/"))
			})
			if !found {
				t.Errorf("no fault at %s:5 names %s; there are %q", name, tt.imports, faults)
			}
		})
	}
	for pkg := range house {
		if !tried[pkg] {
			t.Errorf("nothing forbidden was tried at %s", pkg)
		}
	}
}

// emptyHouse has every package of the table, with one file that imports nothing.
func emptyHouse() fstest.MapFS {
	tree := fstest.MapFS{}
	for pkg := range house {
		tree[pkg+"/x.go"] = &fstest.MapFile{Data: []byte("package x\n")}
	}
	return tree
}

func TestHouseOfOthers(t *testing.T) {
	if faults, err := checkHouse(emptyHouse(), house); err != nil || len(faults) > 0 {
		t.Fatalf("a tree without imports has faults: %q, %v", faults, err)
	}
	tests := []struct {
		why  string
		name string
		src  string
		says string
	}{
		{"a package without a row", "bot/new/new.go", "package new\n", "bot/new/new.go:1: package bot/new has no row"},
		{"a package without a row at the top", "new.go", "package new\n", "new.go:1: package . has no row"},
		{
			"what ships reaches a simulator by a way that the table allows", "cmd/internal/serve/x.go",
			"package x\n\nimport _ \"" + module + "/bot/slacksim\"\n", "cmd/internal/serve/x.go:3: bot/slacksim would be part of cmd/bmcmd",
		},
	}
	rows := maps.Clone(house)
	serve := rows["cmd/internal/serve"]
	serve.may = append(slices.Clone(serve.may), "bot/slacksim")
	rows["cmd/internal/serve"] = serve
	for _, tt := range tests {
		tree := emptyHouse()
		tree["cmd/bmcmd/y.go"] = &fstest.MapFile{Data: []byte("package x\n\nimport _ \"" + module + "/cmd/internal/serve\"\n")}
		tree[tt.name] = &fstest.MapFile{Data: []byte(tt.src)}
		faults, err := checkHouse(tree, rows)
		if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], tt.says) {
			t.Errorf("%s: got %q, %v; want %q", tt.why, faults, err, tt.says)
		}
	}
	gone := emptyHouse()
	delete(gone, "bot/view/x.go")
	if faults, _ := checkHouse(gone, house); len(faults) != 1 || !strings.Contains(faults[0], "bot/view: the table has a row") {
		t.Errorf("a row without a package: %q", faults)
	}
	testdata := emptyHouse()
	testdata["bot/testdata/tool/main.go"] = &fstest.MapFile{Data: []byte("package main\n\nimport _ \"example.com/x\"\n")}
	if faults, _ := checkHouse(testdata, house); len(faults) > 0 {
		t.Errorf("testdata is nobody's package: %q", faults)
	}
}

// top is what may lie at the top of the tree, besides files that begin with a dot.
var top = []string{"go.mod", "go.sum", "cmd", "bot", "bmclient", "approvals", "Dockerfile", "README.md"}

// unfinished are the words that mark what somebody means to do later.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

// checkOrder finds what does not belong at the top, and files with a mark of
// unfinished work. What git ignores is left alone.
func checkOrder(tree fs.FS) (faults []string, err error) {
	ignored, err := ignores(tree)
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case name == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // a worktree
		case ignored(name):
			return nil
		}
		if path.Dir(name) == "." && !strings.HasPrefix(name, ".") && !slices.Contains(top, name) {
			faults = append(faults, name+": the top level is fixed: "+strings.Join(top, " "))
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if at := unfinished.FindIndex(data); at != nil {
			faults = append(faults, fmt.Sprintf("%s:%d: %s: finish it, or open an issue",
				name, 1+strings.Count(string(data[:at[0]]), "\n"), data[at[0]:at[1]]))
		}
		return nil
	})
	return faults, err
}

// ignores reads the few simple patterns of .gitignore.
func ignores(tree fs.FS) (func(string) bool, error) {
	data, err := fs.ReadFile(tree, ".gitignore")
	if err != nil {
		return nil, err
	}
	patterns := strings.Fields(string(data))
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			of := path.Base(name)
			if strings.HasPrefix(p, "/") {
				of = "/" + name
			}
			ok, err := path.Match(p, of)
			return ok && err == nil
		})
	}, nil
}

func TestOrder(t *testing.T) {
	faults, err := checkOrder(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

func TestOrderFails(t *testing.T) {
	word := "TO" + "DO"
	tests := []struct {
		why  string
		name string
		text string
		want string
	}{
		{"a folder that is not of the house", "internal/x.go", "", "internal: the top level is fixed"},
		{"a file that is not of the house", "Makefile", "", "Makefile: the top level is fixed"},
		{"unfinished work in code", "bot/x.go", "package bot\n// " + word + ": later\n", "bot/x.go:2: " + word},
		{"unfinished work in a document", "README.md", "FIX" + "ME", "README.md:1: FIX" + "ME"},
		{"a word that only holds one", "bot/x.go", "var Mas" + word + "n = 1 // " + word + "S", ""},
		{"a dot-file", ".github", "", ""},
		{"what git ignores", "bmcmd", word, ""},
		{"what git ignores anywhere", "bot/bot.test", word, ""},
	}
	for _, tt := range tests {
		tree := fstest.MapFS{".gitignore": {Data: []byte("/bmcmd\n*.test\n")}, tt.name: {Data: []byte(tt.text)}}
		faults, err := checkOrder(tree)
		got := strings.Join(faults, "\n")
		if err != nil || !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, %v; want %q", tt.why, got, err, tt.want)
		}
	}
}
