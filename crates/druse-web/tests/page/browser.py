#!/usr/bin/env python3
"""Builds the page, serves it and uses it in a headless Chromium. Standard library only.

    browser.py DRUSE OUT [--screenshots]

DRUSE is the command, whose files must be those of the page byte by byte. The page is built into OUT/page. Prints one
line per check and exits with 1 if one fails. With --screenshots also pictures: light and dark, wide and narrow.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "crates" / "experiments" / "tests" / "report"))

from browser import CHECKED, NARROW, STAGE, WIDE, Browser, Checks, pixels  # noqa: E402

NAMES = ["chromium", "chromium-browser", "google-chrome"]
# The longest that the sampler may take for anything here, seconds; a few in a browser that has a core to itself.
LONG = 240

RUTILE = """data_rutile
_cell_length_a 4.59
_cell_length_b 4.59
_cell_length_c 2.96
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_IT_number 136
_space_group_name_H-M_alt 'P 42/m n m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ti1 Ti 0 0 0
O1 O 0.305 0.305 0
"""

# Each visible text whose colour is too near its background's, with the ratio (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || node.disabled || !node.checkVisibility() || node.closest("script, canvas")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${node.tagName} ${node.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return found;
})()"""

UNLABELLED = """[...document.querySelectorAll("input, select, textarea, button, progress, [tabindex]")]
  .filter((n) => n.tabIndex >= 0 && !n.labels?.length && !n.getAttribute("aria-label")
    && !n.getAttribute("aria-labelledby") && !n.textContent.trim()).map((n) => n.id || n.tagName)"""


def program():
    found = os.environ.get("DRUSE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        sys.exit("a Chromium is needed on the path; else name one in DRUSE_BROWSER")
    return found


class Page:
    """The page in a browser, and its form."""

    def __init__(self, browser, address):
        self.browser = browser
        self.ask = browser.ask
        browser.call("Page.navigate", url=address)
        self.wait("location.protocol === 'http:' && document.readyState === 'complete'")
        self.wait("document.getElementById('status').textContent === 'Ready.' || !document.getElementById('error').hidden")

    def wait(self, condition, patience=LONG):
        until = time.monotonic() + patience
        while not self.ask(condition):
            if time.monotonic() > until:
                raise RuntimeError(f"in vain: {condition}; the page says: {self.status()}; {self.error()}")
            time.sleep(0.05)

    def status(self):
        return self.ask("document.getElementById('status').textContent")

    def error(self):
        return self.ask("document.getElementById('error').hidden ? '' : document.getElementById('error').textContent")

    def program(self):
        return self.ask("document.documentElement.dataset.program")

    def fill(self, way, **values):
        self.ask(f"document.querySelector('input[name=way][value={way}]').click()")
        for name, value in values.items():
            self.ask(f"(() => {{ const field = document.getElementById({json.dumps(name)}); "
                     f"field.value = {json.dumps(str(value))}; field.dispatchEvent(new Event('change')); }})()")

    def grow(self):
        """Sends the form by the Enter key and waits until it is done. Returns the longest pause of the page until the first
        crystal, seconds: drawing it takes its time where WebGL is computed on a processor."""
        self.ask("""(() => { window.pause = 0; let last = performance.now();
          const step = (now) => { if (shown.length === 0) window.pause = Math.max(window.pause, now - last); last = now;
            if (window.pause >= 0) requestAnimationFrame(step); }; requestAnimationFrame(step); })()""")
        self.ask("document.getElementById('count').focus()")
        for kind in ("keyDown", "keyUp"):
            self.browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                              windowsVirtualKeyCode=13)
        self.wait("document.getElementById('stop').disabled")
        return self.ask("(() => { const found = window.pause; window.pause = -1; return found / 1000; })()")

    def files(self):
        """Names and texts of the CIFs that the page offers."""
        found = {}
        for index in range(self.ask("shown.length")):
            name, href = self.ask(f"(() => {{ document.getElementById('crystal-{index}').click(); "
                                  "const a = document.getElementById('download'); return [a.download, a.href]; })()")
            found[name] = self.ask(f"decodeURIComponent({json.dumps(href)}.split(',').slice(1).join(','))")
        return found

    def command(self):
        return self.ask("document.getElementById('command').textContent")


