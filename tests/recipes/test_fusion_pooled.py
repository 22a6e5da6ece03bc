"""`fusion` on several corpora differs from it in its emotions alone."""

import dataclasses

from ser_keras import recipes


def test_it_is_fusion_with_the_emotions_that_all_corpora_have():
    pooled, fusion, general = map(recipes.get, ("fusion-pooled", "fusion", "general"))
    assert (pooled.emotions, pooled.merged) == (general.emotions, {"calm": "neutral"})
    assert pooled.corpora == ("ravdess", "savee", "tess")
    own = ("name", "title", "corpora", "emotions", "merged", "notes")
    alike = {name: getattr(fusion, name) for name in own}
    assert dataclasses.replace(pooled, **alike) == fusion
