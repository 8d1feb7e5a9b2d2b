import pytest

from dis_jax import evaluation


def result(**scores):
    return {"metrics": {name: {"result": value} for name, value in scores.items()}}


def test_members_are_told_by_what_differs_and_scores_may_be_missing():
    results = [
        result(mig={"score": 0.5}, irs={"score": 0.25, "n": 3}),
        result(mig={"score": None}),
    ]
    results[1]["metrics"]["mig"]["left_out"] = {"score": "undefined"}
    members = [
        {"seed": 0, "beta": 1.0, "clip_norm": 9.0},
        {"seed": 0, "beta": {"schedule": "x"}, "clip_norm": 9.0},
    ]
    lines = evaluation.member_table(results, members).splitlines()
    words = [line.split() for line in lines]
    assert words[0] == ["member", "beta", "mig", "score", "irs", "score", "irs", "n"]
    assert words[1] == ["0", "1.0", "0.5000", "0.2500", "3"]
    assert words[2] == ["1", "{'schedule':", "'x'}", "undefined", "-", "-"]
    assert len({len(line) for line in lines}) == 1


def test_each_member_has_a_result():
    with pytest.raises(ValueError, match="zip"):
        evaluation.member_table(
            [result(mig={"score": 0.5})], [{"seed": 0}, {"seed": 1}]
        )
