from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.preprocessing import label_binarize

from ganx.metrics.classification import accuracy, f1, positive_class, pr_auc, roc_auc

RNG = np.random.default_rng(0)


def draw(n_classes: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    prob = RNG.dirichlet(np.ones(n_classes), size=n)
    y = np.array([RNG.choice(n_classes, p=p) for p in prob])
    return y, prob


def test_by_hand() -> None:
    y, predicted = np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0])
    assert f1(y, predicted, 1) == pytest.approx(2 / 3)  # 2 true positives, 1 false, 1 missed
    assert f1(y, predicted, 0) == pytest.approx(1 / 2)
    assert f1(y, predicted, None) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert accuracy(y, predicted) == pytest.approx(3 / 5)
    prob = np.array([[0.1, 0.9], [0.6, 0.4], [0.5, 0.5]])
    assert roc_auc(np.array([1, 0, 1]), prob, 1) == 1.0
    assert roc_auc(np.array([1, 1, 0]), prob, 1) == 0.5
    assert pr_auc(np.array([1, 1, 0]), prob, 1) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("positive", [0, 1])
def test_binary_against_scikit_learn(positive: int) -> None:
    y, prob = draw(2)
    assert f1(y, prob, positive) == pytest.approx(reference.f1_score(y, prob.argmax(1), pos_label=positive))
    assert accuracy(y, prob) == pytest.approx(reference.accuracy_score(y, prob.argmax(1)))
    assert roc_auc(y, prob, positive) == pytest.approx(reference.roc_auc_score(y == positive, prob[:, positive]))
    assert pr_auc(y, prob, positive) == pytest.approx(
        reference.average_precision_score(y, prob[:, positive], pos_label=positive)
    )


def test_multiclass_against_scikit_learn() -> None:
    y, prob = draw(4)
    assert f1(y, prob, None) == pytest.approx(reference.f1_score(y, prob.argmax(1), average="macro"))
    assert roc_auc(y, prob, None) == pytest.approx(reference.roc_auc_score(y, prob, multi_class="ovr"))
    one_hot = label_binarize(y, classes=range(4))
    assert pr_auc(y, prob, None) == pytest.approx(reference.average_precision_score(one_hot, prob, average="macro"))


def test_a_class_that_is_not_in_the_fold_is_left_out() -> None:
    y, prob = draw(3)
    y[y == 2] = 1
    expected = [reference.roc_auc_score(y == k, prob[:, k]) for k in (0, 1)]
    assert roc_auc(y, prob, None) == pytest.approx(np.mean(expected))


def test_nothing_to_score() -> None:
    none, prob = np.array([], dtype=np.int64), np.empty((0, 2))
    assert math.isnan(f1(none, prob, 1))
    assert math.isnan(accuracy(none, prob))
    assert math.isnan(roc_auc(none, prob, 1))
    assert math.isnan(pr_auc(np.array([1, 1]), np.full((2, 2), 0.5), 1))


def test_positive_class_is_the_smaller_one() -> None:
    assert positive_class(np.array([0, 0, 1, -1, -1]), 2) == 1
    assert positive_class(np.array([1, 0, 1]), 2) == 0
    assert positive_class(np.array([1, 0]), 2) == 1
    assert positive_class(np.array([0, 1, 2]), 3) is None
