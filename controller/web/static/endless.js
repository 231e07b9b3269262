// Lists that go on by themselves: the next page, by its key, is put behind the rows that are there.
import { toast } from "/static/app.js";
import { t } from "/static/texts.js";

// Answers the function that fetches more; `then` is called when there are more.
export function endless(table, then = () => {}) {
  let busy = false;
  async function more() {
    const link = document.querySelector("[data-more]");
    if (!link || busy) return;
    busy = true;
    link.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link.href, { redirect: "error" });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const last = [...table.querySelectorAll(".day th")].at(-1)?.textContent;
      for (const body of page.querySelectorAll(`#${table.id} > tbody`)) {
        for (const row of body.querySelectorAll(".row")) row.tabIndex = -1;
        if (body.querySelector(".day th")?.textContent === last) body.querySelector(".day")?.remove();
        table.append(document.adoptNode(body));
      }
      const next = page.querySelector("[data-more]");
      // A search that stopped before the end says so, and goes on only when it is asked to.
      const stopped = page.querySelector("[data-stopped]");
      if (stopped) link.parentElement.before(document.adoptNode(stopped));
      if (next) link.href = next.getAttribute("href");
      else link.remove();
      then();
    } catch {
      watcher?.disconnect();
      toast(t("More cannot be loaded now. Try Next."), true);
    } finally {
      link.removeAttribute("aria-busy");
      busy = false;
    }
    const still = document.querySelector("[data-more]");
    if (still && watcher) {
      // Where it is still in sight nothing would change, and nobody would be told.
      watcher.unobserve(still);
      watcher.observe(still);
    }
  }
  const watcher = "IntersectionObserver" in window
    ? new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && more(), { rootMargin: "900px" })
    : undefined;
  const link = document.querySelector("[data-more]");
  if (link && !new URLSearchParams(location.search).has("before")) watcher?.observe(link);
  return more;
}
