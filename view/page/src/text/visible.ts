// Makes what cannot be seen in a text visible. Names and values come from other people's requests: control characters, marks
// that turn the direction of writing round and halves of surrogate pairs are shown by name, never passed on. Escaping of
// HTML is not done here: nothing is ever written as HTML.

const LINE_FEED = 0x0a;
const TABULATOR = 0x09;

/** Beyond this many characters a value is cut until asked for. */
export const CUT = 2_000;

const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function shown(character: string, keepLines: boolean): string {
  const code = character.charCodeAt(0);
  if (keepLines && (code === LINE_FEED || code === TABULATOR)) return character;
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** One line of text, with every invisible character shown. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => shown(character, false));
}

/** Text of several lines: line feeds and tabulators stay what they are. */
export function visibleLines(text: string): string {
  return text.replace(INVISIBLE, (character) => shown(character, true));
}

/** The first `length` characters, never half a surrogate pair. */
export function cut(text: string, length: number = CUT): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  const half = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, half ? length - 1 : length);
}

/** A name for a place with little room: one line, cut, with an ellipsis. */
export function label(text: string, length = 200): string {
  const short = cut(text, length);
  return short.length < text.length ? `${visible(short)}…` : visible(short);
}
