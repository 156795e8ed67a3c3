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
	return Programs(dir), Programs(dir).Add(tags, "cmd/bmcmd", "bot/slacksim/slacksimd", "bmclient/bmtest/bmtestd")
}

// Add builds more programs into the folder, each named by its own folder in the module.
func (p Programs) Add(tags []string, folders ...string) error {
	args := []string{"build", "-o", string(p) + string(os.PathSeparator), "-tags", strings.Join(tags, ",")}
	for _, f := range folders {
		args = append(args, module+"/"+f)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Path gives the path of a built program.
func (p Programs) Path(name string) string { return filepath.Join(string(p), name) }
