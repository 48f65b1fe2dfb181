"""What is asked inside the page: JupyterLab's own model, and its talk with a kernel.

The model knows outputs that are not scrolled into view. A traceback in a callback of
a widget, in a thread or in a child process is shown by no cell: only the messages of
the kernel have it.
"""

__all__ = ["INSIDE"]

INSIDE = r"""
window.labkit = (() => {
  const asked = new Set(), replied = new Set(), idle = new Set();
  const stray = [];     // what went wrong, and no cell shows
  const cellOf = {};    // the cell of each request
  let watched = null;   // the connection to the kernel
  let restarts = 0;
  let begun = false;    // has a cell run since the kernel started?

  const isNotebook = w => w && w.context && w.sessionContext && w.content.widgets;
  const panel = () => {
    const shell = window.jupyterapp && window.jupyterapp.shell;
    if (!shell) return null;
    if (isNotebook(shell.currentWidget)) return shell.currentWidget;
    return [...shell.widgets('main')].find(w => isNotebook(w) && w.isVisible) || null;
  };
  const kernel = () => {
    const found = panel() && panel().sessionContext;
    return found && found.session && found.session.kernel;
  };
  const index = id => {
    const found = panel().content.widgets.findIndex(c => c.model.id === id);
    if (found < 0) throw new Error('the notebook has no cell ' + id);
    return found;
  };
  const cell = id => panel().content.widgets[index(id)];
  const note = (kind, where, text) => stray.push({kind, where, text});

  const sent = msg => {
    if (msg.header.msg_type !== 'execute_request' || msg.content.silent) return;
    asked.add(msg.header.msg_id);
    cellOf[msg.header.msg_id] = (msg.metadata || {}).cellId || '';
  };
  const received = msg => {
    const parent = (msg.parent_header || {}).msg_id, type = msg.header.msg_type;
    const origin = (msg.parent_header || {}).msg_type || 'nothing';
    const where = cellOf[parent] || origin;
    if (type === 'execute_reply') replied.add(parent);
    if (type === 'status' && msg.content.execution_state === 'idle') idle.add(parent);
    if (type === 'execute_input') begun = true;
    // A kernel that has not imported ipywidgets complains when the page asks it for
    // widgets; that every page does at its start is ipywidgets' own habit.
    const early = !begun && /^No such comm/.test(msg.content.text || '');
    if (type === 'stream' && msg.content.name === 'stderr' && !early)
      note('stderr', where, msg.content.text);
    if (type === 'error' && origin !== 'execute_request')
      note('callback', where, msg.content.ename + ': ' + msg.content.evalue);
  };
  const watch = () => {
    const found = kernel();
    if (!found || found === watched) return;
    watched = found;
    begun = false;
    found.anyMessage.connect((_, {msg, direction}) => {
      (direction === 'send' ? sent : received)(msg);
    });
    found.statusChanged.connect((_, status) => {
      if (status === 'restarting') { restarts += 1; begun = false; }
      if (status === 'dead' || status === 'autorestarting')
        note('kernel', 'the kernel', 'it died: ' + status);
    });
  };
  const isReady = () => {
    const p = panel(), k = kernel();
    if (!p || !k || !p.context.isReady || !p.sessionContext.isReady) return false;
    if (k.status !== 'idle' || k.connectionStatus !== 'connected') return false;
    if (!p.content.widgets.length) return false;
    watch();
    return true;
  };
  const isDone = least => asked.size >= least && isReady() &&
    [...asked].every(id => replied.has(id) && idle.has(id));
  const describe = c => ({
    id: c.model.id,
    type: c.model.type,
    source: c.model.sharedModel.getSource(),
    tags: (c.model.getMetadata('tags') || []),
    count: c.model.executionCount === undefined ? null : c.model.executionCount,
    outputs: c.model.outputs ? c.model.outputs.toJSON() : [],
  });

  const forget = () => { asked.clear(); replied.clear(); idle.clear(); };
  const leave = async () => {
    if (!window.jupyterapp) return;
    const open = [...window.jupyterapp.shell.widgets('main')].filter(w => w.context);
    for (const widget of open) {
      await (widget.sessionContext && widget.sessionContext.shutdown());
      widget.dispose();  // without a question about what is not saved
    }
    forget();
    stray.length = 0;
  };
  const enter = path => window.jupyterapp.commands.execute(
    'docmanager:open', {path, factory: 'Notebook'}
  ).then(() => null);

  return {
    mark: '',  // a page that was loaded anew has none
    isCalm: () => !!window.jupyterapp && !document.querySelector('.jp-Dialog'),
    setMark: mark => { window.labkit.mark = mark; },
    enter, forget, leave, isReady, isDone, stray,
    asked: () => asked.size,
    waiting: () => [...asked].filter(id => !replied.has(id)).map(id => cellOf[id]),
    cells: () => panel() ? panel().content.widgets.map(describe) : [],
    describe: id => describe(cell(id)),
    setSource: ([id, text]) => cell(id).model.sharedModel.setSource(text),
    activate: id => { panel().content.activeCellIndex = index(id); },
    tag: id => { cell(id).node.dataset.labkitCell = id; },
    restarts: () => restarts,
    order: name => {  // commands are for what is in front
      window.jupyterapp.shell.activateById(panel().id);
      window.jupyterapp.commands.execute(name);
    },
    height: () => Math.max(...[...panel().node.querySelectorAll(
      '.jp-WindowedPanel-inner, .jp-Notebook, .jp-WindowedPanel-outer'
    )].map(e => e.scrollHeight)),
    scrollUp: () => {
      for (const e of panel().node.querySelectorAll('.jp-WindowedPanel-outer'))
        e.scrollTop = 0;
    },
  };
})();
"""
