"""Whether everybody can read what a page shows: axe-core's rules, and narrow pages."""

GRAVE = {"serious", "critical"}
# What a lesson shows: JupyterLab's own bars, menus and editors are not ours.
SHOWN = ".jp-RenderedMarkdown, .jp-OutputArea-output"
AROUND_PX = 300
# JupyterLab's body is 0 pixels high, and what lies outside the window is clipped: axe
# takes both for hidden, and would pass without having looked. Editors are half of what
# it would go through.
PREPARE = """() => {
  document.body.style.minHeight = '100vh';
  document.querySelectorAll('.jp-Notebook .cm-editor').forEach(e => e.remove());
  document.querySelectorAll('.jp-WindowedPanel-outer').forEach(e => e.scrollTo(0, 0));
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
  return Math.max(0, ...cells.map(e => e.getBoundingClientRect().bottom));
}"""
# To weigh a text's colours takes axe long, so it weighs one of all that look the same:
# they, and what is around them, have the same names, classes, styles and colours.
AXE = """([shown, rules]) => {
  const first = new Map(), look = e => {
    const {color, backgroundColor} = e ? getComputedStyle(e) : {};
    return e && [look(e.parentElement), e.localName, e.getAttribute('class'),
      e.getAttribute('style'), color, backgroundColor].join();
  };
  for (const e of document.querySelectorAll(`:is(${shown}), :is(${shown}) *`)) {
    const words = [...e.childNodes].some(n => n.nodeType === 3 && /\\w/.test(n.data));
    const key = look(e) + (e.control ?? e).matches(':disabled');
    if ((words || e.matches('input, select, textarea')) && !first.has(key) &&
        e.checkVisibility({visibilityProperty: true, opacityProperty: true}))
      first.set(key, e.toggleAttribute('data-weigh', true));
  }
  axe.configure({rules: [{id: 'color-contrast', selector: '[data-weigh]'}]});
  return axe.run({include: [shown]}, {
    selectors: false, resultTypes: ['violations', 'passes'], ...rules && {runOnly: rules},
  });
}"""
# A part is out of reach if it is cut off and nothing around it scrolls sideways. Words
# and pictures must not even need that: tables, programs and their output may scroll.
OUT_OF_REACH = """async () => {
  const page = document.querySelector('.jp-WindowedPanel-outer');
  const frame = () => new Promise(requestAnimationFrame);
  for (let still = 0, last; still < 5; await frame()) {
    still = last === page.clientWidth ? still + 1 : 0;
    last = page.clientWidth;
  }
  const lost = [], scrolls = e => ['auto', 'scroll'].includes(
    getComputedStyle(e).overflowX);
  const may = 'table, pre, .labkit-picture, [role=log], .cm-editor';
  const parts = ':is(p, li, h1, h2, h3, img, svg, button, input, select, label, td, ' +
    'th, pre, code, summary)';
  for (const root of document.querySelectorAll(
      '.jp-RenderedMarkdown, .jp-OutputArea-output')) {
    const edge = root.getBoundingClientRect().right + 1;
    for (const e of root.querySelectorAll(parts)) {
      const wide = e.getBoundingClientRect().right > edge ||
        e.matches('p, li, label') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth;
      if (!e.checkVisibility() || !wide) continue;
      let around = e;
      while (around !== root && !scrolls(around)) around = around.parentElement;
      if (!scrolls(around) || !e.closest(may))
        lost.push(e.outerHTML.slice(0, 160));
    }
  }
  if (page.scrollWidth > page.clientWidth)
    lost.push(`the notebook: ${page.scrollWidth} > ${page.clientWidth}`);
  return lost;
}"""


def violations(page, shown=SHOWN, least=20, rules=None):
    """Return what axe finds serious or critical in all that a page shows.

    At least that many elements it has to approve of: it cannot have looked past them.
    The page is as high as all it shows then, and has no editors.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    size = page.viewport_size
    tall = max(int(page.evaluate(PREPARE)) + AROUND_PX, size["height"])
    page.set_viewport_size({"width": size["width"], "height": tall})
    page.evaluate(PREPARE)
    if page.evaluate("!window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE, [shown, rules])
    assert sum(len(rule["nodes"]) for rule in found["passes"]) >= least
    return [
        f"{rule['id']} | {node['html'][:300]} | {node.get('failureSummary')}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def out_of_reach(page, width):
    """Return what is cut off in a notebook's page of this width."""
    page.set_viewport_size({"width": width, "height": 1000})
    return page.evaluate(OUT_OF_REACH)
