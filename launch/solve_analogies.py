"""Solves visual analogies with a trained model; writes accuracies, and a page.

  python -m launch.solve_analogies --workdir=runs/nar --num_problems=1000

Every solver answers the same problems, rendered with the glyphs of the model's data set
(nar or rendered_nar). Writes `evaluation/analogies.json`, and `analogies.html` with
problems, decoded answers, options and choices.
"""

import functools
import json
import pathlib
import time

from absl import flags

from . import shared_flags, start

_WORKDIR = shared_flags.workdir()
_DATA_DIR = shared_flags.data_dir()
_NUM = flags.DEFINE_integer("num_problems", 1000, "Number of problems.")
_SOLVERS = flags.DEFINE_list(
    "solvers", None, "Solvers, comma-separated; all by default."
)
_SEED = shared_flags.seed("problems and searches")
_POPULATION = flags.DEFINE_integer("population", 64, "Candidate steps per generation.")
_GENERATIONS = flags.DEFINE_integer("generations", 100, "Number of generations.")
_EXAMPLES = flags.DEFINE_integer("examples", 6, "Number of examples used, of six.")
_SHOWN = flags.DEFINE_integer("shown", 6, "Problems per solver on the page.")


def main(argv):
    del argv
    start.set_up_jax()
    import jax

    from dis_jax import data, evaluation, figures, studies, training

    method, state, config = training.restore(_WORKDIR.value)
    decoder = method.decode
    if decoder is None:
        raise ValueError(f"{config.method} has no decoder; a search needs one.")
    boards = data.load(config.dataset, _DATA_DIR.value)
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
    answers, entries = {}, {}
    for name in _SOLVERS.value or studies.SOLVERS:
        began = time.perf_counter()
        answers[name] = solve(name)
        entries[name] = {
            "result": studies.accuracy_by_length(problems, answers[name]),
            "settings": search._asdict(),
            "seconds": time.perf_counter() - began,
        }
        print(f"{name}: {entries[name]['result']['accuracy']:.3f}", flush=True)
    result = evaluation.record(
        entries, data=boards.name, step=int(state.step), seed=_SEED.value
    )
    print(evaluation.format_table(result))
    folder = pathlib.Path(_WORKDIR.value)
    path = folder / "evaluation" / "analogies.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    page = figures.write_analogy_page(
        *(folder / "analogies.html", boards, problems, answers, entries),
        shown=_SHOWN.value,
    )
    print(f"wrote {path} and {page}")


if __name__ == "__main__":
    start.run(main)
