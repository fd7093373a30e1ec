package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/pool"
)

func TestMistakesNameTheFieldTheValueAndTheMend(t *testing.T) {
	one := []string{"http://gpu-1:8000"}
	for _, tt := range []struct {
		o    pool.Options
		want string
	}{
		{pool.Options{}, "replicas is missing; list their addresses, such as [http://gpu-1:8000], or name them by dns or kubernetes"},
		{pool.Options{Replicas: one, DNS: "http://a:1"}, "replicas, dns and kubernetes exclude each other; leave one of them"},
		{pool.Options{Replicas: []string{"http://a:1", "http://a:1/v1/"}}, `replicas "http://a:1/v1/" is listed twice`},
		{pool.Options{Replicas: []string{"http://me:pw@a:1"}}, "holds a credential; put it into key"},
		{pool.Options{DNS: "http://10.0.0.1:80"}, `dns "http://10.0.0.1:80": is an address already; list it under replicas`},
		{pool.Options{DNS: "https://vllm:443"}, "use http, or a name with SRV records"},
		{pool.Options{DNS: "http://_http._tcp.vllm:80"}, "leave the port out"},
		{pool.Options{Kubernetes: &pool.KubernetesOptions{}}, "kubernetes has no service"},
		{pool.Options{Kubernetes: &pool.KubernetesOptions{Service: "x", Port: "70000"}}, `kubernetes.port "70000" is out of bounds; want 1 to 65535`},
		{pool.Options{Replicas: one, Engine: "tgi"}, `engine "tgi" is unknown; there are: vllm, sglang, nim, llama.cpp`},
		{pool.Options{Replicas: one, GPUs: -1}, "gpus is less than nothing"},
		{pool.Options{Replicas: one, GPUs: 1 << 20}, "gpus 1048576 is out of bounds"},
		{pool.Options{Replicas: one, MaxKV: 101}, "max_kv 101 is more than there is"},
		{pool.Options{Replicas: one, MetricsInterval: time.Millisecond}, "metrics_interval 1ms is out of bounds; want 100ms to 1m"},
		{pool.Options{Replicas: one, Price: "2.50"}, `price "2.50": want the price of a GPU for an hour, such as 2.50 USD`},
		{pool.Options{Replicas: one, Price: "0 USD"}, `price "0 USD" is out of bounds`},
		{pool.Options{Replicas: one, Price: "0.0000001 USD"}, `price "0.0000001 USD" is too fine; want the price of a GPU for an hour with at most six decimal places`},
		{pool.Options{Replicas: one, Price: "2 EUR"}, "in US dollars"},
		{pool.Options{Replicas: one, Dialect: "latin"}, `dialect "latin" is unknown`},
		{pool.Options{Replicas: one, Formats: []string{"converse"}}, `formats: vllm has no "converse"`},
	} {
		if err := tt.o.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
	for _, o := range []pool.Options{
		{Replicas: one}, {DNS: "http://vllm.default.svc:8000"}, {DNS: "https://_https._tcp.vllm.example.com"},
		{Kubernetes: &pool.KubernetesOptions{Service: "vllm"}}, {Replicas: []string{"http://a:1", "https://b/team/v1", "http://[fd00::1]:8000"}, Engine: "nim"},
	} {
		if err := o.Validate(); err != nil {
			t.Errorf("%v: %v", o, err)
		}
	}
}

func TestAReplicaMayBeBelowAPath(t *testing.T) {
	s := serve(t)
	p := made(t, pool.Options{Replicas: []string{s.URL + "/v1/chat/completions"}}, pool.Env{})
	whole(t, send(t, p, request(0)))
	if _, ok := s.paths.Load("/v1/chat/completions"); !ok {
		t.Error("it was not asked where its API is")
	}
	if _, ok := s.paths.Load("/metrics"); !ok {
		t.Error("its metrics are at its root")
	}
}

func TestTheKeyIsNotPrinted(t *testing.T) {
	o := pool.Options{Kind: "pool", Key: "s3cret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := strings.TrimSpace(fmt.Sprintf(format, o)); strings.Contains(text, "s3cret") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
