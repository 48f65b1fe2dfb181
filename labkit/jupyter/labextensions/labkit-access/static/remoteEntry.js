/* What JupyterLab 4.6 and ipywidgets 8.1 lack for keys, screen readers and weak eyes.
 *
 * A prebuilt extension of JupyterLab, written by hand: there is nothing to build.
 * - Radio buttons of a question form a group with a name, so that arrows move in it.
 * - A slider has the name and the value that stand beside it.
 * - Keys pressed on a control act on the control. The notebook would take them for its
 *   own: an arrow would leave a slider, and two d's on a button would delete the cell.
 *   Escape goes back from the control to its cell.
 * - What has the focus has a ring around it, and links in text are underlined.
 * - A widget whose kernel has gone says so. After a restart ipywidgets puts a broken link
 *   beside each of its parts; in a notebook opened again, an error in its place: here
 *   the text that the notebook has kept stands there.
 * - Tracebacks have colours that can be read, and long names wrap on a narrow page,
 *   where the file list makes room.
 * - The tab of an exercise set, whose file is named as its lesson's, says that it is one.
 * - A diagram keeps the background it was drawn for when the theme is changed.
 * - A lesson is not marked as changed because its kernel told its version, and has no
 *   button Validate, which is for exercises and says there what it does.
 */
