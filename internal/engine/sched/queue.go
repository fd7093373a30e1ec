package sched

// job is one try of a command that may be performed.
type job struct {
	run     *run
	command string
	try     int
}

// queue is fair over agents: each in turn gives its oldest job.
type queue struct {
	jobs map[string][]job
	turn []string // agents that have jobs, the next one first
}

func (q *queue) init() { q.jobs = map[string][]job{} }

func (q *queue) push(agent string, j job) {
	if len(q.jobs[agent]) == 0 {
		q.turn = append(q.turn, agent)
	}
	q.jobs[agent] = append(q.jobs[agent], j)
}

func (q *queue) pop() (job, bool) {
	if len(q.turn) == 0 {
		return job{}, false
	}
	agent := q.turn[0]
	q.turn = q.turn[1:]
	jobs := q.jobs[agent]
	j := jobs[0]
	if len(jobs) == 1 {
		delete(q.jobs, agent)
	} else {
		q.jobs[agent] = jobs[1:]
		q.turn = append(q.turn, agent)
	}
	return j, true
}
