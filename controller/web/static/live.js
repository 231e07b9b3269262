// Live calls: cards that the server draws again whenever their call changes.
import { clock, send } from "./app.js";
import { forget, redraw, take } from "./levels.js";
import { t } from "./texts.js";

const list = document.querySelector("[data-live]");
const none = document.querySelector("[data-none]");
const stream = document.querySelector("[data-stream]");

function count() {
  find();
  none.hidden = list.childElementCount > 0;
}
function tell(state, text) {
  stream.className = `muted stream js ${state}`;
  stream.textContent = text;
}
function card(id) {
  return document.getElementById(`call-${id}`);
}

const box = document.querySelector("[data-find-box]");
function find() {
  const wanted = box.value.trim().toLowerCase();
  for (const one of list.children) one.hidden = !one.dataset.find.toLowerCase().includes(wanted);
}
box.addEventListener("input", find);
box.form.addEventListener("submit", (event) => event.preventDefault());
find();

let source;
function follow() {
  source?.close();
  source = new EventSource(levels.checked && !dozing ? "/live/stream?levels=true" : "/live/stream");
  source.addEventListener("open", () => {
    tell("on", t("Live"));
    for (const old of list.children) old.dataset.stale = "1";
  });
  // The stream begins with every call that is up and says when that is all: what is not among it has ended.
  source.addEventListener("complete", () => {
    for (const old of [...list.children]) if (old.dataset.stale) old.remove();
    count();
  });
  source.addEventListener("error", () => tell("off", t("Connection lost; what is shown may be old. Reconnecting…")));
  source.addEventListener("call", (event) => show(event.data));
  source.addEventListener("levels", (event) => take(JSON.parse(event.data)));
  source.addEventListener("gone", (event) => {
    card(event.data)?.remove();
    count();
  });
}
function show(text) {
  const holder = document.createElement("template");
  holder.innerHTML = text.trim();
  const fresh = holder.content.firstElementChild;
  const old = card(fresh.dataset.call);
  if (old) {
    const said = old.querySelector("[data-said]");
    if (!said.hidden) fresh.querySelector("[data-said]").replaceWith(said);
    const focused = document.activeElement === old;
    const value = old.contains(document.activeElement) && !focused ? document.activeElement.value : null;
    old.replaceWith(fresh);
    if (focused) fresh.focus();
    if (value !== null) (fresh.querySelector(`button[value="${CSS.escape(value)}"]`) ?? fresh.querySelector("button"))?.focus();
  } else {
    list.prepend(fresh);
  }
  redraw(fresh);
  count();
  tick();
}

// Levels move by themselves: whoever wants less of that has none until they are asked for. And nobody's files
// are read for a page that lies behind others.
const levels = document.querySelector("[data-levels-wanted]");
const kept = remembered();
levels.checked = kept ? kept === "on" : !matchMedia("(prefers-reduced-motion: reduce)").matches;
levels.addEventListener("change", () => {
  remembered(levels.checked ? "on" : "off");
  if (!levels.checked) forget();
  follow();
});
function remembered(choice) {
  try {
    if (choice) localStorage.setItem("levels", choice);
    return localStorage.getItem("levels");
  } catch {
    return null; // a browser that keeps nothing
  }
}
const BEHIND_MS = 60000;
let dozing = false;
let behind;
document.addEventListener("visibilitychange", () => {
  clearTimeout(behind);
  if (document.hidden) {
    behind = setTimeout(() => {
      dozing = true;
      if (levels.checked) follow();
    }, BEHIND_MS);
  } else if (dozing) {
    dozing = false;
    if (levels.checked) follow();
  }
});
follow();
addEventListener("pagehide", () => source.close());

list.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-control]");
  if (!form) return;
  event.preventDefault();
  const id = form.closest("[data-call]").dataset.call;
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.ariaBusy = "true";
  // Said at once, and as what it is: asked, not done. The switch's answer takes its place.
  const asking = card(id).querySelector("[data-said]");
  asking.textContent = t("%(what)s: asking the switch…", { what: event.submitter?.textContent.trim() ?? t("Asked") });
  asking.className = "said asking";
  asking.hidden = false;
  const result = await send(form, event.submitter);
  for (const button of form.querySelectorAll("button")) button.ariaBusy = null;
  const said = card(id)?.querySelector("[data-said]");
  if (!said) return;
  said.textContent = result.text;
  said.className = result.ok ? "said good" : "said";
  said.hidden = false;
  if (result.ok) setTimeout(() => (said.hidden = true), 3000);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const cards = [...list.children].filter((one) => !one.hidden);
  const here = cards.indexOf(document.activeElement?.closest("[data-call]"));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && cards.length) {
    event.preventDefault();
    cards[Math.min(Math.max(here + step, 0), cards.length - 1)].focus();
  } else if (event.key === "p" && here >= 0) {
    const wanted = ["resume-recording", "pause-recording"];
    cards[here].querySelector(wanted.map((value) => `button[value=${value}]`).join(", "))?.click();
  }
});

// A card may have been drawn a moment ago, for somebody else who sees the same.
function tick() {
  for (const since of document.querySelectorAll("[data-since]")) {
    since.textContent = clock(Date.now() - Date.parse(since.dataset.since));
  }
  for (const until of document.querySelectorAll("[data-until]")) {
    until.textContent = clock(Date.parse(until.dataset.until) - Date.now());
  }
}
setInterval(tick, 1000);
