// Package ledger reads the API's list of tasks, for all runs of a process: which tasks there
// are, and what their hosts say. Whose they are is decided by those who ask.
//
// # Why one list for all
//
// The API offers no filter, and a quota that everybody shares. A run that reads the list for
// itself pays for all the others. So a run says how far back it has to see, and how old the
// reading may be; one reading answers all who wait at that moment, and goes as far back as the
// one of them who needs most. Nobody asks while no run is open, so nothing is read then. Readings
// are paced: [PagesAMinute] in each process, however many runs. What a claim needs to know is on
// the newest page, so it has a lane of its own, and does not wait for those who look far back.
//
// A reading goes back page by page until one is older than what was asked for. A list in no
// order never is, so all of it is read. What was not read that far is an error, never a shorter
// list: that a task is not there is what proofs are made of.
//
// # Why hosts are remembered
//
// Which hosts a task ran on never changes, so other runs of the script need not read it at every
// look. What the hosts of a task say that has ended does not change either; if it is not much,
// the run that it is may have it without a second call.
//
// # What it is built on
//
//	pace of the readings   golang.org/x/time/rate   a limiter in each process; what the field uses
package ledger
