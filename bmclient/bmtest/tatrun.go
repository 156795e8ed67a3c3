package bmtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	nameForm = regexp.MustCompile(`^[\p{Han}A-Za-z0-9_.-]*$`)
	keyForm  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	userForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.$-]{0,255}$`)
)

const invalidValue = "InvalidParameterValue"

// how reads the fields that say how a script runs; otherwise are those of the stored one.
func (a *asks) how(h How) How {
	for name, into := range map[string]*string{
		"CommandType": &h.Type, "Username": &h.User, "WorkingDirectory": &h.Dir, "OutputCOSBucketUrl": &h.Bucket, "OutputCOSKeyPrefix": &h.Prefix,
	} {
		if _, ok := a.r.fields[name]; ok {
			*into = a.text(name)
		}
	}
	h.Timeout = a.number("Timeout", h.Timeout)
	switch {
	case !slices.Contains([]string{"SHELL", "POWERSHELL", "BAT"}, h.complete(false).Type):
		a.refuse(invalidValue, "CommandType is SHELL, POWERSHELL or BAT")
	case h.Timeout < 0 || h.Timeout > 86400 || h.Timeout == 0 && a.r.fields["Timeout"] != nil:
		a.refuse(invalidValue+".Range", "Timeout is 1 to 86400")
	case h.User != "" && !userForm.MatchString(h.User):
		a.refuse(invalidValue+".InvalidUsername", "Username is %q", h.User)
	case h.Dir != "" && h.complete(false).Type == "SHELL" && !strings.HasPrefix(h.Dir, "/"):
		a.refuse(invalidValue+".InvalidWorkingDirectory", "WorkingDirectory is %q", h.Dir)
	case h.Bucket != "" && !strings.HasPrefix(h.Bucket, "https://"):
		a.refuse(invalidValue+".InvalidOutputCOSBucketUrl", "OutputCOSBucketUrl begins with https://")
	case len(h.Prefix) > 60 || strings.HasPrefix(h.Prefix, "/") || strings.Contains(h.Prefix, "//") || strings.Contains(h.Prefix, ".."):
		a.refuse(invalidValue+".InvalidOutputCOSKeyPrefix", "OutputCOSKeyPrefix is %q", h.Prefix)
	}
	return h
}

// content reads a script in base64.
func (a *asks) content() []byte {
	text := a.text("Content")
	if len(text) > 64<<10 {
		a.refuse(invalidValue+".TooLong", "Content has %d bytes; at most 64 KB are taken", len(text))
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		a.refuse(invalidValue+".CommandContentInvalid", "Content is empty, or is not base64")
	}
	return b
}

// values reads a JSON object of strings.
func (a *asks) values(name string) map[string]string {
	text := a.text(name)
	if text == "" {
		return nil
	}
	var raw map[string]any
	if json.Unmarshal([]byte(text), &raw) != nil {
		a.refuse(invalidValue+".ParameterInvalidJsonFormat", "%s is not a JSON object", name)
	}
	if len(raw) > 20 {
		a.refuse(invalidValue+".ParameterNumberExceeded", "%s has %d keys; at most 20 are taken", name, len(raw))
	}
	all := map[string]string{}
	for k, v := range raw {
		is, ok := v.(string)
		switch {
		case !ok:
			a.refuse(invalidValue+".ParameterValueNotString", "%s of %s is not a string", k, name)
		case len(k) > 64:
			a.refuse(invalidValue+".ParameterKeyLenExceeded", "a key of %s has %d bytes", name, len(k))
		case !keyForm.MatchString(k):
			a.refuse(invalidValue+".ParameterKeyContainsInvalidChar", "the key %q of %s", k, name)
		}
		all[k] = is
	}
	return all
}

// defaults are given in one of two forms.
func (a *asks) defaults() (all []TATValue) {
	for k, v := range a.values("DefaultParameters") {
		all = append(all, TATValue{Name: k, Value: v})
	}
	for _, v := range value(a, "DefaultParameterConfs", []any(nil)) {
		is, _ := v.(map[string]any)
		one := asks{r: request{fields: is}, read: map[string]bool{}}
		one.must("ParameterName", "ParameterValue")
		d := TATValue{one.text("ParameterName"), one.text("ParameterValue"), one.text("ParameterDescription")}
		if wrong := one.done(); wrong != nil && a.wrong == nil {
			a.wrong = wrong
		}
		all = append(all, d)
	}
	return all
}

// instances are the hosts of a run. One that cannot run it refuses all.
func (s *Server) instances(a *asks, commandType string) (on []target) {
	ids := a.ids("InstanceIds", 200, invalidValue+".InvalidInstanceId", "ins-", "lhins-", "rins-")
	if a.must("InstanceIds"); len(ids) == 0 {
		a.refuse("MissingParameter", "InstanceIds is empty")
	}
	for _, id := range ids {
		h, ok := s.hosts[id]
		switch {
		case kindOf(id) != kindOf(ids[0]):
			a.refuse(invalidValue+".InconsistentInstance", "%s and %s are of different kinds", ids[0], id)
		case !ok || h.region() != a.r.params["Region"]:
			a.refuse("ResourceNotFound.InstanceNotFound", "%s is not in %s", id, a.r.params["Region"])
		case h.state() != "RUNNING":
			a.refuse("ResourceUnavailable.InstanceStateNotRunning", "%s is %s", id, h.state())
		case h.agent() == NoAgent:
			a.refuse("ResourceUnavailable.AgentNotInstalled", "%s", id)
		case h.agent() != "Online":
			a.refuse("ResourceUnavailable.AgentStatusNotOnline", "%s", id)
		case h.machine.Windows == (commandType == "SHELL"):
			a.refuse(invalidValue+".AgentUnsupportedCommandType", "%s on %s", commandType, id)
		default:
			on = append(on, target{h, true})
		}
	}
	return on
}

// runCommand runs the content of the call.
func (s *Server) runCommand(r request, call *Call) answer {
	a := r.asks()
	a.must("Content")
	sc := Script{CmdID: "cmd-" + short("command "+r.id, 8), Alias: a.text("CommandName"), How: a.how(How{}), Content: a.content()}
	sc.Fillable = value(a, "EnableParameter", false)
	sc.Defaults = a.defaults()
	save, tags, values := value(a, "SaveCommand", false), value(a, "Tags", []any(nil)), a.values("Parameters")
	switch {
	case len(sc.Alias) > 60 || !nameForm.MatchString(sc.Alias) || save && sc.Alias == "":
		a.refuse(invalidValue+".InvalidCommandName", "CommandName is %q", sc.Alias)
	case len(a.text("Description")) > 120:
		a.refuse(invalidValue+".TooLong", "Description has more than 120 bytes")
	case !sc.Fillable && (sc.Defaults != nil || values != nil):
		a.refuse(invalidValue+".SupportParametersOnlyIfEnableParameter", "there are parameters, and EnableParameter is false")
	case tags != nil && !save || len(tags) > 10:
		a.refuse("InvalidParameter", "Tags are for a saved command, at most 10")
	}
	on := s.instances(a, sc.complete(false).Type)
	_, stored := s.listScripts("", page{limit: len(s.scripts)})
	if save && slices.ContainsFunc(stored, func(one Script) bool { return one.Alias == sc.Alias }) {
		a.refuse(invalidValue+".CommandNameDuplicated", "%s", sc.Alias)
	}
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	if save {
		sc.Created, sc.Modified = s.now(), s.now()
		s.scripts[sc.CmdID] = sc
	}
	if !save {
		sc.Alias = "" // as in the sample
	}
	t := s.invoke(sc, on, r, call, values)
	return answer{executed: true, data: map[string]any{"CommandId": sc.CmdID, "InvocationId": t.invocation()}}
}

// invokeCommand runs a stored script.
func (s *Server) invokeCommand(r request, call *Call) answer {
	a := r.asks()
	a.must("CommandId")
	id := a.text("CommandId")
	sc, ok := s.scripts[id]
	if !ok || r.params["Region"] != HomeRegion {
		a.refuse("ResourceNotFound.CommandNotFound", "%s is not in %s", id, r.params["Region"])
	}
	sc.How = a.how(sc.How)
	values := a.values("Parameters")
	if !sc.Fillable && values != nil {
		a.refuse(invalidValue+".ParameterDisabled", "%s has EnableParameter off", id)
	}
	on := s.instances(a, sc.how().Type)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	t := s.invoke(sc, on, r, call, values)
	return answer{executed: true, data: map[string]any{"InvocationId": t.invocation()}}
}

func (s *Server) invoke(sc Script, on []target, r request, call *Call, values map[string]string) *task {
	var parameters []byte
	if values != nil {
		parameters, _ = json.Marshal(values)
	}
	template := sc.Content
	sc.Content = sc.fill(template, values)
	t := s.start(sc, on, parameters, sc.complete(on[0].machine.Windows).User, r, call)
	t.template, t.region = template, r.params["Region"]
	for _, h := range t.hosts {
		h.timeout = time.Duration(t.how.Timeout) * time.Second
		if !slices.Contains(slices.Collect(maps.Keys(h.host.logins)), t.how.User) && h.host.logins != nil {
			h.as = HostBehaviour{Word: tatNoStart, ErrorInfo: "InvalidUser: the user " + t.how.User + " does not exist"}
			h.finish(s.now(), "")
		}
	}
	return t
}

// preview runs nothing.
func (s *Server) preview(r request, _ *Call) answer {
	a := r.asks()
	id, values := a.text("CommandId"), a.values("Parameters")
	sc, ok := s.scripts[id]
	_, given := r.fields["Content"]
	switch {
	case given == (id != ""):
		a.refuse("InvalidParameter.ConflictParameter", "give CommandId or Content, and only one of them")
	case given:
		sc = Script{Content: a.content()}
	case !ok || r.params["Region"] != HomeRegion:
		a.refuse("ResourceNotFound.CommandNotFound", "%s", id)
	}
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	sc.Fillable = true
	return answer{executed: true, data: map[string]any{"ReplacedContent": b64(sc.fill(sc.Content, values))}}
}

// cancelInvocation ends what waits and kills what runs, on the hosts that are named, or on all.
func (s *Server) cancelInvocation(r request, _ *Call) answer {
	a := r.asks()
	a.must("InvocationId")
	id := a.text("InvocationId")
	ids := a.ids("InstanceIds", 100, invalidValue+".InvalidInstanceId", "ins-", "lhins-", "rins-")
	t := s.task(id)
	switch {
	case !strings.HasPrefix(id, "inv-"):
		a.refuse(invalidValue+".InvalidInvocationId", "%q", id)
	case t == nil || t.region != r.params["Region"]:
		a.refuse("ResourceNotFound.InvocationNotFound", "%s is not in %s", id, r.params["Region"])
	default:
		for _, host := range ids {
			if !slices.ContainsFunc(t.hosts, func(h *hostRun) bool { return h.host.id == host }) {
				a.refuse(invalidValue+".InstanceIsNotRelatedToInvocation", "%s", host)
			}
		}
	}
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	for _, h := range t.hosts {
		if len(ids) == 0 || slices.Contains(ids, h.host.id) {
			h.cancel(s.now())
		}
	}
	return answer{executed: true, data: map[string]any{}}
}

// short is an id's end: nothing can be told from it.
func short(of string, n int) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])[:n]
}

// InvocationID is the id that TAT has for a task, however it was begun.
func InvocationID(task string) string {
	_, end, _ := strings.Cut(task, "-")
	return "inv-" + end
}

func (t *task) invocation() string { return InvocationID(t.id) }

func (h *hostRun) taskTAT() string { return fmt.Sprintf("invt-%08x", h.auto) }
