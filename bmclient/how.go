package bmclient

import "time"

// How is how a script is run, where the API keeps that beside its content: TAT. It is zero on Bare Metal.
type How struct {
	Type           string // SHELL, POWERSHELL or BAT
	User           string // that the script is stored with; who runs it is [Run.User]
	Dir            string // where it begins; empty: the API's own default
	Timeout        time.Duration
	Bucket, Prefix string    // where its output is copied to; empty: nowhere
	Fillable       bool      // the {{names}} in it are to be filled in
	Defaults       []Default // of those names
}

// Default is what stands for a name in a script if nobody says otherwise.
type Default struct{ Name, Value, Description string }
