package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/telemetry"
)

// everything has each metric told at least once.
func everything() *telemetry.Metrics {
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"up/gpt"})
	m.KnownAgents([]string{"clerk"}, []string{"write"})
	u := usageOf(100, 20)
	m.InFlight(1)
	m.Call("smart", "ok", 2, time.Second, time.Millisecond)
	m.Attempt("smart", "up/gpt", "ok", time.Second, &u, money.Amount{})
	m.Committed(1, time.Millisecond, nil)
	m.RunMoved("", "running", false)
	m.RunMoved("running", "done", true)
	m.Chosen("smart", "up/gpt", "first in order")
	m.Queued("smart", "high", "served", time.Second)
	m.Shed("smart", "low", "queue full")
	m.Hedged("smart")
	m.HedgeWon("smart")
	m.Seam("smart", "continue")
	m.RetryDenied("smart", "retry")
	m.Warm("up/gpt", 5000)
	m.Heartbeat("smart")
	m.Drained("up/gpt", 77)
	m.Upstream(telemetry.Upstream{Operation: llm.Generate, Provider: "bedrock", Model: "claude", Deployment: "up/gpt", Outcome: "ok", Took: time.Second, First: time.Millisecond, Usage: &u})
	m.Served(llm.Generate, "smart", "overloaded", time.Second, time.Millisecond)
	m.RunEnded("clerk", "failed", true, time.Minute)
	m.ToolEnded("write", "ok", time.Second)
	m.WatchDeployments(func() []telemetry.DeploymentState {
		one := telemetry.DeploymentState{Deployment: "up/gpt", Breaker: "half-open", InFlight: 3, MaxInFlight: 8, Quotas: []telemetry.QuotaState{
			{Of: "tokens", Remaining: 900, Limit: 1000}, {Of: "tokens", Remaining: 1, Limit: 1},
		}}
		return []telemetry.DeploymentState{one, one}
	})
	m.WatchQueues(func() []telemetry.QueueState {
		return []telemetry.QueueState{{Model: "smart", Priority: "low", Waiting: 4}}
	})
	m.WatchReplicas(func() []telemetry.ReplicaState {
		return []telemetry.ReplicaState{{Pool: "own", Replica: "10.0.0.1:8000", State: "ready", Running: 2, Waiting: 1, KVCache: 0.5}}
	})
	return m
}

func TestMetricsSayWhatWasDecidedAndHowThingsStand(t *testing.T) {
	got := scrape(t, everything())
	for _, want := range []string{
		`skein_choices_total{deployment="up/gpt",model="smart",reason="first in order"} 1`,
		`skein_queue_wait_seconds_count{model="smart",outcome="served",priority="high"} 1`,
		`skein_calls_shed_total{model="smart",priority="low",reason="queue full"} 1`,
		`skein_hedges_started_total{model="smart"} 1`,
		`skein_hedges_won_total{model="smart"} 1`,
		`skein_seams_total{model="smart",verdict="continue"} 1`,
		`skein_retries_denied_total{model="smart",reason="retry"} 1`,
		`skein_warm_tokens_total{deployment="up/gpt"} 5000`,
		`skein_heartbeats_total{model="smart"} 1`,
		`skein_hangup_drained_bytes_total{deployment="up/gpt"} 77`,
		`gen_ai_client_operation_duration_seconds_count{error_type="",gen_ai_operation_name="chat",gen_ai_provider_name="aws.bedrock",gen_ai_request_model="claude"} 1`,
		`gen_ai_client_operation_time_to_first_chunk_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="aws.bedrock",gen_ai_request_model="claude"} 1`,
		`gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="aws.bedrock",gen_ai_request_model="claude",gen_ai_token_type="input"} 100`,
		`gen_ai_server_request_duration_seconds_count{error_type="overloaded",gen_ai_operation_name="chat",gen_ai_request_model="smart"} 1`,
		`gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name="chat",gen_ai_request_model="smart"} 1`,
		`gen_ai_invoke_agent_duration_seconds_count{error_type="failed",gen_ai_agent_name="clerk"} 1`,
		`gen_ai_execute_tool_duration_seconds_count{error_type="",gen_ai_tool_name="write"} 1`,
		`skein_breaker_state{deployment="up/gpt",state="half-open"} 1`,
		`skein_slots_in_flight{deployment="up/gpt"} 3`,
		`skein_slots_max{deployment="up/gpt"} 8`,
		`skein_quota_remaining{deployment="up/gpt",quota="tokens"} 900`,
		`skein_quota_limit{deployment="up/gpt",quota="tokens"} 1000`,
		`skein_queue_length{model="smart",priority="low"} 4`,
		`skein_pool_replica_state{pool="own",replica="10.0.0.1:8000",state="ready"} 1`,
		`skein_pool_requests_running{pool="own",replica="10.0.0.1:8000"} 2`,
		`skein_pool_requests_waiting{pool="own",replica="10.0.0.1:8000"} 1`,
		`skein_pool_kv_cache_ratio{pool="own",replica="10.0.0.1:8000"} 0.5`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s in\n%s", want, grep(got, strings.SplitN(want, "{", 2)[0]))
		}
	}
}

