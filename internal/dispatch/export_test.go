package dispatch

// Standings is how many deployments something is known of.
func (d *Dispatcher) Standings() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.standings) + len(d.quotas)
}
