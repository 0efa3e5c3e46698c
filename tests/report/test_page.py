from __future__ import annotations

import http.server
import re
import shutil
import threading
from html.parser import HTMLParser

import numpy as np
import pytest
from verdicts import broken, measured, metric, output

from litemill.data.samples import Samples
from litemill.report.assemble import assemble_report, write_report
from litemill.report.page import page_html
from litemill.report.page.worst import Evidence

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true })"
SIDEWAYS = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
THEMES = ("light", "dark")
KERNELS = {
    name: {"error": None, "samples": 360, "flips": {"digit": 2, "mask": 40}, "metric": None,
           "agreement_samples": {"digit": {"same": 358, "of": 360},
                                 "mask": {"same": 23_000, "of": 23_040}},
           "outputs": {"digit": output()}, "top1_agreement": {"digit": 0.99}, "default": None}
    for name in ("default", "no_delegate", "reference")
}  # fmt: skip
DEPTH = {
    "kernels": KERNELS,
    "per_class": [
        {"class": str(i), "samples": 36, "source": 1.0, "variant": 1 - i / 50, "drop": i / 50}
        for i in range(12)
    ],
    "per_slice": {"writer": [{"value": "<a>", "samples": 9, "source": 1, "variant": 1, "drop": 0}]},
    "confusion": {"labels": ["a", "b"], "source": [[9, 0], [0, 9]], "variant": [[8, 1], [0, 9]]},
    "histograms": {
        "digit": {"edges": [-2, -1, 0, 1, 2], "counts": [1, 40, 30, 0], "below": 3, "above": 0}
    },
    "layers": [
        {"name": "a/very/long/name/of/a/tensor/that/nobody/could/want;b;c", "tensor": "t",
         "operator": "CONV_2D",
         "snr_db": 12.5, "max_abs_error": 0.5, "mean_abs_error": 0.1, "range": [-1, 2],
         "holds": [-1, 1]},
        {"name": "exact", "tensor": "exact1", "operator": "RESHAPE", "snr_db": None,
         "max_abs_error": 0.0,
         "mean_abs_error": 0.0, "range": [0, 1], "holds": None},
        {"name": "never finite", "tensor": "never", "operator": "EXP", "snr_db": None,
         "max_abs_error": None,
         "mean_abs_error": None, "range": None, "holds": None},
    ],
    "advice": ["keep CONV_2D in float"],
    "operators": [{"name": "CONV_2D", "count": 2, "types": "int8 -> int8"}],
    "inputs": [
        {"name": "image", "dtype": "int8", "shape": [-1, 8, 8, 1], "scale": 0.1, "zero_point": 3}
    ],
    "worst_samples": {
        "output": "digit",
        "rows": [
            {"sample": 1, "error": 2.0, "changed": True, "target": "b", "source": "b",
             "variant": "a"},
            {"sample": 0, "error": 1.0, "changed": False, "target": "a", "source": "a",
             "variant": "a"},
        ],
    },
}  # fmt: skip
EVIDENCE = Evidence(
    Samples(
        {
            "image": np.arange(128, dtype=np.float32).reshape(2, 8, 8, 1),
            "sound": np.sin(np.arange(800, dtype=np.float32)).reshape(2, 400),
            "table": np.asarray([[1.0, 2.5], [3.0, 4.0]], np.float32),
        },
        {},
        ("a", "b"),
        "classification",
    ),
    {"classes": ["a", "b"], "preprocessing": {"image": {"scale": "1/255", "mean": [0]}}},
)
RUN = {
    "threads": 1, "runs": 9, "per_second": 100.0, "startup_ms": 3.0, "peak_kib": 2048,
    "latency_ms": {"p50": 0.9, "p90": 1.0, "p99": 2.0, "min": 0.8},
}  # fmt: skip
OPERATORS = [{"name": "CONV_2D", "by": "XNNPACK", "ms": 0.9, "share": 1.0}]
NOTHING = [None, None]
EMPTY = 'class="number" data-sort="">—</td>'


def not_finite():
    """Return a variant whose metric is NaN, as validate writes it: null."""
    ends = {"source": [0.97, 1.0], "variant": NOTHING, "drop": NOTHING}
    metric = {"variant": None, "drop": None, "counts": None, "interval": ends, "confidence": 0.95}
    none = dict.fromkeys(output()) | {"non_finite": 3600}
    classes = [{"class": "0", "samples": 36, "source": 1.0, "variant": None, "drop": None}]
    found = measured("float16", outputs={"digit": none}, **{**DEPTH, "per_class": classes})
    return {**found, "metric": {**measured()["metric"], **metric}}


