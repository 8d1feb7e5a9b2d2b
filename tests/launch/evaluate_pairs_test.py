"""Probes of the codes of pairs, from the shell."""


def test_an_unknown_probe_is_refused_before_anything_is_encoded(run, tmp_path):
    done = run("evaluate_pairs", f"--workdir={tmp_path}", "--models=knn,svm")
    assert done.returncode == 1
    assert "found 'svm'" in done.stderr
    assert not list(tmp_path.iterdir())
