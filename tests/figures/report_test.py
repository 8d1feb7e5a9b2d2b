import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import figures
from dis_jax.evaluation import encode_codes
from dis_jax.figures.page import Section
from dis_jax.figures.report_inputs import make_subject
from dis_jax.figures.sections import SECTIONS, scores


def without_pictures(html):
    return re.sub(r"data:image/[^\"]*", "", html)


@pytest.fixture(scope="module")
def report(tmp_path_factory, run_folder, method, state, config, blobs):
    """One whole page for the tests below."""
    workdir = run_folder(tmp_path_factory.mktemp("run"))
    path = figures.write_report(workdir, method, state, config, blobs, num_examples=256)
    return path


def test_the_page_is_self_contained(report):
    html = without_pictures(report.read_text())
    assert report.name == "report.html"
    assert not re.findall(r"""(?:src|href|srcset)=["']?(?!["'#])""", html)
    assert not re.findall(r"https?://|url\(|@import|<link|<script src", html)
    assert report.stat().st_size < 2e6


def test_the_page_shows_every_metric_score_and_setting(report):
    html = without_pictures(report.read_text())
    for name in ("loss", "kl", "steps_per_second", "&lt;b&gt;odd &amp; name"):
        assert f'alt="{name} over training"' in html
    assert "0.4321" in html
    assert "<td class=number>0.7500</td>" in html  # of one factor
    assert "needs a full factor grid" in html
    for setting in ("latent", "beta", "batch_size"):
        assert f"<dt>{setting}</dt>" in html
    assert "&lt;script&gt;alert(" in html
    assert "<script>alert(" not in html
    assert (
        f"<td rowspan=1>jax</td><td>\N{EN DASH}</td><td>{jax.__version__}</td>" in html
    )


def test_the_page_has_a_slider_a_dimension(report):
    html = without_pictures(report.read_text())
    assert re.findall(r'type="range" min="0" max="(\d+)"', html) == ["14"] * 5
    shown, folded = html.split("2 unused")
    assert shown.count('type="range"') == 3
    assert folded.count('type="range"') == 2
    assert "3 of 5" in html


def test_what_is_absent_is_said(report):
    html = without_pictures(report.read_text())
    assert "<li>Categories: beta_vae has no categorical code.</li>" in html


def test_the_pictures_are_files_as_well(report):
    names = sorted(path.name for path in (report.parent / "figures").iterdir())
    assert names == [
        "kl_z.png",
        "loss_curves.png",
        "mig_mutual_information.png",
        "reconstructions.png",
        "traversals_z.gif",
        "traversals_z.png",
    ]


def test_a_second_report_takes_the_place_of_the_first(
    report, method, state, config, blobs
):
    first = report.read_text()
    figures.write_report(report.parent, method, state, config, blobs, num_examples=256)
    assert report.read_text() == first


def test_codes_are_those_of_all_images(method, state, blobs, encode):
    images, _ = blobs.take(jnp.arange(100))  # no multiple of a batch
    codes = encode_codes(method, state, np.asarray(images))
    mean, logvar = encode(images)
    assert list(codes) == ["z"]
    np.testing.assert_allclose(codes["z"].mean, mean, atol=1e-5)  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(codes["z"].logvar, logvar, atol=1e-5)  # pyright: ignore[reportAttributeAccessIssue]


def only(*names):
    return [section for section in SECTIONS if section.__name__ in names]


def test_one_member_of_a_population_is_reported(
    tmp_path, method, population, config, blobs
):
    config = config.copy_and_resolve_references()
    config.population.beta = (1.0, 2.0, 4.0)
    lines = [{"step": s, "time": s, "loss": [1.0, 2.0 * s, 3.0]} for s in (5, 10)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    evaluation = {
        "format": "dis_jax.evaluation",
        "metrics": {"mig": {"result": {"score": 0.111}}},
    }
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "other.json").write_text('{"table": []}')
    for member in (1, 2):
        evaluation["metrics"]["mig"]["result"]["score"] = 0.111 * member
        evaluation["source"] = {"member": member}
        path = tmp_path / "evaluation" / f"m{member}.json"
        path.write_text(json.dumps(evaluation))
    write = lambda member, out=None: figures.write_report(
        tmp_path,
        method,
        population,
        config,
        blobs,
        member=member,
        num_examples=64,
        sections=only("scores", "reconstruction", "training_curves"),
        out=out,
    )
    path = write(1)
    assert path == tmp_path / "report_member1.html"
    page = path.read_text()
    shifted = (tmp_path / "figures/member1/reconstructions.png").read_bytes()
    assert "training time of all members" in page
    assert "member 1: seed 0, beta 2, learning rate 0.0001</p>" in page
    assert "<dd>20.00</dd>" in page  # its loss
    assert "0.1110" in page
    assert "0.2220" not in page
    assert "other members" in page
    page = write(0).read_text()
    assert "member 0: seed 0, beta 1," in page
    pictures = tmp_path / "figures"
    assert (pictures / "member0/reconstructions.png").read_bytes() != shifted
    assert (pictures / "member1/reconstructions.png").read_bytes() == shifted
    assert path.read_text() != page
    with pytest.raises(ValueError, match=r"member is 3; this run has members 0\.\.2"):
        write(3)
    assert write(2, tmp_path / "else") == tmp_path / "else/report_member2.html"
    assert not (tmp_path / "report_member2.html").exists()


