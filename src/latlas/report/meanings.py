"""What each score means, in one plain line, and the words that a newcomer meets on the page.

The only place where a score is explained: the report and the tables of the command line both read
it here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "MEANINGS",
    "WORDS",
    "Meaning",
    "decimals_for",
    "meaning",
    "shown",
    "shown_end",
    "shown_interval",
    "title_of",
]

SHARE = "share"


@dataclass(frozen=True)
class Meaning:
    """How to read one score.

    Attributes:
        title: its name for a person.
        says: one sentence for a student, with a full stop.
        better: whether higher or lower values are better.
        unit: ``"share"`` (0..1, printed in percent), another unit, or empty where it has none.
        low: the lowest value that it can take; None without a limit.
        high: the highest value that it can take; None without a limit.
        note: what a practitioner needs besides: typical values, source. Full sentences.
    """

    title: str
    says: str
    better: Literal["higher", "lower"]
    unit: str = ""
    low: float | None = 0
    high: float | None = None
    note: str = ""

    @property
    def range(self) -> str:
        """Range and unit as words, for instance ``"0 to 100%"`` or ``"from 0, dB"``."""
        low, high = (None if end is None else shown_end(end, self) for end in (self.low, self.high))
        if low and high:
            span = f"{low.removesuffix('%')} to {high}"
        else:
            span = f"from {low}" if low else f"up to {high}" if high else "any number"
        return f"{span}, {self.unit}" if self.unit not in ("", SHARE) else span


def _share(
    title: str, says: str, better: Literal["higher", "lower"] = "higher", note: str = ""
) -> Meaning:
    return Meaning(title, says, better, SHARE, 0, 1, note)


MEANINGS: dict[str, Meaning] = {
    # --- images against their originals
    "reconstruction_mse": Meaning(
        "Reconstruction error",
        "How far decoded images are from their originals: the mean squared difference of a pixel, "
        "with black as 0 and white as 1.",
        "lower",
        "squared difference per pixel",
        0,
        1,
        "0.01 means that a pixel is off by about a tenth of the way from black to white.",
    ),
    "psnr": Meaning(
        "Peak signal-to-noise ratio",
        "The reconstruction error on a scale that grows as the error shrinks; ten times less "
        "error is 10 dB more.",
        "higher",
        "dB",
        0,
        None,
        "10 log₁₀(1 / MSE), averaged over images; infinite for equal images.",
    ),
    "ssim": Meaning(
        "Structural similarity",
        "How alike decoded images and originals look in brightness, contrast and edges; 1 is the "
        "same image.",
        "higher",
        "",
        -1,
        1,
        "Wang, Bovik, Sheikh and Simoncelli, 2004.",
    ),
    # --- classes in the latent space
    "knn_accuracy": _share(
        "Nearest-neighbour accuracy",
        "How often a new image has the class that most of its nearest neighbours in the latent "
        "space have.",
        note="Raw pixels often do well here too: read it beside them. Cover and Hart, 1967.",
    ),
    "linear_accuracy": _share(
        "Linear accuracy",
        "How often straight cuts through the latent space put a new image into its class.",
        note="Logistic regression on the latents, known as a linear probe. Alain and Bengio, 2016.",
    ),
    "silhouette": Meaning(
        "Silhouette",
        "How much closer images lie to their own class than to the nearest other class.",
        "higher",
        "",
        -1,
        1,
        "0 means that classes overlap, below 0 that many images lie in another class. "
        "Rousseeuw, 1987.",
    ),
    "within_between_ratio": Meaning(
        "Spread within over between classes",
        "How wide the classes are, compared with how far apart their centres lie.",
        "lower",
        note="0 means that each class is a single point.",
    ),
    # --- groups found without labels
    **{
        f"{method}_{measure}": Meaning(
            f"{name}: {title}", says.format(name=of), "higher", unit, low, 1, f"{note} {source}"
        )
        for method, name, of, source in (
            ("kmeans", "K-means groups", "k-means", "Groups: Lloyd, 1982."),
            ("gmm", "Gaussian groups", "a Gaussian mixture", "Groups: Dempster and others, 1977."),
            ("graph", "Graph groups", "a graph of neighbours", "Groups: Blondel and others, 2008."),
        )
        for measure, title, says, unit, low, note in (
            (
                "accuracy",
                "match with the classes",
                "How well groups that {name} finds without seeing any label match the classes, "
                "each group standing for one class.",
                SHARE,
                0,
                "Best one-to-one match of groups and classes (Kuhn, 1955).",
            ),
            (
                "nmi",
                "shared information",
                "How much the groups that {name} finds without labels tell about the classes: "
                "0 nothing, 1 everything.",
                "",
                0,
                "Normalised mutual information (Strehl and Ghosh, 2002).",
            ),
            (
                "ari",
                "agreement of pairs",
                "How often two images are together in a group of {name} exactly when they share a "
                "class; 0 is luck, 1 is always.",
                "",
                -0.5,
                "Adjusted Rand index (Hubert and Arabie, 1985).",
            ),
        )
    },
    # --- maps
    "trustworthiness": Meaning(
        "Trustworthiness of the map",
        "Whether images that are neighbours on the flat map are neighbours in the latent space "
        "too; 1 means always.",
        "higher",
        "",
        0,
        1,
        "A random map scores 0.5. Venna and Kaski, 2001.",
    ),
    "neighbour_preservation": _share(
        "Neighbours kept by the map",
        "How many of an image's nearest neighbours in the latent space are still its nearest on "
        "the flat map.",
        note="A random map keeps almost none. Lee and Verleysen, 2009.",
    ),
    # --- generated images
    "frechet_distance": Meaning(
        "Fréchet distance",
        "How different generated images are from real ones as a crowd, in what a separate judge "
        "network sees; 0 is no difference.",
        "lower",
        note="Compare only values of one judge and one number of images. Real images against "
        "other real images give the floor. Squared; Heusel and others, 2017.",
    ),
    "fid": Meaning(
        "Fréchet Inception distance",
        "The Fréchet distance in the features of Inception-v3, a network trained on photographs; "
        "0 is no difference.",
        "lower",
        note="Comparable with figures of others for the same images and number of samples only. "
        "Heusel and others, 2017.",
    ),
    "kernel_distance": Meaning(
        "Kernel distance",
        "Also how different generated images are from real ones as a crowd, but fair to small "
        "numbers of images.",
        "lower",
        "",
        None,
        None,
        "Squared maximum mean discrepancy, unbiased, so luck can bring it just below 0. "
        "Bińkowski and others, 2018.",
    ),
    "precision": _share(
        "Precision",
        "How many generated images look like some real image.",
        note="Kynkäänniemi and others, 2019.",
    ),
    "recall": _share(
        "Recall",
        "How many real images lie within what the generator can make.",
        note="Kynkäänniemi and others, 2019.",
    ),
    "density": Meaning(
        "Density",
        "How deep generated images lie among real ones; about 1 for real images, near 0 far "
        "from them.",
        "higher",
        note="Not harmed by a few odd real images, as precision is; it can exceed 1. "
        "Naeem and others, 2020.",
    ),
    "coverage": _share(
        "Coverage",
        "How many real images have a generated image close by: low where the generator repeats "
        "itself.",
        note="Just below 100% even for real images. Naeem and others, 2020.",
    ),
    "label_agreement": _share(
        "Label agreement",
        "When an image of some class is asked for, how often a separate judge sees that class.",
        note="The judge's own accuracy on real images is the limit.",
    ),
    "memorisation": _share(
        "Memorisation",
        "How often a generated image is nearer to the training images than an unseen real image "
        "is; 50% where nothing was copied.",
        "lower",
        "Images that are merely ordinary raise it too. Mann-Whitney statistic of distances to the "
        "nearest training image; Meehan, Chaudhuri and Dasgupta, 2020.",
    ),
    "held_out_log_density": Meaning(
        "Held-out log density",
        "How likely the prior finds latent vectors that it has not learnt from.",
        "higher",
        "nats",
        None,
        None,
        "Compare only priors of the same space.",
    ),
    # --- classifiers
    "judge_accuracy": _share(
        "Accuracy of the judge",
        "How often the judge network, which scores generated images, names the class of a real "
        "test image.",
    ),
    "novelty_false_alarms": _share(
        "False alarms of novelty",
        "How many ordinary test images are called unlike anything known.",
        "lower",
    ),
    "accuracy": _share(
        "Accuracy",
        "How often the classifier names the class of an image that it has not learnt from.",
    ),
    "calibration_error": _share(
        "Calibration error",
        "How far the stated odds are from the truth: of answers given with 80% certainty, 80% "
        "should be right.",
        "lower",
        "Expected calibration error over bins of certainty. Guo and others, 2017.",
    ),
}
"""Every score that a space can hold, by its name in ``scores.json``."""

WORDS: dict[str, str] = {
    "Latent vector": "A short list of numbers that stands for an image. Two images that look "
    "alike get vectors that are close to each other.",
    "Latent space": "The space in which latent vectors are points. It has D directions, one for "
    "each number of a vector.",
    "Encoder, decoder": "The encoder turns an image into its latent vector; the decoder turns a "
    "vector back into an image. Trained together they are an autoencoder.",
    "Reconstruction": "What comes back when an image is encoded and decoded. What is missing in it "
    "did not fit into the vector.",
    "Map": "A flat drawing of the latent space. It shows who is next to whom; distances across "
    "the page and sizes of groups can mislead.",
    "Prior": "A description of where the latent vectors lie. Vectors drawn from it decode to new "
    "images.",
    "Training and test images": "The model learns from training images only. Scores are taken on "
    "test images, which it has never seen.",
    "95% interval": "Where the score would very likely lie had other images been drawn. A "
    "baseline inside it is too close for either to be called better.",
    "Baseline": "The same score for something simpler, such as the raw pixels, or PCA, which only "
    "adds and weighs pixels. A score is worth what it gains over its baselines.",
    "Chance": "What blind guessing reaches.",
    "Floor, limit": "A value that no model can be expected to beat, such as real images compared "
    "with other real images. A floor lies below the score, a limit above.",
    "Seed": "The number that starts everything random. The same seed gives the same result.",
}
"""Words that the page uses, for somebody who meets latent spaces for the first time."""


def meaning(name: str) -> Meaning | None:
    """How to read the score ``name``; None for a score that is not known here.

    What follows a colon is the part that the score was taken of, a class or a prior:
    ``"frechet_distance:gmm"`` is read as ``"frechet_distance"``.
    """
    return MEANINGS.get(name.partition(":")[0])


def title_of(name: str) -> str:
    """The score's name for a person, without what follows a colon."""
    known, base = meaning(name), name.partition(":")[0]
    words = base.replace("_", " ")
    return known.title if known else words[:1].upper() + words[1:]


