import assert from "node:assert/strict";
import test from "node:test";
import { cut, label, visible, visibleLines } from "../src/text/visible";

test("control characters and marks of direction are named", () => {
  assert.equal(visible("a\u0000b\u001b[31m\u007f\u0085"), "a⟨U+0000⟩b⟨U+001B⟩[31m⟨U+007F⟩⟨U+0085⟩");
  assert.equal(visible("user\u202egnp.exe\u200b\ufeff"), "user⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+FEFF⟩");
});

test("half a surrogate pair is replaced, a whole one stays", () => {
  assert.equal(visible("\ud83d\ude00 \ud83d \ude00"), "😀 � �");
});

test("ordinary text stays, markup too: it is never read as markup", () => {
  for (const text of ["", "GET /orders/{id}", "<script>alert(1)</script>", "Ünïcødé 中文 العربية"]) {
    assert.equal(visible(text), text);
  }
});

test("lines are kept where there is room for them", () => {
  assert.equal(visibleLines("a\r\n\tb"), "a⟨U+000D⟩\n\tb");
  assert.equal(visible("a\nb"), "a⟨U+000A⟩b");
});

test("a cut never leaves half a pair", () => {
  assert.equal(cut("ab😀", 3), "ab");
  assert.equal(cut("ab😀", 4), "ab😀");
  assert.equal(label("x".repeat(300), 10), `${"x".repeat(10)}…`);
  assert.equal(label("short", 10), "short");
});
