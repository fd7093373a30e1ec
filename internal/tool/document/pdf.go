package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// A PDF is read by a second process of this program, which knows that it is one by a
// variable in its environment, see [init].
const (
	childVariable = "SKEIN_DOCUMENT_CHILD"
	childPDF      = "pdf"
	childTime     = 20 * time.Second // for one document
	mostChildren  = 2                // at once
	mostReason    = 300
)

// The ends of the second process that say something.
const (
	exitRead   = 0
	exitCannot = 10 // the reason is in its standard error
	exitMemory = 11
	exitTime   = 12
	exitLong   = 13
)

var children = make(chan struct{}, mostChildren)

// pdfText has a PDF read by a second process, which is killed when its time is over.
func pdfText(ctx context.Context, data []byte) (string, error) {
	select {
	case children <- struct{}{}:
		defer func() { <-children }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	program, err := itself()
	if err != nil {
		return "", fmt.Errorf("read a PDF: find this program: %w", err)
	}
	timed, cancel := context.WithTimeout(ctx, childTime)
	defer cancel()
	text, why := &capped{most: mostText}, &capped{most: mostReason}
	cmd := exec.CommandContext(timed, program)
	cmd.Env = []string{childVariable + "=" + childPDF}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), text, why
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	code := exitRead
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil && timed.Err() == nil && cmd.Process == nil:
		return "", fmt.Errorf("read a PDF: start a process for it: %w", err)
	}
	switch {
	case timed.Err() != nil, code == exitTime:
		return "", cannot("to read this PDF takes longer than %s", childTime)
	case text.over, code == exitLong:
		return "", errTooMuchText
	case code == exitMemory:
		return "", cannot("to read this PDF takes more memory than one may")
	case code == exitCannot:
		return "", cannot("the PDF cannot be read: %s", strings.ToValidUTF8(why.b.String(), ""))
	case err != nil:
		return "", cannot("the PDF cannot be read: it is not as PDFs are")
	}
	out := tidy(letters.Replace(strings.ToValidUTF8(text.b.String(), "\ufffd")))
	if strings.TrimSpace(pageMark.ReplaceAllString(out, "")) == "" {
		return "", cannot("the PDF has no text: its pages are pictures, or empty")
	}
	return out, nil
}

// itself is this program. On Linux it can be started even where its file has been
// replaced by a new version.
func itself() (string, error) {
	if runtime.GOOS == "linux" {
		if _, err := os.Stat("/proc/self/exe"); err == nil {
			return "/proc/self/exe", nil
		}
	}
	return os.Executable()
}

// capped keeps the beginning of what is written and ends it there.
type capped struct {
	b    bytes.Buffer
	most int
	over bool
}

var errOver = errors.New("more than may be written")

func (c *capped) Write(p []byte) (int, error) {
	room := c.most - c.b.Len()
	if len(p) <= room {
		return c.b.Write(p)
	}
	c.over = true
	for room > 0 && !utf8.RuneStart(p[room]) {
		room--
	}
	_, _ = c.b.Write(p[:room]) // into memory
	return room, errOver
}