def everything():
    """Return a report that fills every part of the page, and what validate wrote for it."""
    metric = measured()["metric"]
    ends = {"source": [0.97, 1.0], "variant": [0.96, 0.99], "drop": [-0.001, 0.01]}
    good = measured("float32", bytes=90_000, **DEPTH)
    good["metric"] = {**metric, "interval": ends, "confidence": 0.95}
    bad = measured("int8", outputs={"digit": output(snr_db=9.0)}, **DEPTH)
    bad["metric"] = {**metric, "interval": ends, "confidence": 0.95}
    long = broken("a_variant_whose_name_is_long_enough_to_need_two_lines")
    every = [good, long, bad, not_finite()]
    limits = {one["variant"]: {"snr_db": 20, "metric_drop": 0.02} for one in every}
    limits |= {"int8": {"snr_db": 20, "metric_drop": 0.03}, "float16": {"snr_db": 20}}
    results = {
        one["variant"]: {"sha256": one["sha256"], "error": None, "threads": [RUN],
                         "operators": OPERATORS, "unprofiled": None}
        for one in (good, bad)
    }  # fmt: skip
    results["int8"]["sha256"] = "of other bytes"
    machine = {"processor": "<P>", "architecture": "x", "cores": 4, "memory_mib": 1, "litert": "2"}
    old = {"sha256": "old", "bytes": 1, "metric": 0.5, "drop": 0, "agreement": 1, "snr_db": 30}
    report = assemble_report(
        every,
        limits,
        "Digits & more",
        version="1.1.0",
        description="Reads a digit <from> 8 x 8 pixels.",
        machines={"board": {"machine": machine, "variants": results}},
        released={"name": "digits", "version": "1.0", "variants": {"float32": old, "gone": old}},
    )
    return report, every


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback and records the requests."""

    def __init__(self, folder):
        """Take any free port."""
        self.requests = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *words):
                super().__init__(*words, directory=folder)

            def end_headers(self):
                self.send_header("Cache-Control", "no-store")
                super().end_headers()

            def log_message(self, *_):
                self.server.requests.append(self.path)

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Start real Chromium, without a window."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium: install the packages chromium and chromium-driver")
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the page of a report that has everything."""
    folder = tmp_path_factory.mktemp("site")
    report, every = everything()
    write_report(report, folder / "report", every, EVIDENCE)
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser, site):
    """Return a function that opens the page: `page(width, theme)`."""

    def opened(width=1280, theme="light", media="screen"):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": theme}
        look = {"media": media, "features": [scheme]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", look)
        browser.get(f"http://127.0.0.1:{site.server_port}/report/index.html")
        return browser

    return opened


def column(browser, at, table="table.sortable"):
    """Return the texts of a column of the first sortable table."""
    script = f"return [...document.querySelector('{table}').tBodies[0].rows]"
    return browser.execute_script(f"{script}.map((row) => row.cells[{at}].textContent)")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_to_complain_about(page, theme, width):
    """With everything unfolded: contrast, names, roles, headings, regions."""
    axe = pytest.importorskip("axe_core_python.selenium").Axe()
    opened = page(width, theme)
    opened.execute_script(UNFOLD)

    found = axe.run(opened)

    report = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert [] == report
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_never_scrolls_sideways(page, width, folded):
    """Wide tables scroll by themselves."""
    opened = page(width)
    if not folded:
        opened.execute_script(UNFOLD)

    assert 0 == opened.execute_script(SIDEWAYS)


def test_a_table_is_sorted_by_keyboard(page):
    """Tab reaches a heading, Enter and Space sort; the heading says which way."""
    from selenium.webdriver.common.keys import Keys

    opened = page()
    before = column(opened, 0)
    button = opened.find_elements("css selector", "table.sortable thead button")[2]
    opened.execute_script("arguments[0].focus()", button)
    heading = button.find_element("xpath", "..")

    button.send_keys(Keys.ENTER)
    assert ("ascending", "26.1") == (heading.get_attribute("aria-sort"), column(opened, 2)[0][:4])
    button.send_keys(Keys.SPACE)
    assert ("descending", "87.9") == (heading.get_attribute("aria-sort"), column(opened, 2)[0][:4])
    assert sorted(before) == sorted(column(opened, 0))


def test_every_control_is_reached_by_tab(page):
    """Links, headings that sort, and what is folded, in the order of the page."""
    from selenium.webdriver.common.keys import Keys

    opened = page()
    count = opened.execute_script(
        "return [...document.querySelectorAll('a, button, summary')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    reached = set()
    for _ in range(count + 20):
        opened.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(opened.switch_to.active_element)

    controls = [one for one in reached if one.tag_name in {"a", "button", "summary"}]
    assert count == len(controls)


def test_absent_numbers_sort_last_both_ways(page):
    """Nothing measured is neither best nor worst."""
    opened = page()
    button = opened.find_elements("css selector", "table.sortable thead button")[3]
    for _ in range(2):
        button.click()
        assert "—" == column(opened, 3)[-1]


def test_the_page_asks_the_network_for_nothing(page, site):
    """But for itself; its policy forbids the browser more."""
    site.requests.clear()
    opened = page()
    opened.execute_script(UNFOLD)
    entries = opened.execute_script("return performance.getEntriesByType('resource').length")

    requests = [path for path in site.requests if not path.endswith("favicon.ico")]
    assert (["/report/index.html"], 0) == (requests, entries)
    logged = [line for line in opened.get_log("browser") if "favicon" not in line["message"]]
    assert [] == logged


def test_a_link_to_a_variant_unfolds_it(page):
    """The table leads to the details."""
    opened = page()
    opened.find_element("link text", "float32").click()

    assert opened.find_element("id", "variant-float32").get_attribute("open")


def test_paper_shows_what_is_folded_and_cuts_nothing_off(page):
    """At the width of A4, in print."""
    opened = page(width=794, media="print")
    shown = opened.execute_script(
        "dispatchEvent(new Event('beforeprint'));"
        "const page = document.documentElement;"
        "const found = [page.scrollWidth - page.clientWidth,"
        " document.querySelectorAll('details:not([open])').length];"
        "dispatchEvent(new Event('afterprint')); return found"
    )

    assert [0, 0] == shown


def test_charts_have_a_title_and_their_numbers_in_words(page):
    """For those who do not see them."""
    opened = page()
    charts = opened.execute_script(
        "return [...document.querySelectorAll('svg')].map((one) => [one.getAttribute('role'),"
        "one.getAttribute('aria-label') || one.querySelector('title').textContent,"
        "one.getAttribute('aria-label') || one.querySelector('desc').textContent])"
    )

    assert len(charts) >= 5
    assert all(role == "img" and title and words for role, title, words in charts)


def test_the_page_reads_without_a_script(tmp_path):
    """Headings are no buttons then, and nothing is missing."""
    report, every = everything()
    write_report(report, tmp_path / "report", every, EVIDENCE)
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8").partition("<script>")[0]

    assert "<button" not in text
    for words in ("Failed checks", "Confidence intervals", "Kernels", "Speed", "Since digits 1.0",
                  "stale", "keep CONV_2D in float", "Worse by", "Where quantization hurts",
                  "metric_drop", "../validate/int8.json"):  # fmt: skip
        assert words in text, words


HOSTILE = "\"'><script>alert(1)</script><b onclick=x>&{{ 1 }}"


def attributes(page):
    """Return the names of all attributes on a page."""
    names = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda _, attrs: names.update(name for name, _ in attrs)
    parser.feed(page)
    return names


def test_names_are_text_wherever_they_stand():
    """Of variants, outputs, classes, slices, layers, operators, metrics, machines and releases."""
    ends = {"source": [0.9, 1.0], "variant": [0.9, 1.0], "drop": [0.0, 0.1]}
    counts = {"digit": {"same": 1, "of": 2}}
    kernel = {**KERNELS["reference"], "flips": {"digit": 1}, "agreement_samples": counts}
    hostile = measured(
        HOSTILE,
        outputs={HOSTILE: output()},
        metric={**metric(0.9, 0.8, HOSTILE), "interval": ends, "confidence": 0.95},
        kernels={HOSTILE: kernel, "default": kernel, "broken": {**kernel, "error": HOSTILE}},
        per_class=[{**DEPTH["per_class"][1], "class": HOSTILE}],
        per_slice={HOSTILE: [{**DEPTH["per_slice"]["writer"][0], "value": HOSTILE}]},
        confusion={**DEPTH["confusion"], "labels": [HOSTILE, "b"]},
        histograms={HOSTILE: DEPTH["histograms"]["digit"]},
        layers=[{**DEPTH["layers"][0], "name": HOSTILE, "operator": HOSTILE}],
        advice=[HOSTILE],
        operators=[{"name": HOSTILE, "count": 1, "types": HOSTILE}],
        min_runtime_version=HOSTILE,
    )
    operators = [{**OPERATORS[0], "name": HOSTILE, "by": HOSTILE}]
    result = {"sha256": hostile["sha256"], "error": None, "threads": [RUN],
              "operators": operators, "unprofiled": None}  # fmt: skip
    machine = {"machine": {"processor": HOSTILE}, "variants": {HOSTILE: result}}
    report = assemble_report(
        [hostile],
        {HOSTILE: {"metric_drop": 0.5, "snr_db": 99}},
        HOSTILE,
        machines={HOSTILE: machine},
        released={"name": HOSTILE, "version": HOSTILE, "variants": {}, "metric": {"name": HOSTILE}},
    )

    page = page_html(report, {HOSTILE: hostile})

    assert page.count("alert(1)") > 40
    assert 1 == page.count("<script")
    assert "onclick" not in attributes(page)
    assert "&{{ 1 }}" not in page
    # The chart shortens a name, which cuts its end off.
    assert page.count("&amp;{{ 1 }}") == page.count("alert(1)") - 1
    assert 1 == page.count("alert(1)&lt;/script…")


@pytest.fixture
def text(tmp_path):
    """Return the page of a report that has everything, without its script."""
    report, every = everything()
    write_report(report, tmp_path / "report", every, EVIDENCE)
    return (tmp_path / "report" / "index.html").read_text("utf-8").partition("<script>")[0]


def test_a_limit_of_some_variants_is_not_drawn_for_all(text):
    """They have others, or none."""
    assert 'class="limit"' not in text
    report, every = everything()
    same = {one["variant"]: {"metric_drop": 0.02} for one in every[:3]}
    assert 'class="limit"' in page_html(assemble_report(every[:3], same, report["title"]))


def test_latencies_keep_three_digits_however_slow_the_others_are():
    """A call of 0.04 ms beside one of 2 ms is not 0.0."""
    report, _ = everything()
    slow, fast = (
        {"sha256": "x", "current": True, "operators": [], "unprofiled": None, "threads": [
            {**RUN, "latency_ms": dict.fromkeys(("p50", "p90", "p99", "min"), time)}]}
        for time in (2.0, 0.04)
    )  # fmt: skip
    report["variants"][0]["latency"], report["variants"][2]["latency"] = (
        {"board": slow},
        {"board": fast},
    )

    shown = page_html(report)
    assert 5 == shown.count('data-sort="0.04">0.0400<')
    assert ">0.0<" not in shown


def test_what_is_not_finite_is_a_dash(text):
    """A metric that is NaN, its interval, a layer without a finite value."""
    section = text[text.index('id="variant-float16"') :]
    cells = re.sub(r">\s+<", "><", section)
    assert f'never finite</span><span class="note">EXP</span></th><td {EMPTY}<td {EMPTY}' in cells
    assert "None" not in text


def test_a_source_metric_that_is_not_finite_has_no_line():
    """And no limit that is counted from it."""
    ends = {"source": NOTHING, "variant": [0.9, 1.0], "drop": NOTHING}
    metric = {**measured()["metric"], "source": None, "drop": None, "interval": ends}
    report = assemble_report(
        [measured(metric=metric)], {"int8": {"metric_drop_relative": None}}, "t"
    )
    report["variants"][0]["checks"]["metric_drop"] = {
        **report["variants"][0]["checks"]["finite"], "limit": 0.02, "margin": None,
        "margin_share": None,
    }  # fmt: skip

    shown = page_html(report)
    assert "Size against top1" in shown
    assert "Dashes" not in shown
    assert 'class="limit"' not in shown


def test_disagreement_of_several_outputs_counts_answers(text):
    """Both outputs together, as the tiles count them."""
    assert "42 of 23,400 answers differ" in text


def test_links_lead_to_files_that_stages_write(tmp_path):
    """Every number's file is one click away."""
    report, every = everything()
    write_report(report, tmp_path / "build" / "report", every, EVIDENCE)
    text = (tmp_path / "build" / "report" / "index.html").read_text(encoding="utf-8")

    for place in ("../validate/int8.json", "../convert/int8/model.tflite", "report.json",
                  "../../measured/board.json"):  # fmt: skip
        assert f'href="{place}"' in text
