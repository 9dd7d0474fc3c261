// A search field in the header. The index is a script beside this one (see docs/searching.py), so
// that it works from a server and from disk alike.
(() => {
  const here = document.currentScript.src.replace(/assets\/search\.js.*$/, "");
  const header = document.querySelector(".md-header__inner");
  if (!header) return;

  const box = document.createElement("div");
  box.className = "find";
  box.innerHTML =
    '<input type="search" aria-label="Search the documentation" placeholder="Search (press /)">' +
    '<ol hidden></ol>';
  header.insertBefore(box, header.querySelector(".md-header__source"));
  const [field, list] = [box.querySelector("input"), box.querySelector("ol")];

  const score = (section, words) => {
    const title = section.title.toLowerCase();
    const text = section.text.toLowerCase();
    let sum = 0;
    for (const word of words) {
      const inTitle = title.includes(word) ? (title === word ? 100 : 20) : 0;
      const times = Math.min(text.split(word).length - 1, 5);
      if (!inTitle && !times) return 0; // every word has to occur
      sum += inTitle + times;
    }
    return sum;
  };

  const excerpt = (section, word) => {
    const at = Math.max(0, section.text.toLowerCase().indexOf(word) - 40);
    return (at ? "…" : "") + section.text.slice(at, at + 130) + "…";
  };

  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren();
    list.hidden = !words.length;
    if (!words.length) return;
    const found = (window.searchIndex || [])
      .map((section) => [score(section, words), section])
      .filter(([sum]) => sum > 0)
      .sort((a, b) => b[0] - a[0])
      .slice(0, 12);
    for (const [, section] of found) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = here + section.url;
      const title = document.createElement("b");
      title.textContent = section.title;
      const place = document.createElement("small");
      place.textContent = section.page;
      const text = document.createElement("span");
      text.textContent = excerpt(section, words[0]);
      link.append(title, place, text);
      item.append(link);
      list.append(item);
    }
    if (!found.length) list.append(Object.assign(document.createElement("li"), {
      textContent: `Nothing found for “${field.value}”.`,
    }));
  };

  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { field.value = ""; show(); field.blur(); }
    if (event.key === "Enter") list.querySelector("a")?.click();
    if (event.key === "ArrowDown") { list.querySelector("a")?.focus(); event.preventDefault(); }
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    (document.activeElement.closest("li")?.[step]?.querySelector("a") || field).focus();
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      field.focus();
      event.preventDefault();
    }
  });
})();
