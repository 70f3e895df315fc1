#!/usr/bin/env python3
"""Opens a report in a headless Chromium and checks that it works. Standard library only.

    browser.py BROWSER REPORT OUT [--screenshots]

Writes the CIF of every download link into OUT, prints one line per check and exits with 1 if one fails. With --screenshots also pictures of
the page: light and dark, wide and narrow, and of each section.

The browser is spoken to over the pipe of its DevTools protocol: messages of JSON that end with a zero byte, on its descriptors 3 and 4.
"""

import base64
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

WIDE = (1280, 900)
# For the checks, wide enough for the viewer and its facts side by side: WebGL takes its time on a processor.
CHECKED = (900, 560)
NARROW = (390, 844)
# Longer than any step takes on a busy machine, seconds.
PATIENCE = 60


class Browser:
    """A headless browser with one page. WebGL is computed on the processor, or not offered at all."""

    def __init__(self, program, profile, webgl=True):
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def connect():
            # Moved out of the way first: a descriptor could be 3 or 4 already.
            source, sink = os.dup2(to_browser, 50), os.dup2(from_browser, 51)
            os.dup2(source, 3)
            os.dup2(sink, 4)

        graphics = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"] if webgl else ["--disable-gpu", "--disable-3d-apis"]
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", *graphics, "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.n_sent = 0
        self.events = []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.n_sent += 1
        message = {"id": self.n_sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next_message()
            if answer.get("id") == self.n_sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def next_message(self):
        while b"\0" not in self.buffer:
            if not select.select([self.read_end], [], [], PATIENCE)[0]:
                raise RuntimeError("the browser does not answer")
            part = os.read(self.read_end, 1 << 16)
            if not part:
                raise RuntimeError("the browser has ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", str(result)))
        return result["result"].get("value")

    def window(self, size, dark=False, touch=False):
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.settle()

    def settle(self):
        """Two frames later everything that was asked for is on the screen."""
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def open(self, address):
        self.call("Page.navigate", url=address)
        until = time.monotonic() + PATIENCE
        # The old page answers until the new one is there.
        while not self.ask("document.readyState === 'complete' && location.protocol === 'file:'"):
            if time.monotonic() > until:
                raise RuntimeError("the page does not load")
            time.sleep(0.05)
        self.settle()

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def picture(self, path):
        self.settle()
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)


class Checks:
    """What was checked, and whether it held."""

    def __init__(self):
        self.failed = 0
        self.made = 0
        self.start = time.monotonic()

    def that(self, holds, what, detail=""):
        print(f"{time.monotonic() - self.start:5.1f} s  {'ok' if holds else 'FAILED'}: {what}{f' ({detail})' if detail and not holds else ''}", flush=True)
        self.made += 1
        self.failed += not holds


STAGE = "document.getElementById('stage')"
BOX = f"(({{x, y, width, height}}) => ({{x, y, width, height}}))({STAGE}.getBoundingClientRect())"


def pixels(selector):
    """Of a canvas: how much differs from the colour of its corner, how many colours there are, and a checksum."""
    return f"""(() => {{
  const picture = document.querySelector({json.dumps(selector)});
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let painted = 0, sum = 0;
  const colours = new Set();
  const at = (i) => data[i] << 16 | data[i + 1] << 8 | data[i + 2];
  for (let i = 0; i < data.length; i += 4) {{
    if (at(i) !== at(0)) painted += 1;
    colours.add(at(i));
    sum = (Math.imul(sum, 31) + at(i)) | 0;
  }}
  return {{ painted, share: painted / (data.length / 4), colours: colours.size, sum }};
}})()"""


PIXELS = pixels("#stage canvas")


def check_figures(page, checks):
    drawn = page.ask("[...document.querySelectorAll('figure')].map((f) => [f.id, f.querySelectorAll('svg rect, svg path').length])")
    expected = page.ask("report.distributions.length + (report.loss ? 1 : 0)")
    checks.that(len(drawn) == expected and all(count > 0 for _, count in drawn), "every figure is drawn", drawn)
    broken = page.ask("[...document.querySelectorAll('svg *')].filter((n) => /NaN|Infinity|undefined/.test(n.outerHTML)).length")
    checks.that(broken == 0, "no figure holds a number that is none", broken)
    commands = page.ask("[...document.querySelectorAll('figure code')].filter((c) => c.textContent.length > 0).length")
    checks.that(commands == expected, "every figure names its command", commands)


def check_viewer(page, checks):
    page.ask(f"{STAGE}.scrollIntoView({{block: 'center'}})")
    page.settle()
    box = page.ask(BOX)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    first = page.ask(PIXELS)
    checks.that(first["share"] > 0.02 and first["colours"] > 50, "the canvas shows a shaded crystal", first)

    page.mouse("mousePressed", x, y, button="left", clickCount=1)
    page.mouse("mouseMoved", x + 60, y + 25, button="left", buttons=1)
    page.mouse("mouseReleased", x + 60, y + 25, button="left", clickCount=1)
    page.settle()
    turned = page.ask(PIXELS)
    checks.that(turned["sum"] != first["sum"] and turned["share"] > 0.02, "dragging turns it", turned)

    before = page.ask("scrollY")
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    page.settle()
    zoomed = page.ask(PIXELS)
    checks.that(zoomed["painted"] > turned["painted"], "the wheel zooms", [turned["painted"], zoomed["painted"]])
    checks.that(page.ask("scrollY") == before, "the wheel does not scroll the page then")

    page.ask(f"{STAGE}.focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft")
    page.settle()
    checks.that(page.ask(PIXELS)["sum"] != zoomed["sum"], "an arrow key turns it")

    page.ask("document.getElementById('reset').click()")
    page.settle()
    checks.that(page.ask(PIXELS)["sum"] == first["sum"], "a reset brings the first view back")
    page.ask("document.getElementById('bonds').click()")
    checks.that(page.ask("document.getElementById('bonds').getAttribute('aria-pressed')") == "false", "bonds can be left out")
    page.ask("document.getElementById('bonds').click()")
    checks.that(page.ask(PIXELS)["sum"] == first["sum"], "and drawn again")

    thumbs = [page.ask(pixels(f"#crystal-{index} canvas")) for index in range(page.ask("report.crystals.length"))]
    checks.that(all(thumb["share"] > 0.02 and thumb["colours"] > 50 for thumb in thumbs), "every crystal has a small picture", thumbs)
    page.window(CHECKED, dark=True)
    page.settle()
    checks.that(page.ask(PIXELS)["sum"] != first["sum"], "the dark style darkens the picture")
    page.window(CHECKED)


