package fakecloud

import (
	"encoding/base64"
	"testing"
)

// A gateway knows Anthropic's signatures by their form where the model's name does not
// say whose they are.
func TestStateHasTheFormOfItsMaker(t *testing.T) {
	s := seal(makerAnthropic, "a thought")
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || s[0] != 'E' || b[0] != 0x12 {
		t.Errorf("%q is no protocol buffer that begins with bytes: %v", s, err)
	}
	for _, maker := range []string{makerAnthropic, makerGoogle} {
		if own, same := unseal(maker, seal(maker, "x"), "x"); !own || !same {
			t.Errorf("%s does not know its own", maker)
		}
		if own, same := unseal(maker, seal(maker, "x"), "y"); !own || same {
			t.Errorf("%s takes it for another thought", maker)
		}
	}
	if own, _ := unseal(makerGoogle, s, "a thought"); own {
		t.Error("another maker takes it")
	}
}
