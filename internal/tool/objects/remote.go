package objects

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// remote is a bucket at a store that is reached over HTTP. What the stores have in
// common is here: pages, what is done again, and whose an object is that is in the way.
// What a [store] speaks is its own.
type remote struct {
	store
	web    *web
	prefix string // of every key; the bucket ends there for whoever uses it
	basis  basis
}

// basis says what the effects of a store rest on.
type basis struct{ create, change string }

// at is where an object is in its store, and as what its bucket's users know it: the
// store's keys have the prefix, too.
type at struct{ key, name string }

func (a at) doing(what string) string { return doing(what, a.name) }

// store speaks a vendor's protocol. Each method but check is one request, unless it
// says so in over. Errors are *[effect.Error]s.
type store interface {
	// list gives at most n objects after the page that mark ended; next is "" at the end.
	list(ctx context.Context, prefix, mark string, n int) (page []Object, next string, err error)
	get(ctx context.Context, a at, offset, limit int64) (Piece, error)
	// put stores data with its command where the object has this version still; "" is
	// where there is none. Otherwise nothing is stored and clash is true.
	put(ctx context.Context, a at, data []byte, version, command string) (now string, clash bool, err error)
	// remove deletes the object where it has this version still.
	remove(ctx context.Context, a at, version string) (left, error)
	// head says what is there.
	head(ctx context.Context, a at) (stored, error)
	// version refuses a version that the store cannot have given.
	version(v string) error
	check(ctx context.Context, prefix string) error
	// over is what a request of a method can consume beside what is common to all.
	over() Requests
}

// stored is what a store says of one object.
type stored struct {
	there            bool
	version, command string
}

// left is how a removal ended.
type left int

const (
	removed left = iota
	gone         // there is no such object
	clashed      // it has another version, or it cannot be told
)

const mostPage = 1000 // keys that a page has at most, at every store

// pages is how many pages a list of so many objects is asked for at most. A page may
// have fewer keys than were asked for, and none at all.
func pages(limit int) int { return limit/mostPage + 3 }

// pageSize bounds one page's answer: a key of 1024 bytes may be escaped threefold.
func pageSize(n int) int64 { return 16<<10 + int64(n)*(4<<10) }

func (b *remote) List(ctx context.Context, prefix string, limit int) ([]Object, bool, error) {
	var list []Object
	mark, more := "", false
	for page := 1; ; page++ {
		var got []Object
		next := ""
		err := effect.Retry(ctx, agent.Read, func(ctx context.Context) (err error) {
			if ctx.Err() != nil {
				return effect.Ended(ctx, effect.NotDone, "list the objects")
			}
			got, next, err = b.list(ctx, b.prefix+prefix, mark, min(limit+1-len(list), mostPage))
			return err
		})
		if err != nil {
			return nil, false, err
		}
		for _, o := range got {
			key, ours := strings.CutPrefix(o.Key, b.prefix)
			if !ours || strings.HasSuffix(key, "/") || key == "" { // consoles make such keys to show a folder
				continue
			}
			o.Key = key
			list = append(list, o)
		}
		if mark = next; mark == "" || len(list) > limit {
			break
		}
		if page == pages(limit) {
			more = true
			break
		}
	}
	slices.SortFunc(list, func(a, b Object) int { return cmp.Compare(a.Key, b.Key) })
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, more, nil
}

func (b *remote) Read(ctx context.Context, key string, offset, limit int64) (p Piece, err error) {
	whole, err := b.at(key)
	if err != nil {
		return Piece{}, err
	}
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, doing("read", key))
		}
		p, err = b.get(ctx, whole, offset, limit)
		return err
	})
	return p, err
}

func (b *remote) Create(ctx context.Context, key string, data []byte, command string) (c Created, err error) {
	whole, err := b.at(key)
	if err != nil {
		return Created{}, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, doing("write", key))
		}
		now, clash, err := b.put(ctx, whole, data, "", command)
		if err != nil || !clash {
			c = Created{Version: now}
			return err
		}
		there, err := b.whose(ctx, whole)
		if err != nil {
			return err
		}
		if !there.there { // in the way a moment ago, and deleted since
			return busy(doing("write", key))
		}
		mine := command != "" && there.command == command
		c = Created{Repeat: mine, Taken: !mine, By: there.command, Version: there.version}
		return nil
	})
	if err != nil {
		return Created{}, err
	}
	return c, nil
}

