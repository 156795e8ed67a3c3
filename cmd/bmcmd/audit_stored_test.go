package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// Package redisstore keeps examples of what each version has stored; its stored_test.go
// says how. The same flag here keeps the export of the newest one.
var keepForm = flag.Bool("keep-form", false, "keep this code's export of each example that has none")

// TestAuditOfStoredForms verifies what earlier versions have stored and exported.
func TestAuditOfStoredForms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "approvals", "redisstore", "testdata", "stored", "schema-*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a := &archive{t: t, password: world.Canary()}
			a.restore(file)
			a.verify().expect(t, 0, "Looked at 8 requests with ", ", in Redis, workspace T0STORED: all holds.")
			x := a.export()
			x.expect(t, 0)
			a.bmcmd(x.out, "verify", "--from", "-").expect(t, 0, "Looked at 8 requests with ", "all holds.")

			old := strings.Replace(file, "schema-", "export-", 1)
			if _, err := os.Stat(old); os.IsNotExist(err) && *keepForm {
				world.Write(t, old, x.out)
			}
			a.bmcmd("", "verify", "--from", old).expect(t, 0, "Looked at 8 requests with ", "all holds.")
		})
	}
}

// restore makes the Redis of an example, five minutes later.
func (a *archive) restore(file string) {
	a.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	m := miniredis.RunT(a.t)
	client, err := redisstore.Dial(redisstore.Connection{Addresses: []string{m.Addr()}})
	if err != nil {
		a.t.Fatal(err)
	}
	defer client.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var cmd []any
		if err := json.Unmarshal(lines.Bytes(), &cmd); err != nil {
			a.t.Fatal(err)
		}
		if cmd[0] == "at" {
			at, err := time.Parse(time.RFC3339, fmt.Sprint(cmd[1]))
			if err != nil {
				a.t.Fatal(err)
			}
			m.SetTime(at.Add(5 * time.Minute))
			continue
		}
		for i, arg := range cmd {
			if bin, ok := arg.(map[string]any); ok {
				cmd[i], _ = base64.StdEncoding.DecodeString(fmt.Sprint(bin["base64"]))
			}
		}
		if err := client.Do(a.t.Context(), cmd...).Err(); err != nil {
			a.t.Fatalf("%v: %v", cmd, err)
		}
	}
	m.RequireAuth(a.password)
	dir := a.t.TempDir()
	world.Write(a.t, filepath.Join(dir, "redis"), a.password+"\n")
	a.config = world.Write(a.t, filepath.Join(dir, "bmcmd.yaml"), fmt.Sprintf(auditConfig, m.Addr(), filepath.Join(dir, "redis")))
}
