"""Placeholder while the set-up is written."""


def prepare(argv: list[str], extras: tuple[str, ...]) -> int | None:
    return None
