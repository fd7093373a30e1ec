package function

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/resource"
)

// openAzure opens a function of Azure Functions that HTTP starts. It asks for a key of
// the function, from a variable of the environment, or for a token of Entra's where the
// app is configured to take those.
// https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
func openAzure(u *resource.URL) (Function, error) {
	host, err := hostOf(u, "azurefunc://app.azurewebsites.net/api/name")
	if err != nil {
		return nil, err
	}
	options := u.Session.Options().Azure
	base := "https://" + host
	if endpoint := u.Option("endpoint", options.Endpoint); endpoint != "" {
		app, _, _ := strings.Cut(host, ".")
		if u.Options["endpoint"] == "" {
			app = "functions/" + app // one address of all services
		}
		base = strings.TrimRight(endpoint, "/") + "/" + app
	}
	at, err := url.Parse(base + "/" + strings.TrimPrefix(u.Path, "/"))
	if err != nil || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("the path is missing: write azurefunc://app.azurewebsites.net/api/name")
	}
	w := &web{at: at, called: u.String(), header: "x-skein-command", dial: dialer(true), needs: "to call it: a function key (key_env), or a role of the app (audience)"}
	// Executions are billed by what memory they used, in steps of 128 MB, and for a tenth
	// of a second at least: https://learn.microsoft.com/azure/azure-functions/functions-consumption-costs
	if w.memory, err = megabytes(u); err != nil {
		return nil, err
	}
	w.memory = (w.memory + 127) / 128 * 128
	w.round = time.Millisecond
	w.client.Wire = bus.NewWire(nil)
	switch key, audience := u.Options["key_env"], u.Options["audience"]; {
	case key != "" && audience != "":
		return nil, errors.New("both key_env and audience are given: a function asks for one of them")
	case key != "":
		if os.Getenv(key) == "" {
			return nil, fmt.Errorf("key_env: the variable %s is not set", key)
		}
		w.client.Secrets = []string{os.Getenv(key)}
		w.client.Auth = func(context.Context) (string, string, error) { return "x-functions-key", os.Getenv(key), nil }
	case audience != "":
		w.client.Auth = bus.AzureAuth(u.Session, strings.TrimSuffix(audience, "/.default")+"/.default")
	}
	u.Service = "azure/functions/" + u.Option("region", or(options.Region, "unknown"))
	return w, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
