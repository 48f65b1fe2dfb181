"""CPython's own tests of managers and queues pass with labkit in their place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pythons import ROOT, pythons

SUITE = Path(__file__).with_name("cpython_suite.py")
HAS_TESTS = "import test._test_multiprocessing, test.test_queue"


@pytest.mark.long
@pytest.mark.parametrize("side", ["both", "server", "client"])
@pytest.mark.parametrize("version", pythons())
def test_its_own_tests_pass(version, side, request):
    """On every Python at hand that brings them, and with each start method asked for.

    Where LABKIT_CPYTHON is set, this very Python must bring them.
    """
    python = [pythons()[version], "-W", "ignore"]
    if subprocess.run([*python, "-c", HAS_TESTS], check=False).returncode:
        if os.environ.get("LABKIT_CPYTHON") and python[0] == sys.executable:
            pytest.fail(f"Python {version} here comes without its tests")
        pytest.skip(f"Python {version} here comes without its tests")
    for method in request.config.getoption("--methods").split(","):
        done = subprocess.run(
            [*python, str(SUITE), side, method],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
