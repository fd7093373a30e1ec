package fakecloud

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const usageText = `fakecloud stands in for model providers and for the services of AWS, Azure and Google Cloud.

Usage: fakecloud [--listen ADDR] [--dir DIR] [--objects [BUCKET=]DIR]... [--table NAME=KEY[,SORT]]...
                 [--topic NAME]... [--queue NAME]... [--require-key KEY] [--pace DURATION]

It prints its address and serves until it is interrupted. In --dir it appends
log.jsonl, one line for each thing it served, and writes its address to "address".

Base addresses for clients, of models and of services:

  OpenAI         /openai/v1                          chat, responses, embeddings, token counts
  Azure OpenAI   /azure                              deployments; with /openai/v1 the same as OpenAI
  Anthropic      /anthropic                          messages, token counts
  Bedrock        /bedrock                            converse, invoke (Claude, Titan and Cohere embeddings), token counts
  Gemini API     /gemini                             v1beta: generate, count, embed
  Vertex AI      /vertex                             v1, v1beta1: Gemini, and Claude by rawPredict
  own machine    /vllm/v1, and /v1                   chat as vLLM serves it; /metrics, /health
  AWS            /cloud/aws                          S3, DynamoDB, SNS, SQS, Lambda, STS, Secrets Manager, SSM, Athena
  Azure          /cloud/azure                        Blob, Cosmos DB, Tables, Queues, Service Bus, Event Grid, Functions, Key Vault
  Google Cloud   /cloud/gcp                          Cloud Storage, Firestore, Pub/Sub, BigQuery, Secret Manager, Cloud Run
  the test's     /faults /manners /log /usage /healthz

They are as strict as the real ones: what these refuse is refused, in their words.
Unencrypted HTTP/2 is spoken, too.

  fakecloud --listen 127.0.0.1:7900 --objects filings=examples/analyst/filings
  curl -s 127.0.0.1:7900/openai/v1/chat/completions -H 'Authorization: Bearer x' \
    -d '{"model":"gpt-5.1","messages":[{"role":"user","content":"say hello"}]}'
  curl -s 127.0.0.1:7900/bedrock/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse -H 'Authorization: Bearer x' \
    -d '{"messages":[{"role":"user","content":[{"text":"say hello"}]}]}'
  curl -s 127.0.0.1:7900/gemini/v1beta/models/gemini-2.5-flash:generateContent -H 'X-Goog-Api-Key: x' \
    -d '{"contents":[{"parts":[{"text":"say hello"}]}]}'
  curl -s 127.0.0.1:7900/faults -d '{"service":"openai","kind":"cut","count":1,"after_chunks":12}'

Flags:
`

// Command runs a stand-in from the command line until ctx ends.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := flag.NewFlagSet("fakecloud", flag.ContinueOnError)
	fl.SetOutput(stderr)
	var o Options
	listen := fl.String("listen", "127.0.0.1:7900", "address to serve on; port 0 takes a free one")
	fl.StringVar(&o.Dir, "dir", "", "folder of log.jsonl and address; without it the log is kept in memory")
	fl.StringVar(&o.RequireKey, "require-key", "", "the one API key that the providers accept; without it any")
	fl.DurationVar(&o.Pace, "pace", 0, "pause between chunks of a streamed answer, such as 10ms")
	o.Resources = standin.Resources{Buckets: map[string]fs.FS{}, Tables: map[string]standin.Table{}}
	fl.Func("objects", "a bucket that is there at every cloud, with its content, as BUCKET=DIR, or DIR for a bucket of the folder's name; may be repeated", func(v string) error {
		bucket, dir, named := strings.Cut(v, "=")
		if !named {
			bucket, dir = filepath.Base(filepath.Clean(v)), v
		}
		if info, err := os.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		o.Resources.Buckets[bucket] = os.DirFS(dir)
		return nil
	})
	fl.Func("table", "a table that is there at every cloud, as NAME=PARTITION_KEY[,SORT_KEY]; may be repeated", func(v string) error {
		name, keys, ok := strings.Cut(v, "=")
		if partition, sort, _ := strings.Cut(keys, ","); ok && name != "" && partition != "" {
			o.Resources.Tables[name] = standin.Table{PartitionKey: partition, SortKey: sort}
			return nil
		}
		return fmt.Errorf("%q is not NAME=PARTITION_KEY", v)
	})
	fl.Func("topic", "a topic that is there at every cloud; ending in .fifo, or with ?dedup=10m, it remembers what was sent; may be repeated", func(v string) error {
		o.Resources.Topics = append(o.Resources.Topics, v)
		return nil
	})
	fl.Func("queue", "a queue that is there at every cloud, as a topic; may be repeated", func(v string) error {
		o.Resources.Queues = append(o.Resources.Queues, v)
		return nil
	})
	fl.Usage = func() {
		fmt.Fprint(stderr, usageText)
		fl.PrintDefaults()
	}
	if err := fl.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if fl.NArg() > 0 {
		return fmt.Errorf("fakecloud takes flags only, not %q", fl.Arg(0))
	}
	return run(ctx, *listen, o, stdout)
}

func run(ctx context.Context, listen string, o Options, stdout io.Writer) (err error) {
	s, err := New(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w: choose another address with --listen", listen, err)
	}
	address := l.Addr().String()
	if o.Dir != "" {
		if err := os.WriteFile(filepath.Join(o.Dir, "address"), []byte(address+"\n"), 0o644); err != nil {
			return errors.Join(fmt.Errorf("write the address: %w", err), l.Close())
		}
	}
	if _, err := fmt.Fprintf(stdout, "fakecloud serves on http://%s\n", address); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), l.Close())
	}
	return s.Serve(ctx, l)
}
