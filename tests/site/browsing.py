"""A page of the site as a browser shows it, and what is wrong with it."""

import functools

from axe_playwright_python.sync_playwright import Axe

WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
STATES = [("wide", "light"), ("wide", "dark"), ("phone", "dark"), ("phone", "light")]

READY = """async () => {
  if (document.querySelector('.math, .derivation, .refutation') === null) return;
  const end = Date.now() + 20000;
  while (!(window.MathJax && MathJax.startup && MathJax.startup.promise)) {
    if (Date.now() > end) throw new Error('MathJax did not load');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await MathJax.startup.promise;
  await document.fonts.ready;
}"""

# formulas not typeset, errors shown, elements that stick out of the page
FAULTS = """() => {
  const short = (e) => e.textContent.trim().replace(/\\s+/g, ' ').slice(0, 100);
  const untypeset = [...document.querySelectorAll('.math')]
    .filter((e) => !e.querySelector('.math') && !e.querySelector('mjx-container'))
    .map(short);
  const errors = [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map(short);
  const root = document.documentElement;
  const overflow = root.scrollWidth - root.clientWidth;
  const clipped = (e) => {
    for (let p = e.parentElement; p; p = p.parentElement) {
      if (getComputedStyle(p).overflowX !== 'visible') return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll('article *')]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !clipped(e))
    .map((e) => e.tagName + '.' + e.className)
    .slice(0, 5);
  const unnamed = [...document.querySelectorAll('img')]
    .filter((e) => !e.hasAttribute('alt') ||
      (e.closest('article') && !(e.alt.trim() && e.alt !== e.getAttribute('src'))))
    .map((e) => e.getAttribute('src'));
  return {untypeset, errors, overflow: overflow > 0 ? [overflow, ...wide] : [], unnamed};
}"""
NO_FAULTS = {"untypeset": [], "errors": [], "overflow": [], "unnamed": []}

# a formula's glyphs are hidden from assistive programs, and are most of a page's elements: a box of
# their size takes their place, with what is read instead of them, so that axe takes seconds a page
BOXED = """() => {
  const all = [...document.querySelectorAll('mjx-container')];
  const boxes = all.map((e) => e.querySelector('mjx-math').getBoundingClientRect());
  all.forEach((e, i) => {
    const box = document.createElement('span');
    box.textContent = e.querySelector('math').textContent;
    box.style.cssText = 'display: inline-block; overflow: hidden; white-space: nowrap;' +
      `width: ${boxes[i].width}px; height: ${boxes[i].height}px`;
    e.replaceChildren(box);
  });
}"""

# contrast is that of a letter's colour, size and weight on the grounds below it: of all text that
# is alike in these, one piece is marked
LOOKS = """() => {
  for (const e of document.querySelectorAll('[data-look]')) e.removeAttribute('data-look');
  const known = new Map([[null, '']]);
  const grounds = (e) => {
    if (!known.has(e)) {
      const s = getComputedStyle(e);
      const place = s.position === 'static' ? '' : s.position + s.zIndex;
      const own = [s.backgroundColor, s.backgroundImage, s.opacity, s.filter, place].join(' ');
      const plain = 'rgba(0, 0, 0, 0) none 1 none ';
      known.set(e, grounds(e.parentElement) + (own === plain ? '' : '|' + own));
    }
    return known.get(e);
  };
  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !e.checkVisibility({visibilityProperty: true})) continue;
    const s = getComputedStyle(e);
    const look = [s.color, s.fontSize, s.fontWeight, s.textShadow, grounds(e)].join('/');
    if (!seen.has(look)) e.dataset.look = '';
    seen.add(look);
  }
  return seen.size;
}"""


class Visit:
    """A page that was opened, and what went wrong on the way."""

    def __init__(self, browser, url, base, width="wide", theme="light"):
        self.trouble = []
        self.context = browser.new_context(viewport=WIDTHS[width], color_scheme=theme)
        self.context.route("**/*", functools.partial(self.gate, base))
        self.prefer(theme)
        self.page = self.context.new_page()
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda e: self.trouble.append(f"script error: {e}"))
        self.page.on("requestfailed", lambda r: self.trouble.append(f"request failed: {r.url}"))
        self.page.on("response", self.answer)
        self.page.goto(url, wait_until="load")
        self.page.evaluate(READY)

    def prefer(self, theme):
        """What a reader chose on an earlier page."""
        self.context.add_init_script(
            f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
        )

    def show(self, width, theme):
        """The same page at another width, in another theme."""
        if self.page.viewport_size != WIDTHS[width]:
            self.page.set_viewport_size(WIDTHS[width])
            self.page.wait_for_timeout(400)  # the theme lets boxes that scroll now have the focus
        self.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")

    def theme(self):
        return self.page.evaluate("document.documentElement.dataset.theme")

    def faults(self):
        return self.page.evaluate(FAULTS)

    def gate(self, base, route):
        if route.request.url.startswith((base, "data:", "blob:", "file:")):
            route.continue_()
        else:
            self.trouble.append(f"request to another host: {route.request.url}")
            route.abort()

    def hear(self, message):
        if message.type in ("error", "warning"):
            self.trouble.append(f"console: {message.text[:200]}")

    def answer(self, response):
        if response.status >= 400:
            self.trouble.append(f"status {response.status}: {response.url}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def axe(page, context=None, **options):
    """What axe finds wrong with a page, or with a part of it."""
    # in motion, colours are between two values: let transitions end
    page.add_style_tag(content="*, *::before, *::after { transition: none !important }")
    page.wait_for_timeout(50)
    # without preload: axe would read the style sheets again, from wrong addresses
    options = {"resultTypes": ["violations"], "preload": False, **options}
    found = Axe().run(page, context=context, options=options)
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {[n['target'] for n in v['nodes']][:3]}"
        for v in found.response["violations"]
    ]


def contrast(page):
    """Text that axe finds hard to read, one of each look."""
    page.evaluate(LOOKS)
    return axe(page, {"include": [["[data-look]"]]}, runOnly=["color-contrast"])


def barriers(page):
    """All that axe looks for."""
    return [*axe(page, rules={"color-contrast": {"enabled": False}}), *contrast(page)]
