package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// instruction is one line of the Dockerfile.
type instruction struct{ word, rest string }

func dockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	data, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines(string(data)) {
		if word, rest, ok := strings.Cut(l, " "); ok && !strings.HasPrefix(l, "#") {
			all = append(all, instruction{word, rest})
		}
	}
	return all
}

// finalStage is what comes after the last FROM, with it.
func finalStage(all []instruction) []instruction {
	for i, in := range slices.Backward(all) {
		if in.word == "FROM" {
			return all[i:]
		}
	}
	return nil
}

// TestDockerfile holds what an image is to be: nothing in it but what it needs,
// and nobody in it with rights.
func TestDockerfile(t *testing.T) {
	last := finalStage(dockerfile(t))
	rest := map[string]string{}
	for _, in := range last {
		switch in.word {
		case "COPY":
			if !strings.HasPrefix(in.rest, "--from=build ") {
				t.Errorf("the image gets %s, which was not built", in.rest)
			}
		case "FROM", "ENV", "USER", "ENTRYPOINT", "CMD":
			rest[in.word] = in.rest
		default:
			t.Errorf("%s in an image without a shell", in.word)
		}
	}
	if rest["FROM"] != "scratch" {
		t.Errorf("it is made FROM %s, not from scratch", rest["FROM"])
	}
	if user := rest["USER"]; !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("its user is %q: not a number other than 0, which is what an orchestrator can check", user)
	}
	var entry, cmd []string
	if json.Unmarshal([]byte(rest["ENTRYPOINT"]), &entry) != nil || json.Unmarshal([]byte(rest["CMD"]), &cmd) != nil {
		t.Fatalf("%s and %s are not in the form without a shell", rest["ENTRYPOINT"], rest["CMD"])
	}
	if !slices.Equal(entry, []string{"/bmcmd"}) || !slices.Equal(cmd, []string{"serve", "-c", "/etc/bmcmd/bmcmd.yaml"}) {
		t.Errorf("it starts %q %q", entry, cmd)
	}
}

// TestDockerfileZones holds that the zones lie where the image takes them from,
// and where the program looks.
func TestDockerfileZones(t *testing.T) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	zones := filepath.Join(strings.TrimSpace(string(out)), "lib/time/zoneinfo.zip")
	r, err := zip.OpenReader(zones)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Open("Asia/Shanghai"); err != nil {
		t.Error(err)
	}
	last := finalStage(dockerfile(t))
	for _, want := range []instruction{
		{"COPY", "--from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip"},
		{"ENV", "ZONEINFO=/usr/share/zoneinfo.zip"},
		{"COPY", "--from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt"},
	} {
		if !slices.Contains(last, want) {
			t.Errorf("there is no %s %s", want.word, want.rest)
		}
	}
}

// TestDockerfileBuild runs the Dockerfile's own build line, and then the binary in
// an empty root, as the image's user.
func TestDockerfileBuild(t *testing.T) {
	image := t.TempDir()
	binary := filepath.Join(image, "bmcmd")
	runBuildLine(t, binary)
	mustBeStatic(t, binary)
	if got := inside(t, image, "example"); !bytes.Equal(got, config.Example) {
		t.Errorf("example prints %d bytes, want %d", len(got), len(config.Example))
	}
	if got := inside(t, image, "version"); !strings.HasPrefix(string(got), "bmcmd ") {
		t.Errorf("version prints %q", got)
	}
}

func runBuildLine(t *testing.T, binary string) {
	t.Helper()
	const out = "-o /out/bmcmd "
	all := dockerfile(t)
	i := slices.IndexFunc(all, func(in instruction) bool { return in.word == "RUN" && strings.Contains(in.rest, "go build ") })
	if i < 0 || !strings.Contains(all[i].rest, out) {
		t.Fatal("no line of the Dockerfile builds /out/bmcmd")
	}
	c := exec.Command("sh", "-c", strings.Replace(all[i].rest, out, "-o '"+binary+"' ", 1))
	c.Dir = "../.."
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", all[i].rest, err, said)
	}
}

func mustBeStatic(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %s, so it needs a loader that the image does not have", p.Type)
		}
	}
	if f.Section(".debug_info") != nil {
		t.Error("it holds debug information")
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if here, _ := filepath.Abs("../.."); bytes.Contains(data, []byte(here+"/")) {
		t.Error("it holds paths of the machine that it was built on")
	}
}

// inside runs the image's program: with nothing else around it where that is
// allowed (root), else with an empty environment.
func inside(t *testing.T, image string, args ...string) []byte {
	t.Helper()
	c := exec.Command(filepath.Join(image, "bmcmd"), args...)
	c.Env = []string{}
	if os.Geteuid() == 0 {
		if err := os.Chmod(image, 0o755); err != nil {
			t.Fatal(err)
		}
		c.Path, c.Dir = "/bmcmd", "/"
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: image, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	out, err := c.Output()
	if err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			t.Fatalf("%q: %v\n%s", args, err, ended.Stderr)
		}
		t.Fatalf("%q: %v", args, err)
	}
	return out
}
