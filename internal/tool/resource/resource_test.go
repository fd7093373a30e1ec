package resource_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/resource"
)

var table = []resource.Driver[*resource.URL]{
	{Scheme: "a", Form: "a://host/path", Options: []string{"x"}, Open: func(u *resource.URL) (*resource.URL, error) { return u, nil }},
	{Scheme: "bad", Form: "bad:path", Open: func(*resource.URL) (*resource.URL, error) { return nil, errors.New("is broken") }},
}

func TestOpenTakesURLsApart(t *testing.T) {
	for raw, want := range map[string]resource.URL{
		"a:rel/p%20q":           {Path: "rel/p q"},
		"a:/abs":                {Path: "/abs"},
		"a:///abs/é":            {Path: "/abs/é"},
		"a://./rel":             {Path: "./rel"},
		"a://../rel":            {Path: "../rel"},
		"a://h:1/p/q?x=1%262":   {Host: "h:1", Path: "p/q"},
		"a://user:secret@h:1/p": {Host: "user:secret@h:1", Path: "p"},
	} {
		u, _, d, err := resource.Open("f", raw, resource.With{Write: true}, table)
		if err != nil || u.Host != want.Host || u.Path != want.Path || d.Scheme != "a" || !u.Write {
			t.Errorf("%s: %+v, %v; wanted %+v", raw, u, err, want)
			continue
		}
		if strings.Contains(u.String(), "secret") {
			t.Errorf("%s is shown as %s", raw, u)
		}
	}
}

func TestErrorsNameTheFieldAndTheMend(t *testing.T) {
	for raw, want := range map[string]string{
		"":           `f: "" is not a URL: write it as one of a://host/path, bad:path`,
		"/abs":       `f: "/abs" is not a URL`,
		"c://x":      `f: there is no driver for "c:": write it as one of a://host/path, bad:path`,
		"a:p?y=1":    `f: a:p: takes no option "y"; those it has are x`,
		"bad:p?y=1":  `takes no option "y"; it has none`,
		"a:p?x=1;y":  `are not name=value&name=value`,
		"a:p?x=%zz":  `are not name=value&name=value`,
		"a:p?x=1&x=": `option "x" is given twice`,
		"bad:p":      `f: bad:p: is broken`,
	} {
		if _, _, _, err := resource.Open("f", raw, resource.With{}, table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", raw, err, want)
		}
	}
}

// A password may stand in a URL in many ways, and is shown in none.
func TestNoSecretIsShown(t *testing.T) {
	open := []resource.Driver[*resource.URL]{
		{Scheme: "a", Form: "a:", Options: []string{resource.AnyOption}, Open: func(u *resource.URL) (*resource.URL, error) { return u, nil }},
		{Scheme: "b", Form: "b:", Open: func(u *resource.URL) (*resource.URL, error) { return u, nil }},
	}
	for raw, want := range map[string]string{
		"a://u:s3cret@h/db":    "a://…@h/db",
		"a://u:pa/s3cret@h/db": "a://…@h/db",
		"a://h:1/a@b":          "a://…@b",
		"a://h/db?password=s3cret&table=t&partition_key=p":    "a://h/db?partition_key=p&password=…&table=t",
		"a://h/db?sslpassword=s3cret&user=u":                  "a://h/db?sslpassword=…&user=u",
		"a://h/?key=s3cret":                                   "a://h/?key=…",
		"a://h/?SharedAccessKey=s3cret&client_secret=s3cret2": "a://h/?SharedAccessKey=…&client_secret=…",
	} {
		u, _, _, err := resource.Open("f", raw, resource.With{}, open)
		if err != nil || u.String() != want {
			t.Errorf("%s is shown as %v, %v; wanted %s", raw, u, err, want)
		}
	}
	for _, raw := range []string{"b://h/?keyy=s3cret", "a://u:pa/%zzs3cret@h/db"} {
		if _, _, _, err := resource.Open("f", raw, resource.With{}, open); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("a://h:1/p?x=1")
	f.Add("a:%2e%2e/..?x=%00")
	f.Fuzz(func(t *testing.T, raw string) {
		u, _, _, err := resource.Open("f", raw, resource.With{}, table)
		if err != nil {
			return
		}
		_ = u.String()
		if path, err := u.Local(); err == nil && (path == "" || strings.ContainsRune(path, 0)) {
			t.Fatalf("%q has the path %q", raw, path)
		}
	})
}
