// The list of recordings: it goes on by itself, rows are selected, keys do what the mouse does.
import { playing, play } from "/static/app.js";
import { endless } from "/static/endless.js";
import { t } from "/static/texts.js";

const table = document.querySelector("[data-list]");
const keys = document.getElementById("keys");
const box = document.getElementById("q");

document.querySelector("[data-keys]")?.addEventListener("click", () => keys?.showModal());

if (table) {
  const bar = document.querySelector("[data-chosen]");
  const whole = bar.querySelector("[data-whole]");
  const every = table.querySelector("[data-all]");
  const rows = () => [...table.querySelectorAll(".row")];
  const tick = (row) => row.querySelector("input[name=recording]");
  let anchor;

  function counted() {
    const all = rows();
    const on = all.filter((row) => tick(row).checked);
    for (const row of all) row.classList.toggle("chosen-row", tick(row).checked);
    every.checked = on.length > 0 && on.length === all.length;
    every.indeterminate = on.length > 0 && on.length < all.length;
    whole.hidden = !(every.checked && document.querySelector("[data-more], [data-stopped]"));
    if (whole.hidden) whole.querySelector("input").checked = false;
    const match = whole.querySelector("input").checked;
    bar.querySelector("[data-count]").textContent = match ? t("All selected") : t("%(number)s selected", { number: on.length });
    for (const b of bar.querySelectorAll("[data-not-whole]")) b.disabled = match;
    bar.classList.toggle("on", on.length > 0);
  }

  function select(row, on = !tick(row).checked) {
    tick(row).checked = on;
    anchor = row;
    counted();
  }

  function between(row) {
    const all = rows();
    const [a, b] = [all.indexOf(anchor ?? row), all.indexOf(row)].sort((x, y) => x - y);
    for (const one of all.slice(Math.max(0, a), b + 1)) tick(one).checked = true;
    counted();
  }

  function clear() {
    for (const row of rows()) tick(row).checked = false;
    anchor = undefined;
    counted();
  }

  function go(row) {
    if (!row) return;
    for (const one of table.querySelectorAll(".row[tabindex='0']")) one.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  table.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (event.target === every) {
      for (const one of rows()) tick(one).checked = every.checked;
      counted();
    } else if (!row) return;
    else if (event.target === tick(row)) {
      if (event.shiftKey) between(row);
      else select(row, event.target.checked);
    } else if (event.target.closest("[data-play-row]")) play(row);
    else if (event.target.closest("a, button, details, input")) return;
    else if (event.shiftKey) {
      getSelection()?.removeAllRanges();
      between(row);
    } else if (event.ctrlKey || event.metaKey) select(row);
  });
  table.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.target.closest("a, button, details, input")) return;
    getSelection()?.removeAllRanges();
    play(row);
  });
  table.addEventListener("focusin", (event) => {
    const row = event.target.closest(".row");
    if (row && event.target === row) {
      for (const one of table.querySelectorAll(".row[tabindex='0']")) if (one !== row) one.tabIndex = -1;
      row.tabIndex = 0;
    }
  });
  whole.addEventListener("change", counted);
  bar.querySelector("[data-clear]").addEventListener("click", clear);
  addEventListener("pageshow", counted);

  const here = () => document.activeElement?.closest?.(".row") ?? null;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys?.open) return;
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (event.key === "Escape") {
      if (typing === box) box.blur();
      else if (!event.defaultPrevented) clear();
      return;
    }
    if (typing) return;
    const inside = event.target.closest("a, button, summary");
    const all = rows();
    const row = here();
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (step && !(inside && event.key.startsWith("Arrow"))) {
      const next = row ? all[all.indexOf(row) + step] : all[0];
      if (!next && step > 0) more();
      go(next);
    } else if (event.key === "Enter" && row && !inside) play(row);
    else if (event.key === "o" && row) location.href = row.dataset.href;
    else if (event.key === "x" && row) select(row);
    else if (event.key === "X" && row) between(row);
    else if (event.key === " " && !inside && (row || event.target === document.body)) {
      const audio = playing();
      if (audio) audio.paused ? audio.play().catch(() => {}) : audio.pause();
      else if (row) play(row);
      else return;
    } else return;
    event.preventDefault();
  });

  const more = endless(table, counted);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
  if (event.key === "/") {
    event.preventDefault();
    box?.focus();
    box?.select();
  } else if (event.key === "?") keys?.showModal();
});
