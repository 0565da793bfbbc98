import re

from grokgate.openai import new_id


def test_id_is_its_prefix_and_128_random_bits() -> None:
    asked: list[int] = []

    def bits(number: int) -> int:
        asked.append(number)
        return 0xABC

    assert new_id("call_", bits) == "call_" + "0" * 29 + "abc"
    assert asked == [128]


def test_ids_are_alphanumeric_after_the_prefix_and_differ() -> None:
    ids = {new_id("chatcmpl-") for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(r"chatcmpl-[A-Za-z0-9]{24,}", each) for each in ids)
