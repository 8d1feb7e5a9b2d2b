import re

import numpy as np
import pytest

from dis_jax import figures
from dis_jax.figures import page
from dis_jax.figures.sliders import Slider, slider_block


def test_texts_are_escaped():
    hostile = '<script>alert("x")</script>'
    html = page.render_page(
        hostile,
        hostile,
        {hostile: hostile},
        [page.Section(hostile, hostile, "<p>body</p>"), page.Section("b", hostile)],
    )
    html += page.table([hostile], [[hostile]], [hostile])
    html += page.definitions({hostile: {hostile: hostile}})
    html += page.details(hostile, "")
    html += page.picture(np.zeros((4, 4, 1), np.uint8), hostile)
    assert "<script>alert" not in html
    assert 'alert("' not in html
    assert html.count("&lt;script&gt;alert(&quot;x&quot;)") >= 12


def test_sections_without_a_body_are_named_with_their_reason():
    sections = [page.Section("Scores", "How.", "1"), page.Section("Swaps", "no class.")]
    html = page.render_page("run", "", {}, sections)
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Scores", "Not on this page"]
    assert "<li>Swaps: no class.</li>" in html
    assert re.findall(r'<a href="#(.*?)"', html) == ["scores"]
    assert 'id="scores"' in html


def test_numbers_are_set_to_the_right():
    html = page.table(["name", "value"], [["a", "1,000"], ["b", ""], ["c", "-0.5"]])
    assert re.findall(r"<td class=number>(.*?)</td>", html) == ["1,000", "", "-0.5"]
    assert "class=number>a" not in html
    assert "<th class=number>value" in html


def test_notes_stand_below_the_first_cell():
    html = page.table(["a", "b"], [["1", "2"], ["3", "4"]], ["", "why"])
    assert html.count("<small>") == 1
    assert "3<small>why</small></td>" in html


def test_an_empty_first_cell_belongs_to_the_one_above():
    html = page.table(["a", "b"], [["x", "1"], ["", "2"], ["", "3"], ["y", "4"]])
    assert re.findall(r"<td rowspan=(\d)>(.)</td>", html) == [("3", "x"), ("1", "y")]
    assert html.count("<td class=number>") == 4
    assert html.count("<td") == 6


def test_a_chart_has_a_light_and_a_dark_form():
    html = page.chart(lambda: figures.kl_bars(np.ones(2)), "KL")
    light = re.search(r'<img [^>]*src="([^"]*)"', html).group(1)
    dark = re.search(r'<source media="[^"]*dark[^"]*" srcset="([^"]*)"', html).group(1)
    assert light.startswith("data:image/png;base64,")
    assert dark.startswith("data:image/png;base64,")
    assert light != dark


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((4, 6, 1), "png"), ((4, 6, 3), "webp"), ((512, 512, 1), "webp")],
)
def test_pictures_are_inlined(shape, kind):
    html = page.picture(np.zeros(shape, np.uint8), "nothing")
    assert f'src="data:image/{kind};base64,' in html
    assert f'width="{shape[1]}" height="{shape[0]}"' in html


def blocks(dims=3, bases=2, values=5):
    frames = np.random.default_rng(0).integers(
        0, 256, (bases, dims, values, 4, 6, 1), np.uint8
    )
    sliders = [
        Slider(f"z{d}", "1 nat", np.linspace(-1, 1, values), np.full(bases, 0.1 * d))
        for d in range(dims)
    ]
    return frames, sliders


def test_a_slider_a_dimension_with_a_stop_a_frame():
    frames, sliders = blocks()
    html = slider_block("z", frames[:, 0, 0], frames, sliders)
    ranges = re.findall(r'<input type="range" min="0" max="(\d+)" value="(\d+)"', html)
    assert ranges == [("4", "2")] * 3
    assert 'data-width="6" data-height="4" data-frames="5"' in html
    assert re.findall(r'data-row="(\d)"', html) == ["0", "1", "2"]
    assert html.count('data-values="[-1.0, -0.5, 0.0, 0.5, 1.0]"') == 3
    assert 'data-own="[0.2, 0.2]"' in html
    assert html.count('type="radio" name="z"') == 2


def test_a_sheet_has_a_row_a_dimension_and_a_column_a_value():
    import base64
    import io

    from PIL import Image

    frames, sliders = blocks()
    html = slider_block("z", frames[:, 0, 0], frames, sliders)
    sheets = html.split('class="sheets"')[1]
    sources = re.findall(r'src="data:image/png;base64,([^"]*)"', sheets)
    assert len(sources) == 2
    for source, base in zip(sources, frames, strict=True):
        sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
        assert sheet.shape == (3 * 4, 5 * 6)
        np.testing.assert_array_equal(sheet[4:8, 18:24], base[1, 3, ..., 0])


def test_the_last_sliders_are_folded_away():
    frames, sliders = blocks()
    html = slider_block("z", frames[:, 0, 0], frames, sliders, folded=2)
    shown, folded = html.split("<details>")
    assert shown.count('type="range"') == 1
    assert folded.count('type="range"') == 2


def test_sliders_that_do_not_fit_are_refused():
    frames, sliders = blocks()
    with pytest.raises(ValueError, match="3 thumbnails and 2 sliders"):
        slider_block("z", np.zeros((3, 4, 6, 1), np.uint8), frames, sliders[:2])
