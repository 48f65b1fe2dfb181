import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hmac.new(key, message, "md5").hexdigest()
    return "{sha256}" + hmac.new(key, message, "sha256").hexdigest()
