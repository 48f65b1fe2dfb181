/* What a widget says when its kernel has gone.
 *
 * A prebuilt extension of JupyterLab, written by hand: there is nothing to build.
 * - In a notebook opened again, ipywidgets shows an error where each widget was. Here
 *   the text twin stands there, which the notebook has kept, and what to do.
 * - After a restart it puts a broken link beside each part of a widget, and no words.
 *   Here one sentence says what to do, and the rest is pale.
 */
(() => {
  "use strict";

  const LOST = "Error displaying widget: model not found";
  const ADVICE = "From before the kernel started anew: run this cell again to use it.";
  const PLACE = ".jp-OutputArea-output.jupyter-widgets";
  const GONE = "jupyter-widgets-disconnected";

  const STYLE = `
    .${GONE}::before { content: none !important }
    .jp-OutputArea-output > .${GONE}::before, .labkit-earlier::before {
      content: "${ADVICE}" !important; display: block; margin: 2px;
      font: bold 14px/1.4 var(--jp-ui-font-family, sans-serif);
      color: var(--jp-ui-font-color1, #1f1f1f) }
    .jp-OutputArea-output > .${GONE} > * { opacity: .75; pointer-events: none }
    .labkit-earlier { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
      color: var(--jp-content-font-color1, #1f1f1f);
      font-family: var(--jp-code-font-family, monospace) }`;

  const holding = (widgets, node) =>
    [...(widgets ?? [])].find((widget) => widget?.node.contains(node));

  function twinOf(app, node) {
    const panel = holding(app.shell.widgets("main"), node);
    const cell = holding(panel?.content?.widgets, node);
    const shown = cell?.outputArea?.widgets ?? [];
    const index = shown.indexOf(holding(shown, node));
    const twin = index < 0 ? "" : cell.model.outputs.get(index)?.data["text/plain"];
    return [twin ?? ""].flat().join("");
  }

  function mend(app) {
    for (const node of document.querySelectorAll(PLACE)) {
      if (node.childElementCount || node.textContent !== LOST) continue;
      const twin = document.createElement("pre");
      twin.className = "labkit-earlier";
      twin.textContent = twinOf(app, node);
      node.replaceChildren(twin);
    }
  }

  let due = false;

  function activate(app) {
    const style = document.createElement("style");
    style.textContent = STYLE;
    document.head.append(style);
    const look = () => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        mend(app);
      });
    };
    new MutationObserver(look).observe(document.body, {
      childList: true,
      subtree: true,
    });
  }

  const plugin = { id: "labkit-earlier:plugin", autoStart: true, activate };
  const extension = { __esModule: true, default: plugin };
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["labkit-earlier"] = {
    init: () => undefined,
    get: async () => () => extension,
  };
})();
