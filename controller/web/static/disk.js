// The answer follows the sliders: the server calculates, as without JavaScript, and only it does.
const form = document.querySelector("[data-plan]");
let asked = 0;
let later;
for (const range of form.querySelectorAll("input[type=range]")) {
  const number = form.elements[range.dataset.for];
  range.addEventListener("input", () => { number.value = range.value; soon(); });
  number.addEventListener("input", () => { range.value = number.value; });
}
function soon() {
  clearTimeout(later);
  later = setTimeout(answer, 120);
}
async function answer() {
  const mine = ++asked;
  const url = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
  const got = await fetch(url).catch(() => null);
  if (!got?.ok || mine !== asked) return;
  const page = new DOMParser().parseFromString(await got.text(), "text/html");
  document.querySelector("[data-answer]").replaceChildren(...page.querySelector("[data-answer]").children);
  history.replaceState(null, "", url);
}
form.addEventListener("input", soon);
