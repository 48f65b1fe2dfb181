"""Sixty-four clients, killed at random: every item is processed at least once."""

import contextlib
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import storm
from programs import limit_files

from labkit.errors import JournalError
from labkit.servers import start_server

WORKERS = 15  # processes of four threads each; with four producers, 64 clients
PRODUCERS = 4
BATCH = 50
LIMITS = sys.platform == "linux"  # where a full disk can be played
# Forked from a process that has labkit loaded, where the system can: see conftest.
START = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")


class Clients:
    """Programs of one role; a killed one is replaced."""

    def __init__(self, role, count, server, folder):
        self.role, self.server, self.folder = role, server, folder
        self.started = 0
        self.running = [self.start() for _ in range(count)]

    def start(self):
        """Start one more program, with a log of its own."""
        self.started += 1
        log = self.folder / f"{self.role}-{self.started}.log"
        orders, theirs = START.Pipe()
        key = bytes(self.server.authkey)
        program = START.Process(
            target=storm.main, args=(self.role, self.server.address, key, log, theirs)
        )
        program.start()
        theirs.close()
        program.log, program.orders = log, orders
        return program

    def kill_one(self):
        """Kill one at random; return it."""
        victim = self.running.pop(random.randrange(len(self.running)))
        victim.kill()
        victim.join()
        victim.orders.close()
        return victim

    def stop(self):
        """Kill all."""
        while self.running:
            self.kill_one()

    def lines(self):
        """Return every whole line that any of them logged."""
        texts = [log.read_text() for log in self.folder.glob(f"{self.role}-*.log")]
        return [line for text in texts for line in text.split("\n")[:-1]]


class Orders:
    """Deal batches out to producers; take back what a killed one had not put."""

    def __init__(self, producers, count):
        self.producers = producers
        self.open = [(first, BATCH) for first in range(0, count, BATCH)]
        self.dealt = {}

    def deal(self):
        """Give every idle producer its next batch."""
        for producer in self.producers.running:
            dealt = self.dealt.setdefault(producer, [])
            if self.open and len(dealt) - done_by(producer) < 2:
                batch = self.open.pop()
                dealt.append(batch)
                producer.orders.send(batch)

    def kill_one(self):
        """Kill a producer, start another, and deal its unfinished batches again."""
        victim = self.producers.kill_one()
        self.open += self.dealt.pop(victim, [])[done_by(victim) :]
        self.producers.running.append(self.producers.start())

    def is_done(self):
        """Tell whether every batch was put and its producer was told so."""
        return not self.open and all(
            done_by(producer) == len(dealt) for producer, dealt in self.dealt.items()
        )


def done_by(producer):
    """Return how many batches a producer has logged as put."""
    return producer.log.read_text().count("\n") if producer.log.exists() else 0


@contextlib.contextmanager
def own_disk(folder):
    """Give a way to fill and empty the disk of a journal, a real one where we may."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    ballast = folder / "ballast"

    def fill(server, is_full):
        if not mounted:
            limit_files(server, 1 if is_full else None)
        elif is_full:
            with contextlib.suppress(OSError), ballast.open("wb", 0) as file:
                while file.write(bytes(1 << 16)):
                    pass
        else:
            ballast.unlink()

    quiet = {"stderr": subprocess.DEVNULL}
    mounted = sys.platform == "linux" and subprocess.call(mount, **quiet) == 0
    try:
        yield fill
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def rage(server, orders, workers, restart_every_s, fill=None, fill_at=()):
    """Deal out work and kill at random until everything is done.

    The disk is full for a second when so many batches are left as ``fill_at`` says.
    Returns, for each life of the server, the last numbers that were seen.
    """
    fill_at = list(fill_at)
    tick = threading.Event()
    letters = server.connect(retry_for=10).get_queue("letters")
    lives = [letters.stats()]
    next_kill = next_restart = time.monotonic()
    next_restart += restart_every_s
    give_up = time.monotonic() + 600
    while time.monotonic() < give_up:
        orders.deal()
        tick.wait(0.02)
        if time.monotonic() > next_kill:
            next_kill = time.monotonic() + random.uniform(0.02, 0.1)
            if random.random() < 0.3 and not orders.is_done():
                orders.kill_one()
            else:
                workers.kill_one()
                workers.running.append(workers.start())
        if fill_at and len(orders.open) < fill_at[-1]:
            fill_at.pop()
            fill(server, True)
            tick.wait(1)
            with pytest.raises(JournalError):
                letters.put(bytes(8 << 20))
            fill(server, False)
        if time.monotonic() > next_restart:
            next_restart = time.monotonic() + restart_every_s
            server.kill()
            server.restart()
            lives.append(letters.stats())
        lives[-1] = letters.stats()
        if orders.is_done() and lives[-1].depth == lives[-1].unacked == 0:
            return lives
    raise AssertionError(f"not done in 600 s: {lives[-1]}")


@pytest.mark.long
@pytest.mark.parametrize("journal", [None, "lab.journal"])
def test_nothing_is_lost_in_a_storm(tmp_path: Path, journal, request, capsys):
    """Kills, lost links, restarts, a full disk: every item at least once."""
    count = request.config.getoption("--storm")
    restarts = float("inf") if journal is None else 0.7
    batches = count // BATCH
    fill_at = (batches / 3, 2 * batches / 3) if journal and LIMITS else ()
    with (
        own_disk(tmp_path / "disk") as fill,
        start_server(journal=journal and tmp_path / "disk" / journal) as server,
    ):
        producers = Clients("producer", PRODUCERS, server, tmp_path)
        workers = Clients("worker", WORKERS, server, tmp_path)
        orders = Orders(producers, count)
        try:
            lives = rage(server, orders, workers, restarts, fill, fill_at)
        finally:
            producers.stop()
            workers.stop()
    processed = [int(line) for line in workers.lines()]
    duplicates = len(processed) - count
    killed = workers.started - WORKERS, producers.started - PRODUCERS
    redelivered = sum(life.redelivered for life in lives)
    with capsys.disabled():
        print(
            f"\n{count:,} items; killed: {killed[0]} workers, {killed[1]} producers, "
            f"{len(lives) - 1} servers; redelivered {redelivered}; "
            f"processed twice {duplicates}"
        )
    assert min(killed) > 0
    assert (len(lives) > 1) == (journal is not None)
    assert set(processed) == set(range(count))
    assert lives[-1].dead == 0
    # An item comes twice if it was redelivered, if its batch was in doubt when its
    # producer or the server was killed and so was put again, or if a worker held it
    # when the server was killed. There is no other way.
    in_doubt = 2 * BATCH * (killed[1] + PRODUCERS * (len(lives) - 1))
    in_hand = WORKERS * storm.THREADS * (len(lives) - 1)
    assert duplicates <= redelivered + in_doubt + in_hand
