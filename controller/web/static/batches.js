// Bulk work: while something is going on the server draws it again every second.
const box = document.querySelector("[data-batches]");

async function again() {
  const got = await fetch(location.href).catch(() => null);
  if (got?.ok) {
    const fresh = new DOMParser().parseFromString(await got.text(), "text/html").querySelector("[data-batches]");
    // Whoever stands on a button or link stays on it.
    const at = box.contains(document.activeElement) ? [...box.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
    box.replaceChildren(...fresh.childNodes);
    if (at >= 0) box.querySelectorAll("a, button")[at]?.focus();
    if (!("going" in fresh.dataset)) return;
  }
  setTimeout(again, 1000);
}
setTimeout(again, 700);
