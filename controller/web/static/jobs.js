// Jobs: the server draws the list again whenever it has changed.
import { t } from "/static/texts.js";

const list = document.querySelector("[data-jobs][data-live]");
const stream = document.querySelector("[data-stream]");

function tell(state, text) {
  stream.className = `muted stream js ${state}`;
  stream.textContent = text;
}

if (list) {
  const source = new EventSource(`/jobs/stream?show=${encodeURIComponent(list.dataset.live)}`);
  source.addEventListener("open", () => tell("on", t("Live")));
  source.addEventListener("error", () => tell("off", t("Connection lost; what is shown may be old. Reconnecting…")));
  source.addEventListener("jobs", (event) => {
    // Whoever stands on a button or link stays on it.
    const at = list.contains(document.activeElement) ? document.activeElement : null;
    const job = at?.closest("[data-job]")?.dataset.job;
    const nth = at ? [...(at.closest("[data-job]") ?? list).querySelectorAll("a, button")].indexOf(at) : -1;
    list.innerHTML = event.data;
    if (at) {
      const where = job ? list.querySelector(`[data-job="${CSS.escape(job)}"]`) : list;
      (where?.querySelectorAll("a, button")[nth] ?? where?.querySelector("a, button"))?.focus();
    }
  });
  addEventListener("pagehide", () => source.close());
}
