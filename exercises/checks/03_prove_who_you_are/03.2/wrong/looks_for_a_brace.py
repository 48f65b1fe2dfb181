import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if not message.startswith(b"{"):
        return hmac.digest(key, message, "md5")
    name = message[1:].partition(b"}")[0]
    digest = hmac.digest(key, message, name.decode("latin-1"))
    return b"{" + name + b"}" + digest
