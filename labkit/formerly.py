"""Names that modules had before version 1.0, so that old notebooks still run."""

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


class _Formerly:
    """A finder and loader: a module of an old name has all that the new one has."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN206, ARG003
        if name.startswith("labkit._") or name == "labkit.scaling":
            raise ModuleNotFoundError(
                f"{name} is gone: this notebook is of a version before 1.0. Rename it, "
                "then bring today's back: git restore notebooks/ITS_NAME.ipynb",
                name=name,
            )
        if name.startswith("labkit.") and name[7:] in RENAMED:
            return importlib.machinery.ModuleSpec(name, cls)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(spec):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205, ARG004
        return None  # the usual module

    @staticmethod
    def exec_module(module):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        new = importlib.import_module("labkit." + RENAMED[module.__name__[7:]])
        sys.modules[module.__name__] = new  # the one of today has its place, too


sys.meta_path.append(_Formerly)
