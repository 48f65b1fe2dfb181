import hmac
import secrets


def let_in(wire, key, log):
    """Say whether the client at the other end holds the key."""
    challenge = b"#CHALLENGE#" + secrets.token_bytes(20)
    wire.send_bytes(challenge)
    digest = wire.recv_bytes(256)
    wanted = hmac.digest(key, challenge[11:], "md5")
    if hmac.compare_digest(digest, wanted):
        wire.send_bytes(b"#WELCOME#")
        return True
    wire.send_bytes(b"#FAILURE#")
    return False
