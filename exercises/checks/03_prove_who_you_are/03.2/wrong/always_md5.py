import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    return hmac.digest(key, message, "md5")