def check_without_webgl(page, checks):
    checks.that(page.ask("document.querySelectorAll('#viewer canvas, #gallery canvas').length") == 0, "without WebGL nothing is drawn")
    told = page.ask(f"{STAGE}.textContent")
    checks.that("does not offer WebGL" in told, "but the page says so", told)
    last = page.ask("report.crystals.length") - 1
    page.ask(f"document.getElementById('crystal-{last}').click()")
    shown = page.ask("[document.querySelector('#crystal-facts dd').textContent, document.getElementById('download').download]")
    name = page.ask(f"report.crystals[{last}].id")
    checks.that(shown == [name, f"{name}.cif"], "and facts and files are there", shown)


def check_touch(page, checks):
    page.window(NARROW, touch=True)
    page.ask(f"{STAGE}.scrollIntoView({{block: 'center'}})")
    page.settle()
    box = page.ask(BOX)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    first = page.ask(PIXELS)
    before = page.ask("scrollY")
    page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    for step in range(1, 5):
        page.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x + 12 * step, "y": y + 8 * step}])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.settle()
    checks.that(page.ask(PIXELS)["sum"] != first["sum"], "a finger turns it")
    checks.that(page.ask("scrollY") == before, "a finger on the canvas does not scroll the page")
    page.ask("document.getElementById('reset').click()")
    wide = page.ask("document.scrollingElement.scrollWidth")
    checks.that(wide <= NARROW[0], "nothing sticks out of a narrow window", wide)
    page.window(CHECKED)


def check_links(page, checks, address, out):
    lost = page.ask("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash)")
    checks.that(lost == [], "every link inside the page leads somewhere", lost)
    page.ask("scrollTo(0, 0); document.querySelector('nav a[href=\"#distributions\"]').click()")
    page.settle()
    top = page.ask("document.getElementById('distributions').getBoundingClientRect().top")
    checks.that(abs(top) < 40, "the contents lead to their sections", top)

    n_crystals = page.ask("report.crystals.length")
    checks.that(n_crystals > 0, "there are crystals")
    names = set()
    for index in range(n_crystals):
        name, href = page.ask(f"(() => {{ document.getElementById('crystal-{index}').click(); const a = document.getElementById('download'); return [a.download, a.href]; }})()")
        names.add(name)
        text = page.ask(f"decodeURIComponent({json.dumps(href)}.split(',').slice(1).join(','))")
        (out / f"{index}.cif").write_text(text, encoding="utf-8")
    checks.that(len(names) == n_crystals, "every crystal has a file of its own", sorted(names))
    last = n_crystals - 1
    page.open(f"{address}#crystal-{last}")
    shown = page.ask("document.querySelector('#crystal-facts dd').textContent")
    checks.that(shown == page.ask(f"report.crystals[{last}].id"), "an address leads to a crystal", shown)


def check_events(page, checks, expected=()):
    def text(event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            return parameters["exceptionDetails"].get("exception", {}).get("description", "exception")
        if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            return parameters["entry"]["text"]
        if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            return " ".join(str(argument.get("value", argument)) for argument in parameters["args"])
        return None

    troubles = [trouble for trouble in map(text, page.events) if trouble and trouble not in expected]
    checks.that(not troubles, "the console tells of no error", troubles)
    asked = [event["params"]["request"]["url"] for event in page.events if event.get("method") == "Network.requestWillBeSent"]
    outside = [url[:80] for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))]
    checks.that(not outside, "nothing is asked of a network", outside)


def take_pictures(page, out, prefix):
    for name, size, dark, touch in [("wide-light", WIDE, False, False), ("wide-dark", WIDE, True, False),
                                    ("narrow-light", NARROW, False, True), ("narrow-dark", NARROW, True, True)]:
        page.window(size, dark=dark, touch=touch)
        for section in ["top", "loss", "distributions", "distribution-elements", "crystals", "gallery", "run"]:
            page.ask(f"document.getElementById('{section}').scrollIntoView()")
            page.picture(out / f"{prefix}{name}-{section}.png")


def main():
    program, report, out = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    for webgl in (True, False):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            page = Browser(program, profile, webgl)
            try:
                page.window(CHECKED)
                page.open(report.as_uri())
                check_figures(page, checks)
                if webgl:
                    check_viewer(page, checks)
                    check_touch(page, checks)
                    check_links(page, checks, report.as_uri(), out)
                    check_events(page, checks)
                else:
                    check_without_webgl(page, checks)
                    # What the library says before the page does.
                    check_events(page, checks, ["Error creating WebGL context."])
                if "--screenshots" in sys.argv[4:]:
                    take_pictures(page, out, "" if webgl else "no-webgl-")
            finally:
                page.close()
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
