package bmclient

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A process that is stopped between its last check and the first byte may wake up when
// its claim is long over. The gate looks at the time once more.
func TestNothingPassesAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			why   string
			after time.Duration
			bytes bool
		}{
			{"in time", time.Second, true},
			{"at the last moment", time.Minute, true},
			{"too late", time.Minute + 1, false},
		} {
			here, there := net.Pipe()
			g := &gate{until: time.Now().Add(time.Minute)}
			<-time.After(tt.after)
			wrote := make(chan error, 1)
			go func() {
				_, err := gatedConn{here, g}.Write([]byte("x"))
				wrote <- err
				here.Close()
			}()
			n, _ := there.Read(make([]byte, 1))
			if err := <-wrote; (n == 1) != tt.bytes || errors.Is(err, errSealed) == tt.bytes {
				t.Errorf("%s: %d bytes came, error %v", tt.why, n, err)
			}
			if g.seal() == tt.bytes {
				t.Errorf("%s: that nothing passed is said to be %v", tt.why, !tt.bytes)
			}
			there.Close()
		}
	})
}
