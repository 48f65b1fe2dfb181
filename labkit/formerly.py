"""Names that modules had before version 1.0, so that old notebooks still run."""

import importlib
import importlib.machinery
import sys

RENAMED = {
    "checks": "grader.magic",
    "costs": "throughput.costs",
    "dashboards": "widgets.dashboard",
    "engines": "jobs",
    "mail": "lessons.mail",
    "managers": "manager",
    "networks": "lessons.networks",
    "queues": "manager",
    "transport": "manager",
}


class Formerly:
    """A finder and loader: a module of an old name has all that the new one has."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN206, ARG003
        """Find a module of the kit by its old name; say so of one that has none."""
        if name.startswith("labkit._") or name == "labkit.scaling":
            raise ModuleNotFoundError(
                f"{name} is gone: this notebook is of a version before 1.0. Rename it, "
                "then bring today's back: git restore notebooks/ITS_NAME.ipynb",
                name=name,
            )
        if name.partition(".")[0] == "labkit" and name[7:] in RENAMED:
            return importlib.machinery.ModuleSpec(name, cls)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(spec):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205, ARG004
        """Leave that to Python."""
        return None  # noqa: RET501 - it means the usual module

    @staticmethod
    def exec_module(module):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        """Let the module that took its place stand under the old name, too."""
        new = importlib.import_module("labkit." + RENAMED[module.__name__[7:]])
        sys.modules[module.__name__] = new


sys.meta_path.append(Formerly)
