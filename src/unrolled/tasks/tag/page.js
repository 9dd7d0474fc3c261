/** The reader's side of a tagger's page. */
window.tag = text => sentencesIn(text).map(words => {
  const { tags, sure } = tagWords(words.map(one => one.word));
  return { words: words.map(one => one.word), tags, sure };
});

/** Tags in the order in which they are first seen take the colors one after another. */
const kinds = new Map();
function colorFor(tag) {
  const kind = tag.replace(/^[BIESLU]-/, "");
  if (!kinds.has(kind)) kinds.set(kind, kinds.size % 6);
  return `var(--series-${kinds.get(kind)})`;
}

function show() {
  const text = $("text").value, parts = [], rows = [];
  let at = 0, outputs = [];
  for (const words of sentencesIn(text)) {
    const found = tagWords(words.map(one => one.word));
    outputs = outputs.concat(found.outputs);
    words.forEach(({ word, begin, end }, t) => {
      const tag = found.tags[t], chip = element("span", "", word);
      parts.push(text.slice(at, begin), chip);
      at = end;
      chip.title = `${tag}, ${(100 * found.sure[t]).toFixed(1)} %`;
      if (tag !== "O") {
        chip.style.borderBottom = `3px solid ${colorFor(tag)}`;
        const name = element("sub", "", tag);
        parts.push(name);
      }
      const row = element("tr");
      row.append(element("td", "", word), element("td", "", tag),
        element("td", "number", `${(100 * found.sure[t]).toFixed(1)} %`));
      rows.push(row);
    });
  }
  $("tagged").replaceChildren(...parts, text.slice(at));
  $("rows").replaceChildren(...rows);
  const units = outputs[0]?.length ?? 1;
  showHeat($("state"), Array.from({ length: units }, (_, k) => outputs.map(y => y[k])),
    outputs.length);
}

$("text").addEventListener("input", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
