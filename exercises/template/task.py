"""NN.M: doubles a number."""

from labkit.grader.fixtures import points, shown

NO_WAIT = "Nothing here has to wait."


@points(1, "doubles a number")
def test_doubles(answer):
    """Say in a sentence what the scene is."""
    call = answer.call("double", number=21)
    got = call.returns(NO_WAIT)
    assert got == 42, (
        f"{call} returned {shown(got)}; expected 42. Twice means times two."
    )
