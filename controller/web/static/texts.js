// The scripts' texts in the page's language. `t` finds a text by its English; what a language has not is said
// in English. %(name)s is where a value goes.
const known = globalThis.tapelineTexts ?? {};

export function t(text, values = {}) {
  return (known[text] ?? text).replace(/%\((\w+)\)s/g, (hole, name) => values[name] ?? hole);
}
