// What every page has: the time zone for the server, menus that close, rows that play.
// Every page can be read and every form sent without it.
import { t } from "/static/texts.js";

document.documentElement.classList.add("scripted");

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const kept = document.cookie.split("; ").find((c) => c.startsWith("tz="))?.slice(3);
if (zone && /^[A-Za-z0-9_+/-]+$/.test(zone) && kept !== zone) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `tz=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

let fading;
export function toast(text, bad = false) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.className = bad ? "on bad" : "on";
  clearTimeout(fading);
  fading = setTimeout(() => (box.className = ""), bad ? 7000 : 2200);
}

// Sends a form without leaving the page: {ok, text}. Never throws; what failed is in the text.
export async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter ?? null));
  try {
    const answer = await fetch(form.action, {
      method: "POST", body, headers: { Accept: "application/json" }, redirect: "error",
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return { ok: said.ok !== false, text: said.text ?? t("Done.") };
    return { ok: false, text: said.detail ?? t("The controller answered %(status)s.", { status: answer.status }) };
  } catch {
    return { ok: false, text: t("The controller cannot be reached. Nothing is known to have changed.") };
  }
}

export function clock(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

for (const form of document.querySelectorAll("form[data-send-on-change]")) {
  form.querySelector("select")?.addEventListener("change", () => form.requestSubmit());
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

let mini;
// The sound of the bar at the bottom, if there is one.
export const playing = () => mini?.querySelector("audio");

// Plays a row's recording in a bar at the bottom, without leaving the list.
export function play(row) {
  if (!row.dataset.play) {
    toast(t("There is nothing to play yet."), true);
    return;
  }
  if (row.dataset.kind === "video") {
    location.href = row.dataset.href;
    return;
  }
  document.querySelector(".row.playing")?.classList.remove("playing");
  row.classList.add("playing");
  if (!mini) {
    mini = document.createElement("section");
    mini.className = "mini";
    mini.setAttribute("aria-label", t("Player"));
    const title = document.createElement("p");
    const audio = document.createElement("audio");
    audio.controls = true;
    audio.addEventListener("error", () => toast(t("The recording cannot be played."), true));
    const more = document.createElement("a");
    more.className = "button";
    more.textContent = t("Details");
    const close = document.createElement("button");
    close.className = "button quiet";
    close.textContent = t("Close");
    close.addEventListener("click", () => {
      audio.pause();
      document.querySelector(".row.playing")?.classList.remove("playing");
      mini.remove();
      mini = undefined;
    });
    mini.append(title, audio, more, close);
    document.body.append(mini);
  }
  const names = [...row.querySelectorAll(".party .name")].map((n) => n.textContent.trim());
  mini.querySelector("p").textContent = `${row.querySelector("time").textContent}  ${names.join(" → ")}`;
  mini.querySelector("a").href = row.dataset.href;
  const audio = mini.querySelector("audio");
  audio.src = row.dataset.play;
  audio.play().catch(() => {});
}

for (const table of document.querySelectorAll("[data-rows]")) {
  table.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.target.closest("a, button, details")) return;
    getSelection()?.removeAllRanges();
    if (table.classList.contains("calls")) location.href = row.dataset.href;
    else play(row);
  });
  table.addEventListener("click", (event) => {
    if (event.target.closest("[data-play-row]")) play(event.target.closest(".row"));
  });
  table.addEventListener("keydown", (event) => {
    const row = event.target;
    if (!row.classList.contains("row")) return;
    if (event.key === "Enter") location.href = row.dataset.href;
    if (event.key === " ") {
      event.preventDefault();
      if (!table.classList.contains("calls")) play(row);
    }
    const rows = [...table.querySelectorAll(".row")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      rows[rows.indexOf(row) + step]?.focus();
    }
  });
}
