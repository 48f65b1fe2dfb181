import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hmac.digest(key, message, "md5")
    name = message[1:].partition(b"}")[0]
    return hmac.digest(key, message, name.decode())
