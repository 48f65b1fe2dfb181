import hashlib
import hmac


def prove(challenge, key):
    """Return the answer to a challenge, ready to be sent."""
    message = challenge.removeprefix(b"#CHALLENGE#")
    if len(message) == 20:
        return hashlib.md5(key + message).digest()
    return b"{sha256}" + hashlib.sha256(key + message).digest()
