"""Opens the report of a search in a headless browser: table, diagram, crystals, bands, and nothing asked of a network.

Usage: browser.py REPORT FOLDER [--screenshots]. Pictures and the CIFs that the page offers are put into FOLDER.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "experiments" / "tests" / "report"))

from browser import CHECKED, Browser, Checks, check_events, check_viewer  # noqa: E402

NAMES = ["chromium", "chromium-browser", "google-chrome"]


def program():
    found = os.environ.get("DRUSE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        sys.exit("a Chromium is needed on the path; else name one in DRUSE_BROWSER")
    return found


def check_tables(page, checks):
    n_crystals = page.ask("report.crystals.length")
    rows = page.ask("document.querySelectorAll('#candidates tbody tr').length")
    checks.that(rows == n_crystals > 0, "every candidate has a row and a crystal", [rows, n_crystals])
    broken = page.ask("[...document.querySelectorAll('td')].filter((n) => /NaN|inf|undefined/.test(n.textContent)).length")
    checks.that(broken == 0, "no cell holds a number that is none", broken)
    pictures = page.ask("[...document.querySelectorAll('img')].map((i) => [i.alt, i.complete, i.naturalWidth])")
    drawn = all(complete and width > 100 for _, complete, width in pictures)
    checks.that(drawn and len(pictures) >= 2, "phase diagram and bands are drawn", pictures)
    lost = page.ask("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.getElementById(a.hash.slice(1))).length")
    checks.that(lost == 0, "every link inside the page leads somewhere", lost)


def check_files(page, checks, out):
    n_crystals = page.ask("report.crystals.length")
    for index in range(n_crystals):
        name, href = page.ask(f"(() => {{ document.getElementById('crystal-{index}').click(); const a = document.getElementById('download'); return [a.download, a.href]; }})()")
        text = page.ask(f"decodeURIComponent({json.dumps(href)}.split(',').slice(1).join(','))")
        (out / name).write_text(text, encoding="utf-8")
    facts = page.ask("document.getElementById('crystal-facts').textContent")
    checks.that("meV/atom" in facts, "the facts name the energy above the hull", facts)


def main():
    report, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        page = Browser(program(), profile)
        try:
            page.window(CHECKED)
            page.open(report.as_uri())
            check_tables(page, checks)
            check_viewer(page, checks)
            check_files(page, checks, out)
            check_events(page, checks)
            if "--screenshots" in sys.argv[3:]:
                for section in ["top", "diagram", "crystals", "phonons", "limits", "search"]:
                    page.ask(f"document.getElementById('{section}').scrollIntoView()")
                    page.picture(out / f"{section}.png")
        finally:
            page.close()
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
