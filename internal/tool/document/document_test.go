package document_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/document"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPDFIsReadByPageAndLine(t *testing.T) {
	data := manyPages(
		"BT /F1 12 Tf 72 720 Td (Annual report 2025) Tj 0 -40 Td (Revenue grew by ) Tj (12 %.) Tj 0 -14 Td [(Mar) -20 (gin) -400 (fell)] TJ ET",
		"BT /F1 10 Tf 1 0 0 1 72 700 Tm (Segment) Tj 1 0 0 1 200 700 Tm (2024) Tj 1 0 0 1 260 700 Tm (2025) Tj 12 TL T* (\\200 \\(euro\\) \\366) Tj ET")
	got, err := document.Text(t.Context(), data, "application/pdf", "report.pdf")
	want := "[page 1]\nAnnual report 2025\n\nRevenue grew by 12 %.\nMargin fell\n\n[page 2]\nSegment\t2024\t2025\n€ (euro) ö"
	if err != nil || got != want {
		t.Errorf("%q, %v\nwanted\n%q", got, err, want)
	}
}

// Some programs write a header that the library does not know, and bytes behind the end.
func TestPDFMayBeALittleWrong(t *testing.T) {
	good := string(manyPages("BT /F1 12 Tf 72 720 Td (Hello) Tj ET"))
	for name, data := range map[string]string{
		"version 2.0":      strings.Replace(good, "%PDF-1.4", "%PDF-2.0", 1),
		"bytes behind":     good + strings.Repeat("\x00", 200),
		"a newline behind": good + "\r\n\r\n",
	} {
		if got, err := document.Text(t.Context(), []byte(data), "", "x"); err != nil || got != "[page 1]\nHello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	for name, c := range map[string]struct{ data, kind, name, why string }{
		"no PDF":           {"hello", "application/pdf", "", "does not begin as one"},
		"a PDF by name":    {"hello", "", "a.PDF", "does not begin as one"},
		"half a PDF":       {string(manyPages("BT ET"))[:120], "", "", "not as PDFs are"},
		"no text":          {string(manyPages("0 0 m 10 10 l S")), "", "", "no text: its pages are pictures"},
		"no pages":         {string(pdfFile("<< /Type /Catalog >>")), "", "", "no pages"},
		"an archive":       {"PK\x03\x04\x00\x00\xff", "application/zip", "a.zip", "neither PDF nor HTML nor text"},
		"other characters": {"caf\xe9", "text/plain", "a.txt", "neither PDF nor HTML nor text"},
		"too long":         {strings.Repeat("x", document.MostBytes+1), "text/plain", "a.txt", "are the most"},
	} {
		got, err := document.Text(t.Context(), []byte(c.data), c.kind, c.name)
		var why *document.Error
		if !errors.As(err, &why) || !strings.Contains(why.Why, c.why) {
			t.Errorf("%s: %.80q, %v; wanted an error with %q", name, got, err, c.why)
		}
	}
}

// A PDF may be made to hang, crash or fill whoever reads it.
func TestHostilePDFTakesNothingAlong(t *testing.T) {
	catalog, pages := "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	cyclicForm := "<< /Type /XObject /Subtype /Form /Resources << /XObject << /X 6 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream"
	self := strings.Replace(string(manyPages("BT ET")), "/Root 1 0 R >>\nstartxref\n", "/Root 1 0 R /Prev 0000000000 >>\nstartxref\n", 1)
	at := strings.Index(self, "xref\n0")
	for name, data := range map[string][]byte{
		"pages in a circle":       pdfFile(catalog, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"),
		"a page's parent itself":  pdfFile(catalog, pages, "<< /Type /Page /Parent 3 0 R /Contents 4 0 R >>", stream("BT (x) Tj ET")),
		"pages as a tree":         pdfFile(catalog, "<< /Kids [3 0 R 3 0 R] >>", "<< /Kids [4 0 R 4 0 R] >>", "<< /Kids [5 0 R 5 0 R] >>", "<< /Kids [2 0 R 2 0 R] >>"),
		"forms in a circle":       onePage(stream("/X Do"), cyclicForm),
		"a table in a circle":     []byte(strings.Replace(self, "/Prev 0000000000", "/Prev "+strings.Repeat("0", 10-len(itoa(at)))+itoa(at), 1)),
		"brackets without end":    onePage(flated(t, strings.Repeat("[", 1<<16), 500)),
		"dictionaries":            onePage(flated(t, strings.Repeat("<</A", 1<<14), 500)),
		"brackets in the file":    pdfFile(catalog, strings.Repeat("[", 4<<20)),
		"text without end":        onePage(flated(t, "BT /F1 12 Tf ("+strings.Repeat("A", 1<<16)+") Tj ET\n", 400)),
		"a string without end":    onePage(flated(t, "("+strings.Repeat("A", 1<<16), 1500)),
		"a stack without end":     onePage(flated(t, strings.Repeat("1 ", 1<<15), 800)),
		"a large table":           []byte(strings.Replace(string(manyPages("BT ET")), "/Size 6", "/Size 4000000000", 1)),
		"an array as its length":  onePage("<< /Length 4 0 R >>\nstream\nx\nendstream"),
		"a filter that is itself": onePage("<< /Length 3 /Filter 4 0 R >>\nstream\nx\nendstream"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			got, err := document.Text(ctx, data, "", "x.pdf")
			took := time.Since(start)
			if took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if err != nil && !saysWhy(err) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			if len(got) > 16<<20 || !utf8.ValidString(got) {
				t.Errorf("%d bytes of text", len(got))
			}
			t.Logf("%s: %.60q, %v", took.Round(time.Millisecond), got, err)
		})
	}
}

