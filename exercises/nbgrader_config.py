"""Settings for nbgrader, when you run it in this folder."""

from labkit.grader.release import configure

config = get_config()  # noqa: F821 - nbgrader defines it
config.CourseDirectory.course_id = "labkit"
configure(config)
