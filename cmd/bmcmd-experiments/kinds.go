package main

import "math/rand/v2"

// kind is how a request of the load is meant to go.
type kind string

const (
	runs     kind = "runs"
	twoSay   kind = "two approve"
	denied   kind = "denied"
	withdrew kind = "cancelled"
	lapses   kind = "expires"
	refused  kind = "refused"
	waits    kind = "waits"
	retried  kind = "run again"
	drifts   kind = "alarm"
	fails    kind = "fails"
	shares   kind = "shares a host"
	doubted  kind = "is not answered"
	stops    kind = "is stopped"
	putOff   kind = "is put off"
)

var kinds = []kind{
	runs, runs, runs, runs, twoSay, twoSay, denied, withdrew, lapses, refused, waits, retried, drifts, fails, shares, doubted, stops, putOff,
}

// rareFor says what kind of request passes a point that most do not.
var rareFor = map[string]kind{
	"deny": denied, "reason": twoSay, "cancel": withdrew, "expire": lapses, "refuse": refused, "wait": waits, "run": retried, "alarm": drifts,
	"adopt": doubted, "ask": doubted, "settle": doubted, "lift": doubted,
	"stop": stops, "stopped": stops, "cloud.stop": stops,
}

func rare(point string) bool {
	return rareFor[move(point)] != "" || move(point) == "lose"
}

// kindFor is what to ask for next while replicas wait for these points.
func kindFor(api string, armed []string, r *rand.Rand) kind {
	k := anyKind(armed, r)
	if k == drifts && api == "2.0" || (k == stops || k == putOff) && api != "tat" {
		return runs
	}
	return k
}

func anyKind(armed []string, r *rand.Rand) kind {
	if len(armed) > 0 && r.IntN(2) == 0 {
		if k := rareFor[move(armed[r.IntN(len(armed))])]; k != "" {
			return k
		}
	}
	return kinds[r.IntN(len(kinds))]
}
