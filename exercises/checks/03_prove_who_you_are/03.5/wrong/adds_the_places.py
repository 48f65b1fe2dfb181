import hmac


def prove(challenge, key):
    """Return the digest that this challenge asks for."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hmac.digest(key, message, "md5")
    return b"{sha256}" + hmac.digest(key, message, "sha256")


def find_key(challenge, digest, words):
    """Return the key and the number of words tried."""
    tries = 0
    for word in words:
        tries += 1
        key = word.encode()
        if prove(challenge, key) == digest:
            return key, tries
    return None, tries


def seconds_to_try(alphabet, length, keys_per_s):
    """Return the seconds for all keys of this length."""
    return alphabet * length / keys_per_s


def why():
    """Return "a", "b" or "c"."""
    return "b"
