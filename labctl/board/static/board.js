// The script of the board: live rows, the dialog of a seat, the filter, and the terminals.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const lang = document.documentElement.lang;

// -- requests -------------------------------------------------------------------------------

// Ask for a part of a page. Whoever is not logged in any more is led to the login.
async function ask(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { "X-Part": "1" } });
  if (answer.redirected || answer.status === 401) location.reload();
  return answer;
}

// Whether this page is no longer for this browser. It is then led to the login.
async function leadsAway() {
  const answer = await fetch(location.href).catch(() => null);
  if (answer?.redirected) location.reload();
  return Boolean(answer?.redirected);
}

// -- times ----------------------------------------------------------------------------------

// The server's time, in seconds of the epoch. The clock of the browser's machine may be wrong.
const clock = {};

function setClock(at) {
  clock.at = Number(at);
  clock.set = performance.now();
}

const now = () => clock.at + (performance.now() - clock.set) / 1000;

const words = new Intl.RelativeTimeFormat(lang, { style: "narrow" });

// A blank between number and word in Japanese too, as everywhere else on the page.
const told = (count, unit) => words.format(-count, unit).replace(/(\d)(?=[^\d\s])/, "$1 ");

function ago(at) {
  const seconds = Math.max(0, Math.round(now() - at));
  if (seconds < 60) return told(seconds, "second");
  if (seconds < 3600) return told(Math.floor(seconds / 60), "minute");
  return told(Math.floor(seconds / 3600), "hour");
}

const minutesSince = (at) => Math.max(0, Math.floor((now() - at) / 60));

function renewTimes(root = document) {
  for (const time of all("time[data-at]", root)) time.textContent = ago(Number(time.dataset.at));
  const table = find("[data-stuck-minutes]");
  if (!table) return;
  for (const time of all("time[data-since]", root)) {
    const minutes = minutesSince(Number(time.dataset.since));
    time.textContent = table.dataset.for.replace("{count}", minutes);
    time.closest("td").classList.toggle("stuck", minutes >= Number(table.dataset.stuckMinutes));
  }
}

// -- live rows ------------------------------------------------------------------------------

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// What a part of a page says besides its times, and besides what this script did to it.
function said(part) {
  const copy = part.cloneNode(true);
  copy.hidden = false;
  delete copy.dataset.looked;
  for (const time of all("time", copy)) time.remove();
  for (const each of all(".changed, .stuck", copy)) each.classList.remove("changed", "stuck");
  for (const each of all("details", copy)) each.open = false;
  return copy.outerHTML;
}

// Bring only the times into an old part if nothing else changed: what a person has selected there,
// to copy it, stays selected. Returns whether that was all.
function renewsTimesOnly(old, part) {
  if (said(old) !== said(part)) return false;
  const times = all("time", part);
  all("time", old).forEach((time, n) => time.replaceWith(times[n]));
  if (part.dataset.looked) old.dataset.looked = part.dataset.looked;
  renewTimes(old);
  return true;
}

function takeRow(html) {
  const row = fragment(html);
  replaceRow(row);
  renewWindow(row.dataset);
}

function replaceRow(row) {
  const old = document.getElementById(row.id);
  if (!old) {
    // The board was started again with more seats.
    if (find("table.board")) location.reload();
    return;
  }
  if (renewsTimesOnly(old, row)) return;
  const before = all(".cell", old).map((cell) => cell.className.replace(" changed", ""));
  if (before.length) {
    all(".cell", row).forEach((cell, n) => {
      if (before[n] !== undefined && before[n] !== cell.className) cell.classList.add("changed");
    });
  }
  // What was opened, and what has the focus, stays so.
  for (const opened of all("details[data-keep]", old)) {
    const again = find(`details[data-keep="${opened.dataset.keep}"]`, row);
    if (again) again.open = opened.open;
  }
  const focused = old.contains(document.activeElement)
    ? all("a, summary", old).indexOf(document.activeElement) : -1;
  old.replaceWith(row);
  if (focused >= 0) all("a, summary", row)[focused]?.focus({ preventScroll: true });
  renewTimes(row);
  filter();
}