func (b *remote) Replace(ctx context.Context, key string, data []byte, version, command string) (c Changed, err error) {
	whole, err := b.atVersion(key, version)
	if err != nil {
		return Changed{}, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, doing("replace", key))
		}
		now, clash, err := b.put(ctx, whole, data, version, command)
		if err != nil || !clash {
			c = Changed{Version: now}
			return err
		}
		there, err := b.whose(ctx, whole)
		switch {
		case err != nil:
			return err
		case there.there && command != "" && there.command == command:
			c = Changed{Repeat: true, Version: there.version}
		case there.there && there.version == version: // somebody else's write was under way, and came to nothing
			return busy(doing("replace", key))
		default:
			c = Changed{Stale: true, Version: there.version}
		}
		return nil
	})
	if err != nil {
		return Changed{}, err
	}
	return c, nil
}

func (b *remote) Delete(ctx context.Context, key, version, _ string) (c Changed, err error) {
	whole, err := b.atVersion(key, version)
	if err != nil {
		return Changed{}, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, doing("delete", key))
		}
		how, err := b.remove(ctx, whole, version)
		if err != nil || how != clashed {
			c = Changed{Repeat: how == gone}
			return err
		}
		there, err := b.whose(ctx, whole)
		switch {
		case err != nil:
			return err
		case !there.there:
			c = Changed{Repeat: true}
		case there.version == version:
			return busy(doing("delete", key))
		default:
			c = Changed{Stale: true, Version: there.version}
		}
		return nil
	})
	if err != nil {
		return Changed{}, err
	}
	return c, nil
}

// whose reads back what stands in the way of a change. As long as it cannot be read it
// is not known whether an earlier try of the same command put it there.
func (b *remote) whose(ctx context.Context, a at) (stored, error) {
	there, err := b.head(ctx, a)
	if e, ok := err.(*effect.Error); ok && e.Outcome != effect.Unknown {
		c := *e
		c.Outcome = effect.Unknown
		return stored{}, &c
	}
	return there, err
}

func (b *remote) Basis() string { return b.basis.create }

func (b *remote) ChangeBasis() string { return b.basis.change }

func (b *remote) Requests(limit int) Requests {
	r := b.over()
	n := int64(pages(limit))
	reading := func(m price.Meter, q int64) price.Reading {
		return price.Reading{Meter: m, Quantity: q * effect.Tries, Source: price.Counted}
	}
	back := reading(price.MeterGet, 1)
	r.List = append(r.List, reading(price.MeterList, n), reading(price.MeterBytesRead, n*pageSize(min(limit+1, mostPage))))
	r.Get = append(r.Get, reading(price.MeterGet, 1))
	r.Put = append(answered(r.Put), reading(price.MeterPut, 1), back)
	r.Delete = append(answered(r.Delete), reading(price.MeterDelete, 1), back)
	r.Tries = effect.Tries
	return r
}

// answered is the bound of a change with what its answers may have, which is nothing
// as a rule, and counts where somebody on the way says more.
func answered(bound []price.Reading) []price.Reading {
	bound = slices.Clone(bound)
	for i := range bound {
		if bound[i].Meter == price.MeterBytesRead {
			bound[i].Quantity += effect.Tries * mostAnswer
			return bound
		}
	}
	return append(bound, price.Reading{Meter: price.MeterBytesRead, Quantity: effect.Tries * mostAnswer, Source: price.Counted})
}

func (b *remote) Check(ctx context.Context) error { return b.check(ctx, b.prefix) }

func (b *remote) Close() error {
	b.web.close()
	return nil
}

// at is where an object of the bucket is.
func (b *remote) at(key string) (at, error) {
	if err := CheckKey(key); err != nil {
		return at{}, err
	}
	if n := len(b.prefix) + len(key); n > 1024 {
		return at{}, &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("the key %q is longer than 1024 bytes, with what the bucket's keys begin with", cut(key, 80))}
	}
	return at{b.prefix + key, key}, nil
}

func (b *remote) atVersion(key, version string) (at, error) {
	whole, err := b.at(key)
	if err == nil {
		err = b.version(version)
	}
	return whole, err
}

func doing(what, key string) string { return fmt.Sprintf("%s the object %q", what, cut(key, 200)) }
