package pool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Cluster is how the Kubernetes API is reached. The zero value is the cluster that
// this process runs in, as its pods are told:
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ (read 2026-11-25).
type Cluster struct {
	Address string // default: from KUBERNETES_SERVICE_HOST and _PORT
	Dir     string // with token, ca.crt and namespace; default: the service account's
}

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// ErrNoCluster says that the process does not run in a Kubernetes cluster.
var ErrNoCluster = errors.New("this process does not run in a Kubernetes cluster: KUBERNETES_SERVICE_HOST is not set")

// endpoints are those of a service, by its EndpointSlices: listed, then watched for some
// minutes, and listed anew, so that whatever a watch missed is mended. What was found last holds while the
// API is away. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
// and …/reference/using-api/api-concepts/ (read 2026-11-25).
type endpoints struct {
	o       KubernetesOptions
	api     string // address, without a path
	dir     string
	client  *http.Client
	log     *slog.Logger
	backoff time.Duration // the first one
	least   time.Duration // that a watch lasts; a shorter one has failed, whatever it looks like
}

const (
	watchFor      = 5 * time.Minute // then all is listed anew
	leastWatch    = 30 * time.Second
	shortBackoff  = time.Second
	longBackoff   = 30 * time.Second
	mostSliceList = 32 << 20
)

// newEndpoints finds the way to the API.
func newEndpoints(o KubernetesOptions, c Cluster, log *slog.Logger) (*endpoints, error) {
	e := &endpoints{o: o, api: c.Address, dir: c.Dir, log: log, backoff: shortBackoff, least: leastWatch}
	if e.dir == "" {
		e.dir = serviceAccount
	}
	if e.api == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" {
			return nil, ErrNoCluster
		}
		e.api = "https://" + hostPort(host, port)
	}
	if e.o.Namespace == "" {
		own, err := os.ReadFile(filepath.Join(e.dir, "namespace"))
		if err != nil {
			return nil, fmt.Errorf("kubernetes.namespace is not stated, and the own one cannot be read: %w", err)
		}
		e.o.Namespace = strings.TrimSpace(string(own))
	}
	pem, err := os.ReadFile(filepath.Join(e.dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the Kubernetes API: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the certificate of the Kubernetes API: %s holds none", filepath.Join(e.dir, "ca.crt"))
	}
	e.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       watchFor,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}}
	return e, nil
}

// slice is what is read of an EndpointSlice.
type slice struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	AddressType string `json:"addressType"`
	Ports       []struct {
		Name string `json:"name"`
		Port int    `json:"port"`
	} `json:"ports"`
	Endpoints []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready       *bool `json:"ready"` // nil is ready
			Terminating *bool `json:"terminating"`
		} `json:"conditions"`
	} `json:"endpoints"`
}

func (e *endpoints) once(ctx context.Context) ([]string, error) {
	known, _, err := e.list(ctx)
	return e.addresses(known), err
}

