package api

import "time"

// SetHeartbeat changes how often streams of events show that they live, and gives
// what it was.
func SetHeartbeat(d time.Duration) (was time.Duration) {
	was, heartbeat = heartbeat, d
	return was
}

// HideCosts is what somebody may see of a call's record.
var HideCosts = hideCosts
