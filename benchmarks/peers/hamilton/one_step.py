"""One node: makes the cache that the timed runs start from."""


def greeting() -> str:
    return "hello"
