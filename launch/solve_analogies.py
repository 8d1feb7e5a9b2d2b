"""Solves visual analogies with a trained model; writes accuracies, and a page.

  python -m launch.solve_analogies --workdir=runs/nar --num_problems=1000

Every solver answers the same problems, rendered with the glyphs of the model's data set
(nar or rendered_nar). Searches compare principal components of images that a small network
predicts from codes; --exact decodes each candidate instead, which takes hours with
convolutions on a CPU. Writes `evaluation/analogies.json`, and `analogies.html` with
problems, decoded answers, options and choices. For a population, --member=3 writes
`evaluation/analogies_member3.json` and `analogies_member3.html`.
"""

import functools
import json
import pathlib
import time

from absl import flags

from dis_jax import extras, process
from dis_jax.files import write_whole

from . import shared_flags, start

_CODES = 4_000  # boards whose codes the surrogate is fitted around
_CHUNK = 50  # problems at once with the surrogate, which needs little memory
_WORKDIR = shared_flags.workdir()
_MEMBER = shared_flags.member()
_DATA_DIR = shared_flags.data_dir()
_NUM = shared_flags.count("num_problems", 1000, "Number of problems.")
_SOLVERS = flags.DEFINE_list(
    "solvers", None, "Solvers, comma-separated; all by default."
)
_SEED = shared_flags.seed("problems and searches")
_POPULATION = flags.DEFINE_integer("population", 64, "Candidate steps per generation.")
_GENERATIONS = flags.DEFINE_integer("generations", 100, "Number of generations.")
_EXAMPLES = flags.DEFINE_integer("examples", 6, "Number of examples used, of six.")
_EXACT = flags.DEFINE_bool("exact", False, "Decode every candidate of the searches.")
_IMAGES = shared_flags.count(
    "surrogate_images",
    32_768,
    "Number of decoded images to which the surrogate network is fitted.",
)
_STEPS = shared_flags.count(
    "surrogate_steps", 6_000, "Training steps of the surrogate network."
)
_SHOWN = shared_flags.count("shown", 6, "Problems per solver on the page.", at_least=0)


def _solvers():
    """The selected solvers; by default all whose packages are installed."""
    from dis_jax import studies

    if _SOLVERS.value:
        return _SOLVERS.value
    lacking = extras.missing_package("evosax")
    if lacking:
        print(f"skipped cma_es: {lacking}")
    return [name for name in studies.SOLVERS if name != "cma_es" or not lacking]


def _surrogate(encode, decode, boards, key):
    """Features of a network fitted to the decoder, and how well it fits."""
    import numpy as np

    from dis_jax import evaluation, studies

    began = time.process_time()
    count = min(_CODES, _IMAGES.value)
    index = boards.choose(np.random.default_rng(_SEED.value), count)
    codes = evaluation.encode_all(encode, boards.take(index)[0])
    features, left = studies.fit_surrogate(
        *(decode, codes, key), num=_IMAGES.value, steps=_STEPS.value
    )
    print(f"surrogate: {100 * left:.1f} % of the variance unexplained", flush=True)
    return features, {"unexplained": left, "cpu_seconds": time.process_time() - began}


def main(argv):
    del argv
    process.set_up_jax()
    import jax

    from dis_jax import data, evaluation, figures, studies, training
    from dis_jax.studies.latent_search import check_search

    from . import models

    method, state, config, diverged = models.restore(_WORKDIR.value, _MEMBER.value)
    decoder = method.decode
    if decoder is None:
        raise ValueError(f"{config.method} has no decoder; a search needs one.")
    boards = training.load_data(
        *(_WORKDIR.value, config.dataset, _DATA_DIR.value, config.split)
    )
    if boards.factor_names != data.BOARD_FACTORS:
        raise ValueError(
            f"the model was trained on {config.dataset}; expected boards: nar or "
            "rendered_nar."
        )
    problem_key, search_key = jax.random.split(jax.random.key(_SEED.value))
    problems = data.nar_problems(problem_key, _NUM.value)
    search = studies.Search(
        population=_POPULATION.value,
        generations=_GENERATIONS.value,
        examples=_EXAMPLES.value,
    )
    encode = evaluation.code_fn(method, state)
    decode = lambda codes: decoder(state, {method.code: codes})
    solve = functools.partial(
        *(studies.solve_analogies, encode, decode, boards, problems, search_key),
        search=search,
    )
    names, surrogate, features = _solvers(), {}, None
    for name in names:  # complain before a network is fitted
        check_search(name, search, problems.inputs.shape[1])
    if not _EXACT.value and not {*names} <= {*studies.WITHOUT_SEARCH}:
        features, surrogate = _surrogate(encode, decode, boards, search_key)
        solve = functools.partial(solve, features=features, chunk=_CHUNK)
    drawn = studies.draw_problems(encode, boards, problems, features=features)
    solve = functools.partial(solve, drawn=drawn)
    folder = pathlib.Path(_WORKDIR.value)
    name = "analogies" if _MEMBER.value is None else f"analogies_member{_MEMBER.value}"
    path = folder / "evaluation" / f"{name}.json"
    about = {
        "data": boards.name,
        "step": int(state.step),
        "member": _MEMBER.value,
        "seed": _SEED.value,
        "surrogate": surrogate,
        **diverged,
    }
    answers, result = _answer_all(path, names, solve, problems, search, about)
    print(evaluation.format_table(result))
    page = figures.write_analogy_page(
        *(folder / f"{name}.html", boards, problems, answers, result["metrics"]),
        shown=_SHOWN.value,
    )
    print(f"wrote {path} and {page}")


def _answer_all(path, names, solve, problems, search, about):
    """Answers and their record, written after each solver: exact solvers take hours."""
    from dis_jax import evaluation, studies

    answers, entries, result = {}, {}, {}
    for name in names:
        began = time.perf_counter(), time.process_time()
        answers[name] = solve(name)
        entries[name] = {
            "result": studies.accuracy_by_length(problems, answers[name]),
            "settings": search._asdict() | {"exact": _EXACT.value},
            "seconds": time.perf_counter() - began[0],
            "cpu_seconds": time.process_time() - began[1],
        }
        print(f"{name}: {entries[name]['result']['accuracy']:.3f}", flush=True)
        result = evaluation.record(entries, **about)
        write_whole(path, json.dumps(result, indent=2) + "\n")
    return answers, result


if __name__ == "__main__":
    start.run(main)
