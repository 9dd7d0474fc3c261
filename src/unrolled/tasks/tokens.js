/** Cutting texts as Python does; `run` has the kind of tokens and their table. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LETTER = "\\p{L}\\p{N}";
const WORD = new RegExp(
  `[${LETTER}]+(?:['\u2019][${LETTER}]+)*|[^${LETTER}_${SPACE}]|_+`, "gu");
const tokenNumbers = new Map((run.table ?? []).map((token, number) => [token, number]));
const UNKNOWN = 1;

/** The tokens of a text: its words or characters, and where each ends in the text. */
function cutText(text) {
  const found = [];
  if (run.kind === "char") {
    let end = 0;
    for (const letter of text) found.push({ token: letter, end: end += letter.length });
    return found;
  }
  // small letters may be longer: positions are those of the text as it was typed
  const matches = Array.from(text.matchAll(WORD));
  const words = text.toLowerCase().match(WORD) ?? [];
  words.forEach((token, t) => {
    const match = matches[t];
    found.push({ token, end: match ? match.index + match[0].length : text.length });
  });
  return found;
}

function numberOf(token) {
  return tokenNumbers.get(token) ?? UNKNOWN;
}
