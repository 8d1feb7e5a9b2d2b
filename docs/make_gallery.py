"""Writes docs/gallery.md: pictures of every set and of trained models.

python docs/make_gallery.py          writes the page
python docs/make_gallery.py --check  exits 1 if the page is stale
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
HEAD = """\
# Gallery

What each method learns, and what each data set looks like (`python docs/make_gallery.py`).

"""
SETS = {
    "Rendered dSprites": "data_rendered_dsprites.png",
    "Rendered Shapes3D": "data_rendered_shapes3d.png",
    "Rendered SmallNORB": "data_rendered_norb.png",
    "Variants of one set (`+noisy`, `+coloured`, ...)": "data_variants.png",
}
# Models of our results that are not in weights/.
TRAINED = {
    "FactorVAE, rendered dSprites": ("factor_vae_rendered_dsprites.png", "results.md"),
    "FactorVAE, real dSprites": ("factor_vae_dsprites.png", "results.md"),
    "FactorVAE, rendered Shapes3D": ("factor_vae_rendered_shapes3d.png", "results.md"),
    "FactorVAE, SmallNORB": ("factor_vae_smallnorb.png", "results.md"),
    "FactorVAE, MNIST": ("factor_vae_mnist.png", "results.md"),
    "FactorVAE, NAR boards": ("factor_vae_nar_traversals.png", "analogies.md"),
    "Ada-GVAE, rendered Shapes3D": (
        "ada_gvae_rendered_shapes3d.png",
        "group_supervision.md",
    ),
    "ML-VAE, MNIST: style of the row, class of the column": (
        "ml_vae_swaps.png",
        "group_supervision.md",
    ),
    "JointVAE, MNIST": ("joint_vae_mnist.png", "uneven_classes.md"),
    "JointVAE, rendered dSprites": ("joint_vae_dsprites.png", "uneven_classes.md"),
    "Elastic-InfoGAN, imbalanced MNIST: one category per row": (
        "uneven_elastic_60.png",
        "uneven_classes.md",
    ),
    "EDIM, MNIST: nearest images by the shared code": (
        "edim_mnist_shared_x.png",
        "pairs_of_views.md",
    ),
    "EDIM, MNIST: nearest images by the exclusive code": (
        "edim_mnist_exclusive_x.png",
        "pairs_of_views.md",
    ),
}


def weights() -> list[str]:
    """Returns the lines of a section for each model of weights/."""
    lines = []
    for card in sorted((ROOT / "weights").glob("*/README.md")):
        folder = card.parent
        config = json.loads((folder / "config.json").read_text())
        pictures = [p for p in sorted(folder.glob("*.png")) if "recon" not in p.name]
        if not pictures:
            continue
        dataset = config.get("config", config)["dataset"]
        lines += [
            f"### {folder.name}",
            "",
            f"`{dataset}`, [card](../weights/{folder.name}/README.md)",
            "",
        ]
        for picture in pictures:
            kind = re.sub(r"[_-]+", " ", picture.stem)
            lines += [
                f"![{kind} of {folder.name}](../weights/{folder.name}/{picture.name})",
                "",
            ]
    return lines


def page() -> str:
    """Returns the text of docs/gallery.md."""
    lines = ["## Data sets", ""]
    for name, picture in SETS.items():
        lines += [f"### {name}", "", f"![{name}]({picture})", ""]
    lines += ["## Models of our results", ""]
    for name, (picture, details) in TRAINED.items():
        lines += [
            f"### {name}",
            "",
            f"![{name}]({picture})",
            "",
            f"[Details]({details})",
            "",
        ]
    lines += ["## Weights in the repository", "", *weights()]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Writes or checks the page."""
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() != page():
            sys.exit("docs/gallery.md is stale: run `python docs/make_gallery.py`")
        return
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
