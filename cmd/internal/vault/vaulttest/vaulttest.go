// Package vaulttest gives tests a real Vault. Only tests import it.
//
// It takes a server from BMCMD_TEST_VAULT_ADDR and BMCMD_TEST_VAULT_TOKEN
// (KV version 2 at secret/, a token that may do everything there), or starts
// the program that BMCMD_TEST_VAULTDEV names, or skips the test. To build that
// program, once, from the directory of the vault package:
//
//	(cd testdata/vaultdev && go build -o /tmp/vaultdev .)
//	BMCMD_TEST_VAULTDEV=/tmp/vaultdev go test ./...
//
// # Why not build it in the test
//
// It takes over a minute and a gigabyte of modules the first time; whoever
// runs go test did not ask for that.
package vaulttest

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	envAddr   = "BMCMD_TEST_VAULT_ADDR"
	envToken  = "BMCMD_TEST_VAULT_TOKEN"
	envBinary = "BMCMD_TEST_VAULTDEV"
	// envStop makes vaultdev end when its standard input does, so that it
	// does not outlive a test process that was killed.
	envStop = "VAULTDEV_STOP_WITH_STDIN"
)

const patience = 20 * time.Second

// Start gives the address (http://127.0.0.1:port, or what the environment
// says) and a token of a real Vault. One that it started is empty, belongs to
// this test and ends with it; one from the environment is shared, so write
// only below a path of your own: see [Path].
func Start(t testing.TB) (addr, token string) {
	t.Helper()
	addr, token = os.Getenv(envAddr), os.Getenv(envToken)
	switch {
	case addr != "" && token != "":
		return strings.TrimSuffix(addr, "/"), token
	case addr != "" || token != "":
		t.Fatalf("only one of %s and %s is set; set both", envAddr, envToken)
	}
	binary := os.Getenv(envBinary)
	if binary == "" {
		t.Skipf("no real Vault: set %s and %s, or %s to a built testdata/vaultdev", envAddr, envToken, envBinary)
	}
	token = "test-" + rand.Text()
	return launch(t, binary, token), token
}

func launch(t testing.TB, binary, token string) (addr string) {
	t.Helper()
	cmd := exec.Command(binary, "-listen", "127.0.0.1:0", "-root-token", token)
	cmd.Env = append(os.Environ(), envStop+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", envBinary, err)
	}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	kill.Stop()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait() // ends the writing to stderr, too
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("vaultdev said:\n%s", stderr.String())
		}
	})
	if err != nil {
		t.Fatalf("%s printed no address: %v", envBinary, err)
	}
	return strings.TrimSpace(line)
}

// Path gives a path below the mount secret/ that no other test uses, such as
// "secret/bmcmd-test-…/bm" for the name "bm".
func Path(name string) string {
	return "secret/bmcmd-test-" + strings.ToLower(rand.Text()[:12]) + "/" + name
}

// Put writes data as a new version of the KV version 2 secret at path, which
// is written as in a reference ("secret/bm"). When the test ends, the secret
// is removed with all its versions.
func Put(t testing.TB, addr, token, path string, data map[string]any) {
	t.Helper()
	mount, rest, ok := strings.Cut(path, "/")
	if !ok {
		t.Fatalf("%q is not mount/path", path)
	}
	Call(t, addr, token, http.MethodPost, mount+"/data/"+rest, map[string]any{"data": data})
	t.Cleanup(func() { Call(t, addr, token, http.MethodDelete, mount+"/metadata/"+rest, nil) })
}

// Call sends one request to the HTTP API at path, which is written without
// /v1/, and gives the decoded answer, nil if there is none. Any status but 2xx
// fails the test. It is for policies, tokens and deletions.
func Call(t testing.TB, addr, token, method, path string, body any) map[string]any {
	t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, addr+"/v1/"+path, bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: status %d: %s", method, path, resp.StatusCode, answer)
	}
	if len(answer) == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}
