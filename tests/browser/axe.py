"""axe-core, the rules of accessibility, on what a notebook shows."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Look", "look"]

# JupyterLab's body is 0 pixels high, and what lies outside the window is clipped: axe
# takes both for hidden, and would pass without having looked.
PREPARE = """() => {
  document.body.style.minHeight = '100vh';
  const scrolls = [...document.querySelectorAll('.jp-WindowedPanel-outer')];
  scrolls.forEach(e => { e.scrollTop = 0; });
  return Math.max(...scrolls.map(e => e.scrollHeight));
}"""
RUN = """async ([places, rules]) => {
  const options = {resultTypes: ['violations', 'passes']};
  if (rules.length) options.runOnly = {type: 'rule', values: rules};
  const found = await axe.run({include: places}, options);
  const said = each => each.nodes.map(node => [
    each.id, each.impact, node.html.slice(0, 300),
    (node.failureSummary || '').replace(/\\s+/g, ' '),
  ]);
  return {
    findings: found.violations.flatMap(said),
    passed: Object.fromEntries(found.passes.map(p => [p.id, p.nodes.length])),
  };
}"""
# What a lesson shows: JupyterLab's own bars, menus and editors are not ours.
PLACES = (".jp-RenderedMarkdown", ".jp-OutputArea-output")
AROUND_PX = 300
GRAVE = {"serious", "critical"}


@dataclass(frozen=True)
class Look:
    """What axe saw."""

    findings: list[str]
    """Each serious or critical finding: rule, element, and why."""
    rules: set[str]
    """The rules that they break."""
    passed: dict[str, int]
    """For each rule the number of elements that it approves of."""


def script():
    """Return axe-core's program, which the package brings along."""
    import axe_playwright_python

    folder = Path(axe_playwright_python.__file__).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def look(page, *, places=PLACES, rules=()):
    """Let axe look at all that a notebook shows, seen or scrolled away.

    Parameters
    ----------
    page : labkit.browsing.Page
        With a notebook, opened without windowing.
    places : sequence of str
        Selectors of what is looked at.
    rules : sequence of str
        Which rules; all by default.

    Returns
    -------
    Look
    """
    size = page.raw.viewport_size
    if not page.raw.evaluate("() => 'axe' in window"):
        page.raw.evaluate(f"{script()}; 0")
    tall = page.raw.evaluate(PREPARE) + AROUND_PX
    page.raw.set_viewport_size({"width": size["width"], "height": tall})
    page.raw.evaluate(PREPARE)
    seen = page.raw.evaluate(RUN, [list(places), list(rules)])
    page.raw.set_viewport_size(size)
    grave = [each for each in seen["findings"] if each[1] in GRAVE]
    return Look(
        [" | ".join(each) for each in grave],
        {each[0] for each in grave},
        seen["passed"],
    )
