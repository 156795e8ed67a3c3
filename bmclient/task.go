package bmclient

import (
	"context"
	"errors"
	"time"
)

// Task is the API's record of one run on one or more hosts.
type Task struct {
	ID        string // cmdtask-…
	CmdID     string
	Alias     string // the script's, when it was run
	Hosts     int    // how many; -1 if the API does not say
	Succeeded int    // of Hosts; -1 if the API does not say
	Failed    int    // of Hosts; -1 if the API does not say
	Ended     bool   // on every host
	Begun     time.Time
	Finished  time.Time // both to the second, in UTC+8; zero if the API gave none
}

// TaskList is one page of the tasks there are.
type TaskList struct {
	Total int // of all pages
	Tasks []Task
}

// Tasks lists tasks of all scripts, newest first: the API offers no filter. A task may be listed some time after its run was accepted, and
// two of the same second come in any order. It is repeated like Script. Its error is an *Error.
func (c *Client) Tasks(ctx context.Context, p Page) (TaskList, error) {
	p = p.orDefault()
	total, tasks, err := list(ctx, c, c.api.tasks(p), p, c.api.names().tasks, c.decodeTask)
	return TaskList{Total: total, Tasks: tasks}, err
}

// taskEnded is the status of a task that has ended on every host; -1 is one that runs.
const taskEnded = 0

// taskOf reads a row of Bare Metal.
func (bareMetal) taskOf(f fields) Task {
	return Task{
		ID: f.text("taskId"), CmdID: f.text("cmdId"), Alias: f.text(f.n.taskAlias),
		Hosts: f.number("instanceCount", -1), Succeeded: f.number("successCount", -1), Failed: f.number("failureCount", -1),
		Ended: f.number("status", -1) == taskEnded,
		Begun: f.time("runBeginTime"), Finished: f.time("runEndTime"),
	}
}

func (c *Client) decodeTask(f fields, _ func([]byte) []byte) (Task, error) {
	t := c.api.taskOf(f)
	if t.ID == "" || t.CmdID == "" && !Sends(c.cfg.API) { // a run that was sent its script may name none
		return Task{}, errors.New("a listed task has no id, or names no script")
	}
	return t, nil
}