def test_scores_of_other_steps_are_left_out(
    tmp_path, run_folder, method, state, config, blobs
):
    """Sorted by file name, the last of steps 3000, 400 and 12000 is 400."""
    folder = run_folder(tmp_path)
    found = json.loads((folder / "evaluation" / "final.json").read_text())
    for step, score in ((400, 0.1234), (12000, 0.8765)):
        found["metrics"]["mig"]["result"]["score"] = score
        found["source"]["step"] = step
        path = folder / "evaluation" / f"mig_seed0_step{step}.json"
        path.write_text(json.dumps(found))
    path = figures.write_report(
        folder,
        method,
        state,
        config,
        blobs,
        num_examples=16,
        sections=only("scores"),
    )
    html = path.read_text()
    assert "<dd>0.432</dd>" in html
    for score in ("0.123", "0.876"):
        assert score not in html


def test_a_method_without_a_decoder_has_no_pictures_of_it(
    tmp_path, method, state, config, blobs
):
    path = figures.write_report(
        tmp_path,
        method._replace(decode=None),
        state,
        config,
        blobs,
        num_examples=64,
        sections=only("scores", "reconstruction", "traversal", "training_curves"),
    )
    html = path.read_text()
    for title in ("Reconstructions", "Traversals"):
        assert f"<li>{title}: beta_vae has no decoder.</li>" in html
    assert "<li>Scores: no evaluation of this step yet" in html
    assert "<li>Training: metrics.jsonl is missing or empty.</li>" in html
    assert 'type="range"' not in html


def test_categories_are_decoded_in_turn(
    tmp_path, categorical_method, state, config, blobs
):
    path = figures.write_report(
        tmp_path,
        categorical_method,
        state,
        config,
        blobs,
        num_examples=64,
        sections=only("categories", "traversal"),
    )
    html = path.read_text()
    assert 'alt="images decoded with each category of category"' in html
    assert html.count('type="range"') == 5
    from PIL import Image

    picture = np.asarray(Image.open(tmp_path / "figures" / "categories_category.png"))
    first, plain, turned = (
        picture[-18:-2, x : x + 16].astype(int) for x in (2, 26, 44)
    )
    assert np.abs(plain - first).mean() < 5
    np.testing.assert_allclose(turned, 255 - plain, atol=1)


def test_sections_can_be_added(tmp_path, method, state, config, blobs):
    def swaps(subject):
        return Section("Swaps", "How.", f"<p>{len(subject.images)} images</p>")

    path = figures.write_report(
        tmp_path, method, state, config, blobs, num_examples=9, sections=[swaps]
    )
    assert "<h2>Swaps</h2>" in path.read_text()
    assert "<p>9 images</p>" in path.read_text()


def test_too_few_examples_are_refused(tmp_path, method, state, config, blobs):
    with pytest.raises(ValueError, match="num_examples is 2 of 256 images"):
        figures.write_report(tmp_path, method, state, config, blobs, num_examples=2)


PROBE = """
<script>
setTimeout(async () => {
  const block = document.querySelector(".traversal");
  const pixels = (c) => [...c.getContext("2d").getImageData(0, 0, 16, 16).data];
  const sum = (c) => pixels(c).reduce((total, p, i) => total + p * (i + 1), 0);
  const found = [];
  for (const dim of block.querySelectorAll(".dim")) {
    const slider = dim.querySelector("input"), frame = dim.querySelector(".frame");
    const move = (at) => {
      slider.value = at;
      slider.dispatchEvent(new Event("input"));
      return [sum(frame), dim.querySelector("output").textContent];
    };
    found.push([move(0), move(14)]);
  }
  const before = sum(block.querySelector(".strip canvas"));
  block.querySelectorAll(".bases input")[3].click();
  let changed = false;  // a picture takes its time to decode
  for (let i = 0; i < 40 && !changed; i++) {
    await new Promise((done) => setTimeout(done, 100));
    changed = before !== sum(block.querySelector(".strip canvas"));
  }
  document.title = JSON.stringify({found, changed});
}, 500);
</script>
"""


@pytest.mark.slow
def test_sliders_move_the_image_in_a_browser(report, tmp_path, browser):
    page = tmp_path / "probe.html"
    page.write_text(report.read_text() + PROBE)
    title = re.search(r"<title>(.*?)</title>", browser(page)).group(1)
    result = json.loads(title.replace("&amp;", "&"))
    assert len(result["found"]) == 5
    for first, last in result["found"][:3]:  # x, y and size are used
        assert first[0] != last[0]
    for first, last in result["found"][3:]:
        assert first[0] == last[0]
    for first, last in result["found"]:
        assert first[1].startswith("\N{MINUS SIGN}")
        assert float(last[1]) > 0
    assert result["changed"]


def test_scores_say_what_is_best_and_what_needs_labels(
    tmp_path, run_folder, method, state, config, blobs
):
    folder = run_folder(tmp_path)
    path = folder / "evaluation" / "final.json"
    found = json.loads(path.read_text())
    entry = {"result": {"total_correlation": 0.25}, "settings": {}, "seconds": 0.1}
    found["metrics"]["gaussian_correlation"] = entry
    path.write_text(json.dumps(found))
    subject = make_subject(
        folder, method, state, config, blobs, member=0, num_examples=16
    )
    shown = scores(subject).body
    assert "of dimensions. 0 is best: independent dimensions" in shown
    none = subject._replace(evaluations={})
    assert scores(none).reading == (
        "no evaluation of this step yet; run python -m launch.evaluate."
    )
    bare = scores(none._replace(factors=np.zeros((16, 0), int))).reading
    assert "These images have no labels" in bare
    assert "--metrics=gaussian_correlation,hausdorff_support needs none" in bare
