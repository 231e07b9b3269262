// Live calls: cards that the server draws again whenever their call changes.
import { clock, send } from "./app.js";

const list = document.querySelector("[data-live]");
const none = document.querySelector("[data-none]");
const stream = document.querySelector("[data-stream]");

function count() {
  none.hidden = list.childElementCount > 0;
}
function tell(state, text) {
  stream.className = `muted stream js ${state}`;
  stream.textContent = text;
}
function card(id) {
  return document.getElementById(`call-${id}`);
}

const source = new EventSource("/live/stream");
source.addEventListener("open", () => {
  tell("on", "Live");
  // The stream begins with every call that is up; what is not among them has ended meanwhile.
  for (const old of list.children) old.dataset.stale = "1";
  setTimeout(() => {
    for (const old of [...list.children]) if (old.dataset.stale) old.remove();
    count();
  }, 1500);
});
source.addEventListener("error", () => tell("off", "Connection lost; what is shown may be old. Reconnecting…"));
source.addEventListener("call", (event) => {
  const holder = document.createElement("template");
  holder.innerHTML = event.data.trim();
  const fresh = holder.content.firstElementChild;
  const old = card(fresh.dataset.call);
  if (old) {
    const said = old.querySelector("[data-said]");
    if (!said.hidden) fresh.querySelector("[data-said]").replaceWith(said);
    const value = old.contains(document.activeElement) ? document.activeElement.value : null;
    old.replaceWith(fresh);
    if (value !== null) (fresh.querySelector(`button[value="${CSS.escape(value)}"]`) ?? fresh.querySelector("button"))?.focus();
  } else {
    list.prepend(fresh);
  }
  count();
});
source.addEventListener("gone", (event) => {
  card(event.data)?.remove();
  count();
});
addEventListener("pagehide", () => source.close());

list.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-control]");
  if (!form) return;
  event.preventDefault();
  const id = form.closest("[data-call]").dataset.call;
  for (const button of form.querySelectorAll("button")) button.ariaBusy = "true";
  const result = await send(form, event.submitter);
  for (const button of form.querySelectorAll("button")) button.ariaBusy = null;
  const said = card(id)?.querySelector("[data-said]");
  if (!said) return;
  said.textContent = result.text;
  said.className = result.ok ? "said good" : "said";
  said.hidden = false;
  if (result.ok) setTimeout(() => (said.hidden = true), 3000);
});

setInterval(() => {
  for (const since of document.querySelectorAll("[data-since]")) {
    since.textContent = clock(Date.now() - Date.parse(since.dataset.since));
  }
}, 1000);