def shown(value: float, of: Meaning | None, decimals: int | None = None) -> str:
    """A value for a person: a share in percent, otherwise three figures; a true minus.

    Args:
        value: in the unit of the score; NaN gives ``"unknown"``.
        of: what the score means; None prints a plain number.
        decimals: digits after the point; None for as many as three figures take.
    """
    percent = of is not None and of.unit == SHARE
    number = value * 100 if percent else value
    if math.isnan(number):
        return "unknown"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if decimals is not None:
        text = f"{number:,.{decimals}f}"
    elif percent:
        text = f"{number:.1f}"
    else:
        text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return text.replace("-", "−") + ("%" if percent else "")


def shown_end(value: float, of: Meaning | None) -> str:
    """The end of a scale, which is often a round number: ``"0"``, ``"100%"``."""
    round_share = of is not None and of.unit == SHARE and float(value * 100).is_integer()
    return shown(value, of, 0 if round_share else None).removesuffix("%" if value == 0 else "")


def decimals_for(interval: tuple[float, float] | None, of: Meaning | None) -> int | None:
    """Digits after the point that the width of a 95% interval can carry; None without one."""
    if interval is None:
        return None
    low, high = interval
    width = (high - low) * (100 if of is not None and of.unit == SHARE else 1)
    if not (math.isfinite(width) and width > 0):
        return None
    return min(8, max(0, 1 - math.floor(math.log10(width))))


def shown_interval(
    value: float, interval: tuple[float, float] | None, of: Meaning | None
) -> tuple[str, str]:
    """The value and its interval with as many digits as the interval's width can carry.

    Returns:
        For instance ``("97.58%", "97.27 to 97.87%")``; the second is empty without an interval.
    """
    if interval is None:
        return shown(value, of), ""
    decimals = decimals_for(interval, of)
    low, high = (shown(end, of, decimals) for end in interval)
    return shown(value, of, decimals), f"{low.removesuffix('%')} to {high}"