// Live rows while the page can be seen. A browser opens few connections to one server, and the pages
// in other tabs must not use them up.
function listen(address) {
  let source = document.hidden ? null : listening(address);
  document.addEventListener("visibilitychange", () => {
    source?.end();
    source = document.hidden ? null : listening(address);
  });
  addEventListener("pagehide", () => source?.end());
}

function listening(address) {
  const lost = find("[data-connection]");
  let isOver = false;
  let source;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("row", (event) => takeRow(event.data));
    source.addEventListener("now", (event) => { setClock(event.data); renewTimes(); });
    source.addEventListener("open", () => { lost.hidden = true; });
    source.addEventListener("error", () => {
      lost.hidden = false;
      // The browser gives up after some errors. An old login leads to the login page.
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(async () => {
          if (!isOver && !await leadsAway()) open();
        }, 2000);
      }
    });
  };
  open();
  return { end() { isOver = true; source.close(); } };
}

async function renew(box) {
  const answer = await ask(box.dataset.refresh).catch(() => null);
  if (answer?.ok && !answer.redirected) box.innerHTML = await answer.text();
}

// -- filter ---------------------------------------------------------------------------------

function filter() {
  const form = find("[data-filter]");
  if (!form) return;
  const { which, words: typed, order } = form.elements;
  const text = typed.value.normalize("NFKC").toLowerCase().trim();
  const least = Number(find("[data-stuck-minutes]").dataset.stuckMinutes);
  const body = find("table.board tbody");
  const rows = all("tr", body);
  const tests = {
    all: () => true,
    wrong: (row) => row.wrong === "1",
    stuck: (row) => Number(row.since) > 0 && minutesSince(Number(row.since)) >= least,
    open: (row) => row.done === "0",
    done: (row) => row.done === "1",
    off: (row) => row.off === "1",
  };
  let shown = 0;
  for (const row of rows) {
    const fits = tests[which.value](row.dataset)
      && row.dataset.words.normalize("NFKC").toLowerCase().includes(text);
    row.hidden = !fits;
    shown += fits;
  }
  find("[data-count]", form).textContent = `${shown} / ${rows.length}`;
  const since = (row) => Number(row.dataset.since) || Infinity;
  const by = order.value === "stuck"
    ? (a, b) => since(a) - since(b) || a.dataset.seat - b.dataset.seat
    : (a, b) => a.dataset.seat - b.dataset.seat;
  const sorted = [...rows].sort(by);
  if (sorted.some((row, n) => row !== rows[n])) {
    // A row that is moved loses the focus.
    const focused = document.activeElement;
    body.append(...sorted);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

// -- the window of a seat -------------------------------------------------------------------

const box = find("[data-dialog-box]");
// The address of the link that opened the dialog. Its row may be renewed meanwhile.
let opener = "";

box?.addEventListener("close", () => {
  find("[data-dialog-content]", box).replaceChildren();
  all("a[data-dialog]").find((link) => link.href === opener && !box.contains(link))?.focus();
});

async function show(address) {
  const answer = await ask(address);
  if (answer.redirected) return;
  if (!answer.ok) { location.href = address; return; }
  const content = find("[data-dialog-content]", box);
  content.innerHTML = await answer.text();
  const close = document.createElement("button");
  close.className = "close";
  close.textContent = "×";
  close.ariaLabel = lang === "ja" ? "閉じる" : "close";
  close.addEventListener("click", () => box.close());
  content.prepend(close);
  renewTimes(content);
  if (!box.open) box.showModal();
}

// When each seat was last graded, as far as this page knows.
const looked = new Map();

// Show a new row in the open window of its seat. What is typed in the forms there stays.
async function renewWindow(row) {
  if (looked.get(row.seat) !== row.looked) {
    looked.set(row.seat, row.looked);
    for (const answer of all(`output[data-checks="${row.seat}"]`)) answer.textContent = "";
  }
  const part = find(`[data-part][data-seat="${row.seat}"]`);
  if (!part) return;
  const turn = part.turn = (part.turn ?? 0) + 1;
  const answer = await ask(part.dataset.part).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const live = find("[data-live]", fragment(await answer.text()));
  if (part.turn !== turn) return;
  const old = find("[data-live]", part);
  if (renewsTimesOnly(old, live)) return;
  old.replaceWith(live);
  renewTimes(live);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-dialog]");
  if (box && link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    if (!box.contains(link)) opener = link.href;
    show(link.href);
  } else if (box && event.target === box) {
    box.close();
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return;
  const answer = find("output", form) ?? find("[data-answer]", form.parentElement);
  const buttons = all("button", form.parentElement);
  const focused = document.activeElement;
  for (const button of buttons) button.disabled = true;
  answer.textContent = "…";
  try {
    const body = new URLSearchParams(new FormData(form));
    const done = await ask(form.action, { method: "POST", body });
    answer.textContent = (await done.text()).trim();
    // That a seat is being checked is said until it was.
    answer.dataset.checks = done.ok ? form.dataset.checks ?? "" : "";
  } catch {
    answer.textContent = find("[data-connection]").textContent;
  }
  for (const button of buttons) button.disabled = false;
  // A button that is disabled loses the focus.
  if (document.activeElement === document.body) focused?.focus({ preventScroll: true });
});

// -- terminals ------------------------------------------------------------------------------

// Columns and rows, as in labctl.classroom.protocol. A window may be smaller or larger.
const fitting = (count) => Math.min(Math.max(count, 2), 1000);

// Without HTTPS a page has no clipboard, but it may copy what is selected.
function copySelected(text) {
  const area = document.createElement("textarea");
  area.className = "hidden";
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// xterm.js writes its style sheets into <style> elements, which the page's policy forbids, as it
// should. The same text is taken as a constructed style sheet, which only a script can make.
function takeStyles() {
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    if (String(name).toLowerCase() !== "style") return create(name, options);
    const element = create("template");
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
    Object.defineProperty(element, "textContent", {
      get: () => "", set: (text) => sheet.replaceSync(text),
    });
    return element;
  };
}

class Shell {
  constructor(box, { Terminal, FitAddon, Unicode11Addon }) {
    this.box = box;
    this.state = find(".state", box);
    this.wait = 500;
    this.terminal = new Terminal({
      allowProposedApi: true, fontSize: 15, scrollback: 5000, macOptionIsMeta: true,
      fontFamily: 'ui-monospace, "Noto Sans Mono CJK JP", Menlo, Consolas, "MS Gothic", monospace',
      theme: { background: "#101014", foreground: "#ececf1" },
    });
    this.fit = new FitAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    const screen = find(".screen", box);
    this.terminal.open(screen);
    // Where the hint on how to leave is.
    this.terminal.textarea.setAttribute("aria-describedby", find(".keys", box).id);
    this.adapt();
    this.encoder = new TextEncoder();
    this.terminal.onData((text) => this.type(this.encoder.encode(text)));
    this.terminal.onBinary((text) => this.type(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.terminal.onResize(({ cols, rows }) => this.send(JSON.stringify({ columns: cols, rows })));
    this.terminal.attachCustomKeyEventHandler((event) => this.handles(event));
    new ResizeObserver(() => this.adapt()).observe(screen);
    screen.addEventListener("focusin", () => box.classList.add("focus"));
    screen.addEventListener("focusout", () => box.classList.remove("focus"));
    this.connect();
  }

  adapt() {
    const size = this.fit.proposeDimensions();
    if (size?.cols && size?.rows) this.terminal.resize(fitting(size.cols), fitting(size.rows));
  }

  // Ctrl-Shift-C copies, as in other terminals; Ctrl-Shift-V is the browser's own. F6 leaves the
  // terminal, Shift-F6 backwards: all other keys are the host's, Tab and Escape too.
  handles(event) {
    if (event.key === "F6" && !event.ctrlKey && !event.altKey && !event.metaKey) {
      if (event.type === "keydown") {
        event.preventDefault();
        find(event.shiftKey ? ".before" : ".after", this.box).focus();
      }
      return false;
    }
    if (event.type === "keydown" && event.ctrlKey && event.shiftKey && event.code === "KeyC") {
      event.preventDefault();
      this.copy();
      return false;
    }
    return !(event.ctrlKey && event.shiftKey && event.code === "KeyV");
  }

  async copy() {
    const text = this.terminal.getSelection();
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copySelected(text);
      this.terminal.focus();
    }
  }

  connect() {
    this.isOver = false;
    this.isCatchingUp = true;
    this.isNew = true;
    // Why this connection ends, if the board says so.
    this.reason = "";
    let wasOpen = false;
    this.drawn = 0;
    const { cols, rows } = this.terminal;
    const address = new URL(this.box.dataset.terminal, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.search = new URLSearchParams({ columns: cols, rows });
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      wasOpen = true;
      this.wait = 500;
      this.send(JSON.stringify({ columns: this.terminal.cols, rows: this.terminal.rows }));
    });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.hear(JSON.parse(data));
      else this.draw(new Uint8Array(data));
    });
    socket.addEventListener("close", () => {
      if (this.isOver || this.socket !== socket) return;
      this.state.textContent = this.reason || this.box.dataset.lost;
      if (!wasOpen) leadsAway();
      setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    });
  }

  // The first that a terminal sends. A connection that is refused leaves everything as it was.
  begin() {
    if (!this.isNew) return;
    this.isNew = false;
    this.state.textContent = "";
    this.terminal.reset();
  }

  draw(content) {
    this.begin();
    this.terminal.write(content, () => {
      this.drawn += content.length;
      if (this.drawn >= 65536) {
        this.send(JSON.stringify({ drawn: this.drawn }));
        this.drawn = 0;
      }
    });
  }

  hear(message) {
    if (message.event === "caught-up") {
      this.begin();
      // What the programs asked the terminal long ago is not answered again.
      this.terminal.write("", () => { this.isCatchingUp = false; });
    } else if (message.event === "ended" && ["reset", "stopped"].includes(message.why)) {
      // The host comes back, and so does the terminal.
      this.state.textContent = this.reason = this.box.dataset[message.why];
      // A new login would keep a host from shutting down.
      if (message.why === "stopped") this.wait = 3000;
    } else if (message.event === "ended") {
      this.isOver = true;
      this.state.textContent = message.why === "idle" ? this.box.dataset.idle : this.box.dataset.ended;
    } else if (message.event === "refused") {
      this.wait = Math.max(this.wait, 2000);
      this.reason = message.said;
    }
  }

  type(content) {
    if (this.isOver) {
      if (content.includes(13)) this.connect();
    } else if (!this.isCatchingUp) {
      for (let at = 0; at < content.length; at += 32768) this.send(content.slice(at, at + 32768));
    }
  }

  send(content) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(content);
  }
}

