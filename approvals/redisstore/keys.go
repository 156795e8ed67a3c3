package redisstore

// keys makes every key of one workspace. The braces are the hash tag.
type keys struct{ prefix string }

func newKeys(workspace string) keys { return keys{"bmcmd:{" + workspace + "}:"} }

// each has every sort of key once, as the bot names them.
func (k keys) each() []string {
	const id, user = "r-check", "U0CHECK"
	return []string{
		k.request(id), k.events(id), k.refused(id), k.twin(id), k.asked(user), k.due(), k.open(), k.audit(), k.mark(), k.gone(id), k.hosts("cmd-check"),
		k.script("check"), k.having("check"), k.take(id), k.outputs(id), k.members("S0CHECK"), k.looking("S0CHECK"),
	}
}

func (k keys) request(id string) string    { return k.prefix + "request:" + id }
func (k keys) events(id string) string     { return k.prefix + "events:" + id }
func (k keys) refused(id string) string    { return k.prefix + "refused:" + id }
func (k keys) twin(twin string) string     { return k.prefix + "twin:" + twin }
func (k keys) asked(user string) string    { return k.prefix + "asked:" + user }
func (k keys) due() string                 { return k.prefix + "due" }
func (k keys) open() string                { return k.prefix + "open" }
func (k keys) audit() string               { return k.prefix + "audit" }
func (k keys) mark() string                { return k.prefix + "mark" }
func (k keys) gone(message string) string  { return k.prefix + "gone:" + message }
func (k keys) hosts(script string) string  { return k.prefix + "hosts:" + script }
func (k keys) script(sha string) string    { return k.prefix + "script:" + sha }
func (k keys) having(sha string) string    { return k.script(sha) + ":open" }
func (k keys) take(id string) string       { return k.prefix + "take:" + id }
func (k keys) outputs(id string) string    { return k.prefix + "outputs:" + id }
func (k keys) members(group string) string { return k.prefix + "members:" + group }
func (k keys) looking(group string) string { return k.prefix + "looking:" + group }
