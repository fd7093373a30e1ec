package gateway

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLSOptions are the certificate that a server shows. With none there is no TLS.
type TLSOptions struct {
	Cert string `yaml:"cert,omitempty"` // a file: the certificate and those that it rests on, as PEM
	Key  string `yaml:"key,omitempty"`  // a file: its private key, as PEM
}

// On reports whether there is TLS.
func (o TLSOptions) On() bool { return o != TLSOptions{} }

// certificate is a pair of files that are replaced now and then, by whoever renews
// certificates. They are looked at when a client connects, and read where they have
// changed; while they cannot be read the old pair serves on.
type certificate struct {
	o     TLSOptions
	every time.Duration // between two looks, at least
	log   *slog.Logger

	mu     sync.Mutex // guards the rest
	pair   *tls.Certificate
	seen   [2]stamp // of the files that were tried last
	looked time.Time
}

// stamp is how a file's change shows.
type stamp struct {
	at   time.Time
	size int64
}

const lookEvery = time.Second

func loadCertificate(o TLSOptions, every time.Duration, log *slog.Logger) (*certificate, error) {
	if o.Cert == "" || o.Key == "" {
		return nil, errors.New("tls: cert and key are both needed: a file with the certificate and one with its private key")
	}
	c := &certificate{o: o, every: cmp.Or(every, lookEvery), log: log, looked: time.Now()}
	seen, err := c.stamps()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: reading the certificate %s with the key %s: %w", o.Cert, o.Key, err)
	}
	c.pair, c.seen = &pair, seen
	return c, nil
}

func (c *certificate) stamps() (s [2]stamp, err error) {
	for i, file := range [...]string{c.o.Cert, c.o.Key} {
		fi, serr := os.Stat(file)
		if serr != nil {
			err = serr
			continue
		}
		s[i] = stamp{fi.ModTime(), fi.Size()}
	}
	return s, err
}

// get is what a handshake shows.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= c.every {
		c.looked = now
		c.look()
	}
	return c.pair, nil
}

// look reads the files where they are not what they were, under mu.
func (c *certificate) look() {
	seen, err := c.stamps()
	if seen == c.seen {
		return
	}
	c.seen = seen // each change is tried, and told of, once
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.o.Cert, c.o.Key); err == nil {
			c.pair = &pair
			c.log.Info("the certificate was replaced", slog.String("cert", c.o.Cert), slog.Time("valid_until", pair.Leaf.NotAfter))
			return
		}
	}
	c.log.Warn("the new certificate cannot be used; the old one serves on", slog.String("cert", c.o.Cert), slog.Any("err", err))
}

// config is how the server speaks TLS. net/http adds the protocols to offer.
func (c *certificate) config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}
