package integration

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// pageDeadline bounds the wait for something on a page, windowDeadline the life
// of a window.
const (
	pageDeadline   = time.Minute
	windowDeadline = 10 * time.Minute
)

// chromium is a browser that nobody sees.
type chromium struct {
	ctx context.Context //nolint:containedctx // the library's name of a browser
}

// startChromium starts a browser, which ends with the test. .ci/chromium installs it.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.IgnoreCertErrors,
		chromedp.Env("LD_PRELOAD="+buildPreload(t, "testdata/nonetlink.c")))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	browser, closeBrowser := chromedp.NewContext(allocated)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start Chromium: %v; .ci/chromium installs it", err)
	}
	return &chromium{ctx: browser}
}

// buildPreload makes a library that goes before a program's own.
func buildPreload(t *testing.T, source string) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "preload.so")
	compiler, err := exec.CommandContext(t.Context(), "go", "env", "CC").Output()
	if err != nil {
		t.Fatalf("ask Go for the C compiler: %v", err)
	}
	build := exec.CommandContext(t.Context(), strings.TrimSpace(string(compiler)), "-shared", "-fPIC", "-o", library, source, "-ldl")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v; .ci/c-compiler installs a compiler\n%s", source, err, output)
	}
	return library
}

// look is how somebody looks at pages.
type look struct {
	width    int64 // 1200 where it is zero
	dark     bool
	noScript bool
}

// window is one of a browser, with cookies of its own.
type window struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // the library's name of a window

	mu         sync.Mutex
	complaints []string // of the browser, about pages
}

// open opens a window for the test.
func (c *chromium) open(t *testing.T, l look) *window {
	t.Helper()
	ctx, end := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	ctx, stop := context.WithTimeout(ctx, windowDeadline)
	t.Cleanup(stop)
	w := &window{t: t, ctx: ctx}
	width, scheme := int64(1200), "light"
	if l.width > 0 {
		width = l.width
	}
	if l.dark {
		scheme = "dark"
	}
	// The window opens with the first action, and closes with that action's context.
	w.must("open a window", chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)))
	w.must("listen to complaints", chromedp.Listen(ctx, func(event any) {
		// Browsers ask every site for this file; the dashboard names another.
		if added, ok := event.(*log.EventEntryAdded); ok && !strings.HasSuffix(added.Entry.URL, "/favicon.ico") {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.complaints = append(w.complaints, fmt.Sprintf("%s: %s (%s)", added.Entry.Source, added.Entry.Text, added.Entry.URL))
		}
	}))
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	w.must("choose colours", err)
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
	w.must("switch JavaScript off", err)
	return w
}

func (w *window) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v\nthe page:\n%s", what, err, w.text())
	}
}

func (w *window) do(what string, action chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.ctx, pageDeadline)
	defer stop()
	w.must(what, chromedp.Do(ctx, action))
}

// visit opens an address, wherever that leads.
func (w *window) visit(address string) {
	w.t.Helper()
	w.do("open "+address, chromedp.Navigate(address))
}

func (w *window) click(selector string) {
	w.t.Helper()
	w.do("click "+selector, chromedp.Click(selector))
}

func (w *window) write(selector, text string) {
	w.t.Helper()
	w.do("type into "+selector, chromedp.SendKeys(selector, text))
}

// text is what can be read on the page.
func (w *window) text() string {
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return fmt.Sprintf("(nothing: %v)", err)
	}
	return text
}

// read is the text of an element.
func (w *window) read(selector string) string {
	w.t.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Text(selector))
	w.must("read "+selector, err)
	return text
}

func (w *window) address() string {
	w.t.Helper()
	address, err := chromedp.Run(w.ctx, chromedp.Location())
	w.must("read the address", err)
	return address
}

// waitFor waits until all texts are on the page.
func (w *window) waitFor(texts ...string) {
	w.t.Helper()
	w.waitUntil(fmt.Sprintf("%q is on the page", texts), func(page string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(page, text) })
	})
}

func (w *window) waitUntil(what string, holds func(page string) bool) {
	w.t.Helper()
	var page string
	met := false
	defer func() {
		if !met {
			w.t.Logf("evidence: the page\n%s", page)
		}
	}()
	eventually(w.t, pageDeadline, what, func() bool {
		page = w.text()
		met = holds(page)
		return met
	})
}

// requireNoComplaints fails the test when the browser has refused a part of a
// page, or met a mistake.
func (w *window) requireNoComplaints() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.complaints) > 0 {
		w.t.Errorf("the browser complains:\n%s", strings.Join(w.complaints, "\n"))
	}
}

// requireAccessible checks that whatever can be used has a name, that the page
// is no wider than the window, and that its text can be told from what is behind.
func (w *window) requireAccessible() {
	w.t.Helper()
	tree, err := chromedp.Call(w.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	w.must("read what a screen reader reads", err)
	used := 0
	for _, node := range tree.Nodes {
		role := axText(node.Role)
		if node.Ignored || !slices.Contains([]string{"button", "link", "searchbox", "textbox", "combobox", "image"}, role) {
			continue
		}
		used++
		if axText(node.Name) == "" {
			w.t.Errorf("%s: a %s has no name", w.address(), role)
		}
	}
	if used == 0 {
		w.t.Errorf("%s: nothing on the page can be used", w.address())
	}
	for what, script := range map[string]string{
		"is wider than the window":             tooWide,
		"has text that is too pale to be read": tooPale,
	} {
		found, err := chromedp.Run(w.ctx, chromedp.Evaluate[[]string](script))
		w.must("measure the page", err)
		if len(found) > 0 {
			w.t.Errorf("%s %s: %s", w.address(), what, strings.Join(found, "; "))
		}
	}
}

func axText(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	return strings.Trim(string(value.Value), `"`)
}

const tooWide = `(() => {
  const page = document.documentElement;
  return page.scrollWidth > page.clientWidth ? [page.scrollWidth + " > " + page.clientWidth] : [];
})()`

// tooPale finds text with a contrast below 4.5 to 1, which the guidelines for
// accessible content (WCAG 2.2, AA) ask for.
const tooPale = `(() => {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (parse(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (!own || !element.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) pale.push(element.textContent.trim().slice(0, 30) + " " + contrast.toFixed(2));
  }
  return pale;
})()`
