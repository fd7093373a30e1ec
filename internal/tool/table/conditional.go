package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/tool/effect"
)

// keeper is a service whose writes have conditions, and whose refusals do not say what
// stood in the way: that takes a second request. [create], [replace] and [remove] are
// the same over each.
type keeper interface {
	write(ctx context.Context, w writing) (end writeEnd, version string, err error)
	reader
}

type reader interface {
	// read is an item, its JSON nil where there is none, and the command that wrote it.
	read(ctx context.Context, key Key, doing string) (item Item, command string, err error)
}

// writing is one conditional write: of an item that is not there yet, over a version
// that was seen, or of nothing over it, which deletes.
type writing struct {
	key     Key
	item    json.RawMessage // nil is a delete
	version string          // "" is a create
	command string
	doing   string // for messages
}

// writeEnd is how a conditional write ended, where it did not fail.
type writeEnd int

const (
	writeDone    writeEnd = iota
	writeTaken            // there is an item already
	writeChanged          // it has another version
	writeGone             // it is not there
)

func create(ctx context.Context, k keeper, key Key, item json.RawMessage, command string) (Created, error) {
	w := writing{key: key, item: item, command: command, doing: fmt.Sprintf("put the item of %q", cut(key.Partition, 80))}
	end, version, err := k.write(ctx, w)
	if err != nil {
		return Created{}, err
	}
	if end == writeDone {
		return Created{Version: version}, nil
	}
	there, by, err := inTheWay(ctx, k, w)
	switch {
	case err != nil:
		return Created{}, err
	case there.JSON == nil:
		return Created{}, &effect.Error{Outcome: effect.Unknown, Retry: true, Message: w.doing + ": the item was there, and is gone again"}
	}
	return Created{Repeat: by == command, Taken: by != command, By: by, Version: there.Version, Item: there.JSON}, nil
}

func replace(ctx context.Context, k keeper, key Key, item json.RawMessage, version, command string) (Changed, error) {
	w := writing{key: key, item: item, version: version, command: command, doing: fmt.Sprintf("replace the item of %q", cut(key.Partition, 80))}
	if version == "" {
		return Changed{}, refuse("%s: it needs the version that was seen", w.doing)
	}
	end, now, err := k.write(ctx, w)
	switch {
	case err != nil:
		return Changed{}, err
	case end == writeDone:
		return Changed{Version: now}, nil
	case end == writeGone:
		return Changed{Stale: true}, nil
	}
	there, by, err := inTheWay(ctx, k, w)
	if err != nil {
		return Changed{}, err
	}
	own := there.JSON != nil && by == command
	return Changed{Repeat: own, Stale: !own, Version: there.Version, Item: there.JSON}, nil
}

func remove(ctx context.Context, k keeper, key Key, version, command string) (Changed, error) {
	w := writing{key: key, version: version, command: command, doing: fmt.Sprintf("delete the item of %q", cut(key.Partition, 80))}
	if version == "" {
		return Changed{}, refuse("%s: it needs the version that was seen", w.doing)
	}
	end, _, err := k.write(ctx, w)
	switch {
	case err != nil:
		return Changed{}, err
	case end == writeDone:
		return Changed{}, nil
	case end == writeGone:
		return Changed{Repeat: true}, nil
	}
	there, _, err := inTheWay(ctx, k, w)
	if err != nil {
		return Changed{}, err
	}
	return Changed{Repeat: there.JSON == nil, Stale: there.JSON != nil, Version: there.Version, Item: there.JSON}, nil
}

// inTheWay reads what stood in a write's way. Where that cannot be read, it stays open
// whether an earlier try of the same command had been done.
func inTheWay(ctx context.Context, from reader, w writing) (Item, string, error) {
	item, command, err := from.read(ctx, w.key, w.doing)
	if err == nil {
		return item, command, nil
	}
	e := effect.Error{Message: w.doing + ": what stands in its way cannot be read"}
	var known *effect.Error
	if errors.As(err, &known) {
		e.Message, e.Retry, e.After = known.Message, known.Retry, known.After
	}
	e.Outcome, e.Cause = effect.Unknown, err
	return Item{}, "", &e
}
