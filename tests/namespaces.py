"""Commands on hosts of their own; a reason to skip where there are none."""

import pytest
from commands import Lab, until

from labkit.lessons.networks import obstacle

reason = obstacle()
needs_hosts = pytest.mark.skipif(reason is not None, reason=str(reason))
PORT = 5555


class Site(Lab):
    """A folder that every host sees, and the commands that run on them."""

    def __init__(self, folder, net):
        super().__init__(folder)
        self.net = net
        self.address = f"{net['server'].address}:{PORT}"

    def serve(self, silence_s):
        """Start the server, as an administrator would; wait until it listens."""
        options = ["--host", self.net["server"].address, "--port", PORT]
        server = self.on("server", "serve", *options, "--silence", silence_s)
        server.out.wait_for("serving at")
        return server

    def on(self, host, name, *args, **options):
        """Start a command on a host."""
        where = ["--connect", self.address] if name != "serve" else []
        before = self.net[host].command()
        keys = ["--key-file", self.key_file]
        return self.start(name, *where, *keys, *args, before=before, **options)

    def script(self, host, name, text):
        """Start a program that finds ``address`` and ``key`` on a host."""
        begin = "import sys\nfrom labkit.manager.keys import read_key_file\n"
        begin += f"address = {self.net['server'].address!r}, {PORT}\n"
        begin += "key = read_key_file(sys.argv[1])\n"
        path = self.write(f"{name}.py", begin + text)
        return self.net[host].start(path, str(self.key_file), name=name)

    def begun(self, order, besides=()):
        """Wait for an order to be begun; return the process id of the worker."""

        def found():
            names = self.folder.glob(f"started-{order}-*")
            return [*{int(path.name.rpartition("-")[2]) for path in names} - {*besides}]

        return until(found)[0]
