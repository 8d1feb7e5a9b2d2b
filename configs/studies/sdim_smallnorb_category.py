r"""SDIM on held-out SmallNORB instances: effect of augmentation and estimators.

  dis-jax study --study=sdim_smallnorb_category \
      --workdir=runs/category

Rows: SDIM on pairs as in the public code; with augmented training views; with each
other estimator of information; on pairs that share only the category. Arguments after
the colon: "half" for half the widths, "steps2500" (per row), "seeds2". Each seed holds
out another instance. InfoNCE comes last: it scores all pairs of a batch, which takes
ten times as long on a CPU.
"""

from dis_jax import shipped
from dis_jax.studies import pair_studies
from dis_jax.training import load_config

sdim_edim_smallnorb = shipped.load("configs/studies", "sdim_edim_smallnorb")


def get_study(argument=""):
    asked = pair_studies.read_words("smallnorb", argument)

    def config(*words, estimator="jensen_shannon"):
        made = load_config(",".join((f"sdim:{asked.argument}", *words)))
        made.estimator = estimator
        return made

    rows = {
        "SDIM": config(),
        "augmented": config("augmented"),
        "Donsker-Varadhan": config(estimator="donsker_varadhan"),
        "category alone": config("category"),
        "category alone, augmented": config("category", "augmented"),
        "NWJ": config(estimator="nwj"),
        "InfoNCE": config(estimator="info_nce"),
    }
    return pair_studies.table(
        "sdim_smallnorb_category",
        "SDIM on SmallNORB: category of held-out instances",
        rows,
        asked,
        published={"SDIM": sdim_edim_smallnorb.PUBLISHED["SDIM"]},
        read_by="head, batch",
        source="Vaona 2024",
        notes=sdim_edim_smallnorb.notes_of(asked.words),
    )
