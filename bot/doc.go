// Package bot is what happens: a command becomes a request, a request a decision,
// a decision a run, a run a report. It knows no Slack, no Redis and no vault; what
// it needs of them stands in ports.go.
package bot
