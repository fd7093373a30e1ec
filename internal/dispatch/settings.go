package dispatch

import (
	"strings"

	"github.com/skein-run/skein/internal/call"
)

// settle takes a model's settings, in which there are no mistakes.
func (m *model) settle(o *ModelOptions) {
	m.config = call.Config{
		Deadline: o.Deadline, First: o.FirstContent, Idle: o.Idle, PreludeWait: o.PreludeWait, Attempts: o.Attempts, Queue: o.QueueWait,
		Resume: resumes[o.Resume], OnHangup: onHangup[o.OnHangup], NextRefuse: o.OnRefusal == "next", NoHedge: o.Hedge != "auto",
	}.WithDefaults()
	m.outputCap, m.lossyOK, m.strip, m.hedge = o.OutputCap, o.Lossy == "allow", o.State == "strip", o.Hedge == "auto"
	m.buffer, m.bufferBytes, _ = parseBuffer(o.Buffer)
	if m.minRate = o.MinRate; m.minRate == 0 {
		m.minRate = 1
	}
	for _, tag := range o.Require {
		m.require = append(m.require, strings.ToLower(tag))
	}
}

var resumes = map[string]call.Resume{"": call.ResumeSame, "same-model": call.ResumeSame, "any": call.ResumeAny, "off": call.ResumeOff}

var onHangup = map[string]call.Hangup{"": call.HangupAuto, "auto": call.HangupAuto, "cancel": call.HangupCancel, "drain": call.HangupDrain}
