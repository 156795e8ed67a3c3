package world

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/bmcmd/bmcmd"

// Programs is the folder of the three binaries that a world starts: bmcmd, slacksimd
// and bmtestd.
type Programs string

// Build builds bmcmd as anybody would, and the simulators, into a folder. Tags are
// build tags. It needs Go, and the working directory within the module.
func Build(dir string, tags ...string) (Programs, error) {
	args := []string{"build", "-o", dir + string(os.PathSeparator), "-tags", strings.Join(tags, ",")}
	for _, p := range []string{"/cmd/bmcmd", "/bot/slacksim/slacksimd", "/bmclient/bmtest/bmtestd"} {
		args = append(args, module+p)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return Programs(dir), nil
}

// Path gives the path of a built program.
func (p Programs) Path(name string) string { return filepath.Join(string(p), name) }
