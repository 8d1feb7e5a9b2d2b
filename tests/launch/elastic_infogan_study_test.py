"""The study of class-imbalanced subsets: its arguments, and the scores of its models."""

from types import SimpleNamespace

import numpy as np
import pytest

from configs import joint_vae
from configs.studies import elastic_infogan_mnist
from dis_jax import data, evaluation


def test_the_study_gives_every_setting_the_same_subsets():
    words = "uniform,given,joint_vae,epochs20,splits3,seeds2"
    study = elastic_infogan_mnist.get_study(words)
    assert study.seeds == (0, 1, 2, 50, 51, 52)
    assert [study.unit(number) for number in study.seeds] == [0, 1, 2, 0, 1, 2]
    counts = data.imbalanced_counts(1)
    for number in (1, 51):
        found = [
            study.of_seed(config.copy_and_resolve_references(), number)
            for config in study.rows.values()
        ]
        assert [config.sampler.class_counts for config in found] == [counts] * 3
        assert {config.steps for config in found} == {20 * sum(counts) // 64}
        given = np.array(found[1].prior_probabilities)
        np.testing.assert_allclose(given, np.array(counts) / sum(counts))
        # if capacities grow faster, codes encode what all images share
        assert found[2].hparams.capacity_steps == 25_000
    assert found[2].dataset == "mnist+resized32"
    # tables of other lengths are other files
    names = [elastic_infogan_mnist.get_study(w).name for w in ("", words, "epochs15")]
    assert len({*names}) == 3
    for word in ("split3", "prior_learning_rate=fast", "as_code"):
        message = (
            f"unknown argument '{word}'; .*nown: uniform.*as_coded, narrow, epochsN"
        )
        with pytest.raises(ValueError, match=message):
            elastic_infogan_mnist.get_study(word)


@pytest.mark.parametrize("words", ["mnist,split3", "mnist+resized32,split3"])
def test_a_model_is_scored_by_the_subset_that_it_was_trained_on(
    words, data_dir, monkeypatch
):
    asked = []
    perfect = evaluation.clustering(np.arange(10), np.arange(10))

    def score(method, state, config, key, classifier, test, frequencies, trained_on):
        asked.append((test, frequencies, trained_on))
        return evaluation.CategoryScores(perfect, perfect, frequencies, 0, 0, 10, 0)

    monkeypatch.setattr(evaluation, "score_categories", score)
    monkeypatch.setattr(
        evaluation, "digit_classifier", lambda data_dir: SimpleNamespace(accuracy=0.99)
    )
    config = joint_vae.get_config(words)
    trained = SimpleNamespace(
        method=None, state=None, config=config, data_dir=data_dir, seed=0
    )
    line = elastic_infogan_mnist.score(trained)[""]
    assert (line["ENT"], line["classifier accuracy"]) == (0.0, 0.99)
    assert line["NMI"] == pytest.approx(1.0)
    ((images, labels), frequencies, trained_on) = asked[0]
    counts = np.array(data.imbalanced_counts(3))
    np.testing.assert_allclose(frequencies, counts / counts.sum())
    side = 32 if "resized" in words else 28
    assert images.shape == (10_000, side, side, 1)
    assert np.bincount(labels).tolist()[:2] == [980, 1135]  # of MNIST's test images
    assert trained_on.shape == (10_000, side, side, 1)


def test_words_of_the_study_change_every_infogan():
    words = "gumbel,joint_vae,as_coded,narrow,prior_learning_rate=1e-3"
    study = elastic_infogan_mnist.get_study(words)
    config = study.rows["Gumbel-softmax"]
    assert config.as_coded
    assert (config.network.hidden, config.network.widths[:2]) == (256, (32, 64))
    assert config.hparams.prior_learning_rate == 1e-3
    assert "prior_learning_rate 0.001." in study.notes
    # another file than that of the study without these arguments
    assert (
        study.name == "elastic_infogan_mnist_as_coded_narrow_prior_learning_rate=0.001"
    )
    with pytest.raises(ValueError, match="splits51: expected 1 to 50"):
        elastic_infogan_mnist.get_study("splits51")
    with pytest.raises(ValueError, match="narrow, learning_rate=1: only for InfoGANs"):
        elastic_infogan_mnist.get_study("joint_vae,narrow,learning_rate=1")
    with pytest.raises(ValueError, match="did you mean 'prior_learning_rate=N'"):
        elastic_infogan_mnist.get_study("gumbel,prior_learning_rat=1")
