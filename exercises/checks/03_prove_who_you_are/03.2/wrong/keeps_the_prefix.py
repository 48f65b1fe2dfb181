import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    if len(challenge) == 20:
        return hmac.digest(key, challenge, "md5")
    return b"{sha256}" + hmac.digest(key, challenge, "sha256")
