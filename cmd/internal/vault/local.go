package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// maxFile is the largest file a ref+file may name, in bytes.
const maxFile = 64 << 10

// readLocal reads what a ref+file or ref+env points at. Nothing is cached: a
// file that an agent has just rewritten counts at once.
func readLocal(ref Ref) (string, error) {
	value, err := "", error(nil)
	switch ref.scheme {
	case schemeFile:
		value, err = readFile(ref.path)
	case schemeEnv:
		value, err = readEnv(ref.path)
	default:
		return "", fail(ErrUnusable, "it is neither ref+file nor ref+env")
	}
	switch {
	case err != nil:
		return "", err
	case value == "":
		return "", fail(ErrEmpty, "it is there, but empty; put the value in")
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return "", fail(ErrUnusable, "it is not text; store the value as UTF-8 without zero bytes")
	}
	return value, nil
}

// readFile reads a regular file and takes one line end off its end, because
// editors and echo put one there and no secret means it.
func readFile(name string) (string, error) {
	// Stat first: opening a named pipe would wait for someone to write.
	info, err := os.Stat(name)
	if err != nil {
		return "", fileFailure(err)
	}
	if !info.Mode().IsRegular() {
		return "", fail(ErrUnusable, "it is not a regular file; name the file that holds the value")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fileFailure(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fileFailure(err)
	}
	if len(b) > maxFile {
		return "", fail(ErrUnusable, fmt.Sprintf("the file is larger than %d bytes; a secret is the whole file, is this the right one?", maxFile))
	}
	s, cut := strings.CutSuffix(string(b), "\n")
	if cut {
		s = strings.TrimSuffix(s, "\r")
	}
	return s, nil
}

func fileFailure(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(ErrNotFound, "there is no such file; create it or correct the reference")
	case errors.Is(err, fs.ErrPermission):
		return fail(ErrDenied, "the file may not be read; give its owner or group to the user that runs this program")
	}
	return fail(ErrUnusable, "the file cannot be read; look at the disk and the mount it is on")
}

func readEnv(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", fail(ErrNotFound, "the variable is not set; set it before the start")
	}
	return v, nil
}