def compare(page, checks, druse, what):
    """The files of the page with those of the command that it names."""
    files = page.files()
    with tempfile.TemporaryDirectory() as folder:
        words = shlex.split(page.command())
        (pathlib.Path(folder) / "template.cif").write_text(page.ask("document.getElementById('template').value"), encoding="utf-8")
        subprocess.run([druse, *words[1:]], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        wanted = {path.name: path.read_bytes() for path in (pathlib.Path(folder) / "grown").glob("*.cif")}
    same = {name: text.encode() for name, text in files.items()} == wanted
    differing = [(name, text, wanted.get(name, b"").decode()) for name, text in files.items() if text.encode() != wanted.get(name)]
    checks.that(len(wanted) > 0 and same, f"{what}: the page's CIFs are the command's, byte by byte", differing)


def check_rock_salt(page, checks, druse):
    page.fill("formula", formula="NaCl", group=225, count=2, seed=0)
    pause = page.grow()
    checks.that(page.error() == "", "rock salt grows", page.error())
    checks.that(page.status().startswith("2 of 2"), "both structures are there", page.status())
    checks.that(pause < 1.5, "the page does not freeze meanwhile", pause)
    found = page.ask("shown.map((one) => [one.found, one.crystal.found[0], one.positions.map((p) => p.position)])")
    checks.that(all(one == [[225, 225], 225, one[2]] and sorted(one[2]) == ["4a", "4b"] for one in found),
                "space group 225 is found in each, sites on 4a and 4b", found)
    rows = page.ask("[...document.querySelectorAll('#rows tr')].map((row) => row.textContent)")
    checks.that(len(rows) == 2 and all("m-3m" in row for row in rows), "the table lists both sites", rows)
    compare(page, checks, druse, "rock salt")
    poscar = page.ask("decodeURIComponent(document.getElementById('poscar').href)")
    checks.that("Direct" in poscar and "Na Cl" in poscar.replace("Cl Na", "Na Cl"), "a POSCAR is offered", poscar)


def check_plain(browser, checks, druse, address):
    """The program for browsers that lack the instruction, or round twice."""
    page = Page(browser, f"{address}/?plain")
    checks.that(page.program() == "druse_web_plain.wasm", "the plain program can be asked for", page.program())
    page.fill("formula", formula="NaCl", group=225, count=1, seed=0)
    page.grow()
    checks.that(page.status().startswith("1 of 1"), "it grows", page.error() or page.status())
    compare(page, checks, druse, "the plain program")


def check_others(page, checks, druse):
    page.fill("wyckoff", wyckoff="Ti@2a O@4f", group=136, count=2, seed=7)
    page.wait("document.querySelectorAll('#choices tr').length > 5")
    page.grow()
    checks.that(page.status().startswith("2 of 2"), "sites on Wyckoff positions grow", page.error() or page.status())
    compare(page, checks, druse, "rutile's positions")
    page.fill("template", template=RUTILE, noise=3, count=1, seed=1)
    page.grow()
    checks.that(page.status().startswith("1 of 1"), "a template's relatives grow", page.error() or page.status())
    compare(page, checks, druse, "a template")
    page.fill("formula", formula="LiFeO2", group="", count=2, seed=5)
    page.grow()
    checks.that(page.status().startswith("2 of 2"), "a formula alone grows", page.error() or page.status())
    compare(page, checks, druse, "a formula")


def check_bad_input(page, checks):
    for way, values, wanted in [("formula", {"formula": "Na?l"}, "Na?l"), ("formula", {"formula": ""}, "formula"),
                                ("wyckoff", {"wyckoff": "Na@4a Cl@4a", "group": 225}, "4a"),
                                ("template", {"template": "not a CIF"}, "CIF")]:
        page.fill(way, count=1, **values)
        page.grow()
        told = page.error()
        invalid = page.ask("document.activeElement.getAttribute('aria-invalid')")
        checks.that(wanted in told and invalid == "true", f"'{values}' is refused with a word, at its field", [told, invalid])
    page.fill("formula", formula="NaCl", group=225, count="1.5")
    page.grow()
    checks.that("whole number" in page.error(), "half a structure is refused", page.error())


def check_stop(page, checks):
    page.fill("formula", formula="NaCl", group=225, count=50, seed=0)
    page.ask("document.getElementById('grow').click()")
    page.wait("shown.length >= 1")
    page.ask("document.getElementById('stop').click()")
    checks.that(page.status().startswith("Stopped with"), "growing can be stopped", page.status())
    page.wait("!document.getElementById('grow').disabled")
    checks.that(page.ask("shown.length") < 50, "what was there stays, and no more comes")


def check_looks(page, checks, browser):
    page.ask(f"{STAGE}.scrollIntoView({{block: 'center'}})")
    browser.settle()
    drawn = page.ask(pixels("#stage canvas"))
    checks.that(drawn["share"] > 0.02 and drawn["colours"] > 50, "the canvas shows a shaded crystal", drawn)
    page.ask(f"{STAGE}.focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft")
    browser.settle()
    checks.that(page.ask(pixels("#stage canvas"))["sum"] != drawn["sum"], "an arrow key turns it")
    checks.that(page.ask(UNLABELLED) == [], "everything that takes the focus has a name", page.ask(UNLABELLED))
    for dark in (False, True):
        browser.window(CHECKED, dark=dark)
        faint = page.ask(CONTRAST)
        checks.that(faint == [], f"texts stand out from the {'dark' if dark else 'light'} background", faint)
    browser.window(NARROW, touch=True)
    wide = page.ask("document.scrollingElement.scrollWidth")
    checks.that(wide <= NARROW[0], "nothing sticks out of a narrow window", wide)
    browser.window(CHECKED)


def check_events(browser, checks, address):
    def text(event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            return parameters["exceptionDetails"].get("exception", {}).get("description", "exception")
        if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            return parameters["entry"]["text"]
        if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            return " ".join(str(argument.get("value", argument)) for argument in parameters["args"])
        return None

    troubles = list(filter(None, map(text, browser.events)))
    checks.that(not troubles, "the console tells of no error", troubles)
    asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    outside = [url[:80] for url in asked if not url.startswith((address, "data:", "about:"))]
    checks.that(asked and not outside, "nothing is asked of another machine", outside)


def take_pictures(page, browser, out):
    for name, size, dark, touch in [("wide-light", WIDE, False, False), ("wide-dark", WIDE, True, False),
                                    ("narrow-light", NARROW, False, True), ("narrow-dark", NARROW, True, True)]:
        browser.window(size, dark=dark, touch=touch)
        for section in ["form", "results", "sites"]:
            page.ask(f"document.getElementById('{section}').scrollIntoView()")
            time.sleep(0.6)
            browser.picture(out / f"{name}-{section}.png")


def main():
    druse, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "xtask", "web", "--out", str(out / "page"), "--serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    checks = Checks()
    try:
        address = server.stdout.readline().strip()
        if not address:
            sys.exit("the page is not served; see above")
        checks.start = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(program(), profile)
            try:
                browser.window(CHECKED)
                page = Page(browser, address)
                checks.that(page.error() == "", "the sampler is ready", page.error())
                fused = " fma " in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
                wanted = "druse_web_bg.wasm" if fused else "druse_web_plain.wasm"
                checks.that(page.program() == wanted, "the program fits the processor", page.program())
                check_rock_salt(page, checks, druse)
                check_looks(page, checks, browser)
                if "--screenshots" in sys.argv:
                    take_pictures(page, browser, out)
                    browser.window(CHECKED)
                check_others(page, checks, druse)
                check_bad_input(page, checks)
                check_stop(page, checks)
                check_plain(browser, checks, druse, address)
                check_events(browser, checks, address)
            finally:
                browser.close()
    finally:
        server.terminate()
        server.wait()
    word, passed = "FAILED" if checks.failed else "ok", checks.made - checks.failed
    print(f"test result: {word}. {passed} passed; {checks.failed} failed; 0 ignored;")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
