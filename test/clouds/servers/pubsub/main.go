// Command pubsub serves Google Cloud Pub/Sub over REST on a loopback address: the
// methods and their paths are those of the service's own definition, the service is
// Google's in-memory test server. It runs until it is ended.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:0", "the loopback `address` to serve REST on")
	grpcAddr := flag.String("grpc", "127.0.0.1:0", "the loopback `address` to serve gRPC on")
	flag.Parse()
	if err := run(*addr, *grpcAddr); err != nil {
		fmt.Fprintln(os.Stderr, "pubsub:", err)
		os.Exit(1)
	}
}

func run(addr, grpcAddr string) error {
	service := pstest.NewServerWithAddress(grpcAddr)
	defer service.Close()
	conn, err := grpc.NewClient(service.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", service.Addr, err)
	}
	defer conn.Close()
	gate, err := newGateway(conn, pubsubpb.File_google_pubsub_v1_pubsub_proto)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	log.Printf("pubsub: REST on http://%s, gRPC on %s", listener.Addr(), service.Addr)
	return http.Serve(listener, gate)
}
