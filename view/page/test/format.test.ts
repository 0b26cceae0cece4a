import assert from "node:assert/strict";
import test from "node:test";
import { count, duration, milliseconds, parseDuration, percent, rate, typedDuration, whole } from "../src/text/format";

test("durations have three digits and a unit that fits", () => {
  const cases: [number, string][] = [
    [0, "0 µs"],
    [0.25, "0.25 µs"],
    [999, "999 µs"],
    [1_000, "1 ms"],
    [12_345, "12.3 ms"],
    [999_400, "999 ms"],
    [999_600, "1 s"],
    [1_234_567, "1.23 s"],
    [83_000_000, "1 min 23 s"],
    [3_600_000_000, "1 h 00 min"],
    [-5, "0 µs"],
  ];
  for (const [value, text] of cases) assert.equal(duration(value), text, String(value));
  assert.equal(milliseconds(null), "–");
  assert.equal(milliseconds(Number.NaN), "–");
});

test("rates, shares and counts are short", () => {
  assert.deepEqual([0, 0.001, 0.5, 12.34, 1_234, 1_234_567].map(rate), [
    "0/s",
    "<0.01/s",
    "0.5/s",
    "12.3/s",
    "1.23k/s",
    "1.23M/s",
  ]);
  assert.deepEqual([0, 0.0005, 0.021, 0.9999, 1].map(percent), ["0 %", "<0.1 %", "2.1 %", ">99.9 %", "100 %"]);
  assert.equal(count(999_999), "1M");
  assert.equal(whole(1_048_576), "1 048 576");
});

test("typed durations are read back", () => {
  const cases: [string, number | null][] = [
    ["250", 250],
    ["250ms", 250],
    ["1.5 s", 1_500],
    ["1,5s", 1_500],
    ["300us", 0.3],
    ["2 min", 120_000],
    ["", null],
    ["fast", null],
    ["-1", null],
  ];
  for (const [text, value] of cases) assert.equal(parseDuration(text), value, text);
  for (const value of [0.5, 1, 12.5, 999, 1_500, 60_000]) assert.equal(parseDuration(typedDuration(value)), value);
});
