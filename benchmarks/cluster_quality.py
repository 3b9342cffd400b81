"""Clusters of generated failures against their known causes, beside drain3 and TF-IDF + HDBSCAN.

    .venv/bin/python benchmarks/cluster_quality.py --count 2000 --seed 11

Each method sees the same failed calls. The others are run on the results as they stand, and again
on our masked messages, which is their best case; only ours sees tool and command, for that is part
of it. A call that HDBSCAN calls noise is a cluster of its own. Prints ARI, V-measure, homogeneity
and completeness, for the forms that rules may be improved with and for those held out.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Sequence

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig
from failure_forms import HELD_OUT, TUNED, Occurrence, occurrences
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

from waste_assets.clusters.families import Failed, Family, family
from waste_assets.detectors.causes import attempt_of, rule_of


def clustered(one: Occurrence) -> Family:
    """Ours: the cause rule as the flags stage finds it, then the family."""
    rule = rule_of(attempt_of(one.tool, one.result, one.command))
    known = None if rule.id.startswith("other/unknown") or rule.id == "other/status@1" else rule.id
    tail = one.result[-1_000:] if len(one.result) > 1_000 else ""
    return family(Failed(one.tool, known, one.result[:1_000], tail, one.command))


def ours(calls: Sequence[Occurrence]) -> list[str]:
    """The clusters as they are published."""
    return [clustered(one).cluster_id for one in calls]


def fingerprints(calls: Sequence[Occurrence]) -> list[str]:
    """The finer level: equal masked messages."""
    return [clustered(one).fingerprint_id for one in calls]


def drain(texts: Sequence[str]) -> list[str]:
    """drain3 with its defaults, which learns as it goes."""
    logging.getLogger("drain3").setLevel(logging.ERROR)
    miner = TemplateMiner(config=TemplateMinerConfig())
    return [str(miner.add_log_message(text.replace("\n", " "))["cluster_id"]) for text in texts]


def hdbscan(texts: Sequence[str]) -> list[str]:
    """TF-IDF of character n-grams with HDBSCAN."""
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=4_096)
    sparse = vectors.fit_transform([text or "(nothing)" for text in texts])
    # HDBSCAN takes minutes in thousands of dimensions, and no better labels for it.
    points = TruncatedSVD(64, random_state=0).fit_transform(sparse)
    labels = HDBSCAN(min_cluster_size=3, copy=True).fit_predict(points)
    return [f"noise {n}" if label < 0 else str(label) for n, label in enumerate(labels)]


def main() -> None:
    """Run all methods on both sets of forms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    both = {cause: [*TUNED[cause], *HELD_OUT[cause]] for cause in TUNED}
    for name, forms in (("tuned", TUNED), ("held out", HELD_OUT), ("all forms", both)):
        calls = list(occurrences(forms, given.count, given.seed))
        truth = [one.cause for one in calls]
        raw = [one.result for one in calls]
        masked = [clustered(one).template for one in calls]
        methods: list[tuple[str, Callable[[], list[str]]]] = [
            ("clusters (ours)", lambda calls=calls: ours(calls)),
            ("fingerprints (ours)", lambda calls=calls: fingerprints(calls)),
            ("drain3, as they stand", lambda raw=raw: drain(raw)),
            ("drain3, masked", lambda masked=masked: drain(masked)),
            ("TF-IDF + HDBSCAN, as they stand", lambda raw=raw: hdbscan(raw)),
            ("TF-IDF + HDBSCAN, masked", lambda masked=masked: hdbscan(masked)),
        ]
        print(f"\n{name}: {len(calls):,} failed calls, {len(set(truth)):,} causes with noise")
        print(f"{'method':<33} {'ARI':>6} {'V':>6} {'homog.':>6} {'compl.':>6} {'k':>5} {'s':>6}")
        for method, run in methods:
            started = time.perf_counter()
            found = run()
            seconds = time.perf_counter() - started
            homogeneity, completeness, v = homogeneity_completeness_v_measure(truth, found)
            print(
                f"{method:<33} {adjusted_rand_score(truth, found):>6.3f} {v:>6.3f} "
                f"{homogeneity:>6.3f} {completeness:>6.3f} {len(set(found)):>5} {seconds:>6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