// saysWhy is whether err is about the document.
func saysWhy(err error) bool {
	var why *document.Error
	return errors.As(err, &why)
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	slow := pdfFile("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 3 0 R /Contents 4 0 R >>", stream("BT (x) Tj ET")) // the library looks for the page's fonts without end
	start := time.Now()
	if _, err := document.Text(ctx, slow, "", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := document.Text(ctx, []byte("<html><p>x"), "text/html", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("HTML: %v", err)
	}
}

func TestHTMLIsReadAsItIsSeen(t *testing.T) {
	for name, c := range map[string]struct{ html, kind, want string }{
		"paragraphs": {"<html><head><title>ACME &amp; Co</title><style>p{}</style></head><body><h1>Report</h1><p>One\n  two<b>three</b> four</p><p>Five</p></body>", "",
			"ACME & Co\n\nReport\n\nOne twothree four\n\nFive"},
		"a table":       {"<table><tr><th>Year<th>Revenue</tr><tr><td>2024<td>10</tr><tr><td>2025</td><td>12 %</td></tr></table>", "text/html", "Year\tRevenue\n2024\t10\n2025\t12 %"},
		"a list":        {"<ul><li>a<li>b</ul>", "text/html", "- a\n- b"},
		"preformatted":  {"<pre>a  b\n  c</pre>d", "text/html", "a  b\n  c\n\nd"},
		"unseen":        {"<p>a<script>if (1 < 2) {'</p>'}</script><span hidden>b<span>c</span></span><div style='Display: None'>send <div>all</div></div>d<noscript>e</noscript></p>", "text/html", "ad"},
		"not closed":    {"<p>a<script>b", "text/html", "a"},
		"Latin 1":       {"<p>caf\xe9", "text/html; charset=iso-8859-1", "café"},
		"its own words": {`<meta charset="windows-1252"><p>` + "\x80 5", "text/html", "€ 5"},
		"entities":      {"<p>&lt;b&gt; &#8364;&nbsp;5 &unknown; &amp;amp;", "text/html", "<b> €\u00a05 &unknown; &amp;"},
		"breaks":        {"a<br>b<br/>c<hr>d", "text/html", "a\nb\nc\n\nd"},
		"a comment":     {"a<!-- send all -->b", "text/html", "ab"},
	} {
		got, err := document.Text(t.Context(), []byte(c.html), c.kind, "x.html")
		if err != nil || strings.ReplaceAll(got, "\u00a0", " ") != strings.ReplaceAll(c.want, "\u00a0", " ") {
			t.Errorf("%s: %q, %v; wanted %q", name, got, err, c.want)
		}
	}
}

func TestPlainTextIsItself(t *testing.T) {
	for _, text := range []string{"", "a < b", "ACME\nreport", "\ufeffmarked"} {
		if got, err := document.Text(t.Context(), []byte(text), "text/plain", "a.md"); err != nil || got != strings.TrimPrefix(text, "\ufeff") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func FuzzHTML(f *testing.F) {
	f.Add([]byte("<html><p>a<script>b</script><table><tr><td>c</table><div hidden>x"))
	f.Add([]byte("<!doctype html><pre>\x00\xff<style>"))
	f.Add([]byte(strings.Repeat("<div hidden>", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := document.Text(t.Context(), data, "text/html", "")
		if err != nil && !saysWhy(err) {
			t.Fatal(err)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
	})
}

func FuzzPDF(f *testing.F) {
	f.Add(manyPages("BT /F1 12 Tf 72 720 Td (Hello) Tj ET"))
	f.Add(onePage(stream("/X Do"), "<< /Subtype /Form /Length 3 >>\nstream\nq Q\nendstream"))
	f.Add(pdfFile("<< /Type /Catalog /Pages 1 0 R /Kids [1 0 R] >>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := document.Text(t.Context(), append([]byte("%PDF-"), data...), "", ""); err != nil && !saysWhy(err) || !utf8.ValidString(got) {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// Blanks are put together without a list of the words between them, which would take many
// times the text.
func TestTextOfManyWordsTakesLittleRoom(t *testing.T) {
	page := []byte("<p>" + strings.Repeat("a\n ", 2<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	text, err := document.Text(t.Context(), page, "text/html; charset=utf-8", "")
	runtime.ReadMemStats(&after)
	if err != nil || text != strings.TrimSpace(strings.Repeat("a ", 2<<20)) {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 13*uint64(len(page)) {
		t.Errorf("%d bytes took %d", len(page), took)
	}
}
