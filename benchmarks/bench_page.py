r"""Measures the decoder of report pages in headless Chromium on one core: pixels, speed.

  python -m benchmarks.bench_page --workdirs=runs/a,runs/b [--out=results/bench_page.json]

Writes a report of each run to a temporary folder, opens it in Chromium, and prints JSON:
the size of the page, the largest difference from the model's pixels on random codes, and
the CPU time of one image (from runs of two lengths, to exclude the start of Chromium).
"""

import html
import json
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile

import jax.numpy as jnp
import numpy as np
from absl import flags

from dis_jax.files import write_json
from dis_jax.provenance import provenance
from launch import start

_WORKDIRS = flags.DEFINE_list("workdirs", None, "Folders of runs.", required=True)
_OUT = flags.DEFINE_string("out", "", "JSON file; '' prints the result only.")
_FEW, _MANY = 100, 700  # decoded images
_NUM_CODES = 20
_SCRIPT = """<script>
{
  const block = document.querySelector(".explorer"), codes = %s;
  const about = JSON.parse(block.dataset.about);
  const weights = readHalves(block.querySelector(".weights").textContent);
  const decode = makeDecoder(about.layers, weights);
  const images = codes.map((code) => [...decode(code)]);
  for (let i = 0; i < %d; i++) decode(codes[i %% codes.length]);
  document.title = JSON.stringify(images);
}
</script>"""


def main(argv):
    del argv
    rows = {}
    for workdir in _WORKDIRS.value:
        name, rows[name] = measure(workdir)
    result = {
        "what": "the decoder of a report page in headless Chromium, on one core",
        "made_by": "python -m benchmarks.bench_page --workdirs=...",
        "rows": rows,
        **provenance(),
    }
    if _OUT.value:
        write_json(pathlib.Path(_OUT.value), result)
    print(json.dumps(result, indent=1))


def measure(workdir):
    """The name of a run's row, and what was measured."""
    from dis_jax import data, figures, training
    from dis_jax.figures.traversal_sections import traversal

    method, state, config = training.restore(workdir)
    image_set = data.load(config.dataset, None, config.split)
    codes = np.random.default_rng(0).standard_normal(
        (_NUM_CODES, config.network.latent)
    )
    with tempfile.TemporaryDirectory() as folder:
        page = figures.write_report(
            *(folder, method, state, config, image_set), sections=[traversal]
        )
        images, few = _open(page, codes, _FEW)
        _, many = _open(page, codes, _MANY)
        size = page.stat().st_size
    # Only for methods with one code: page decoders of other methods need more than `z`.
    assert method.decode is not None
    wanted = np.asarray(method.decode(state, {"z": jnp.asarray(codes, jnp.float32)}))
    error = 255 * np.abs(np.reshape(images, wanted.shape) - wanted).max()
    milliseconds = 1000 * (many - few) / (_MANY - _FEW)
    networks = "dense" if "decoder" in config.network else "convolutional"
    name = f"{config.method}, {config.dataset}, {networks}, {int(state.step)} steps"
    return name, {
        "page_bytes": size,
        "largest_difference_of_255": round(float(error), 3),
        "cpu_ms_per_image": round(milliseconds, 2),
        "images_per_second": round(1000 / milliseconds, 1),
    }


def _open(page: pathlib.Path, codes: np.ndarray, count: int):
    """The images that Chromium decodes from the codes, and its CPU seconds."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise ValueError("there is no chromium; install it, for example with apt.")
    probe = page.with_name("probe.html")
    probe.write_text(page.read_text() + _SCRIPT % (json.dumps(codes.tolist()), count))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [
            *("taskset", "-c", "0", chromium, "--headless", "--no-sandbox"),
            # One process, since the time of Chromium's other processes is not counted.
            *(
                "--disable-gpu",
                "--single-process",
                f"--user-data-dir={page.parent / 'profile'}",
            ),
            *("--dump-dom", probe.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(html.unescape(title[1])), spent


if __name__ == "__main__":
    start.run(main)
