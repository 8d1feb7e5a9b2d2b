r"""Writes a trained model as config.json, model.safetensors and a model card.

  python -m launch.export --workdir=runs/a --out=weights/factor_vae_seed0

The folder has the layout of the Hugging Face Hub. training.restore("weights/...") and any
safetensors library can read it. Run launch.evaluate first to show scores on the card; with
several --seed it shows their range.
"""

from absl import flags

from dis_jax import process

from . import models, shared_flags, start

_WORKDIR = shared_flags.workdir()
_OUT = flags.DEFINE_string("out", None, "Folder of the exported model.", required=True)
_DATA_DIR = shared_flags.data_dir()
_MEMBER = shared_flags.member()
_BEST = shared_flags.best()
_HALF = flags.DEFINE_bool("half", False, "Store the networks as float16.")


def main(argv):
    del argv
    process.set_up_jax()
    from dis_jax import figures, training

    models.check_member(_WORKDIR.value, _MEMBER.value)
    method, state, config = training.export(
        *(_WORKDIR.value, _OUT.value),
        **{"member": _MEMBER.value, "best": _BEST.value, "half": _HALF.value},
    )
    image_set = training.load_data(
        *(_WORKDIR.value, config.dataset, _DATA_DIR.value, config.split)
    )
    card = figures.write_model_card(
        *(_OUT.value, _WORKDIR.value, method, state, config, image_set),
        member=_MEMBER.value,
    )
    print(f"wrote {card.parent}: config.json, model.safetensors, {card.name}")


if __name__ == "__main__":
    start.run(main)
