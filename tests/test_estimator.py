"""The autoencoder keeps scikit-learn's contract."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from latlas.contracts import OptionError
from latlas.estimator import AutoEncoder

X, y = load_digits(return_X_y=True)


@parametrize_with_checks([AutoEncoder(epochs=5), AutoEncoder(model="pca")])
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


def test_digits_come_back_through_sixteen_numbers():
    model = AutoEncoder(latent_dim=16, epochs=40).fit(X)
    z = model.transform(X)
    assert z.shape == (len(X), 16)
    assert model.inverse_transform(z).shape == X.shape
    assert model.score(X) > 0.7
    assert list(model.get_feature_names_out())[:2] == ["autoencoder0", "autoencoder1"]


def test_it_works_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(AutoEncoder(latent_dim=8, epochs=10), LogisticRegression(max_iter=500))
    search = GridSearchCV(pipeline, {"autoencoder__latent_dim": [2, 8]}, cv=2).fit(X[:600], y[:600])
    assert search.best_params_ == {"autoencoder__latent_dim": 8}
    assert search.best_score_ > 0.6


def test_pca_reconstruction_lies_in_the_units_of_the_data():
    model = AutoEncoder(latent_dim=64, model="pca").fit(X)
    again = model.inverse_transform(model.transform(X))
    assert np.abs(again - X).max() < 0.01


def test_the_same_random_state_gives_the_same_latents():
    z = [AutoEncoder(2, epochs=2, random_state=3).fit_transform(X[:200]) for _ in range(2)]
    assert np.array_equal(z[0], z[1])


def test_a_wrong_setting_is_a_value_error_in_words():
    with pytest.raises(OptionError, match="rae, ae, vae, wae, pca"):
        AutoEncoder(model="gan").fit(X)
    with pytest.raises(ValueError, match="whole number"):
        AutoEncoder(latent_dim=2.5).fit(X)