func TestLabelsDoNotGrowWithoutEnd(t *testing.T) {
	m := everything()
	for i := range 1000 {
		s := fmt.Sprint("word", i)
		m.Chosen(s, s, s)
		m.Queued(s, s, s, 0)
		m.Shed(s, s, s)
		m.Seam(s, s)
		m.RetryDenied(s, s)
		m.Hedged(s)
		m.HedgeWon(s)
		m.Warm(s, 1)
		m.Heartbeat(s)
		m.Drained(s, 1)
		m.Upstream(telemetry.Upstream{Provider: "openai", Model: s, Deployment: s, Outcome: "ok"})
		m.Upstream(telemetry.Upstream{Provider: "openai", Model: s, Deployment: "up/gpt", Outcome: "ok"}) // of which clients may ask for any model
		m.Served(llm.Embed, s, "ok", 0, 0)
		m.RunEnded(s, "done", false, 0)
		m.ToolEnded(s, "ok", 0)
	}
	m.WatchReplicas(func() (list []telemetry.ReplicaState) {
		for i := range 1000 {
			list = append(list, telemetry.ReplicaState{Pool: "own", Replica: fmt.Sprint("replica", i), State: "ready", Running: 1, KVCache: float64(i) / 1000})
		}
		return list
	})
	got := scrape(t, m)
	if !strings.Contains(got, `skein_pool_requests_running{pool="own",replica="other"} 900`) || !strings.Contains(got, `skein_pool_kv_cache_ratio{pool="own",replica="other"} 0.999`) {
		t.Errorf("the replicas beyond the first hundred are not told together:\n%s", grep(got, `replica="other"`))
	}
	series := map[string]int{}
	for line := range strings.Lines(got) {
		if name, _, ok := strings.Cut(line, "{"); ok && !strings.HasSuffix(name, "_bucket") {
			series[name]++
		}
	}
	for name, n := range series {
		if n > 210 { // two models or deployments with 100 words each
			t.Errorf("%s has %d series", name, n)
		}
	}
}

func TestNoMetricsIsFineForDecisionsToo(t *testing.T) {
	var m *telemetry.Metrics
	m.Chosen("", "", "")
	m.Queued("", "", "", 0)
	m.Shed("", "", "")
	m.Hedged("")
	m.HedgeWon("")
	m.Seam("", "")
	m.RetryDenied("", "")
	m.Warm("", 1)
	m.Heartbeat("")
	m.Drained("", 1)
	m.Upstream(telemetry.Upstream{})
	m.Served("", "", "", 0, 0)
	m.RunEnded("", "", false, 0)
	m.ToolEnded("", "", 0)
	m.KnownAgents(nil, nil)
	m.WatchDeployments(nil)
	m.WatchQueues(nil)
	m.WatchReplicas(nil)
}

func BenchmarkDecisions(b *testing.B) {
	m := telemetry.New()
	m.Known([]string{"smart"}, []string{"up/gpt"})
	u := usageOf(100, 20)
	b.ReportAllocs()
	for b.Loop() {
		m.Chosen("smart", "up/gpt", "first in order")
		m.Upstream(telemetry.Upstream{Operation: llm.Generate, Provider: "bedrock", Model: "claude", Deployment: "up/gpt", Outcome: "ok", Took: time.Second, First: time.Millisecond, Usage: &u})
		m.Served(llm.Generate, "smart", "ok", time.Second, time.Millisecond)
	}
}