func (e *endpoints) run(ctx context.Context, found func([]string)) {
	defer e.client.CloseIdleConnections()
	wait := e.backoff
	for ctx.Err() == nil {
		known, version, err := e.list(ctx)
		if err == nil {
			found(e.addresses(known))
			wait = e.backoff
			err = e.watch(ctx, known, version, found)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // it ended in good order, minutes later
			continue
		case errors.Is(err, errExpired):
			wait = e.backoff // nothing is wrong
		default:
			e.log.Warn("the endpoints of the service cannot be read; those that are known stay", "service", e.o.Namespace+"/"+e.o.Service, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, longBackoff)
	}
}

// get asks the API for the service's slices. The token changes, and is read each time.
func (e *endpoints) get(ctx context.Context, query url.Values) (*http.Response, error) {
	token, err := os.ReadFile(filepath.Join(e.dir, "token"))
	if err != nil {
		return nil, fmt.Errorf("read the token of the service account: %w", err)
	}
	query.Set("labelSelector", "kubernetes.io/service-name="+e.o.Service)
	at := e.api + "/apis/discovery.k8s.io/v1/namespaces/" + url.PathEscape(e.o.Namespace) + "/endpointslices?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the Kubernetes API: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Accept", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the Kubernetes API: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	_ = resp.Body.Close() // of no use
	switch resp.StatusCode {
	case http.StatusGone:
		return nil, errExpired
	case http.StatusForbidden, http.StatusUnauthorized:
		return nil, fmt.Errorf("the Kubernetes API answers %s: give Skein's service account the verbs list and watch on endpointslices of discovery.k8s.io in %s", resp.Status, e.o.Namespace)
	}
	return nil, fmt.Errorf("the Kubernetes API answers %s", resp.Status)
}

// errExpired: the version that was listed is not known any more.
var errExpired = errors.New("the version is too old to be watched")

// list are all slices of the service, by name, and the version at which that was so.
func (e *endpoints) list(ctx context.Context) (map[string]slice, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := e.get(ctx, url.Values{})
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	var all struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []slice `json:"items"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostSliceList)).Decode(&all); err != nil {
		return nil, "", fmt.Errorf("read the list of endpoints: %w", err)
	}
	known := map[string]slice{}
	for _, s := range all.Items {
		known[s.Metadata.Name] = s
	}
	return known, all.Metadata.ResourceVersion, nil
}

// watch follows changes from a version on until the API ends it. In good order that is
// when its time is up.
func (e *endpoints) watch(ctx context.Context, known map[string]slice, version string, found func([]string)) error {
	ctx, cancel := context.WithTimeout(ctx, watchFor+30*time.Second) // should the API not keep the time that it was told
	defer cancel()
	resp, err := e.get(ctx, url.Values{
		"watch": {"1"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {version},
		"timeoutSeconds": {strconv.Itoa(int(watchFor / time.Second))},
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // ended by whoever ends the watch
	events, began := json.NewDecoder(resp.Body), time.Now()
	for {
		changed, err := nextEvent(events, known)
		switch {
		case errors.Is(err, io.EOF) && time.Since(began) >= e.least:
			return nil
		case err != nil:
			return err
		case changed:
			found(e.addresses(known))
		}
	}
}

// nextEvent reads an event of a watch, and says whether it changed what is known.
func nextEvent(events *json.Decoder, known map[string]slice) (changed bool, err error) {
	var event struct {
		Type   string          `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := events.Decode(&event); err != nil {
		return false, fmt.Errorf("watch the endpoints: %w", err)
	}
	if event.Type == "ERROR" {
		var status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(event.Object, &status); err == nil && status.Code == http.StatusGone {
			return false, errExpired
		}
		return false, fmt.Errorf("watch the endpoints: the API says %q", status.Message)
	}
	var s slice
	if err := json.Unmarshal(event.Object, &s); err != nil {
		return false, fmt.Errorf("watch the endpoints: %w", err)
	}
	switch event.Type {
	case "ADDED", "MODIFIED":
		known[s.Metadata.Name] = s
	case "DELETED":
		delete(known, s.Metadata.Name)
	default: // BOOKMARK: a version, of which nothing is wanted
		return false, nil
	}
	return true, nil
}

// addresses are those of the ready endpoints at the wanted port. A pod of both families
// of addresses is in two slices; it is one replica, and the older family is taken.
func (e *endpoints) addresses(known map[string]slice) []string {
	byFamily := map[string][]string{}
	for _, s := range known {
		port, ok := e.port(&s)
		if !ok {
			continue
		}
		for i := range s.Endpoints {
			p := &s.Endpoints[i]
			c := &p.Conditions
			if c.Ready != nil && !*c.Ready || c.Terminating != nil && *c.Terminating || len(p.Addresses) == 0 {
				continue
			}
			at := "http://" + hostPort(p.Addresses[0], strconv.Itoa(port)) + "/v1"
			byFamily[s.AddressType] = append(byFamily[s.AddressType], at)
		}
	}
	for _, family := range []string{"IPv4", "IPv6", "FQDN"} {
		if all := byFamily[family]; len(all) > 0 {
			return tidy(all)
		}
	}
	return nil
}

// port is the number of the wanted port in a slice: that of the pods, whom the service
// may give another number; so the only port there is counts under any number.
func (e *endpoints) port(s *slice) (int, bool) {
	number, err := strconv.Atoi(e.o.Port)
	for _, p := range s.Ports {
		if e.o.Port == p.Name && p.Name != "" || err == nil && number == p.Port {
			return p.Port, true
		}
	}
	if len(s.Ports) == 1 && (e.o.Port == "" || err == nil) {
		return s.Ports[0].Port, true
	}
	return 0, false
}