(() => {
  "use strict";

  const OUTPUT = ".jp-OutputArea-output";
  // Places that scroll have a tabindex: there, too, arrows are not the notebook's.
  const CONTROL = "button, input, select, textarea, [role=slider], [tabindex='0']";
  const WIDGET = ".widget-inline-hbox, .widget-inline-vbox"; // with its label
  const VALIDATE = "[data-jp-item-name=runAll]"; // nbgrader's name of its button
  const SUPPRESS = "data-lm-suppress-shortcuts"; // JupyterLab's own mark

  function nameOf(element) {
    const question = element.closest(".labkit-ask")?.querySelector(".labkit-question, p");
    const label = element.closest(WIDGET)?.querySelector(".widget-label");
    return (question ?? label)?.textContent.trim() ?? "";
  }

  let groups = 0;

  function nameRadios(box) {
    groups += 1;
    box.setAttribute("role", "radiogroup");
    box.setAttribute("aria-label", nameOf(box.parentElement));
    for (const radio of box.querySelectorAll("input[type=radio]")) {
      radio.name = `labkit-choice-${groups}`;
    }
  }

  function nameSlider(handle) {
    const readout = handle.closest(WIDGET)?.querySelector(".widget-readout");
    const value = readout?.textContent ?? "";
    const said = { "aria-label": nameOf(handle), "aria-valuetext": value };
    for (const [attribute, text] of Object.entries(said)) {
      if (text && handle.getAttribute(attribute) !== text) {
        handle.setAttribute(attribute, text);
      }
    }
  }

  const LOST = "Error displaying widget: model not found";
  const ADVICE = "The kernel was restarted. Run this cell again to use it.";
  const GONE = "jupyter-widgets-disconnected";
  const holding = (widgets, node) =>
    [...(widgets ?? [])].find((widget) => widget?.node.contains(node));

  function showTwin(app, place) {
    if (place.childElementCount || place.textContent !== LOST) return;
    const panel = holding(app.shell.widgets("main"), place);
    const cell = holding(panel?.content?.widgets, place);
    const shown = cell?.outputArea?.widgets ?? [];
    const output = cell?.model.outputs.get(shown.indexOf(holding(shown, place)));
    const twin = document.createElement("pre");
    twin.className = "labkit-earlier";
    twin.textContent = [output?.data["text/plain"] ?? ""].flat().join("");
    place.replaceChildren(twin);
  }

  const met = new WeakSet();

  function welcome(panel) {
    const model = panel?.content?.model;
    if (!model?.metadataChanged || !panel.context.isReady || met.has(model)) return;
    met.add(model);
    const settle = () => setTimeout(() => {
      const ran = [...model.cells].some((cell) => cell.executionCount);
      if (model.dirty && !ran && !model.sharedModel.canUndo()) model.dirty = false;
    });
    model.metadataChanged.connect((_, { key }) => key === "language_info" && settle());
    settle();
    const graded = [...model.cells].some((cell) => cell.getMetadata("nbgrader"));
    panel.toggleClass("labkit-lesson", !graded);
    const button = panel.toolbar?.node.querySelector(`${VALIDATE} jp-button`);
    if (button) button.title = "Run all cells in a new kernel, and say which checks fail";
  }

  let due = false;

  function lookSoon(app) {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      for (const panel of app.shell.widgets("main")) welcome(panel);
      // Also again: when its kernel changes it, ipywidgets draws a choice anew.
      document
        .querySelectorAll(`${OUTPUT} .widget-radio-box:has(input:not([name]))`)
        .forEach(nameRadios);
      document.querySelectorAll(`${OUTPUT} .noUi-handle`).forEach(nameSlider);
      document
        .querySelectorAll(`${OUTPUT}.jupyter-widgets`)
        .forEach((place) => showTwin(app, place));
      document
        .querySelectorAll(".jp-RenderedMermaid:not([data-light])")
        .forEach((drawn) => {
          drawn.dataset.light = document.body.dataset.jpThemeLight;
        });
    });
  }

  function keyDown(event) {
    const control = event.target;
    if (!(control instanceof Element) || !control.closest(OUTPUT)) return;
    if (!control.matches(CONTROL) || event.key === "Tab") return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && event.key === "Enter") return; // runs the cell, as ever
    if (event.key === "Escape") {
      control.closest(".jp-Cell")?.focus();
      event.stopPropagation();
      return;
    }
    control.setAttribute(SUPPRESS, "");
    setTimeout(() => control.removeAttribute(SUPPRESS));
  }

  // On JupyterLab's backgrounds of tracebacks, each at least 4.5:1.
  const COLOURS = {
    true: {
      black: "#1f1f1f", red: "#a31515", green: "#005a20", yellow: "#664d00",
      blue: "#0b4a8f", magenta: "#8a1a88", cyan: "#00565c", white: "#4d4d4d",
      marked: "#fbeeb8",
    },
    false: {
      black: "#e0e0e0", red: "#ff9c94", green: "#7ee2a8", yellow: "#f2d16b",
      blue: "#9cc8ff", magenta: "#f0a8ee", cyan: "#7fe0e2", white: "#ffffff",
      marked: "#4d3d00",
    },
  };
  const rules = [
    ":is(.jp-RenderedHTMLCommon :is(p, li, td, dd), .jp-RenderedText pre) a:link " +
      "{ text-decoration: underline !important }",
    ".jp-RenderedHTMLCommon :is(p, li) code { overflow-wrap: break-word }",
    // Widgets take the ring away, and show the focus by a border's shade.
    `${OUTPUT} :is(${CONTROL}, summary):focus-visible {
       outline: 2px solid var(--jp-brand-color1) !important; outline-offset: 2px }`,
    `.${GONE}::before { content: none !important }
     ${OUTPUT} > .${GONE}::before, .labkit-earlier::before {
       content: "${ADVICE}" !important; display: block; margin: 2px;
       font: bold 14px/1.4 var(--jp-ui-font-family, sans-serif);
       color: var(--jp-ui-font-color1, #1f1f1f) }
     ${OUTPUT} > .${GONE} > * { opacity: .75; pointer-events: none }
     .labkit-earlier { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
       color: var(--jp-content-font-color1, #1f1f1f);
       font-family: var(--jp-code-font-family, monospace) }`,
    `.labkit-lesson ${VALIDATE} { display: none }`,
    // A set has the file name of its lesson; another label would rename the file.
    ".lm-TabBar-tab[title*='exercises/'] .lm-TabBar-tabLabel::before " +
      "{ content: 'Exercises ' }",
    ".jp-RenderedMermaid img { background: #fff }",
    ".jp-RenderedMermaid[data-light='false'] img { background: #111 }",
    // IPython's own shades fit one background; bold and italics remain.
    ".jp-RenderedText pre span[style*='color:rgb'] { color: inherit !important }",
  ];
  for (const [light, { marked, ...colours }] of Object.entries(COLOURS)) {
    const text = `body[data-jp-theme-light="${light}"] .jp-RenderedText`;
    for (const [name, colour] of Object.entries(colours)) {
      const spans = `:is(.ansi-${name}-fg, .ansi-${name}-intense-fg)`;
      rules.push(`${text} ${spans} { color: ${colour} }`);
    }
    rules.push(`${text} .ansi-yellow-bg { background: ${marked} }`);
  }

  function makeRoom(app) {
    const narrow = matchMedia("(max-width: 700px)");
    const fold = () => narrow.matches && app.shell.collapseLeft?.();
    narrow.addEventListener("change", fold);
    app.restored.then(fold);
  }

  function activate(app) {
    makeRoom(app);
    const style = document.createElement("style");
    style.textContent = rules.join("\n");
    document.head.append(style);
    // Of the window, for JupyterLab listens at the document, which is later.
    window.addEventListener("keydown", keyDown, true);
    new MutationObserver(() => lookSoon(app)).observe(document.body, {
      attributeFilter: ["aria-valuetext"],
      characterData: true,
      childList: true,
      subtree: true,
    });
    lookSoon(app);
  }

  const plugin = { id: "labkit-access:plugin", autoStart: true, activate };
  const extension = { __esModule: true, default: plugin };
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["labkit-access"] = {
    init: () => undefined,
    get: async () => () => extension,
  };
})();
