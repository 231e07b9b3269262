// The list of calls: it goes on by itself, and its rows are one stop of the Tab key.
import { endless } from "/static/endless.js";

const table = document.getElementById("calls");
if (table) {
  const more = endless(table);
  table.addEventListener("focusin", (event) => {
    if (!event.target.classList.contains("row")) return;
    for (const one of table.querySelectorAll(".row[tabindex='0']")) if (one !== event.target) one.tabIndex = -1;
    event.target.tabIndex = 0;
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, summary")) return;
    const rows = [...table.querySelectorAll(".row")];
    const here = rows.indexOf(document.activeElement?.closest?.(".row"));
    const step = { j: 1, k: -1 }[event.key];
    if (step) {
      const next = here < 0 ? rows[0] : rows[here + step];
      if (!next && step > 0) more();
      next?.focus();
      next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "o" && here >= 0) location.href = rows[here].dataset.href;
    else if (event.key === "/") {
      event.preventDefault();
      document.querySelector("input[name=party]")?.focus();
    }
  });
}
