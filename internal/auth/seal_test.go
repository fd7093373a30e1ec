package auth_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

func newSealer(t testing.TB, b byte) *auth.Sealer {
	t.Helper()
	s, err := auth.NewSealer(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASealedIDIsOpenedByItsOwnProjectOnly(t *testing.T) {
	s := newSealer(t, 1)
	mine := s.For(&auth.Principal{Org: "default", Team: "t", Project: "p", Key: "one"})
	for _, id := range []string{"resp_68ab", "thread-1", "sk1_x", "", "a_very_long_prefix", "msg_"} {
		sealed := mine.Seal("openai/gpt-5@eu", id)
		if sealed != mine.Seal("openai/gpt-5@eu", id) {
			t.Errorf("%q is sealed in two ways", id)
		}
		if len(id) > 4 && strings.Contains(sealed, id) || strings.Contains(sealed, "openai") {
			t.Errorf("%q shows in %q", id, sealed)
		}
		another := s.For(&auth.Principal{Org: "default", Team: "t", Project: "p", Key: "two"}) // of the same project
		if dep, got, ok := another.Open(sealed); !ok || dep != "openai/gpt-5@eu" || got != id {
			t.Errorf("%q opens as %q, %q, %v", sealed, dep, got, ok)
		}
		for name, seals := range map[string]*auth.Seals{
			"another project": s.For(&auth.Principal{Org: "default", Team: "t", Project: "q"}),
			"another team":    s.For(&auth.Principal{Org: "default", Team: "u", Project: "p"}),
			"another org":     s.For(&auth.Principal{Org: "acme", Team: "t", Project: "p"}),
			"none":            s.For(auth.Owner()),
			"another key":     newSealer(t, 2).For(&auth.Principal{Org: "default", Team: "t", Project: "p"}),
		} {
			if _, _, ok := seals.Open(sealed); ok {
				t.Errorf("%s opens %q", name, sealed)
			}
		}
	}
	if got := mine.Seal("d", "resp_1"); !strings.HasPrefix(got, "resp_") {
		t.Errorf("clients cannot tell what %q is", got)
	}
	if mine.Seal("d", "resp_1") == mine.Seal("e", "resp_1") {
		t.Error("two deployments' ids are the same")
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer(f, 1).For(auth.Owner())
	f.Add(s.Seal("d", "resp_1"))
	f.Add("resp_sk1")
	f.Add("sk1____")
	f.Fuzz(func(t *testing.T, sealed string) {
		if dep, id, ok := s.Open(sealed); ok && s.Seal(dep, id) != sealed {
			t.Errorf("%q was not made here, and opens", sealed)
		}
	})
}

func TestTheSealingKeyOutlivesARestart(t *testing.T) {
	st := storetest.New(t, auth.SealView())
	a, err := auth.OpenSealer(t.Context(), st.Reader(), st)
	if err != nil {
		t.Fatal(err)
	}
	b, err := auth.OpenSealer(t.Context(), st.Reader(), st)
	if err != nil {
		t.Fatal(err)
	}
	if dep, id, ok := b.For(auth.Owner()).Open(a.For(auth.Owner()).Seal("d", "resp_1")); !ok || dep != "d" || id != "resp_1" {
		t.Errorf("after a restart it opens as %q, %q, %v", dep, id, ok)
	}
	storetest.CheckRebuild(t, st, []store.View{auth.SealView()})
}
