package seam

import "strings"

// stops watches for a stop sequence that begins in what was shown and ends in what goes
// on. The attempt's provider does not see it: it reads only what its own model says.
type stops struct {
	list []string
	most int    // the length of the longest
	tail string // the end of the text so far, shorter than that
	hit  string // the one that came
}

func newStops(list []string, shown string) stops {
	s := stops{list: list}
	for _, seq := range list {
		s.most = max(s.most, len(seq))
	}
	s.keep(shown)
	return s
}

func (s *stops) keep(text string) {
	if s.most > 0 {
		s.tail = text[len(text)-min(len(text), s.most-1):]
	}
}

// pass gives as much of a text as comes before the end of a stop sequence that began
// before it.
func (s *stops) pass(text string) string {
	if s.most == 0 || text == "" || s.hit != "" {
		return text
	}
	all := s.tail + text
	first := -1
	for _, seq := range s.list {
		if i := strings.Index(all, seq); seq != "" && i >= 0 && (first < 0 || i < first) {
			first, s.hit = i, seq
		}
	}
	if first < 0 {
		s.keep(all)
		return text
	}
	return all[len(s.tail):max(len(s.tail), first)]
}
