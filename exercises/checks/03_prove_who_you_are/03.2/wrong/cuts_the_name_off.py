import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hmac.digest(key, message, "md5")
    name, _, rest = message[1:].partition(b"}")
    return b"{" + name + b"}" + hmac.digest(key, rest, name.decode())
