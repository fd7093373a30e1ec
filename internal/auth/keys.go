package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/store"
)

// Store is what keys are kept in.
type Store interface {
	// Commit returns when the batch is durable and the views hold it.
	Commit(ctx context.Context, b store.Batch) (first int64, err error)
}

// Options are what [Open] needs besides the stored keys.
type Options struct {
	Store  Store            // nil: keys can be listed and checked, not made or revoked
	Now    func() time.Time // default: time.Now
	Config string           // the configuration revision, for the records
	// Changed is told of each key made or revoked, after it is durable. Nil is fine.
	Changed func(Key)
}

// Keys are the keys of one store. It is safe for concurrent use, and a check
// takes no lock.
type Keys struct {
	o     Options
	write sync.Mutex // one maker at a time
	index atomic.Pointer[map[string]*entry]
}

type entry struct {
	key         Key
	principal   Principal
	hash        [sha256.Size]byte
	idempotency string
}

func newEntry(k Key, idempotency string) *entry {
	return &entry{key: k, idempotency: idempotency, principal: Principal{
		Org: k.Org, Team: k.Team, Project: k.Project, Key: k.ID, Customer: k.Customer, Role: k.Role, Models: k.Models, HideCost: k.HideCost,
		Priority: k.Priority, Require: k.Require,
	}}
}

// Open loads the keys.
func Open(ctx context.Context, r store.Reader, o Options) (*Keys, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := load(ctx, r)
	if err != nil {
		return nil, err
	}
	k := &Keys{o: o}
	k.index.Store(&m)
	return k, nil
}

// The answers of a check, apart from success. None of them says more than its
// holder may know.
var (
	ErrMissing = errors.New("no key was given; send one as \"Authorization: Bearer sk-skein-…\" or in x-api-key (skein key create makes one)")
	ErrUnknown = errors.New("the key is not known here; skein key list shows those that are")
	ErrRevoked = errors.New("the key was revoked; ask for another one (skein key create)")
	ErrExpired = errors.New("the key has expired; ask for another one (skein key create)")
)

// ErrRepeated is wrapped by what [Keys.Create] returns where the same request
// had made a key before. The key is returned with it, but not its secret, which
// was shown once.
var ErrRepeated = errors.New("this request made a key before")

// Any reports whether there has ever been a key. From then on one is asked for.
func (k *Keys) Any() bool { return len(*k.index.Load()) > 0 }

// Check says whose key text is.
func (k *Keys) Check(text string) (*Principal, error) {
	t, err := ParseToken(text)
	if err != nil {
		return nil, ErrUnknown
	}
	e := (*k.index.Load())[t.id]
	hash := t.hash()
	if e == nil || subtle.ConstantTimeCompare(hash[:], e.hash[:]) != 1 {
		return nil, ErrUnknown
	}
	return e.active(k.o.Now())
}

// active is whose a key is that was proved.
func (e *entry) active(now time.Time) (*Principal, error) {
	switch e.key.Status(now) {
	case "revoked":
		return nil, ErrRevoked
	case "expired":
		return nil, ErrExpired
	}
	return &e.principal, nil
}

// List is the keys of an org, the newest last.
func (k *Keys) List(org string) []Key {
	var keys []Key
	for _, e := range *k.index.Load() {
		if e.key.Org == org {
			keys = append(keys, e.key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return keys
}

// Create makes a key and returns it with its token, which is not to be had again.
// by is who asked. A mistake in n is a *[FieldError].
func (k *Keys) Create(ctx context.Context, by *Principal, n New) (Key, Token, error) {
	n.Org, n.Role = cmp.Or(n.Org, DefaultOrg), cmp.Or(n.Role, Member)
	now := k.o.Now().UTC().Truncate(time.Microsecond)
	if err := n.validate(now); err != nil {
		return Key{}, Token{}, err
	}
	if err := n.attributes(); err != nil {
		return Key{}, Token{}, err
	}
	k.write.Lock()
	defer k.write.Unlock()
	if e := k.repeated(n.Org, n.Idempotency); e != nil {
		return e.key, Token{}, fmt.Errorf("%w, %s, whose secret was shown then; revoke it and create another if it is lost", ErrRepeated, e.key.ID)
	}

	t := newToken()
	key := Key{
		ID: t.id, Name: n.Name, Org: n.Org, Team: n.Team, Project: n.Project, Customer: n.Customer,
		Role: n.Role, Models: n.Models, Budget: n.Budget, HideCost: n.HideCost,
		Priority: n.Priority, Require: n.Require, Created: now, Expires: n.Expires.UTC().Truncate(time.Microsecond),
	}
	e := newEntry(key, n.Idempotency)
	e.hash = t.hash()
	err := k.commit(ctx, key, &event{
		Event: created, At: now, By: by.Key, Key: &key, Hash: hex.EncodeToString(e.hash[:]), Idempotency: n.Idempotency,
	})
	if err != nil {
		return Key{}, Token{}, fmt.Errorf("creating key %q: %w", n.Name, err)
	}
	k.replace(e)
	return key, t, nil
}

// ErrNoKey is wrapped by what [Keys.Revoke] returns for an id that is not there.
var ErrNoKey = errors.New("no such key")

// Revoke ends a key at a time, which may be one to come, so that its successor
// can be put in place first; a zero time is now. A key that ends earlier anyway is
// left as it is.
func (k *Keys) Revoke(ctx context.Context, by *Principal, org, id string, at time.Time) (Key, error) {
	now := k.o.Now().UTC().Truncate(time.Microsecond)
	if at = at.UTC().Truncate(time.Microsecond); at.Before(now) {
		at = now
	}
	k.write.Lock()
	defer k.write.Unlock()
	e := (*k.index.Load())[id]
	if e == nil || e.key.Org != org {
		return Key{}, fmt.Errorf("revoking key %q: %w; skein key list shows those that there are", id, ErrNoKey)
	}
	if !e.key.Revoked.IsZero() && !e.key.Revoked.After(at) {
		return e.key, nil
	}
	if err := k.commit(ctx, e.key, &event{Event: revoked, At: now, By: by.Key, From: at}); err != nil {
		return Key{}, fmt.Errorf("revoking key %s: %w", id, err)
	}
	next := *e
	next.key.Revoked = at
	k.replace(&next)
	return next.key, nil
}

func (k *Keys) commit(ctx context.Context, key Key, e *event) error {
	if k.o.Store == nil {
		return store.ErrReadOnly
	}
	r, err := e.record(key.Org, key.ID, k.o.Config)
	if err != nil {
		return err
	}
	_, err = k.o.Store.Commit(ctx, store.Batch{Records: []store.Record{r}})
	return err
}

func (k *Keys) repeated(org, idempotency string) *entry {
	if idempotency == "" {
		return nil
	}
	for _, e := range *k.index.Load() {
		if e.key.Org == org && e.idempotency == idempotency {
			return e
		}
	}
	return nil
}

// replace puts e into a copy of the index: checks read the old one meanwhile.
func (k *Keys) replace(e *entry) {
	m := maps.Clone(*k.index.Load())
	m[e.key.ID] = e
	k.index.Store(&m)
	if k.o.Changed != nil {
		k.o.Changed(e.key)
	}
}
