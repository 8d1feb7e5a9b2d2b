"""Visual analogies whose answers are known, solved in latent space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, studies

LATENT = 6
# "images" of a row of pixels, linear in the code
MIX = jnp.asarray(np.linalg.qr(np.random.default_rng(0).normal(size=(24, LATENT)))[0].T)
LINEAR = data.ImageSet(
    arrays={},
    name="linear",
    factor_names=(),
    sizes=(),
    image_shape=(4, 6, 1),
    num_images=0,
    take_fn=lambda arrays, index: None,
    images_fn=lambda arrays, factors: (factors @ MIX).reshape(-1, 4, 6, 1),
)
SEARCH = studies.Search(population=32, generations=30)


def encode(images):
    return images.reshape(len(images), -1) @ MIX.T


def decode(codes):
    return (codes @ MIX).reshape(-1, 4, 6, 1)


def planted(count, *, seed=0):
    """Each program adds one vector; one option is the query plus it, others are not."""
    rng = np.random.default_rng(seed)
    inputs, query = (
        rng.normal(size=(count, 6, LATENT)),
        rng.normal(size=(count, LATENT)),
    )
    steps = 0.6 * rng.normal(size=(count, 4, LATENT))
    solution = rng.integers(0, 4, count)
    right = steps[np.arange(count), solution]
    problems = data.NarProblems(
        inputs,
        inputs + right[:, None],
        query,
        query[:, None] + steps,
        solution,
        np.zeros((count, 3), int),
        np.ones(count, int),
    )
    return jax.device_get(jax.tree.map(jnp.asarray, problems))


def solve(solver, count=64, problems=None, chunk=32, **options):
    problems = planted(count) if problems is None else problems
    key = jax.random.key(1)
    return studies.solve_analogies(
        *(encode, decode, LINEAR, problems, key, solver),
        search=options.pop("search", SEARCH),
        chunk=chunk,
        **options,
    )


@pytest.mark.parametrize(
    "solver", ["genetic", "cma_es", "gradient", "latent_difference"]
)
def test_planted_problems_are_solved(solver):
    if solver == "cma_es":
        pytest.importorskip("evosax")
    answers = solve(solver)
    assert answers.correct.mean() >= 0.95
    problems = planted(64)
    np.testing.assert_array_equal(answers.correct, answers.choice == problems.solution)
    right = (problems.outputs - problems.inputs)[:, 0]
    error = np.linalg.norm(answers.delta - right, axis=1)
    assert np.median(error) < {"genetic": 0.4, "gradient": 0.4, "cma_es": 0.1}.get(
        solver, 1e-3
    )


def test_genetic_search_is_nearer_than_random_search_of_as_many_evaluations():
    right = (planted(64).outputs - planted(64).inputs)[:, 0]
    error = [
        np.linalg.norm(solve(solver).delta - right, axis=1).mean()
        for solver in ("genetic", "random")
    ]
    assert error[0] < 0.6 * error[1]


def test_a_search_that_does_not_look_at_the_examples_is_near_chance():
    """All options are equally good; the start of the search decides."""
    answers = solve("genetic_options", 200)
    assert abs(answers.correct.mean() - 0.25) < 0.2
    distance = planted(200).options - (planted(200).query + answers.delta)[:, None]
    assert np.median(np.linalg.norm(distance, axis=2).min(1)) < 0.4


def test_the_solution_s_own_code_and_no_step_at_all():
    assert solve("reconstruction").correct.all()
    problems = planted(64)
    nearest = ((problems.options - problems.query[:, None]) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(solve("no_step").choice, nearest)


def test_answers_are_the_key_s_whatever_the_chunk():
    whole, parts = (
        solve("genetic", problems=planted(5), chunk=chunk) for chunk in (32, 2)
    )
    np.testing.assert_allclose(whole.delta, parts.delta, atol=1e-5)
    assert whole.found.shape == (5, 4, 6, 1)


def test_fitness_may_count_some_examples_only():
    problems = planted(16)
    outputs = problems.outputs.copy()
    outputs[:, 2:] = 9.0
    spoilt = problems._replace(outputs=outputs)
    search = SEARCH._replace(examples=2)
    assert solve("gradient", problems=spoilt, search=search).correct.mean() >= 0.9
    assert solve("gradient", problems=spoilt).correct.mean() < 0.9
    clean, of_two = (
        solve("latent_difference", problems=each, search=search).delta
        for each in (problems, spoilt)
    )
    np.testing.assert_allclose(of_two, clean, atol=1e-5)
    of_six = solve("latent_difference", problems=spoilt).delta
    assert np.abs(of_six - clean).min() > 0.1


@pytest.fixture(scope="module")
def surrogate():
    """Features of a network that replaces the decoder, and the unexplained variance."""
    return studies.fit_surrogate(
        decode,
        planted(64).inputs.reshape(-1, LATENT),
        jax.random.key(2),
        **{"components": LATENT, "width": 32, "num": 2048, "steps": 500},
    )


def test_planted_problems_are_solved_with_a_network_in_place_of_the_decoder(surrogate):
    problems = planted(64)
    features, unexplained = surrogate
    assert unexplained < 0.1
    answers = solve("genetic", problems=problems, features=features)
    assert answers.correct.mean() >= 0.95
    # the searches compare approximations; the answer is decoded
    codes = problems.query + answers.delta
    np.testing.assert_allclose(answers.found, decode(codes), atol=1e-5)


def test_the_network_fits_the_decoder_where_the_codes_are():
    """The decoder is nonlinear: a network fitted around 0 would not fit these codes."""
    bent = lambda codes: decode(codes**2)
    codes = 3 + 0.5 * np.random.default_rng(0).normal(size=(256, LATENT))
    codes = codes.astype(np.float32)
    settings = {"components": LATENT, "width": 32, "num": 2048, "steps": 2000}
    features, _ = studies.fit_surrogate(bent, codes, jax.random.key(0), **settings)
    wanted = np.asarray(features.of_images(bent(codes)))
    found = np.asarray(jax.jit(features.of_codes)(codes))
    assert ((found - wanted) ** 2).mean() < 0.1 * wanted.var(axis=0).mean()


def test_components_keep_the_distances_of_decoded_images(surrogate):
    """The decoder is linear: images have as many components as codes have dimensions."""
    features, _ = surrogate
    codes = jax.random.normal(jax.random.key(0), (2, 256, LATENT))
    first, second = map(decode, codes)
    apart = [features.of_images(x) for x in (first, second)]
    np.testing.assert_allclose(
        ((apart[0] - apart[1]) ** 2).sum(1),
        ((first - second) ** 2).sum((1, 2, 3)),
        rtol=1e-4,
    )


def test_boards_themselves_as_codes_are_told_apart():
    boards = data.load("rendered_nar")
    answers = studies.solve_analogies(
        lambda images: images.reshape(len(images), -1),
        lambda codes: codes.reshape(-1, 64, 64, 1),
        *(boards, data.nar_problems(jax.random.key(0), 12), jax.random.key(1)),
        "reconstruction",
    )
    assert answers.correct.all()


def test_wilson_s_interval():
    # Newcombe 1998: 81 of 263 is .2553 to .3662
    found = studies.accuracy_interval(np.arange(263) < 81)
    np.testing.assert_allclose(found["interval"], [0.2553, 0.3662], atol=1e-4)
    assert studies.accuracy_interval(np.zeros(10, bool))["interval"][0] == 0


@pytest.mark.parametrize(
    ("name", "value"), [("population", 1), ("elite", 0), ("examples", 7)]
)
def test_settings_that_make_no_search_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}; expected"):
        solve("genetic", 2, search=SEARCH._replace(**{name: value}))
    with pytest.raises(ValueError, match="solver is 'luck'; known: genetic, "):
        solve("luck", 2)
