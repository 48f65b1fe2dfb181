"""The course as JupyterLab's first page: lessons, exercises, progress, what is next.

This module is an extension of the Jupyter server, which answers ``GET labkit/course``.
The page that asks is ``labkit/jupyter/labextensions/labkit-course``.
``labkit/jupyter/jupyter_server_config.d/labkit.json`` turns the extension on.
"""

from typing import TYPE_CHECKING

from labkit._checks.bookkeeping import Progress
from labkit._checks.progressfile import KINDS, DamagedFileError, NewerFileError, read

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["is_begun"]


def is_begun() -> bool:
    """Tell whether the learner has tried anything yet.

    Returns
    -------
    bool
        True also for a file of progress that cannot be read: somebody made it.
    """
    try:
        kept = read(Progress().path)
    except FileNotFoundError:
        return False
    except (DamagedFileError, NewerFileError, OSError):
        return True
    return any(kept[section] for section in ("tasks", *KINDS))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "labkit.course"}]


def _load_jupyter_server_extension(server: "ServerApp") -> None:
    from jupyter_server.utils import url_path_join

    from labkit._course.handlers import CourseHandler

    address = url_path_join(server.base_url, "labkit", "course")
    routes = [(address, CourseHandler)]
    server.web_app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call]
