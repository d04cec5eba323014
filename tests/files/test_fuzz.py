"""Any bytes that a server may answer are an answer or a clear error, for every parser of step 2."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import SEEDS, TARGETS, mutated

EVERY = [seed for seeds in SEEDS.values() for seed in seeds]


@pytest.mark.parametrize("name", TARGETS)
def test_honest_answers_are_no_errors(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 60))
def test_answers_that_are_almost_honest(name: str, number: int) -> None:
    chance = random.Random(number)
    TARGETS[name](mutated(chance.choice(SEEDS[name]), chance, EVERY))
