"""What the Jupyter server answers when JupyterLab asks for the course."""

import asyncio
import json
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from labkit._course.records import course_record

__all__ = ["CourseHandler"]


class CourseHandler(APIHandler):
    """``GET labkit/course``: the record that :func:`.course_record` makes."""

    auth_resource = "contents"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the course as it stands now."""
        shown = Path(self.settings["server_root_dir"])
        # Many small files, and a lock that a notebook may hold for a moment.
        record = await asyncio.to_thread(course_record, shown)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(record))
