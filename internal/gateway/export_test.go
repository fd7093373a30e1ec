package gateway

import "time"

// SetBodyTime shortens how long a server waits for a body that nobody reads.
func (c *ServerConfig) SetBodyTime(d time.Duration) { c.bodyTime = d }
