import base64
import hashlib
import io
import json
import math
import re
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from latlas.contracts import OptionError, Score, StorageError
from latlas.report import (
    MEANINGS,
    WORDS,
    Picture,
    Report,
    Section,
    Table,
    render,
    write_report,
)
from latlas.report.markup import element, paragraphs, text

VOID = {"meta", "link", "img"}
EVIL = "<script>alert('1')</script>\" onload=\"x&amp;"


class Parsed(HTMLParser):
    """Elements of a page with their attributes and the text inside each; tags must match."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        found = {
            "tag": tag,
            "attrs": dict(attrs),
            "text": "",
            "within": [e["tag"] for e in self.open],
        }
        self.elements.append(found)
        if tag not in VOID:
            self.open.append(found)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for found in self.open:
            found["text"] += data

    def all(self, tag, **attrs):
        attrs = {name.rstrip("_"): value for name, value in attrs.items()}
        return [e for e in self.elements if e["tag"] == tag and attrs.items() <= e["attrs"].items()]

    def texts(self, tag, **attrs):
        return [" ".join(e["text"].split()) for e in self.all(tag, **attrs)]


def picture_bytes(kind="PNG", size=(6, 4), value=7):
    buffer = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def full_report(word="word", image=None):
    image = image or picture_bytes()
    scores = (
        Score(
            "knn_accuracy",
            0.976,
            floor=0.998,
            interval=(0.9727, 0.9787),
            seed=3,
            detail={
                "k": 5,
                "split": "test",
                "baselines": {"pixels": 0.9688, "chance": 0.1},
                word: word,
            },
        ),
        Score(f"frechet_distance:{word}", 8.69, baseline=10.53, floor=0.4),
        Score(word, 1.5, detail={"baselines": {word: 1}}),
        *(Score(f"reconstruction_mse:{word}{k}", 0.01 + k / 1000) for k in range(12)),
    )
    table = Table(word, (word, "count"), ((word, 3), (word, None)))
    inner = Section(word, word, (Picture(word, word, image),), (), (table,))
    section = Section(word, word, (Picture(word, word, image),), scores, (table,), (inner,))
    return Report(word, word, {word: word, "images": 70000}, (section, section), word)


# --- the page ----------------------------------------------------------------------------


def test_a_page_is_well_formed_and_its_links_lead_somewhere():
    parsed = Parsed(render(full_report()))
    assert [e["tag"] for e in parsed.elements[:2]] == ["html", "head"]
    ids = [e["attrs"]["id"] for e in parsed.elements if "id" in e["attrs"]]
    assert len(ids) == len(set(ids))
    for link in parsed.all("a"):
        assert link["attrs"]["href"].removeprefix("#") in ids
    for found in parsed.elements:
        assert found["attrs"].get("aria-labelledby", ids[0]) in ids


def test_a_page_loads_nothing_and_runs_nothing():
    source = render(full_report(EVIL))
    parsed = Parsed(source)
    assert not {e["tag"] for e in parsed.elements} & {"script", "iframe", "object", "embed", "form"}
    for found in parsed.elements:
        for name, value in found["attrs"].items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith(("data:", "#"))
    styles = parsed.texts("style")
    assert len(styles) == 1
    assert not re.search(r"url\(|@import|@font-face|https?:", styles[0])
    assert "http://" not in source and "https://" not in source


def test_the_policy_of_the_page_allows_its_own_style_only():
    source = render(full_report())
    style = re.search(r"<style>(.*)</style>", source, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = Parsed(source).all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy["attrs"]["content"]
    assert f"style-src 'sha256-{digest}'" in policy["attrs"]["content"]
    assert not any("style" in e["attrs"] for e in Parsed(source).elements)


def test_strings_are_shown_as_they_stand_wherever_they_come_from():
    plain, evil = Parsed(render(full_report("word"))), Parsed(render(full_report(EVIL)))
    assert [e["tag"] for e in plain.elements] == [e["tag"] for e in evil.elements]
    assert [list(e["attrs"]) for e in plain.elements] == [list(e["attrs"]) for e in evil.elements]
    assert evil.texts("h1") == evil.texts("title") == [EVIL]
    assert evil.texts("h2")[:2] == [EVIL, EVIL]
    assert {e["attrs"]["alt"] for e in evil.all("img")} == {EVIL}
    assert EVIL in evil.texts("dt") and EVIL in evil.texts("dd") and EVIL in evil.texts("th")
    assert EVIL in evil.texts("footer")[0]
    assert evil.texts("nav")[0].count(EVIL) == 4


def test_text_that_html_cannot_hold_is_replaced():
    source = render(Report("a\x00b\udcffc\x1bd"))
    assert Parsed(source).texts("h1") == ["a\ufffdb\ufffdc\ufffdd"]
    source.encode()


def test_headings_descend_one_level_at_a_time():
    deep = Section("7")
    for title in "654321":
        deep = Section(title, sections=(deep,))
    parsed = Parsed(render(Report("0", sections=(deep,))))
    headings = [e["tag"] for e in parsed.elements if re.fullmatch(r"h\d", e["tag"])]
    assert headings == ["h1", "h2", "h3", "h4", "h5", "h6", "h6", "h6", "h2"]


def test_every_picture_is_inside_and_as_it_was():
    kinds = {kind: picture_bytes(kind, (6, 4)) for kind in ("PNG", "JPEG", "GIF", "WEBP")}
    pictures = tuple(Picture(f"c {kind}", f"a {kind}", data) for kind, data in kinds.items())
    parsed = Parsed(render(Report("r", sections=(Section("s", pictures=pictures),))))
    images = parsed.all("img")
    assert [e["attrs"]["alt"] for e in images] == [f"a {kind}" for kind in kinds]
    for found, (kind, data) in zip(images, kinds.items(), strict=True):
        head, _, body = found["attrs"]["src"].partition(",")
        assert head == f"data:image/{kind.lower()};base64"
        assert base64.b64decode(body, validate=True) == data
        assert Image.open(io.BytesIO(base64.b64decode(body))).size == (6, 4)
        assert (found["attrs"]["width"], found["attrs"]["height"]) == ("6", "4")
    captions = parsed.texts("figcaption")
    assert captions == [f"Figure {n}. c {kind}" for n, kind in enumerate(kinds, 1)]


def test_a_picture_may_be_a_file(tmp_path):
    path = tmp_path / "p.png"
    path.write_bytes(picture_bytes())
    from_file, from_bytes = full_report(image=path), full_report(image=picture_bytes())
    assert render(from_file) == render(from_bytes)


def test_figures_and_tables_are_numbered_through_the_page():
    parsed = Parsed(render(full_report()))
    figures = [re.match(r"Figure (\d+)\.", said).group(1) for said in parsed.texts("figcaption")]
    assert figures == list("1234")
    tables = [re.match(r"Table (\d+)\.", said) for said in parsed.texts("caption")]
    assert [found.group(1) for found in tables if found] == list("123456")


def test_facts_and_cells_read_well():
    rows = (("a", 1234567, 0.123456), ("b", None, -1.5), ("c", 3, 12345.6))
    section = Section("s", tables=(Table("t", ("name", "n", "x"), rows),))
    parsed = Parsed(render(Report("r", facts={"Images": 70000, "On": True}, sections=(section,))))
    assert parsed.texts("td") == ["1,234,567", "0.1235", "", "−1.5", "3", "12,346"]
    assert parsed.texts("th", scope="row") == ["a", "b", "c"]
    assert len(parsed.all("td", class_="figures")) == 6
    assert parsed.texts("dd")[:2] == ["70,000", "yes"]


def test_text_becomes_paragraphs():
    assert (
        paragraphs("one\ntwo\n\n\n three \r\n\r\nfour")
        == "<p>one two</p>\n<p>three</p>\n<p>four</p>"
    )
    assert paragraphs(" \n\n ") == ""
    assert (
        element("a", text("<"), href='"&', class_="x", title=None)
        == '<a href="&quot;&amp;" class="x">&lt;</a>'
    )


def test_an_empty_report_is_a_page():
    parsed = Parsed(render(Report("nothing yet")))
    assert parsed.texts("h1") == ["nothing yet"]
    assert parsed.texts("dt") == list(WORDS)


# --- scores ------------------------------------------------------------------------------


def rows_of(*scores):
    parsed = Parsed(render(Report("r", sections=(Section("s", scores=scores),))))
    return parsed, parsed.texts("td", class_="value")


def test_a_score_stands_beside_its_interval_baselines_floor_chance_and_seed():
    parsed, values = rows_of(full_report().sections[0].scores[0])
    assert values[0].startswith("97.60% (97.27 to 97.87%)")
    assert parsed.texts("td", class_="beside") == [
        "raw pixels 96.88% better chance 10.00% better limit 99.80%"
    ]
    assert parsed.texts("span", class_="particulars") == ["k 5 · test images · word word · seed 3"]
    (said,) = parsed.texts("span", class_="says")
    assert said == MEANINGS["knn_accuracy"].says
    assert parsed.texts("span", class_="higher") == ["higher is better"]


@pytest.mark.parametrize(
    ("name", "value", "interval", "rival", "verdict"),
    [
        ("knn_accuracy", 0.9, None, 0.8, "better"),
        ("knn_accuracy", 0.9, None, 0.95, "worse"),
        ("knn_accuracy", 0.9, None, 0.9, "equal"),
        ("knn_accuracy", 0.9, (0.85, 0.95), 0.86, "too close"),
        ("knn_accuracy", 0.9, (0.85, 0.95), 0.84, "better"),
        ("reconstruction_mse", 0.01, None, 0.02, "better"),
        ("reconstruction_mse", 0.01, (0.009, 0.011), 0.005, "worse"),
        ("frechet_distance:gmm", 9.0, None, 10.5, "better"),
        ("knn_accuracy", math.nan, None, 0.9, ""),
        ("unknown_score", 1.0, None, 2.0, ""),
    ],
)
def test_a_verdict_knows_which_way_is_better_and_what_the_interval_leaves_open(
    name, value, interval, rival, verdict
):
    parsed, _ = rows_of(Score(name, value, interval=interval, detail={"baselines": {"b": rival}}))
    (rival_line,) = parsed.texts("td", class_="beside")
    assert " ".join(rival_line.split()[2:]) == verdict


def test_a_baseline_that_is_also_listed_is_shown_once():
    both = Score("knn_accuracy", 0.9, baseline=0.5, detail={"baselines": {"pixels": 0.5}})
    assert rows_of(both)[0].texts("td", class_="beside") == ["raw pixels 50.0% better"]
    only = Score("knn_accuracy", 0.9, baseline=0.5)
    assert rows_of(only)[0].texts("td", class_="beside") == ["baseline 50.0% better"]


def test_scores_of_one_name_share_a_heading_and_many_parts_fold_away():
    few = [Score(f"frechet_distance:{prior}", 9.0) for prior in ("gmm", "normal")]
    parsed, values = rows_of(Score("knn_accuracy", 0.9), *few)
    assert parsed.texts("span", class_="title") == [
        "Nearest-neighbour accuracy",
        "Fréchet distance",
    ]
    assert parsed.texts("span", class_="part") == ["gmm", "normal"]
    assert not parsed.all("details") and len(values) == 3
    many = [Score(f"reconstruction_mse:{k}", 0.01 * (k + 1)) for k in range(9)]
    parsed, values = rows_of(Score("reconstruction_mse", 0.05), *many)
    assert parsed.texts("summary") == ["Reconstruction error, part by part (9)"]
    folded = [e for e in parsed.all("td", class_="value") if "details" in e["within"]]
    assert (len(values), len(folded)) == (10, 9)


def test_a_dot_stands_where_the_value_is_on_the_scale():
    parsed, _ = rows_of(
        Score("knn_accuracy", 0.75, interval=(0.7, 0.8), detail={"baselines": {"pixels": 0.5}}),
        Score("silhouette", 0.0),
        Score("frechet_distance:a", 5.0),
        Score("frechet_distance:b", 20.0),
    )
    assert [e["attrs"]["cx"] for e in parsed.all("circle")] == [
        "75.00%",
        "50.00%",
        "25.00%",
        "100.00%",
    ]
    (rival,) = parsed.all("line", class_="rival")
    assert rival["attrs"]["x1"] == "50.00%"
    (spread,) = parsed.all("line", class_="spread")
    assert (spread["attrs"]["x1"], spread["attrs"]["x2"]) == ("70.00%", "80.00%")


def test_one_number_without_limits_has_no_scale():
    parsed, _ = rows_of(Score("psnr", 22.6, interval=(22.5, 22.7)), Score("mystery", 3.0))
    assert not parsed.all("svg")


def test_strange_scores_do_not_break_the_page():
    strange = (
        Score("knn_accuracy", math.nan, interval=(math.nan, math.nan)),
        Score("psnr", math.inf, baseline=20.0, floor=math.inf, interval=(20.0, math.inf)),
        Score(
            "frechet_distance:", -3.0, interval=(1.0, 1.0), detail={"baselines": {"x": math.nan}}
        ),
        Score("", 0.0, detail={"baselines": ["a"], "list": [1], "none": None, "yes": True}),
        Score("held_out_log_density:gmm", -31.25, baseline=-40.0),
        Score("kernel_distance:gmm", 5, detail={"baselines": {"y": "text"}}),
        Score("knn_accuracy", 7.0, interval=(8.0, 6.0)),
    )
    parsed, values = rows_of(*strange)
    assert len(values) == len(strange)
    assert values[0] == "unknown (unknown to unknown)"
    assert "∞ (20 to ∞)" in values
    for circle in parsed.all("circle"):
        assert 0 <= float(circle["attrs"]["cx"].rstrip("%")) <= 100


def test_more_on_every_score_of_the_page_stands_at_its_end():
    parsed = Parsed(render(full_report()))
    terms = parsed.texts("dl", class_="words")[1]
    assert MEANINGS["frechet_distance"].note in terms
    assert "0 to 100%" in terms


# --- the file ----------------------------------------------------------------------------


def test_the_same_report_gives_the_same_bytes(tmp_path):
    first = write_report(full_report(), tmp_path / "new" / "a.html")
    second = write_report(full_report(), tmp_path / "b.HTM")
    assert first.read_bytes() == second.read_bytes() == render(full_report()).encode()


def test_a_failed_write_leaves_the_old_page(tmp_path):
    path = write_report(Report("old"), tmp_path / "r.html")
    before = path.read_bytes()
    broken = Report("new", sections=(Section("s", pictures=(Picture("c", "a", b"no"),)),))
    with pytest.raises(OptionError):
        write_report(broken, path)
    assert path.read_bytes() == before
    write_report(Report("new"), path)
    assert b"<h1>new</h1>" in path.read_bytes()
    assert [found.name for found in tmp_path.iterdir()] == ["r.html"]


def test_a_path_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        write_report(Report("r"), tmp_path / "file" / "r.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StorageError, match="Cannot write"):
        write_report(Report("r"), tmp_path / "folder.html")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["file", "folder.html"]


@pytest.mark.parametrize("name", ["r", "r.pdf", "html"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(OptionError, match=r"ends in \.html"):
        write_report(Report("r"), tmp_path / name)
    assert not list(tmp_path.iterdir())


def broken_png():
    data = bytearray(picture_bytes(size=(60, 40)))
    data[len(data) // 2] ^= 255
    return bytes(data)


@pytest.mark.parametrize(
    "data", [b"", b"<svg/>", picture_bytes()[:40], picture_bytes("TIFF"), broken_png()]
)
def test_a_picture_that_no_browser_can_show_is_refused(data):
    with pytest.raises(OptionError, match="cannot be put into the report"):
        render(Report("r", sections=(Section("s", pictures=(Picture("c", "a", data),)),)))


def test_a_picture_file_that_is_missing_is_named(tmp_path):
    picture = Picture("c", "a", tmp_path / "none.png")
    with pytest.raises(OptionError, match=r"none\.png.*No such file"):
        render(Report("r", sections=(Section("s", pictures=(picture,)),)))


def test_a_table_with_a_short_row_is_refused():
    with pytest.raises(OptionError, match=r"Row 2 .* has 1 cells; expected 2"):
        Table("t", ("a", "b"), (("x", 1), ("y",)))


def test_scores_as_a_space_stores_them_can_be_shown():
    stored = (
        '{"name": "psnr", "value": 22, "baseline": 20, "interval": [21, 23], "detail": {"k": 1}}'
    )
    _, values = rows_of(Score(**json.loads(stored)))
    assert values[0].startswith("22.0 (21.0 to 23.0)")


# --- the style ---------------------------------------------------------------------------


def luminance(colour):
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_has_the_contrast_that_accessibility_asks_for():
    style = resources.files("latlas.report").joinpath("page.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 3  # light, dark, paper
    for colours in schemes:
        for name in ("ink", "muted", "link", "better", "worse"):
            for ground in ("paper", "raised"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["dot"], colours["paper"]) >= 3