async function openTerminals() {
  const boxes = all("[data-terminal]");
  if (!boxes.length) return;
  takeStyles();
  // The version of this file, so that a browser never has an old one of those either.
  const version = new URL(import.meta.url).search;
  const [{ Terminal }, { FitAddon }, { Unicode11Addon }] = await Promise.all([
    import(`./xterm/xterm.mjs${version}`),
    import(`./xterm/addon-fit.mjs${version}`),
    import(`./xterm/addon-unicode11.mjs${version}`),
  ]);
  window.shells = boxes.map((each) => new Shell(each, { Terminal, FitAddon, Unicode11Addon }));
  if (boxes.length === 1) window.shells[0].terminal.focus();
}

// -- begin ----------------------------------------------------------------------------------

setClock(document.documentElement.dataset.now);
const events = find("[data-events]");
if (events) listen(events.dataset.events);
find("[data-filter]")?.addEventListener("input", filter);
find("[data-filter]")?.addEventListener("submit", (event) => event.preventDefault());
find("[data-show-code]")?.addEventListener("change", (event) => {
  find("#code").type = event.target.checked ? "text" : "password";
});
for (const each of all("table.big")) each.style.setProperty("--rows", all("tbody tr", each).length);
for (const each of all("[data-refresh]")) setInterval(() => renew(each), 20000);
setInterval(() => { renewTimes(); filter(); }, 5000);
renewTimes();
filter();
openTerminals();
