package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// fileTopic is a folder with one file for each message, for a person or a
// program that watches it. The file is named by the command's id and has the id
// inside; it is written whole under another name, synced, and linked to its own
// name if that is free.
type fileTopic struct{ root *os.Root }

// told is what stands in a file.
type told struct {
	Command string `json:"command"`
	Message
}

func openFile(u *resource.URL) (Topic, error) {
	dir, err := u.Local()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	return &fileTopic{root}, nil
}

func (t *fileTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "publish the notification"
	if ctx.Err() != nil {
		return Sent{}, effect.Ended(ctx, effect.NotDone, doing)
	}
	name := fileName(command)
	body, err := json.MarshalIndent(told{command, m}, "", "  ")
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	effect.MeterFrom(ctx).Count(price.MeterPublishes, m.Units(), price.Derived)
	sent := Sent{ID: name}
	err = t.link(name, append(body, '\n'))
	if errors.Is(err, fs.ErrExist) {
		if err := t.own(name, command); err != nil {
			return Sent{}, err
		}
		sent.Repeat, err = true, nil
	}
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": the file cannot be written", Cause: err}
	}
	// A repeat syncs too: the first time may have ended before it did.
	if err := t.sync(); err != nil {
		return Sent{}, &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the folder cannot be synced", Cause: err}
	}
	return sent, nil
}

// link writes the file under a name of its own and gives it the right one.
func (t *fileTopic) link(name string, body []byte) error {
	draft := "." + name + ".draft"
	// A draft is what a crash left behind; the command has one owner at a time.
	if err := t.root.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := t.root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = t.root.Link(draft, name)
	}
	if gone := t.root.Remove(draft); err == nil && gone != nil {
		return nil // the message is told; its second name does no harm
	}
	return err
}

// own refuses a file that is there and not this command's.
func (t *fileTopic) own(name, command string) error {
	var there told
	b, err := t.root.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, &there)
	}
	if err == nil && there.Command == command {
		return nil
	}
	return &effect.Error{Outcome: effect.Refused, Cause: err,
		Message: fmt.Sprintf("publish the notification: there is a file %s already that is not this command's", name)}
}

func (t *fileTopic) sync() error {
	d, err := t.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fileName is a command's id as a file's name. What cannot stand in a name is
// replaced, and a hash keeps different ids apart.
func fileName(command string) string {
	name := []byte(command[:min(len(command), 100)])
	for i, c := range name {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' {
			name[i] = '-'
		}
	}
	sum := sha256.Sum256([]byte(command))
	return string(name) + "-" + hex.EncodeToString(sum[:6]) + ".json"
}

func (t *fileTopic) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Keyed, Basis: "create-if-absent by link(2), with the command's id inside the file"}
}

func (t *fileTopic) Bound(size int) []price.Reading { return publishes(1, size) }

func (t *fileTopic) Check(context.Context) error {
	_, err := fs.ReadDir(t.root.FS(), ".")
	return err
}

func (t *fileTopic) Close() error { return t.root.Close() }
