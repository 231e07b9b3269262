// The users' switches: a change is first said, by the server and as without JavaScript, then saved.
import { send, toast } from "/static/app.js";
import { t } from "/static/texts.js";

for (const form of document.querySelectorAll("form[data-ask-first]")) {
  const boxes = [...form.elements].filter((one) => one.type === "select-one");
  const row = form.closest("tr");
  let saved = boxes.map((box) => box.value);
  let asked = 0;
  let line;

  function close() {
    asked++;
    line?.remove();
    line = undefined;
  }
  function back() {
    boxes.forEach((box, n) => (box.value = saved[n]));
    close();
  }

  async function ask(box) {
    if (boxes.every((one, n) => one.value === saved[n])) return close();
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    const got = await fetch(form.action, { method: "POST", body, redirect: "error" }).catch(() => null);
    if (mine !== asked) return;
    const page = got?.ok ? new DOMParser().parseFromString(await got.text(), "text/html") : null;
    const card = page?.querySelector("[data-ask]");
    if (!card) {
      const why = page?.querySelector(".card.error p")?.textContent;
      toast(why ?? t("Nothing was saved: the controller cannot say what it would do. Load the page again."), true);
      return back();
    }
    line ??= document.createElement("tr");
    line.className = "asked";
    const cell = document.createElement("td");
    cell.colSpan = row.cells.length;
    cell.append(document.adoptNode(card));
    line.replaceChildren(cell);
    row.after(line);
    cell.querySelector("[data-cancel]").addEventListener("click", (event) => {
      event.preventDefault();
      back();
      box.focus();
    });
    cell.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = boxes.map((one) => one.value);
      const said = await send(event.target);
      if (said.ok) {
        saved = wanted;
        close();
        box.focus();
      }
      toast(said.text, !said.ok);
    });
  }
  for (const box of boxes) box.addEventListener("change", () => ask(box));
}
