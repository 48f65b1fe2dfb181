/* The course as JupyterLab's first page: its lessons, the progress, what is next.
 *
 * A prebuilt extension of JupyterLab, written by hand: there is nothing to build. The
 * page shows what the server answers to `labkit/course`, see labkit/course.py.
 */
(() => {
  "use strict";

  const OPEN = "labkit:open-course";
  const NARROW = matchMedia("(max-width: 899.98px)"); // the lab's sidebars leave no room
  const STYLE = new URL("course.css", document.currentScript.src).href;
  const ICON =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
    '<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M9 5h12v2H9zm0 6h12' +
    'v2H9zm0 6h12v2H9zM3.6 4l1.2 1.4L7 3l1 1-3.2 3.6L2.6 5zm0 6 1.2 1.4L7 9l1 1-3.2 ' +
    '3.6-2.2-2.6zM3 16h4v4H3z"/></svg>';

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value) made.setAttribute(name, value);
    }
    made.append(...children.filter(Boolean));
    return made;
  }

  const paragraph = (...words) => element("p", {}, ...words);

  function bar(done, total) {
    const made = element("progress", { max: total, "aria-hidden": "true" });
    made.value = done; // the sentence beside it says the same
    return made;
  }

  /* Draws the record; `link(path, words, fragment)` returns what opens a notebook. */
  function draw({ title, summary, trouble, next, done, tasks, lessons }, link) {
    const parts = [element("h1", {}, title)];
    if (trouble) parts.push(element("p", { class: "labkit-trouble" }, trouble));
    if (summary) {
      const verb = lessons.some((lesson) => lesson.begun) ? "Continue" : "Start";
      const told = next
        ? link(next.path, `${verb} with ${next.words}`, next.fragment)
        : "Every task of the course is done.";
      parts.push(paragraph(summary), bar(done, tasks));
      parts.push(element("p", { class: "labkit-continue" }, told));
    }
    const items = lessons.map((lesson) => drawLesson(lesson, link));
    // Without bullets it is a list only to those who are told so.
    parts.push(element("ol", { role: "list", "aria-label": "Lessons" }, ...items));
    return element("div", {}, ...parts);
  }

  function drawLesson({ number, title, learn, minutes, exercises, ...lesson }, link) {
    const state = lesson.next ? "next" : lesson.begun ? "begun" : "";
    const told = [minutes && `${minutes} minutes`, state].filter(Boolean).join(", ");
    const about = element(
      "div",
      {},
      element("h2", {}, link(lesson.path, `${number} ${title}`)),
      learn && paragraph(learn),
      told && paragraph(told),
    );
    const set = exercises && drawSet(number, exercises, link);
    return element("li", { "aria-current": lesson.next && "step" }, about, set);
  }

  function drawSet(number, { path, done, tasks, best, points }, link) {
    const told = done === tasks ? `All ${tasks} tasks` : `${done} of ${tasks} tasks`;
    return element(
      "div",
      {},
      paragraph(link(path, `Exercises ${number}`)),
      paragraph(`${told} done, ${best} of ${points} points`),
      bar(best, points),
    );
  }

  function makePlugin(shared) {
    const { ILabShell, ILayoutRestorer } = shared.application;
    const { ICommandPalette, WidgetTracker } = shared.apputils;
    const { PageConfig, URLExt } = shared.coreutils;
    const icon = new shared["ui-components"].LabIcon({ name: "labkit:course", svgstr: ICON });

    /* The tab. It asks the server when it is shown, when the window is looked at
     * again, and, beside a notebook, when a cell was run. */
    class Course extends shared.widgets.Widget {
      constructor(settings, documents) {
        super();
        this.id = "labkit-course";
        this.addClass("labkit-course");
        Object.assign(this.title, { label: "Course", icon, closable: true });
        this.node.tabIndex = -1;
        this.node.setAttribute("role", "region");
        this.node.setAttribute("aria-label", "Course");
        Object.assign(this, { _settings: settings, _documents: documents });
        Object.assign(this, { _soon: 0, _last: Promise.resolve() });
        this._text = ""; // the record that is shown, as the server sent it
      }

      onAfterAttach() {
        window.addEventListener("focus", this.refresh);
        NARROW.addEventListener("change", this.draw);
        shared.notebook.NotebookActions.executed.connect(this.refresh);
      }

      onBeforeDetach() {
        window.removeEventListener("focus", this.refresh);
        NARROW.removeEventListener("change", this.draw);
        shared.notebook.NotebookActions.executed.disconnect(this.refresh);
      }

      onAfterShow = () => this.refresh();
      onActivateRequest = () => this.node.focus();
      onCloseRequest = () => this.dispose();

      refresh = () => {
        clearTimeout(this._soon); // of many cells the last one counts
        this._soon = setTimeout(() => {
          if (this.isVisible) this._last = this._last.finally(() => this._ask());
        }, 100);
      };

      async _ask() {
        const { ServerConnection } = shared.services;
        const url = URLExt.join(this._settings.baseUrl, "labkit/course");
        let text;
        try {
          const answer = await ServerConnection.makeRequest(url, {}, this._settings);
          if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
          text = await answer.text();
        } catch (error) {
          if (this._text) return; // what is shown is better than that
          const trouble =
            `The lessons cannot be listed (${error.message}): open the folder ` +
            "notebooks at the left, or start python3 -m labkit lab again.";
          text = JSON.stringify({ title: "Course", lessons: [], trouble });
        }
        if (this.isDisposed || text === this._text || this._isLess(text)) return;
        this._text = text;
        this.draw();
      }

      // Tells whether only a sentence on what is wrong is gone: it is told but once.
      _isLess(text) {
        const rest = (record) => JSON.stringify({ ...JSON.parse(record), trouble: "" });
        const old = this._text;
        return old && !JSON.parse(text).trouble && rest(text) === rest(old);
      }

      draw = () => {
        if (!this._text) return;
        const focused = document.activeElement?.dataset.opens;
        const link = (path, words, fragment) => this._link(path, words, fragment);
        this.node.replaceChildren(draw(JSON.parse(this._text), link));
        const links = [...this.node.querySelectorAll("a")];
        if (focused) links.find((one) => one.dataset.opens === focused)?.focus();
      };

      _link(path, words, fragment = "") {
        if (!path) return words;
        const view = NARROW.matches ? "doc/tree" : "lab/tree";
        const href = URLExt.join(PageConfig.getBaseUrl(), view, URLExt.encodeParts(path));
        const made = element("a", { href, "data-opens": path + fragment }, words);
        made.addEventListener("click", (event) => {
          const keys = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
          if (NARROW.matches || keys) return; // the browser's own way
          event.preventDefault();
          this._documents.openOrReveal(path)?.setFragment?.(fragment);
        });
        return made;
      }
    }

    /* A link in the bar above a single document, which has no tabs to come back by. */
    function makeWayBack(open) {
      const href = URLExt.join(PageConfig.getBaseUrl(), "lab");
      const link = element("a", { href }, "Course");
      link.onclick = (event) => {
        event.preventDefault();
        open();
      };
      const id = "labkit-way-back";
      return Object.assign(new shared.widgets.Widget({ node: element("div", {}, link) }), { id });
    }

    function activate(app, documents, shell, restorer, launcher, palette, menu) {
      if (!shell) return; // an application with a page for each document
      document.head.append(element("link", { rel: "stylesheet", href: STYLE }));
      const tracker = new WidgetTracker({ namespace: "labkit-course" });
      const asked = PageConfig.getOption("treePath"); // it changes with what is shown
      let course = null;

      function show(activated) {
        if (!course || course.isDisposed) {
          course = new Course(app.serviceManager.serverSettings, documents);
          shell.add(course, "main", { activate: false });
          void tracker.add(course);
        }
        if (activated) shell.activateById(course.id);
        course.refresh();
        return course;
      }

      const execute = (args) => show(args.activate !== false);
      app.commands.addCommand(OPEN, { label: "Course", icon, execute });
      const args = () => ({ activate: false });
      void restorer?.restore(tracker, { command: OPEN, args, name: () => "course" });
      launcher?.add({ command: OPEN, category: "Lessons", categoryRank: -1 });
      palette?.addItem({ command: OPEN, category: "Help" });
      menu?.helpMenu.addGroup([{ command: OPEN }], -1);
      shell.add(makeWayBack(() => show(true)), "top", { rank: 10000 });

      void app.restored.then(() => {
        const single = PageConfig.getOption("mode") === "single-document";
        if (!single && NARROW.matches) shell.collapseLeft();
        if (!asked) show(true);
        else if (!single && shell.isEmpty("main")) show(false);
      });
    }

    const requires = [shared.docmanager.IDocumentManager];
    const optional = [ILabShell, ILayoutRestorer, shared.launcher.ILauncher];
    optional.push(ICommandPalette, shared.mainmenu.IMainMenu);
    return { id: "labkit-course:plugin", autoStart: true, requires, optional, activate };
  }

  let scope = {}; // what JupyterLab and its extensions share: copies of modules

  async function load(name) {
    const copies = Object.values(scope[name]);
    const copy = copies.find((one) => one.loaded) ?? copies[0];
    return [name.split("/")[1], (await copy.get())()];
  }

  async function makeExtension() {
    const names =
      "application apputils coreutils docmanager launcher mainmenu notebook services";
    const needed = [...names.split(" "), "ui-components"].map((n) => `@jupyterlab/${n}`);
    needed.push("@lumino/widgets");
    const here = needed.every((name) => name in scope); // not so in a bare notebook
    const shared = here && Object.fromEntries(await Promise.all(needed.map(load)));
    return { __esModule: true, default: here ? makePlugin(shared) : [] };
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["labkit-course"] = {
    init: (given) => void (scope = given),
    get: () => makeExtension().then((made) => () => made),
  };
})();
