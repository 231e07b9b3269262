// What a change would do follows the form: the server decides, as it does without JavaScript by the button.
for (const form of document.querySelectorAll("form[data-forecasts]")) {
  let asked = 0;
  let later;
  const answer = async () => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set("preview", "1");
    const got = await fetch(form.action, { method: "POST", body }).catch(() => null);
    if (!got?.ok || mine !== asked) return;
    const page = new DOMParser().parseFromString(await got.text(), "text/html");
    const fresh = page.querySelector("[data-forecast]");
    if (fresh) document.querySelector("[data-forecast]")?.replaceChildren(...fresh.children);
  };
  form.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(answer, 350);
  });
}
